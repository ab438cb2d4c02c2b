"""Where Alertmanager delivers: ``POST /hooks/alertmanager`` and ``POST /hooks/watchdog``.

Answers 2xx as soon as the store has it (Alertmanager repeats what was answered 5xx), 4xx with one sentence for what
cannot be a notification (it does not repeat those). Repeats change nothing: the store knows an alert by its fingerprint
and start.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from aiohttp import web

from monitor import clock
from monitor.catalogue.model import Severity
from monitor.store import Store
from monitor.store_alerts import AlertRecord, Alerts
from monitor.web.notification import NotificationError, parse, watchdog_latency
from monitor.web.state import CONSOLE
from telemetry import logs
from telemetry.kinds import NAME

MAX_BYTES = 8 * 1024 * 1024
"""A group of 3000 alerts with annotations like ours (2 kB each) fits: Alertmanager does not repeat what was answered
413, so that in the worst of storms nothing at all would arrive. ``max_alerts`` in its receiver limits a group."""

log = logs.get_logger()


async def alertmanager(request: web.Request) -> web.Response:
    """Store each alert of a notification."""
    console = request.app[CONSOLE]
    received_at = clock.now()
    alerts = await _alerts(request, received_at)
    await console.store.call(lambda store: _record(store, alerts))
    console.metrics.notifications.labels("accepted").inc()
    for alert in alerts:
        console.metrics.alerts_received.labels(alert.state).inc()
        _log(alert)
    return web.Response(status=204)


async def watchdog(request: web.Request) -> web.Response:
    """Remember that Prometheus, Alertmanager and this receiver are alive, and how old the news was."""
    console = request.app[CONSOLE]
    received_at = clock.now()
    alerts = await _alerts(request, received_at)
    if any(alert.state == "firing" for alert in alerts):
        latency_s = watchdog_latency(alerts, received_at)
        body = {"at": clock.to_rfc3339(received_at), "latency_seconds": latency_s}
        await console.store.call(lambda store: store.put("watchdog", "latest", body, at=received_at))
        log.debug("web.watchdog", latency_seconds=latency_s)
    console.metrics.notifications.labels("accepted").inc()
    return web.Response(status=204)


async def _alerts(request: web.Request, received_at: datetime) -> tuple[AlertRecord, ...]:
    try:
        return await asyncio.to_thread(parse, await _json(request), received_at)
    except NotificationError as error:
        _refused(request, 400)
        raise web.HTTPBadRequest(text=f"not a notification of Alertmanager: {error}") from error
    except web.HTTPException as error:
        _refused(request, error.status)
        raise


async def _json(request: web.Request) -> Any:
    if request.content_type != "application/json":
        # A web page can post anything but JSON here without asking first; so only JSON is taken.
        raise web.HTTPUnsupportedMediaType(text="the body must be sent as application/json")
    try:
        return await asyncio.to_thread(json.loads, await request.read())
    except web.RequestPayloadError as error:
        raise web.HTTPBadRequest(text="the body is not what its Content-Encoding says") from error
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text="the body is not JSON") from error


def _log(alert: AlertRecord) -> None:
    """Log an alert. Its labels come from outside: what does not look like a name or a severity of ours is left out."""
    name, severity = alert.labels["alertname"], alert.labels.get("severity")
    log.info(
        "web.alert",
        alert=name if NAME.accepts(name) else None,
        status=alert.state,
        severity=severity if severity in set(Severity) else None,
        starts_at=clock.to_rfc3339(alert.starts_at),
    )


def _refused(request: web.Request, status: int) -> None:
    request.app[CONSOLE].metrics.notifications.labels("refused").inc()
    log.warning("web.notification_refused", status=status)


def _record(store: Store, alerts: tuple[AlertRecord, ...]) -> None:
    """Store the alerts, and end the episodes of which Alertmanager will never say that they ended.

    Of one alert it has one episode at a time. One that resolves and fires again inside its ``group_interval`` is
    announced only by its new start. And where two Prometheis tell of the same alert, its start moves back to the
    earlier one's: then what we know by the later start is what is meant.
    """
    for alert in alerts:
        beside = Alerts(store).firing_beside(alert.fingerprint, alert.starts_at)
        later = [known for known in beside if known.starts_at > alert.starts_at]
        if alert.state == "firing":
            if later:
                continue
            for known in beside:
                _end(store, known, alert.starts_at, alert.received_at)
        elif alert.ends_at and (meant := [known for known in later if known.starts_at <= alert.ends_at]):
            for known in meant:
                _end(store, known, alert.ends_at, alert.received_at)
            continue
        Alerts(store).record(alert)


def _end(store: Store, known: AlertRecord, ends_at: datetime, received_at: datetime) -> None:
    Alerts(store).record(replace(known, state="resolved", ends_at=ends_at, received_at=received_at))
