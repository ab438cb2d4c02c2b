"""The pages for people. Each handler reads, lets ``monitor.web.view`` judge, and prints a template."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web
from yarl import URL

from monitor import clock
from monitor.compliance.gate import gate, overridden, overrides
from monitor.errors import Unavailable
from monitor.slo import policy
from monitor.store import Store
from monitor.store_alerts import AlertRecord, Alerts
from monitor.web import incident, listing, live, view, view_gate, words
from monitor.web import runbooks as books
from monitor.web.gates import GATES
from monitor.web.state import CONSOLE

MOST_FIRING, MOST_ENDED = 200, 200
"""On the page of alerts: a phone loads it anew every few seconds."""
MOST_NAMES = 50
"""Names of alerts that are counted where not all that fires is listed."""
MOST_SEARCHED = 5000
"""Ended episodes among which those of one name are looked for."""
SHOWN_OVERRIDES = 20
"""The newest; ``monitor gate SLO --history`` lists all."""

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


async def home(request: web.Request) -> web.Response:
    """Show how things stand: alerts, SLOs, recovery, drills, jobs, components."""
    console = request.app[CONSOLE]
    snapshot = await console.store.call(view.read)
    cards, problem = await _cards(request)
    standings = await request.app[GATES].read_all(card.status for card in cards or ())
    holding = await console.store.call(lambda store: overridden(store, snapshot.at))
    path = view.watchdog(snapshot.watchdog, snapshot.at)
    return page(
        request,
        "home.html",
        now=snapshot.at,
        snapshot=snapshot,
        cards=cards,
        problem=problem,
        changes=view_gate.changes(standings, holding),
        path=path,
        headline=view.headline(snapshot, cards, path),
        facts=view.recovery_facts(snapshot.backups, console.catalogue.recovery, snapshot.at, snapshot.captured),
        jobs=view.newest_jobs(snapshot.jobs),
    )


async def alerts(request: web.Request) -> web.Response:
    """Show alert episodes, what fires first; ``?state=`` and ``?name=`` narrow them."""
    state, name = request.query.get("state"), request.query.get("name", "")
    state = state if state in {"firing", "resolved"} else None
    found = await request.app[CONSOLE].store.call(lambda store: _episodes(store, state, name))
    return page(request, "alerts.html", state=state, name=name, **found)


async def slo(request: web.Request) -> web.Response:
    """Show one SLO: what was promised, where it stands, which alerts it raised."""
    console = request.app[CONSOLE]
    promised = console.catalogue.slo(request.match_info["name"])
    if promised is None:
        raise web.HTTPNotFound(text="The catalogue has no SLO of that name.")
    (cards, problem), standing = await asyncio.gather(_cards(request), request.app[GATES].read(promised))
    card = next((card for card in cards or () if card.status.name == promised.name), None)
    found = await console.store.call(lambda store: Alerts(store).newest(limit=1000))
    raised = [alert for alert in view.shown(found) if alert.labels.get("slo") == promised.name][:20]
    now = clock.now()
    answer = await console.store.call(lambda store: gate(standing, store, now))
    made = await console.store.call(lambda store: overrides(store, promised.name))
    return page(
        request,
        "slo.html",
        now=now,
        slo=promised,
        card=card,
        problem=problem,
        alerts=raised,
        gate=view_gate.gate_card(answer),
        steps=policy.STEPS,
        overrides=made[:SHOWN_OVERRIDES],
    )


async def drill(request: web.Request) -> web.Response:
    """Show one drill's journal."""
    drill_id = request.match_info["id"]
    record = await request.app[CONSOLE].store.call(lambda store: store.get("drill", drill_id))
    if record is None:
        raise web.HTTPNotFound(text="No drill has that id.")
    return page(request, "drill.html", journal=record.body)


async def runbooks(request: web.Request) -> web.Response:
    """List the runbooks."""
    names = await asyncio.to_thread(books.names, request.app[CONSOLE].runbooks)
    return page(request, "runbooks.html", names=names)


async def runbook(request: web.Request) -> web.Response:
    """Show one runbook, with what is known about its alert right now."""
    console = request.app[CONSOLE]
    name = request.match_info["name"].removesuffix(".md")
    text = await asyncio.to_thread(books.read, console.runbooks, name)
    if text is None:
        raise web.HTTPNotFound(text="There is no runbook of that name.")
    history = await console.store.call(lambda store: _history(store, name))
    body = await live.render(text, console.prometheus, name=name)
    return page(request, "runbook.html", name=name, body=body, **history)


def error_page(request: web.Request, status: int, title: str, detail: str, headers: dict[str, str]) -> web.Response:
    """Show what went wrong to a person."""
    response = page(request, "error.html", title=title, detail=detail)
    response.set_status(status)
    response.headers.update(headers)
    return response


def _episodes(store: Store, state: str | None, name: str) -> dict[str, Any]:
    def named(alerts: Iterable[AlertRecord]) -> tuple[AlertRecord, ...]:
        return tuple(one for one in alerts if name in {"", one.labels.get("alertname")})

    searched = MOST_SEARCHED if name else MOST_ENDED
    # However many came and went since it began, what fires is shown.
    firing = () if state == "resolved" else named(view.shown(Alerts(store).firing()))
    ended = () if state == "firing" else named(view.shown(Alerts(store).newest(state="resolved", limit=searched)))
    newest = sorted(ended, key=lambda alert: alert.starts_at, reverse=True)[:MOST_ENDED]
    some = listing.some_of_each(firing, MOST_FIRING)
    names = Counter(one.labels.get("alertname", "") for one in firing)
    return {
        "firing": some,
        "all_firing": len(firing),
        "names": names.most_common(MOST_NAMES) if len(firing) > MOST_FIRING else (),
        "ended": newest,
        "marks": listing.marks(store, clock.now()),
        "timelines": {
            (a.fingerprint, a.starts_at): Alerts(store).events(a.fingerprint, a.starts_at) for a in (*some, *newest)
        },
    }


def _history(store: Store, name: str) -> dict[str, Any]:
    episodes = [alert for alert in Alerts(store).newest(limit=1000) if alert.labels.get("alertname") == name]
    drills = [record for record in store.records("drill", limit=200) if name in record.body.get("alerts", ())]
    return {"episodes": episodes[:5], "drills": drills[:3]}


async def _cards(request: web.Request) -> tuple[tuple[view.SloCard, ...] | None, str]:
    try:
        statuses = await request.app[CONSOLE].slos.read()
    except Unavailable as error:
        return None, str(error)
    return tuple(view.slo_card(status) for status in statuses), ""


def page(request: web.Request, template: str, **values: Any) -> web.Response:
    """Print a template with what every page knows."""
    catalogue = request.app[CONSOLE].catalogue
    time_zone = catalogue.recovery.time_zone if catalogue.recovery else "UTC"
    now: datetime = values.pop("now", None) or clock.now()
    html = _TEMPLATES.get_template(template).render(
        now=now,
        environment=catalogue.environment,
        recovery=catalogue.recovery,
        alert_path=incident.alert_path,
        here=request.path,
        ago=lambda instant: words.ago(_instant(instant), now),
        moment=clock.from_epoch,
        lasting=lambda instant: clock.humanize(max(now - _instant(instant), timedelta(0))),
        left=lambda instant: clock.humanize(_instant(instant) - now),
        local=lambda instant: words.local(_instant(instant), time_zone),
        clock_time=lambda instant: words.clock_time(_instant(instant), time_zone, now),
        **values,
    )
    headers = {"Cache-Control": "no-store"}
    # Text in the store that UTF-8 cannot hold costs the characters that it cannot, not the page.
    body = html.encode("utf-8", errors="replace")
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)


def _instant(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else clock.from_rfc3339(value)


def _rfc3339(value: datetime | str) -> str:
    return value if isinstance(value, str) else clock.to_rfc3339(value)


def _link(value: object) -> str:
    """Return a URL that may stand in ``href``: of the web, or a path of ours. Anything else becomes nothing."""
    try:
        url = URL(str(value))
    except ValueError:
        return ""
    return str(url) if url.scheme in {"http", "https"} and url.host else ""


_TEMPLATES.filters |= {
    "percent": words.percent,
    "share": words.whole_percent,
    "budget": words.budget,
    "size": words.size,
    "span": words.span,
    "plural": words.plural,
    "rfc3339": _rfc3339,
    "link": _link,
    "measurement": words.measurement,
    "measured": words.measured,
    "happened": view.happened,
    "telling": listing.telling,
    "some_of_each": listing.some_of_each,
    "outcome_tone": view.outcome_tone,
    "component_tone": view.component_tone,
}
