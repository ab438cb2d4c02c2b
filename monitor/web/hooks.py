"""Where Alertmanager delivers: ``POST /hooks/alertmanager`` and ``POST /hooks/watchdog``.

Answers 2xx as soon as the store has it, 4xx with one sentence for what cannot be a notification. An alert that cannot
be taken is counted and logged, and answered 2xx all the same: else Alertmanager sends its group again and again.
Repeats change nothing: the store knows an alert by its fingerprint and start.
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
from monitor.render.inhibitions import ENVIRONMENT_LABEL
from monitor.store import Store
from monitor.store_alerts import AlertRecord, Alerts
from monitor.web.notification import Notification, NotificationError, parse, watchdog_latency
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
    received = await _received(request, clock.now())
    await console.store.call(lambda store: _record(store, received.alerts))
    for alert in received.alerts:
        console.metrics.alerts_received.labels(alert.state).inc()
        _log(alert)
    return _taken(request, received)


async def watchdog(request: web.Request) -> web.Response:
    """Remember that Prometheus, Alertmanager and this receiver are alive, and how old the news was."""
    console = request.app[CONSOLE]
    received_at = clock.now()
    received = await _received(request, received_at)
    environment = console.catalogue.environment.name
    await console.store.call(lambda store: _remember(store, received.alerts, environment, received_at))
    return _taken(request, received)


async def _received(request: web.Request, received_at: datetime) -> Notification:
    try:
        return await asyncio.to_thread(parse, await _json(request), received_at)
    except NotificationError as error:
        refused(request, 400)
        raise web.HTTPBadRequest(text=f"not a notification of Alertmanager: {error}") from error
    except web.HTTPException as error:
        refused(request, error.status)
        raise


def _taken(request: web.Request, received: Notification) -> web.Response:
    """Count a notification, and say of each alert that was not taken why."""
    console, outcome = request.app[CONSOLE], "accepted"
    if received.refused:
        outcome = "partial" if received.alerts else "refused"
        console.metrics.alerts_received.labels("refused").inc(len(received.refused))
        for refusal in received.refused:
            log.warning("web.alert_refused", alert=refusal.alert if NAME.accepts(refusal.alert) else None)
    console.metrics.notifications.labels(outcome).inc()
    return web.Response(status=204)


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


def refused(request: web.Request, status: int) -> None:
    """Count and log a notification that was not taken."""
    request.app[CONSOLE].metrics.notifications.labels("refused").inc()
    log.warning("web.notification_refused", status=status)


def _record(store: Store, alerts: tuple[AlertRecord, ...]) -> None:
    """Store the alerts, and end the episodes of which Alertmanager will never say that they ended.

    Of one alert it has one episode at a time. One that resolves and fires again inside its ``group_interval`` is
    announced only by its new start. And where two Prometheis tell of the same alert, its start moves back to the
    earlier one's: then what we know by the later start is what is meant.

    All or none are stored: a notification that was not answered is sent again, and a storm of thousands is one write.
    """
    with store.transaction():
        for alert in alerts:
            _record_one(store, alert)


def _record_one(store: Store, alert: AlertRecord) -> None:
    beside = Alerts(store).firing_beside(alert.fingerprint, alert.starts_at)
    later = [known for known in beside if known.starts_at > alert.starts_at]
    if alert.state == "firing":
        if later:
            return
        for known in beside:
            _end(store, known, alert.starts_at, alert.received_at)
    elif alert.ends_at and (meant := [known for known in later if known.starts_at <= alert.ends_at]):
        for known in meant:
            _end(store, known, alert.ends_at, alert.received_at)
        return
    Alerts(store).record(alert)


def _end(store: Store, known: AlertRecord, ends_at: datetime, received_at: datetime) -> None:
    Alerts(store).record(replace(known, state="resolved", ends_at=ends_at, received_at=received_at))


def _remember(store: Store, alerts: tuple[AlertRecord, ...], environment: str, received_at: datetime) -> None:
    """Remember the Watchdog of our own environment: another's, by the same Alertmanager, says nothing about ours.

    Until one came that carries our environment, any is taken: a Prometheus may add no such label, or call it otherwise.
    """
    firing = tuple(alert for alert in alerts if alert.state == "firing")
    own = tuple(alert for alert in firing if alert.labels.get(ENVIRONMENT_LABEL) == environment)
    latest = store.get("watchdog", "latest")
    known = latest is not None and latest.body.get(ENVIRONMENT_LABEL) == environment
    if not (taken := own if own or known else firing):
        return
    latency_s = watchdog_latency(taken, received_at)
    body = {"at": clock.to_rfc3339(received_at), "latency_seconds": latency_s}
    store.put("watchdog", "latest", body | ({ENVIRONMENT_LABEL: environment} if own else {}), at=received_at)
    log.debug("web.watchdog", latency_seconds=latency_s)
