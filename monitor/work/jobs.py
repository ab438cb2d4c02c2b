"""What ``monitor work`` does by itself: ``plan`` picks from this list what the catalogue and the settings ask for.

A job runs in a thread of its own, with its own handle on the store. It returns how it went; what it raises failed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor import drills
from monitor.backup.verifying.run import verify
from monitor.catalogue.model import Catalogue, DrillPlan, Recovery
from monitor.clock import credible, from_rfc3339, now
from monitor.compliance.sealing import seal_missing
from monitor.compliance.standing import calendar_standing
from monitor.errors import MonitorError
from monitor.settings import Settings
from monitor.sources.prometheus import connect
from monitor.sources.second_channel import open_channel
from monitor.store_history import SloHistory
from monitor.store_upkeep import prune
from monitor.work import alarm, heartbeat, monthly
from monitor.work.backups import jobs_of, newest_backup
from monitor.work.job import Bench, Done, Job, last_passed
from monitor.work.schedule import Crontab, Every

EXACT_PROOF = "exact-proof"
SEALING_TIMEOUT_S = 60.0
"""The first run may read more than a year of samples."""


def plan(settings: Settings, catalogue: Catalogue) -> tuple[Job, ...]:
    """Return the jobs that hold here. Whether their schedules can be read is seen when each is scheduled."""
    jobs: list[Job] = [UPKEEP]
    if catalogue.recovery is not None:
        jobs += jobs_of(settings, catalogue.recovery)
        jobs += [_verification(catalogue.recovery), _exact_proof(catalogue.recovery)]
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


def _verification(recovery: Recovery) -> Job:
    return Job(
        name="verification",
        schedule=Every(span=recovery.verify_every),
        run=_run_verification,
        last_success=_newest_verification,
        possible=lambda bench: newest_backup(bench) is not None,
        # No retry: a backup that was found faulty stays so. It is told; the next one is verified in its turn.
    )


def _run_verification(bench: Bench) -> Done:
    return _verified(bench, by_chance=True)


def _exact_proof(recovery: Recovery) -> Job:
    """At night: it reads the whole live source once more."""
    return Job(
        name=EXACT_PROOF,
        schedule=Crontab(text="30 3 * * *", time_zone=recovery.time_zone),
        run=lambda bench: _verified(bench, against_source=True),
        last_success=lambda bench: last_passed(bench, EXACT_PROOF),
        possible=lambda _: False,
    )


def _verified(bench: Bench, *, by_chance: bool = False, against_source: bool = False) -> Done:
    found = verify(
        bench.settings,
        by_chance=by_chance,
        against_source=against_source,
        recovery=bench.recovery,
        store=bench.store,
        progress=bench.progress,
    )
    faults = "; ".join(str(fault) for fault in found.faults[:3])
    return Done(outcome=found.outcome, reason=faults or found.reason)


def _newest_verification(bench: Bench) -> datetime | None:
    passed = [r.body for r in bench.store.records("verification") if r.body.get("outcome") == "passed"]
    known = (credible(from_rfc3339(body["at"]), now()) for body in passed)
    return max((at for at in known if at is not None), default=None)


def _sealing(time_zone: str) -> Job:
    return Job(
        name="slo-sealing",
        # Shortly after midnight, for a day is read until ten minutes after it has ended; and each hour after that, when
        # there is nothing to do but where Prometheus was away.
        schedule=Crontab(text="15 * * * *", time_zone=time_zone),
        run=_run_sealing,
        last_success=lambda bench: last_passed(bench, "slo-sealing"),
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
    last_success=lambda bench: last_passed(bench, "calendar-windows"),
    possible=_prometheus_answers,
    history=False,
)


def _monthly_report(time_zone: str) -> Job:
    return Job(
        name="monthly-report",
        # Not at midnight: what the last minutes of the month recorded must be there.
        schedule=Crontab(text="15 3 1 * *", time_zone=time_zone),
        run=_run_monthly_report,
        last_success=lambda bench: last_passed(bench, "monthly-report"),
        # The month before the first start was not watched: there is nothing to report on.
        possible=lambda bench: last_passed(bench, "monthly-report") is not None,
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
        last_success=lambda bench: last_passed(bench, name),
        # A breaking drill that was missed is not made up for at some other time of day.
        possible=lambda _: False,
    )


def _run_drill(bench: Bench, name: str) -> Done:
    journal = drills.run(name, bench.settings, bench.catalogue, bench.store, stop=bench.stop)
    return Done(outcome=journal.outcome, reason=journal.reason)


def _run_heartbeat(bench: Bench) -> Done:
    reason = heartbeat.beat(bench.settings, bench.store)
    return Done(outcome="failed" if reason else "passed", reason=reason)


def _heartbeat(settings: Settings) -> Job:
    return Job(
        name="heartbeat",
        # Never rarer than each minute: whoever waits for it counts on that.
        schedule=Every(span=min(timedelta(minutes=1), alarm.limits_of(settings).dead)),
        run=_run_heartbeat,
        last_success=lambda bench: last_passed(bench, "heartbeat"),
        history=False,
    )


def _alert_path(settings: Settings) -> Job:
    return Job(
        name="alert-path",
        schedule=Every(span=alarm.limits_of(settings).look_every),
        run=_run_alert_path,
        last_success=lambda bench: last_passed(bench, "alert-path"),
        history=False,
    )


def _run_alert_path(bench: Bench) -> Done:
    """Passed means looked, and told whoever had to be: a broken way is what this job is for, not its failure."""
    watched = alarm.watch(bench.settings, bench.catalogue, bench.store, open_channel(bench.settings))
    if watched.untold:
        return Done(outcome="failed", reason=watched.untold)
    return Done(outcome="passed", reason=f"alerts do not arrive: {watched.broken}" if watched.broken else "")


def _run_upkeep(bench: Bench) -> Done:
    gone = prune(bench.store, now())
    return Done(outcome="passed", reason=f"{gone} old records deleted" if gone else "")


UPKEEP = Job(
    name="store-upkeep",
    schedule=Every(span=timedelta(days=1)),
    run=_run_upkeep,
    last_success=lambda bench: last_passed(bench, "store-upkeep"),
    retry_after=timedelta(minutes=15),
    history=False,
)
