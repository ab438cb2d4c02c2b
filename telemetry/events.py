"""The closed list of what our processes may log: event names, and for each the fields it may carry.

A field that is not named here, or whose value is not of its kind, never reaches a log line. Message texts of foreign
exceptions and libraries are not fields: they carry what the user typed. ``error`` takes an exception (its class name
and the places in the code are kept, its text is not).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telemetry.kinds import (
    ADDRESS,
    COMPONENT,
    COUNT,
    ERROR,
    FILE,
    FLAG,
    INSTANT,
    LOGGER,
    METHOD,
    NAME,
    NUMBER,
    OPAQUE_ID,
    ROUTE,
    SECONDS,
    STATUS,
    VERSION,
    Kind,
    one_of,
)

SYSTEM = one_of("mongodb", "redis")
OUTCOME = one_of("passed", "failed", "aborted", "unknown")
EXPORTER = one_of("otlp", "jaeger")
REASON = one_of("refused", "timeout", "auth", "denied", "malformed", "busy", "error")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing worth a log line; ``fields`` are all that it may carry, none of them required."""

    name: str
    fields: Mapping[str, Kind]


def event(name: str, /, **fields: Kind) -> Event:
    """Declare an event."""
    return Event(name, fields)


ANY = (
    event("process.crashed", error=ERROR),
    event("library.message", logger=LOGGER, error=ERROR),
    event("telemetry.undeclared", reason=one_of("event", "field", "value"), count=COUNT),
    event("telemetry.export_failed", exporter=EXPORTER, error=ERROR, spans=COUNT),
    event("telemetry.export_recovered", exporter=EXPORTER),
)
"""What every process may say."""

APP = (
    event("app.started", address=ADDRESS, metrics_address=ADDRESS, version=VERSION, instance=COMPONENT),
    event("app.ready", seconds=SECONDS),
    event("app.start_failed", error=ERROR),
    event("app.draining", seconds=SECONDS),
    event("app.stopped", seconds=SECONDS),
    event("app.request", method=METHOD, route=ROUTE, status=STATUS, seconds=SECONDS),
    event(
        "app.request_failed",
        method=METHOD,
        route=ROUTE,
        status=STATUS,
        error=ERROR,
        error_id=OPAQUE_ID,
        seconds=SECONDS,
    ),
    event("app.store_unavailable", system=SYSTEM, error=ERROR),
    event("app.store_recovered", system=SYSTEM),
    event("app.store_prepared", indexes=COUNT, practitioners=COUNT, seconds=SECONDS),
    event("app.encryption_key_created", key=OPAQUE_ID),
    event("app.appointments_overlapping", count=COUNT),
    event("app.synthetic_expired", count=COUNT),
    event(
        "app.job_failed", job=one_of("overlap_check", "erasure", "indexes", "expire_holds", "key_rotation"), error=ERROR
    ),
    event(
        "app.security",
        action=one_of(
            "account_erased",
            "forbidden",
            "login_failed",
            "login_locked",
            "rate_limited",
            "registered_again",
            "token_refused",
        ),
        subject=OPAQUE_ID,
        route=ROUTE,
    ),
)
"""The app handles patients' data: closed kinds only."""

TRAFFIC = (
    event("traffic.started", rate=NUMBER, seed=COUNT),
    event("traffic.progress", requests=COUNT, failed=COUNT, unknown=COUNT, late=COUNT),
    event("traffic.failed", error=ERROR),
    event("traffic.stopped", requests=COUNT, failed=COUNT, unknown=COUNT, seconds=SECONDS),
)
"""Simulated patients look real: closed kinds only."""

EXPORTERS = (
    event("exporters.started", address=ADDRESS, version=VERSION, collectors=COUNT),
    event("exporters.stopped", seconds=SECONDS),
    event("exporters.collector_failed", collector=NAME, reason=REASON, error=ERROR, seconds=SECONDS),
    event("exporters.collector_recovered", collector=NAME),
    event(
        "exporters.source_missing",
        collector=NAME,
        source=one_of("cgroup"),
        reason=one_of("absent", "version_1"),
    ),
    event("exporters.reloaded", targets=COUNT, changed=COUNT, seconds=SECONDS),
    event("exporters.reload_failed", error=ERROR),
)

STACK = (
    event("stack.started", components=COUNT, seconds=SECONDS),
    event("stack.stopped", seconds=SECONDS),
    event("stack.record_failed", component=COMPONENT, error=ERROR),
    event("stack.component", component=COMPONENT, state=one_of("healthy", "starting", "unhealthy", "stopped", "held")),
)

BACKUP = (
    event("backup.started", backup=OPAQUE_ID, type=NAME),
    event(
        "backup.finished", backup=OPAQUE_ID, type=NAME, seconds=SECONDS, bytes=COUNT, collections=COUNT, documents=COUNT
    ),
    event("backup.failed", backup=OPAQUE_ID, type=NAME, error=ERROR, seconds=SECONDS),
    event("backup.pruned", backup=OPAQUE_ID, bytes=COUNT),
    event("backup.capture_found", reason=one_of("first", "gap", "restored", "damaged", "put_back")),
    event("backup.capture_failed", error=ERROR),
    event("backup.capture_recovered", seconds=SECONDS),
    event("backup.verification_started", backup=OPAQUE_ID),
    event(
        "backup.verified",
        backup=OPAQUE_ID,
        outcome=OUTCOME,
        seconds=SECONDS,
        documents=COUNT,
        faults=COUNT,
        error=ERROR,
    ),
)

DRILLS = (
    event("drill.started", drill=NAME, id=OPAQUE_ID),
    event("drill.step", drill=NAME, id=OPAQUE_ID, step=NAME, component=COMPONENT, seconds=SECONDS),
    event("drill.finished", drill=NAME, id=OPAQUE_ID, outcome=OUTCOME, seconds=SECONDS),
    event("drill.rollback_failed", drill=NAME, id=OPAQUE_ID, component=COMPONENT, error=ERROR),
)

WEB = (
    event("web.started", address=ADDRESS, version=VERSION, tls=FLAG, users=FLAG),
    event("web.stopped", seconds=SECONDS),
    event(
        "web.alert",
        alert=NAME,
        status=one_of("firing", "resolved"),
        severity=one_of("critical", "warning", "info", "none"),
        starts_at=INSTANT,
    ),
    event("web.alert_refused", alert=NAME),
    event("web.notification_received", alerts=COUNT, truncated=COUNT),
    event("web.notification_refused", status=STATUS, error=ERROR),
    event("web.watchdog", latency_seconds=SECONDS),
    event("web.request_failed", method=METHOD, route=ROUTE, status=STATUS, error=ERROR, error_id=OPAQUE_ID),
    event("web.source_unavailable", source=one_of("prometheus", "alertmanager", "store"), error=ERROR),
)

WORK = (
    event("work.started", address=ADDRESS, version=VERSION, jobs=COUNT),
    event("work.stopped", seconds=SECONDS),
    event("work.job_started", job=NAME),
    event("work.job_finished", job=NAME, outcome=OUTCOME, seconds=SECONDS),
    event("work.job_failed", job=NAME, error=ERROR, seconds=SECONDS),
    event("work.record_failed", job=NAME, error=ERROR),
    event("work.job_missed", job=NAME, due_at=INSTANT),
    event("work.heartbeat_failed", error=ERROR, status=STATUS),
    event("work.store_migrated", version=COUNT, file=FILE),
    event("work.report_written", period=NAME, file=FILE, seconds=SECONDS),
)

EVENTS: dict[str, Event] = {
    declared.name: declared
    for group in (ANY, APP, TRAFFIC, EXPORTERS, STACK, BACKUP, DRILLS, WEB, WORK)
    for declared in group
}
"""Every event by its name."""
