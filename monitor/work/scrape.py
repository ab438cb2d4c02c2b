"""``/metrics`` of ``monitor work``, computed from the store and the backups at the moment of the scrape.

So what was done by hand (``monitor backup run``, ``monitor drill run``) counts as well. What is unknown has no sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from prometheus_client.core import GaugeMetricFamily

from monitor import clock, drills, metrics
from monitor.backup.model import ListedBackup
from monitor.backup.notes import recorded
from monitor.errors import MonitorError
from monitor.store import Record, Store
from monitor.work import capturing
from monitor.work.alarm import CHANNEL_ID, remembered
from monitor.work.alert_path import Path as AlertPath
from monitor.work.job import Bench
from monitor.work.runner import Runner
from monitor.work.schedule import overdue
from telemetry import logs
from telemetry.metric import Metric

Values = dict[tuple[str, ...], float]
Sampled = tuple[Metric, Values]

log = logs.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known about recovery at one instant. ``backups`` is ``None`` where the directory cannot be read."""

    now: datetime
    backups: tuple[ListedBackup, ...] | None
    backup_runs: tuple[Record, ...]
    verifications: tuple[Record, ...]
    verdicts: dict[str, str]
    drills: tuple[Record, ...]
    drill_running: str
    """The name of the drill that is running; empty where none is."""
    jobs: tuple[Record, ...]
    calendar: tuple[Record, ...] = ()
    """Where each calendar window stood when it was last computed."""
    alert_path: AlertPath | None = None
    """How the way of alerts was found; ``None`` where nobody looks."""
    captured: datetime | None = None
    """The newest point that backups and captured oplog together lead to; ``None`` where nothing was captured."""
    channel: Record | None = None
    """How many addresses the second channel has, when it last took a message, and when it last did not."""


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

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read everything once, with a handle on the store of its own."""
        with Store(self._bench.store.path) as store:
            bench = replace(self._bench, store=store)
            seen = read(bench)
            punctual = self._punctuality(bench, seen.now)
        build: Sampled = (metrics.BUILD_INFO, {(version("appointment-sre"),): 1.0})
        for metric, values in (build, *sampled(seen), *punctual):
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
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
    verdicts = {name: verdict.outcome for name, verdict in recorded(store).items()}
    sound = [backup for backup in backups or () if verdicts.get(backup.id) != "failed"]
    return Evidence(
        now=clock.now(),
        backups=backups,
        backup_runs=store.records("backup"),
        verifications=store.records("verification"),
        verdicts=verdicts,
        drills=store.records("drill"),
        drill_running=drills.running(bench.settings.state.parent),
        jobs=store.newest_jobs(),
        calendar=store.records("calendar"),
        alert_path=remembered(store),
        channel=store.get("watchdog", CHANNEL_ID),
        captured=capturing.reached(bench.settings, store, sound),
    )


def sampled(seen: Evidence) -> tuple[Sampled, ...]:
    """Turn what is known into samples. Pure."""
    return (
        *_backups(seen),
        *_recovery_point(seen),
        *_verifications(seen),
        *_drills(seen),
        *_jobs(seen),
        *_calendar(seen),
        *_alert_path(seen),
    )


def _backups(seen: Evidence) -> Iterator[Sampled]:
    there = {backup.id for backup in seen.backups or () if backup.state == "complete"}
    newest: dict[str, dict[str, Any]] = {}
    for record in seen.backup_runs:
        if record.body.get("outcome") == "passed" and record.id in there:
            newest.setdefault(str(record.body["type"]), record.body)
    times: Values = {(t,): clock.from_rfc3339(body["finished_at"]).timestamp() for t, body in newest.items()}
    for backup in seen.backups or ():
        # Taken without this store: its manifest still says that it is there, and how large.
        if backup.state == "complete" and backup.at and (backup.type,) not in times:
            times[backup.type,] = backup.at.timestamp()
    yield metrics.BACKUP_LAST_SUCCESS, times
    yield metrics.BACKUP_SIZE, {(t,): float(body["bytes"]) for t, body in newest.items()}
    yield metrics.BACKUP_DURATION, {(t,): float(body["duration_seconds"]) for t, body in newest.items()}


def _recovery_point(seen: Evidence) -> Iterator[Sampled]:
    points = [
        backup.recovery_point
        for backup in seen.backups or ()
        if backup.state == "complete" and backup.recovery_point and seen.verdicts.get(backup.id) != "failed"
    ]
    if not points:
        return
    newest = max(points).timestamp()
    yield metrics.RECOVERY_POINT, {(): newest}
    ages: Values = {("local",): max(0.0, seen.now.timestamp() - newest)}
    if seen.captured is not None:
        ages["primary",] = max(0.0, seen.now.timestamp() - max(newest, seen.captured.timestamp()))
    yield metrics.RPO_SECONDS, ages


def _verifications(seen: Evidence) -> Iterator[Sampled]:
    told = [record.body for record in seen.verifications if record.body.get("outcome") in {"passed", "failed"}]
    passed = [body for body in told if body["outcome"] == "passed"]
    if told:
        yield metrics.VERIFICATION_SUCCESS, {(): float(told[0]["outcome"] == "passed")}
    if passed:
        yield metrics.BACKUP_VERIFIED, {(): clock.from_rfc3339(passed[0]["at"]).timestamp()}
        if passed[0].get("restore_seconds") is not None:
            yield metrics.RESTORE_SECONDS, {(): float(passed[0]["restore_seconds"])}


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
