"""What on-call does about an alert: acknowledge it, note something, silence it, end a silence.

An acknowledgement is ours: it tells everybody that somebody is at it, and mutes nothing. A silence is Alertmanager's.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial

from aiohttp import web

from monitor import clock
from monitor.sources import silences
from monitor.sources.silences import Matcher
from monitor.store_actions import Action, ActionKind, Actions
from monitor.store_alerts import AlertRecord, Alerts
from monitor.web import incident
from monitor.web.forms import MAX_WHY, fields_of, first, json_of, text_of, who_of
from monitor.web.state import CONSOLE

SPANS = {
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "2h": timedelta(hours=2),
    "4h": timedelta(hours=4),
    "8h": timedelta(hours=8),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
    "7d": timedelta(days=7),
}
"""How long one may silence at once. Longer is forgotten, and then it is an alert that nobody hears."""


async def acknowledge(request: web.Request) -> web.Response:
    """Remember who takes care of it."""
    return await _answer(request, "acknowledged", why_needed=False)


async def note(request: web.Request) -> web.Response:
    """Add a line to its story."""
    return await _answer(request, "noted", why_needed=True)


async def acknowledge_json(request: web.Request) -> web.Response:
    """``POST {"who", "why"}``: acknowledge from a program or a chat bot."""
    body = await json_of(request)
    alert = await _episode(request, body.get("starts_at"))
    who, why = who_of(request, body.get("who", "")), text_of(body.get("why", ""), "why", MAX_WHY, needed=False)
    action = await _remember(request, alert, "acknowledged", who, why)
    return web.json_response({"acknowledged_by": action.who, "at": clock.to_rfc3339(action.at)})


async def silence(request: web.Request) -> web.Response:
    """Silence an alert in Alertmanager, and remember who, why and until when."""
    console = request.app[CONSOLE]
    fields = await fields_of(request, console.tokens)
    alert = await _episode(request, first(fields, "starts_at"))
    who, why = who_of(request, first(fields, "who")), text_of(first(fields, "why"), "why", MAX_WHY)
    span = SPANS.get(first(fields, "for"))
    if span is None:
        raise web.HTTPBadRequest(text=f"for how long: say one of {', '.join(SPANS)}")
    chosen = fields.get("label", [])
    matchers = tuple(Matcher(name=name, value=alert.labels[name]) for name in sorted(set(chosen) & alert.labels.keys()))
    if not matchers:
        raise web.HTTPBadRequest(text="choose at least one label: a silence without any would be of every alert")
    now = clock.now()
    # Alertmanager moves a beginning in the past to now, by its own clock: should that be behind, it must not wait.
    begins, url = now - clock.SKEW, console.settings.alertmanager_url
    make = partial(silences.create, url, matchers, starts_at=begins, ends_at=now + span)
    made = await asyncio.to_thread(lambda: make(who=who, why=why, login=console.settings.alertmanager_login()))
    console.heard.forget()
    await _remember(request, alert, "silenced", who, why, until=now + span, silence=made)
    raise web.HTTPSeeOther(incident.alert_path(alert))


async def end_silence(request: web.Request) -> web.Response:
    """End a silence now, and say so in the story of every alert that it silenced."""
    console = request.app[CONSOLE]
    fields = await fields_of(request, console.tokens)
    who, silence_id = who_of(request, first(fields, "who")), request.match_info["id"]
    heard = await console.heard.read()
    found = next((one for one in heard.silences if one.id == silence_id and one.state != "expired"), None)
    if found is None:
        raise web.HTTPNotFound(text="Alertmanager has no such silence any more.")
    login = await asyncio.to_thread(console.settings.alertmanager_login)
    await asyncio.to_thread(silences.end, console.settings.alertmanager_url, silence_id, login=login)
    console.heard.forget()
    for alert in await console.store.call(lambda store: Alerts(store).firing()):
        if found.covers(alert.labels):
            await _remember(request, alert, "silence ended", who, "", silence=silence_id)
    raise web.HTTPSeeOther("/silences")


async def _answer(request: web.Request, kind: ActionKind, *, why_needed: bool) -> web.Response:
    fields = await fields_of(request, request.app[CONSOLE].tokens)
    alert = await _episode(request, first(fields, "starts_at"))
    who = who_of(request, first(fields, "who"))
    why = text_of(first(fields, "why"), "what", MAX_WHY, needed=why_needed)
    await _remember(request, alert, kind, who, why)
    raise web.HTTPSeeOther(incident.alert_path(alert))


async def _episode(request: web.Request, starts_at: object) -> AlertRecord:
    """The episode that is meant: the one that began then, or else the newest."""
    when = instant_of(starts_at)
    fingerprint = request.match_info["fingerprint"]
    found = await request.app[CONSOLE].store.call(lambda store: Alerts(store).episode(fingerprint, when))
    if found is None:
        raise web.HTTPNotFound(text="No alert of that kind was received.")
    return found


def instant_of(text: object) -> datetime | None:
    """An instant from a query or a form; ``None`` where none is given.

    Raises:
        HTTPBadRequest: it is no time.
    """
    if not text:
        return None
    try:
        return clock.from_rfc3339(str(text).replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise web.HTTPBadRequest(text="starts_at is no time such as 2026-11-22T17:15:00Z") from error


async def _remember(  # what is known of an action
    request: web.Request,
    alert: AlertRecord,
    kind: ActionKind,
    who: str,
    why: str,
    *,
    until: datetime | None = None,
    silence: str = "",
) -> Action:
    action = Action(
        fingerprint=alert.fingerprint,
        starts_at=alert.starts_at,
        at=clock.now(),
        kind=kind,
        who=who,
        why=why,
        until=until,
        silence=silence,
    )
    await request.app[CONSOLE].store.call(lambda store: Actions(store).add(action))
    return action


def ended_silences(alert: AlertRecord, found: tuple[silences.Silence, ...]) -> tuple[silences.Silence, ...]:
    """Silences of an alert that are over, although it began to fire before they ended: it is heard again."""
    return tuple(
        one
        for one in found
        if one.state == "expired"
        and one.ends_at > alert.starts_at
        and alert.state == "firing"
        and one.covers(alert.labels)
    )
