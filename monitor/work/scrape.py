"""``/metrics`` of ``monitor work``, computed from the store and the backups at the moment of the scrape.

So what was done by hand (``monitor backup run``, ``monitor drill run``) counts as well. What is unknown has no sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from monitor import clock, drills, metrics
from monitor.backup.erasures.listing import known_head
from monitor.backup.model import ListedBackup
from monitor.backup.notes import recorded
from monitor.backup.oplog.anchor import Anchor
from monitor.errors import MonitorError
from monitor.store import Record, RecordKind, Store
from monitor.work import capturing, recovery_samples
from monitor.work.alarm import CHANNEL_ID, remembered
from monitor.work.alert_path import Path as AlertPath
from monitor.work.job import Bench
from monitor.work.recovery_samples import Sampled, Values
from monitor.work.runner import Runner
from monitor.work.schedule import overdue
from telemetry import logs

log = logs.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known about recovery at one instant. ``backups`` is ``None`` where the directory cannot be read."""

    now: datetime
    backups: tuple[ListedBackup, ...] | None
    backup_runs: tuple[Record, ...]
    verifications: tuple[Record, ...]
    condemned: frozenset[str]
    """Backups that no restore begins with, by their newest verification."""
    drills: tuple[Record, ...]
    drill_running: str
    """The name of the drill that is running; empty where none is."""
    jobs: tuple[Record, ...]
    calendar: tuple[Record, ...] = ()
    """Where each calendar window stood when it was last computed."""
    alert_path: AlertPath | None = None
    """How the way of alerts was found; ``None`` where nobody looks."""
    parts: tuple[Record, ...] = ()
    """Snapshots of Redis, configurations and sets, newest first of each."""
    captured: tuple[Anchor, ...] = ()
    """How far the oplog was captured."""
    findings: tuple[Record, ...] = ()
    """What was noticed while it was captured."""
    has_offsite: bool = False
    offsite: datetime | None = None
    """The newest recovery point of the copy in the other place; ``None`` where it is not known."""
    erasures: int | None = None
    """Entries of the list of erasures; ``None`` where none is kept."""
    channel: Record | None = None
    """How many addresses the second channel has, when it last took a message, and when it last did not."""


PARTS: tuple[RecordKind, ...] = ("redis", "configuration", "set")
NEWEST = 20
"""Of each kind so many are enough to find the newest success; verifications of Redis stand among its snapshots."""

CALENDAR_FRESH = timedelta(minutes=10)
"""A calendar window that was not computed for so long is told as unknown: it is older than two of its cells."""


LOOK_FRESH = timedelta(minutes=5)
"""A look at the way of alerts that is older says nothing about now."""


class Achieved:
    """A collector of client_python over the store and the backups."""

    def __init__(self, bench: Bench, runner: Runner) -> None:
        self._bench = bench
        self._runner = runner

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Say nothing ahead of time: registering must not read anything."""
        return ()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Read everything once, with a handle on the store of its own."""
        with Store(self._bench.store.path) as store:
            bench = replace(self._bench, store=store)
            seen = read(bench)
            punctual = self._punctuality(bench, seen.now)
        build: Sampled = (metrics.BUILD_INFO, {(version("appointment-sre"),): 1.0})
        for metric, values in (build, *sampled(seen), *punctual):
            kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
            family = kind(metric.name, metric.help, labels=metric.labels)
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family

    def _punctuality(self, bench: Bench, now: datetime) -> tuple[Sampled, ...]:
        last: Values = {}
        late: Values = {}
        for job in self._runner.jobs.values():
            try:
                succeeded = job.last_success(bench)
            except Exception as error:  # noqa: BLE001  # whatever it is: it costs this job's samples, not the page
                log.warning("work.job_failed", job=job.name, error=error)
                continue
            if succeeded is not None:
                last[job.name,] = succeeded.timestamp()
            never = job.name in self._runner.unscheduled
            late[job.name,] = float(never or overdue(job.schedule, succeeded, self._runner.began_at, now))
        return (metrics.JOB_LAST_SUCCESS, last), (metrics.JOB_OVERDUE, late)


def read(bench: Bench) -> Evidence:
    """Read what is known."""
    store = bench.store
    try:
        backups = bench.lookout.backups(bench.settings)
    except MonitorError:
        backups = None
    told = recorded(store, capturing.place(bench.settings))
    condemned = frozenset(name for name, verdict in told.items() if verdict.condemns)
    head = known_head(store).number
    return Evidence(
        now=clock.now(),
        backups=backups,
        backup_runs=store.records("backup"),
        verifications=store.records("verification"),
        condemned=condemned,
        drills=store.records("drill"),
        drill_running=drills.running(bench.settings.state.parent),
        jobs=store.newest_jobs(),
        calendar=store.records("calendar"),
        alert_path=remembered(store),
        channel=store.get("watchdog", CHANNEL_ID),
        parts=tuple(row for kind in PARTS for row in store.records(kind, limit=NEWEST)),
        captured=capturing.captured(bench.settings, store),
        findings=store.records("capture"),
        has_offsite=bool(bench.settings.offsite_store),
        offsite=bench.lookout.offsite(bench.settings),
        erasures=head if head or bench.settings.erasure_signing_key_file else None,
    )


def sampled(seen: Evidence) -> tuple[Sampled, ...]:
    """Turn what is known into samples. Pure."""
    return (
        *recovery_samples.sampled(seen),
        *_drills(seen),
        *_jobs(seen),
        *_calendar(seen),
        *_alert_path(seen),
    )


def _drills(seen: Evidence) -> Iterator[Sampled]:
    bodies = [record.body for record in seen.drills if record.body.get("finished_at")]
    verdicts = [body for body in bodies if body.get("outcome") in {"passed", "failed"}]
    passed = [body for body in bodies if body.get("outcome") == "passed"]
    yield metrics.DRILL_RESULT, _newest(verdicts, lambda body: float(body["outcome"] == "passed"))
    yield metrics.DRILL_LAST_SUCCESS, _newest(passed, lambda b: clock.from_rfc3339(b["finished_at"]).timestamp())
    known = {str(record.body["drill"]) for record in seen.drills}
    yield metrics.DRILL_RUNNING, {(name,): float(name == seen.drill_running) for name in sorted(known)}
    for metric, measurement in (
        (metrics.FAILOVER_SECONDS, "failover_seconds"),
        (metrics.DETECTION_SECONDS, "detection_seconds"),
        (metrics.WRITES_LOST, "acknowledged_lost"),
    ):
        measured = [body for body in bodies if body.get("measurements", {}).get(measurement) is not None]
        yield metric, _newest(measured, lambda body, name=measurement: float(body["measurements"][name]))


def _jobs(seen: Evidence) -> Iterator[Sampled]:
    timed = [record.body for record in seen.jobs if record.body.get("duration_seconds") is not None]
    yield metrics.JOB_DURATION, _newest(timed, lambda body: float(body["duration_seconds"]), by="job")


def _calendar(seen: Evidence) -> Iterator[Sampled]:
    fresh = [record.body for record in seen.calendar if seen.now - record.at <= CALENDAR_FRESH]
    for metric, figure in (
        (metrics.CALENDAR_SLI, "sli"),
        (metrics.CALENDAR_BUDGET, "error_budget_remaining"),
        (metrics.CALENDAR_COVERAGE, "coverage"),
    ):
        told = (body for body in fresh if body[figure] is not None)
        yield metric, {tuple(str(body[label]) for label in metric.labels): float(body[figure]) for body in told}


def _alert_path(seen: Evidence) -> Iterator[Sampled]:
    if seen.alert_path is not None and seen.now - seen.alert_path.looked_at <= LOOK_FRESH:
        yield metrics.ALERT_PATH_WHOLE, {(): float(seen.alert_path.broken_since is None)}
    if seen.channel is not None:
        told = seen.channel.body
        yield metrics.CHANNEL_ADDRESSES, {(): float(told["addresses"])}
        at: Values = {
            (word,): clock.from_rfc3339(told[word]).timestamp() for word in ("sent", "failed") if word in told
        }
        yield metrics.CHANNEL_MESSAGE, at


def _newest(bodies: Sequence[dict[str, Any]], value: Any, *, by: str = "drill") -> Values:
    newest: Values = {}
    for body in bodies:
        newest.setdefault((str(body[by]),), value(body))
    return newest
