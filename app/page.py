"""The page at ``/``: finds free times. Rendered here, in one answer, without a script: fast everywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from app import keys
from app.clock import now
from app.mongodb import DatabaseUnavailable
from app.schedule import SLOT, Clinic, Practitioner

_TEMPLATES = Environment(
    loader=PackageLoader("app", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_PAGE = _TEMPLATES.get_template("page.html")
_STYLE = _TEMPLATES.get_template("page.css").render()
_WEEK = 7


async def index(request: web.Request) -> web.Response:
    """GET /: choose a practitioner and a day, see what is free. What is not known in the query falls back."""
    clinic, instant = request.app[keys.CLINIC], now()
    first, last = _day(clinic, instant), _day(clinic, instant + clinic.horizon)
    chosen = clinic.practitioner(request.query.get("practitioner", "")) or clinic.practitioners[0]
    day = _wanted(request, first, last) or _next_with_slots(clinic, chosen, first + timedelta(days=1))
    start = datetime.combine(day, time(), clinic.zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), clinic.zone).astimezone(UTC)
    slots, problem, status = [], "", 200
    try:
        slots = await request.app[keys.FREE_SLOTS].find(chosen.id, start, end, now=instant)
    except DatabaseUnavailable:
        problem, status = "Free times cannot be shown at the moment. Please try again in a minute.", 503
    following = _next_with_slots(clinic, chosen, day + timedelta(days=1))
    text = _PAGE.render(
        practitioners=clinic.practitioners,
        chosen=chosen,
        day=day,
        first=first,
        last=last,
        slots=slots,
        problem=problem,
        following=following if following <= last else None,
        minutes=int(SLOT.total_seconds() // 60),
        zone=clinic.zone,
    )
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


async def style(_request: web.Request) -> web.Response:
    """GET /page.css."""
    return web.Response(text=_STYLE, content_type="text/css", headers={"Cache-Control": "max-age=3600"})


def _day(clinic: Clinic, instant: datetime) -> date:
    return instant.astimezone(clinic.zone).date()


def _wanted(request: web.Request, first: date, last: date) -> date | None:
    try:
        day = date.fromisoformat(request.query.get("date", ""))
    except ValueError:
        return None
    return day if first <= day <= last else None


def _next_with_slots(clinic: Clinic, practitioner: Practitioner, day: date) -> date:
    days = (day + timedelta(days=ahead) for ahead in range(_WEEK))
    return next((one for one in days if any(clinic.slots_on(practitioner.id, one))), day)
