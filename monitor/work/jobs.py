"""What ``monitor work`` does by itself: ``plan`` picks from this list what the catalogue and the settings ask for.

A job runs in a thread of its own, with its own handle on the store. It returns how it went; what it raises failed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from monitor import drills
from monitor.backup import full, offsite, retention
from monitor.backup.opening import open_store
from monitor.backup.progress import Progress
from monitor.backup.verifying.run import verify
from monitor.catalogue.model import Catalogue, DrillPlan, Recovery
from monitor.clock import from_rfc3339, now
from monitor.compliance.sealing import seal_missing
from monitor.compliance.standing import calendar_standing
from monitor.errors import MonitorError
from monitor.settings import Settings
from monitor.sources.prometheus import connect
from monitor.sources.second_channel import open_channel
from monitor.store import Store
from monitor.store_history import SloHistory
from monitor.work import alarm, heartbeat, monthly
from monitor.work.lookout import Lookout
from monitor.work.schedule import Crontab, Every, Schedule

Outcome = Literal["passed", "failed", "aborted", "unknown"]

SEALING_TIMEOUT_S = 60.0
"""The first run may read more than a year of samples."""


class Stopping(Exception):  # noqa: N818  # reads as the sentence it is
    """The process is asked to end, so the job gives up at a place where nothing is half-written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a job works with. ``stop`` is set when the process is asked to end."""

    settings: Settings
    catalogue: Catalogue
    store: Store
    stop: threading.Event = field(default_factory=threading.Event)
    lookout: Lookout = field(default_factory=Lookout)

    @property
    def recovery(self) -> Recovery:
        """The catalogue's recovery promises; jobs that need them are not planned without."""
        assert self.catalogue.recovery is not None, "plan() leaves out what the catalogue does not ask for"
        return self.catalogue.recovery

    def progress(self, _: Progress) -> None:
        """Give long work a place to stop at, as ``pause``."""
        self.pause()

    def pause(self) -> None:
        """Give long work a place to stop at.

        Raises:
            Stopping: the process is asked to end.
        """
        if self.stop.is_set():
            raise Stopping("the process was asked to end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a run of a job went; ``reason`` is one sentence, empty where there is nothing to say."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing to be done again and again.

    ``last_success`` reads when its purpose was last achieved, by whomever. ``possible`` tells whether it makes sense to
    try when the process starts. ``then`` names jobs that may have become due by its success. Without ``history`` only
    the newest run of each outcome is kept.
    """

    name: str
    schedule: Schedule
    run: Callable[[Bench], Done]
    last_success: Callable[[Bench], datetime | None]
    possible: Callable[[Bench], bool] = lambda _: True
    then: tuple[str, ...] = ()
    retry_after: timedelta | None = None
    history: bool = True


def plan(settings: Settings, catalogue: Catalogue) -> tuple[Job, ...]:
    """Return the jobs that hold here. Whether their schedules can be read is seen when each is scheduled."""
    jobs: list[Job] = [UPKEEP]
    if catalogue.recovery is not None:
        jobs += [_backup(catalogue.recovery), _verification(catalogue.recovery)]
        if settings.offsite_store:
            jobs.append(OFFSITE_COPY)
    zone = catalogue.recovery.time_zone if catalogue.recovery else "UTC"
    if catalogue.slos:
        jobs += [_sealing(zone), _monthly_report(zone)]
    if any(slo.window.calendar for slo in catalogue.slos):
        jobs.append(CALENDAR_WINDOWS)
    if settings.heartbeat_url_file is not None:
        jobs.append(_heartbeat(settings))
    if settings.second_channel_file is not None:
        jobs.append(_alert_path(settings))
    if catalogue.environment.armed:
        jobs += [_drill(drill, zone) for drill in catalogue.drills if drill.schedule]
    return tuple(jobs)


def _backup(recovery: Recovery) -> Job:
    return Job(
        name="backup",
        schedule=Every(span=recovery.full_backup_every),
        run=_run_backup,
        last_success=_newest_backup,
        then=("verification",),
        retry_after=timedelta(minutes=1),
    )


def _run_backup(bench: Bench) -> Done:
    recovery, settings = bench.recovery, bench.settings
    try:
        taken = full.take(settings, store=bench.store, progress=bench.progress, locked_for=recovery.locked_for)
        if taken.outcome != "passed":
            return Done(outcome=taken.outcome, reason=taken.reason)
        if not open_store(settings).may_delete and settings.backup_prune_credentials_file is None:
            # Another machine prunes then: this one only writes.
            return Done(outcome="passed")
        gone = retention.prune(open_store(settings, pruning=True), retention.policy_of(recovery), store=bench.store)
        return Done(outcome="passed", reason=f"{len(gone)} old backups deleted" if gone else "")
    finally:
        bench.lookout.forget()


def _run_offsite_copy(bench: Bench) -> Done:
    target = open_store(bench.settings.offsite, locked_for=bench.recovery.locked_for)
    done = offsite.copy(open_store(bench.settings), target, progress=bench.progress)
    if done.left_out:
        first, why = next(iter(done.left_out.items()))
        return Done(outcome="failed", reason=f"{len(done.left_out)} backups were not copied; {first}: {why}")
    return Done(outcome="passed", reason=f"{done.objects} objects copied" if done.objects else "")


OFFSITE_COPY = Job(
    name="offsite-copy",
    # As often as slices are written: the copy is what is left when the primary site is lost.
    schedule=Every(span=timedelta(minutes=1)),
    run=_run_offsite_copy,
    last_success=lambda bench: _last_passed(bench, "offsite-copy"),
    history=False,
)


def _newest_backup(bench: Bench) -> datetime | None:
    known = [
        backup.at for backup in bench.lookout.backups(bench.settings) or () if backup.state == "complete" and backup.at
    ]
    return max(known, default=None)


def _verification(recovery: Recovery) -> Job:
    return Job(
        name="verification",
        schedule=Every(span=recovery.verify_every),
        run=_run_verification,
        last_success=_newest_verification,
        possible=lambda bench: _newest_backup(bench) is not None,
        # No retry: a backup that was found faulty stays so. It is told; the next one is verified in its turn.
    )


def _run_verification(bench: Bench) -> Done:
    found = verify(bench.settings, recovery=bench.recovery, store=bench.store, progress=bench.progress)
    faults = "; ".join(str(fault) for fault in found.faults[:3])
    return Done(outcome=found.outcome, reason=faults or found.reason)


def _newest_verification(bench: Bench) -> datetime | None:
    passed = [r.body for r in bench.store.records("verification") if r.body.get("outcome") == "passed"]
    return max((from_rfc3339(body["at"]) for body in passed), default=None)


def _sealing(time_zone: str) -> Job:
    return Job(
        name="slo-sealing",
        # Shortly after midnight, for a day is read until ten minutes after it has ended; and each hour after that, when
        # there is nothing to do but where Prometheus was away.
        schedule=Crontab(text="15 * * * *", time_zone=time_zone),
        run=_run_sealing,
        last_success=lambda bench: _last_passed(bench, "slo-sealing"),
        possible=_prometheus_answers,
        retry_after=timedelta(minutes=15),
        history=False,
    )


def _prometheus_answers(bench: Bench) -> bool:
    """Whether Prometheus is up: a stack that starts has it later than us, and that is no failure."""
    try:
        with connect(bench.settings, timeout_s=3) as prometheus:
            prometheus.instant("vector(1)")
    except MonitorError:
        return False
    return True


def _run_sealing(bench: Bench) -> Done:
    with connect(bench.settings, timeout_s=SEALING_TIMEOUT_S) as prometheus:
        sealed = seal_missing(prometheus, bench.store, bench.catalogue, now(), bench.pause)
    return Done(outcome="passed", reason=f"{sealed} days sealed" if sealed else "nothing to seal")


def _run_calendar_windows(bench: Bench) -> Done:
    history = SloHistory(bench.store)
    with connect(bench.settings) as prometheus:
        for slo in bench.catalogue.slos:
            bench.pause()
            standing = calendar_standing(prometheus, history, bench.catalogue, slo, now())
            if standing is not None:
                bench.store.put("calendar", slo.name, standing.to_json())
    return Done(outcome="passed")


CALENDAR_WINDOWS = Job(
    name="calendar-windows",
    schedule=Every(span=timedelta(minutes=1)),
    run=_run_calendar_windows,
    last_success=lambda bench: _last_passed(bench, "calendar-windows"),
    possible=_prometheus_answers,
    history=False,
)


def _monthly_report(time_zone: str) -> Job:
    return Job(
        name="monthly-report",
        # Not at midnight: what the last minutes of the month recorded must be there.
        schedule=Crontab(text="15 3 1 * *", time_zone=time_zone),
        run=_run_monthly_report,
        last_success=lambda bench: _last_passed(bench, "monthly-report"),
        # The month before the first start was not watched: there is nothing to report on.
        possible=lambda bench: _last_passed(bench, "monthly-report") is not None,
        retry_after=timedelta(minutes=15),
    )


def _run_monthly_report(bench: Bench) -> Done:
    return Done(outcome="passed", reason=monthly.write(bench.settings, bench.catalogue, bench.store))


def _drill(drill: DrillPlan, time_zone: str) -> Job:
    name = f"drill-{drill.name}"
    return Job(
        name=name,
        schedule=Crontab(text=drill.schedule, time_zone=time_zone),
        run=lambda bench: _run_drill(bench, drill.name),
        last_success=lambda bench: _last_passed(bench, name),
        # A breaking drill that was missed is not made up for at some other time of day.
        possible=lambda _: False,
    )


def _run_drill(bench: Bench, name: str) -> Done:
    journal = drills.run(name, bench.settings, bench.catalogue, bench.store, stop=bench.stop)
    return Done(outcome=journal.outcome, reason=journal.reason)


def _last_passed(bench: Bench, name: str) -> datetime | None:
    found = bench.store.newest_job(name, "passed")
    return None if found is None else found.at


def _run_heartbeat(bench: Bench) -> Done:
    reason = heartbeat.beat(bench.settings, bench.store)
    return Done(outcome="failed" if reason else "passed", reason=reason)


def _heartbeat(settings: Settings) -> Job:
    return Job(
        name="heartbeat",
        # Never rarer than each minute: whoever waits for it counts on that.
        schedule=Every(span=min(timedelta(minutes=1), alarm.limits_of(settings).dead)),
        run=_run_heartbeat,
        last_success=lambda bench: _last_passed(bench, "heartbeat"),
        history=False,
    )


def _alert_path(settings: Settings) -> Job:
    return Job(
        name="alert-path",
        schedule=Every(span=alarm.limits_of(settings).look_every),
        run=_run_alert_path,
        last_success=lambda bench: _last_passed(bench, "alert-path"),
        history=False,
    )


def _run_alert_path(bench: Bench) -> Done:
    """Passed means looked, and told whoever had to be: a broken way is what this job is for, not its failure."""
    watched = alarm.watch(bench.settings, bench.catalogue, bench.store, open_channel(bench.settings))
    if watched.untold:
        return Done(outcome="failed", reason=watched.untold)
    return Done(outcome="passed", reason=f"alerts do not arrive: {watched.broken}" if watched.broken else "")


def _run_upkeep(bench: Bench) -> Done:
    gone = bench.store.prune(now())
    return Done(outcome="passed", reason=f"{gone} old records deleted" if gone else "")


UPKEEP = Job(
    name="store-upkeep",
    schedule=Every(span=timedelta(days=1)),
    run=_run_upkeep,
    last_success=lambda bench: _last_passed(bench, "store-upkeep"),
    retry_after=timedelta(minutes=15),
    history=False,
)
