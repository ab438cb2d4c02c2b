"""The read-only JSON API under ``/api/v1``. Times are RFC 3339 in Z, ratios 0-1; what is unknown is ``null``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from monitor import clock
from monitor.compliance.shown import slo_json
from monitor.store import ComponentChange, Record, RecordKind, Store
from monitor.store_alerts import AlertRecord, Alerts
from monitor.web.state import CONSOLE

MAX_ROWS = 5000


async def alerts(request: web.Request) -> web.Response:
    """List alert episodes, newest first.

    ``?state=firing|resolved``, ``?since=TIME`` (received at or after it), ``?limit=N`` (500 unless told). The header
    ``X-Total-Count`` says how many there are, limit or not.
    """
    state = request.query.get("state")
    if state not in {None, "firing", "resolved"}:
        raise web.HTTPBadRequest(text=f"state={state[:40]!r}: say firing or resolved, or leave it out")
    since, limit = _since(request), _limit(request)
    found, total = await request.app[CONSOLE].store.call(
        lambda store: (
            Alerts(store).newest(state=state, since=since, limit=limit),
            Alerts(store).count(state=state, since=since),
        )
    )
    return web.json_response([alert_json(alert) for alert in found], headers={"X-Total-Count": str(total)})


async def slos(request: web.Request) -> web.Response:
    """List where each SLO stands, as ``monitor slo list --json`` does."""
    return web.json_response([status.to_json() for status in await request.app[CONSOLE].slos.read()])


async def slo(request: web.Request) -> web.Response:
    """Show one SLO as ``monitor slo show --json`` does: with the corrections in its window, before and after."""
    console = request.app[CONSOLE]
    promised = console.catalogue.slo(request.match_info["name"])
    if promised is None:
        raise web.HTTPNotFound(text="no SLO has this name: GET /api/v1/slos lists them")
    return web.json_response(slo_json(promised, await console.slos.read_one(promised)))


async def components(request: web.Request) -> web.Response:
    """List the components of the embedded stack and the state each is in since when; empty where none is embedded."""
    found = await request.app[CONSOLE].store.call(lambda store: store.components())
    return web.json_response({"components": [component_json(change) for change in found]})


async def backups(request: web.Request) -> web.Response:
    """List backups, newest first, each with its newest verification."""
    return web.json_response(await request.app[CONSOLE].store.call(backups_with_verification))


async def drills(request: web.Request) -> web.Response:
    """List drill journals, newest first."""
    return web.json_response([record.body for record in await _records(request, "drill")])


async def drill(request: web.Request) -> web.Response:
    """Return one drill's journal."""
    drill_id = request.match_info["id"]
    record = await request.app[CONSOLE].store.call(lambda store: store.get("drill", drill_id))
    if record is None:
        raise web.HTTPNotFound(text="no drill has this id: GET /api/v1/drills lists them")
    return web.json_response(record.body)


async def jobs(request: web.Request) -> web.Response:
    """List runs of scheduled jobs, newest first."""
    return web.json_response([record.body for record in await _records(request, "job")])


def backups_with_verification(store: Store) -> list[dict[str, Any]]:
    """Join each backup with the newest verification of it."""
    newest: dict[str, dict[str, Any]] = {}
    for record in store.records("verification"):
        newest.setdefault(str(record.body.get("backup")), record.body)
    return [record.body | {"verification": newest.get(record.id)} for record in store.records("backup")]


def alert_json(alert: AlertRecord) -> dict[str, Any]:
    """One episode as the API shows it."""
    return {
        "fingerprint": alert.fingerprint,
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": alert.state,
        "starts_at": clock.to_rfc3339(alert.starts_at),
        "received_at": clock.to_rfc3339(alert.received_at),
        "ends_at": clock.to_rfc3339(alert.ends_at) if alert.ends_at else None,
    }


def component_json(change: ComponentChange) -> dict[str, Any]:
    """One component as the API shows it."""
    return {
        "name": change.name,
        "state": change.state,
        "since": clock.to_rfc3339(change.at),
        "reason": change.reason,
        "address": change.address,
    }


async def _records(request: web.Request, kind: RecordKind) -> tuple[Record, ...]:
    since, limit = _since(request), _limit(request)
    return await request.app[CONSOLE].store.call(lambda store: store.records(kind, since=since, limit=limit))


def _since(request: web.Request) -> datetime | None:
    text = request.query.get("since")
    if text is None:
        return None
    try:
        # "+" in a query means a space: forgive those who forget to encode an offset.
        return clock.from_rfc3339(text.replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise web.HTTPBadRequest(text=f"since={text[:40]!r}: write a time such as 2026-11-22T17:15:00Z") from error


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", "500")
    # Measured before it is read: Python refuses to make a number of thousands of digits.
    readable = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ROWS))
    if not (readable and 1 <= int(text) <= MAX_ROWS):
        raise web.HTTPBadRequest(text=f"limit={text[:40]!r}: say a number from 1 to {MAX_ROWS}")
    return int(text)
