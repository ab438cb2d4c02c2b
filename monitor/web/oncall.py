"""The pages of on-call: one alert with all that is known of it, its postmortem draft, silences, alert quality."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial

from aiohttp import web
from markupsafe import Markup

from monitor import clock
from monitor.catalogue import durations
from monitor.compliance.alert_quality import LONGEST_PERIOD, QualityReport, alert_quality
from monitor.errors import Unavailable
from monitor.render.rules import all_alerts
from monitor.store import Record, Store
from monitor.store_actions import Actions
from monitor.store_alerts import AlertRecord, Alerts
from monitor.store_suppressed import Suppressions
from monitor.web import graphs, incident, listing, live, postmortems, words
from monitor.web import runbooks as books
from monitor.web.answering import SPANS, ended_silences, instant_of
from monitor.web.forms import user_of
from monitor.web.incident import Incident
from monitor.web.pages import page
from monitor.web.state import CONSOLE, Console, Suppression

PERIODS = ("7d", "30d", "90d")
USUAL_LABELS = ("alertname", "component", *listing.TELLING)
"""A silence is proposed on these: what an alert is, and what tells it from others of its kind."""


async def alert(request: web.Request) -> web.Response:
    """Show one episode of an alert: graph, story, runbook with live values, what may be done."""
    console, now = request.app[CONSOLE], clock.now()
    found, drills = await _read(request, now)
    chosen = request.query.get("range", "episode")
    chosen = chosen if chosen in graphs.RANGES else "episode"
    heard, (drawing, blind), runbook = await asyncio.gather(
        _heard(console), _drawing(console, found, drills, chosen, now), _runbook(console, found.alert)
    )
    found = incident.with_silences(found, heard.silences if heard else (), now)
    suppressed = heard.active.get(found.alert.fingerprint) if heard and found.alert.state == "firing" else None
    silences = {one.id: one for one in heard.silences} if heard else {}
    return page(
        request,
        "alert.html",
        now=now,
        alert=found.alert,
        story=found,
        figures=incident.took(found, _zone(console)),
        often=incident.often(found, now),
        zone=_zone(console),
        drawing=drawing,
        blind=blind,
        chosen=chosen,
        runbook=runbook,
        silenced=[silences[one] for one in suppressed.silenced_by if one in silences] if suppressed else [],
        unheard=found.alert.state == "firing" and heard is None,
        inhibited=[heard.active[one] for one in suppressed.inhibited_by if one in heard.active]
        if heard and suppressed
        else [],
        returned=ended_silences(found.alert, heard.silences)
        if heard and not (suppressed and suppressed.suppressed)
        else (),
        proposed=USUAL_LABELS,
        spans=SPANS,
        user=user_of(request),
        token=console.tokens.make(user_of(request)),
        path=incident.alert_path,
    )


async def alert_json(request: web.Request) -> web.Response:
    """One episode with its story, for programs."""
    found = await _story(request)
    one = found.alert
    body = {
        "fingerprint": one.fingerprint,
        "labels": one.labels,
        "annotations": one.annotations,
        "state": one.state,
        "starts_at": clock.to_rfc3339(one.starts_at),
        "received_at": clock.to_rfc3339(one.received_at),
        "ends_at": clock.to_rfc3339(one.ends_at) if one.ends_at else None,
        "acknowledged_by": found.acknowledged.who if found.acknowledged else None,
        "timeline": [{"at": clock.to_rfc3339(e.at), "kind": e.kind, "text": e.text} for e in found.entries],
    }
    return web.json_response(body)


async def postmortem(request: web.Request) -> web.Response:
    """The draft of a postmortem, as Markdown."""
    found = await _story(request)
    text = postmortems.draft(found, request.app[CONSOLE].catalogue.environment, clock.now())
    name = f"{found.alert.starts_at:%Y-%m-%d}-{found.alert.labels.get('alertname', 'alert')}.md"
    safe = "".join(sign for sign in name if sign.isascii() and (sign.isalnum() or sign in "-._"))
    headers = {"Content-Disposition": f'attachment; filename="{safe}"', "Cache-Control": "no-store"}
    return web.Response(
        body=text.encode("utf-8", errors="replace"), content_type="text/markdown", charset="utf-8", headers=headers
    )


async def silenced(request: web.Request) -> web.Response:
    """List the silences: who, why, until when, and what each keeps quiet now."""
    console = request.app[CONSOLE]
    heard = await console.heard.read()
    recent = clock.now() - timedelta(days=1)
    return page(
        request,
        "silences.html",
        silences=[one for one in heard.silences if one.state != "expired"],
        ended=[one for one in reversed(heard.silences) if one.state == "expired" and one.ends_at > recent],
        quiet={
            one.id: [active for active in heard.active.values() if one.id in active.silenced_by]
            for one in heard.silences
        },
        user=user_of(request),
        token=console.tokens.make(user_of(request)),
    )


async def quality(request: web.Request) -> web.Response:
    """Show how good the alerts are."""
    report, period = await _quality(request)
    return page(request, "quality.html", report=report, period=period, periods=PERIODS)


async def quality_json(request: web.Request) -> web.Response:
    """How good the alerts are, for programs. ``?period=30d``."""
    report, _ = await _quality(request)
    return web.json_response(report.to_json())


async def _quality(request: web.Request) -> tuple[QualityReport, str]:
    console, period = request.app[CONSOLE], request.query.get("period", "30d")
    try:
        span = durations.parse(period)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"period={period[:20]!r}: write a span such as 30d") from error
    if not timedelta(0) < span <= LONGEST_PERIOD:
        raise web.HTTPBadRequest(text=f"period={period[:20]!r}: say at most {durations.text(LONGEST_PERIOD)}")
    end = clock.now()
    start = end - span
    episodes, actions, suppressed, began = await console.store.call(
        lambda store: (
            Alerts(store).between(start, end),
            Actions(store).between(start, end),
            Suppressions(store).between(start, end),
            store.began() or end,
        )
    )
    known = {rule.name: rule.severity.value for rule in all_alerts(console.catalogue)}
    judge = partial(alert_quality, episodes, actions, known, start=start, end=end, suppressed=suppressed, began=began)
    return await asyncio.to_thread(judge), period  # a year of them would hold up every other page


async def _read(request: web.Request, now: datetime) -> tuple[Incident, tuple[Record, ...]]:
    fingerprint, when = request.match_info["fingerprint"], instant_of(request.query.get("starts_at"))

    def read(store: Store) -> tuple[Incident | None, tuple[Record, ...]]:
        return incident.read(store, fingerprint, when, now), store.records("drill", since=now - LONGEST_PERIOD)

    found, drills = await request.app[CONSOLE].store.call(read)
    if found is None:
        raise web.HTTPNotFound(text=await _why_unknown(request.app[CONSOLE], fingerprint))
    return found, drills


async def _why_unknown(console: Console, fingerprint: str) -> str:
    """What is known of an alert that was never received: whoever was woken by it may have come by its link."""
    heard = await _heard(console)
    if heard is None:
        return "No alert of that kind was received, and Alertmanager does not answer."
    if (active := heard.active.get(fingerprint)) is None:
        return "No alert of that kind was received."
    since = words.local(active.starts_at, _zone(console))
    return f"{active.name} fires in Alertmanager since {since}, but was not delivered to this console."


async def _story(request: web.Request) -> Incident:
    """An episode with all that is known of it."""
    now = clock.now()
    (found, _), heard = await asyncio.gather(_read(request, now), _heard(request.app[CONSOLE]))
    return incident.with_silences(found, heard.silences if heard else (), now)


async def _heard(console: Console) -> Suppression | None:
    try:
        return await console.heard.read()
    except Unavailable:
        return None  # the page says that it is not known who hears of it


async def _drawing(
    console: Console, found: Incident, drills: tuple[Record, ...], chosen: str, now: datetime
) -> tuple[graphs.Drawing | None, str]:
    """The graph, or why there is none."""
    expr = graphs.expression(found.alert, console.catalogue)
    if not expr:
        return None, "This alert is not of this catalogue and carries no query, so there is nothing to draw."
    try:
        drawn = await asyncio.to_thread(
            graphs.drawing,
            console.prometheus,
            found.alert,
            expr,
            between=graphs.span(found.alert, chosen, now),
            events=graphs.events_of(found.episodes, drills, now),
            scrape_interval=console.catalogue.environment.scrape_interval,
            time_zone=_zone(console),
        )
    except Unavailable as error:
        return None, str(error)
    return drawn, "" if drawn else "The expression of this alert cannot be read, so there is nothing to draw."


async def _runbook(console: Console, one: AlertRecord) -> Markup | None:
    name = one.labels.get("alertname", "")
    text = await asyncio.to_thread(books.read, console.runbooks, name)
    return None if text is None else await live.render(books.prose(text), console.prometheus, name=name)


def _zone(console: Console) -> str:
    return console.catalogue.recovery.time_zone if console.catalogue.recovery else "UTC"
