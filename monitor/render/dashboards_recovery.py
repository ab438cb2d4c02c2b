"""The board of backups, restores and drills: could we come back, to when, and how fast? Pure."""

from __future__ import annotations

from decimal import Decimal

from monitor.catalogue import durations
from monitor.catalogue.model import Catalogue, Recovery
from monitor.render.dashboards_model import BAD, GOOD, NEUTRAL, WARN, Board, Panel, Query, Section, above, below
from monitor.render.links import RECOVERY_DASHBOARD

FIRST_DRILL = "first_drill"
FIRST_VERIFICATION = "first_verification"
FIRST_BACKUP = "first_backup"
NO_DRILL = "no drill has run yet"
NO_VERIFICATION = "no restore has been verified yet"
NO_BACKUP = "no backup has been taken yet"


def recovery_board(catalogue: Catalogue) -> Board:
    """Make the board; limits are the RPO, the RTO, and the drills' own targets."""
    recovery = catalogue.recovery
    return Board(
        uid=RECOVERY_DASHBOARD,
        title="Backups and disaster recovery",
        text="If the databases were lost now: how much would be gone, and how long would it take to come back?",
        span="now-24h",
        sections=(
            Section(title="If it happened now", panels=_now(recovery)),
            Section(title="Backups", panels=_backups(recovery)),
            Section(title="Restores, proven", panels=_restores(recovery)),
            Section(title="Drills", panels=_drills(catalogue)),
        ),
    )


def _promised(recovery: Recovery | None, name: str) -> str:
    return "" if recovery is None else f" ({durations.text(getattr(recovery, name))} is promised)"


def _seconds(recovery: Recovery | None, name: str) -> float | None:
    return None if recovery is None else getattr(recovery, name).total_seconds()


def _limit(limit: float | None) -> tuple[tuple[float | None, str], ...]:
    return ((None, NEUTRAL),) if limit is None else below(limit)


def _now(recovery: Recovery | None) -> tuple[Panel, ...]:
    return (
        Panel(
            title="How much would be lost?",
            text=(
                "Age of the newest recovery point: what would be lost if the databases were lost now. Good is "
                f"below the RPO{_promised(recovery, 'rpo')}. Above it, take a backup now and see why the last one "
                "failed."
            ),
            kind="stat",
            unit="s",
            width=6,
            height=4,
            queries=(Query(expr="time() - max(dr_recovery_point_timestamp_seconds)", name="would be lost"),),
            steps=_limit(_seconds(recovery, "rpo")),
            alert="RecoveryPointTooOld",
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="How long does a restore take?",
            text=(
                "Time of the newest verified restore into an empty server. Good is far below the "
                f"RTO{_promised(recovery, 'rto')}: noticing, deciding and switching over come on top of it."
            ),
            kind="stat",
            unit="s",
            width=6,
            height=4,
            queries=(Query(expr="max(dr_restore_seconds)", name="restore"),),
            steps=_limit(_seconds(recovery, "rto")),
            alert="RestoreVerificationFailed",
            empty_until=FIRST_VERIFICATION,
            nothing=NO_VERIFICATION,
        ),
        Panel(
            title="Did the newest verification pass?",
            text=(
                "Whether the newest backup that was restored matched what was backed up. Good is yes. No means that "
                "there is no backup to rely on: keep older ones, and follow the runbook now."
            ),
            kind="stat",
            unit="none",
            width=6,
            height=4,
            queries=(Query(expr="max(dr_backup_verification_success)", name="verified"),),
            steps=above(1),
            says={"1": "yes", "0": "no"},
            alert="RestoreVerificationFailed",
            empty_until=FIRST_VERIFICATION,
            nothing=NO_VERIFICATION,
        ),
        Panel(
            title="Is a scheduled job overdue?",
            text=(
                "Jobs of the monitor (backup, verification, report) that should have run by now and have not. Good is "
                "zero. Otherwise see the log of the work process and its last error."
            ),
            kind="stat",
            unit="none",
            width=6,
            height=4,
            queries=(Query(expr="sum(monitor_job_overdue)", name="overdue"),),
            steps=below(1),
            alert="JobOverdue",
        ),
    )


def _backups(recovery: Recovery | None) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Was there always a recent recovery point?",
            text=(
                "Age of the newest recovery point over time: a saw whose teeth end at each backup. Good is always "
                "below the RPO (the line); a tooth that is twice as high is a backup that failed."
            ),
            kind="graph",
            unit="s",
            width=12,
            queries=(Query(expr="max by (copy) (dr_rpo_seconds)", name="{{copy}} copy"),),
            steps=_limit(_seconds(recovery, "rpo")),
            draw_thresholds=True,
            minimum=0,
            alert="RecoveryPointTooOld",
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="How old is the newest backup?",
            text=(
                "Time since the newest complete backup, by type. Good is below its interval; twice that means that "
                "one was missed. `monitor backup run` takes one at once."
            ),
            kind="graph",
            unit="s",
            width=12,
            queries=(Query(expr="time() - max by (type) (dr_backup_last_success_timestamp_seconds)", name="{{type}}"),),
            steps=_twice(_seconds(recovery, "full_backup_every")),
            draw_thresholds=True,
            minimum=0,
            alert="BackupTooOld",
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="How large are backups?",
            text=(
                "Size on disk of the newest complete backup. Good is slow growth. A sudden fall is a backup of less "
                "than everything: verify it at once. Make room before the disk is full."
            ),
            kind="graph",
            unit="bytes",
            width=12,
            queries=(Query(expr="max by (type) (dr_backup_size_bytes)", name="{{type}}"),),
            minimum=0,
            alert="BackupTooOld",
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="How long do backups take?",
            text=(
                "Duration of the newest complete backup. Good is a small part of its interval; if it comes near, "
                "backups run into each other and the recovery point ages."
            ),
            kind="graph",
            unit="s",
            width=12,
            queries=(Query(expr="max by (type) (dr_backup_duration_seconds)", name="{{type}}"),),
            steps=_limit(_seconds(recovery, "full_backup_every")),
            minimum=0,
            alert="BackupTooOld",
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
    )


def _restores(recovery: Recovery | None) -> tuple[Panel, ...]:
    return (
        Panel(
            title="When was a restore last proven?",
            text=(
                "Time since a backup was last restored into a real server and compared. Good is below the interval of "
                "verifications; a backup that was never restored is not a backup."
            ),
            kind="graph",
            unit="s",
            width=12,
            queries=(Query(expr="time() - max(dr_backup_verified_timestamp_seconds)", name="since"),),
            steps=_twice(_seconds(recovery, "verify_every")),
            draw_thresholds=True,
            minimum=0,
            alert="RestoreVerificationFailed",
            empty_until=FIRST_VERIFICATION,
            nothing=NO_VERIFICATION,
        ),
        Panel(
            title="Does restoring get slower?",
            text=(
                "Time that verified restores took. Good is far below the RTO. It grows with the data: plan before it "
                "takes half of the RTO, for people need the other half."
            ),
            kind="graph",
            unit="s",
            width=12,
            queries=(Query(expr="max(dr_restore_seconds)", name="restore"),),
            steps=_limit(_seconds(recovery, "rto")),
            minimum=0,
            alert="RestoreVerificationFailed",
            empty_until=FIRST_VERIFICATION,
            nothing=NO_VERIFICATION,
        ),
    )


def _drills(catalogue: Catalogue) -> tuple[Panel, ...]:
    def panel(title: str, text: str, unit: str, expr: str, steps: tuple[tuple[float | None, str], ...]) -> Panel:
        return Panel(
            title=title,
            text=text,
            kind="bars",
            unit=unit,
            width=6,
            height=7,
            queries=(Query(expr=expr, name="{{drill}}"),),
            steps=steps,
            minimum=0,
            empty_until=FIRST_DRILL,
            nothing=NO_DRILL,
        )

    return (
        Panel(
            title="How did the newest drills end?",
            text=(
                "Result of the newest run of each drill, and when one last passed. Good is passed, not long ago. A "
                "failed drill is a promise that would have been broken: read its journal (`monitor drill history`)."
            ),
            kind="table",
            unit="none",
            width=24,
            height=5,
            queries=(
                Query(expr="max by (drill) (dr_drill_result)"),
                Query(expr="time() - max by (drill) (dr_drill_last_success_timestamp_seconds > 0)"),
            ),
            columns={"drill": "Drill", "Value #A": "Passed (1) or failed (0)", "Value #B": "Last passed, ago"},
            column_units={"Last passed, ago": "s"},
            empty_until=FIRST_DRILL,
            nothing=NO_DRILL,
        ),
        panel(
            "How long were writes away?",
            "Seconds from the fault to the first acknowledged write, in the newest run of each drill. Good is below "
            "the drill's target. Above it, look at the election and the client's timeouts.",
            "s",
            "max by (drill) (dr_failover_seconds)",
            _target(catalogue, "failover_seconds"),
        ),
        panel(
            "How soon was it noticed?",
            "Seconds from the fault until it could be seen, in the newest run of each drill. Good is a few scrape "
            "intervals; more means that an alert would come late.",
            "s",
            "max by (drill) (dr_detection_seconds)",
            _target(catalogue, "detection_seconds"),
        ),
        panel(
            "Was anything lost that was acknowledged?",
            "Bookings that a patient was told of and that were gone afterwards, in the newest run. Good is zero, "
            "always. Anything else: stop, keep the data, and read the drill's journal.",
            "none",
            "max by (drill) (dr_acknowledged_writes_lost)",
            below(1),
        ),
        panel(
            "Is a drill running now?",
            "Drills that are running (1). While one runs, faults are made on purpose: alerts of that time belong to "
            "it. Good is zero outside of the announced times.",
            "none",
            "max by (drill) (dr_drill_running)",
            ((None, GOOD), (1.0, WARN)),
        ),
    )


def _twice(interval: float | None) -> tuple[tuple[float | None, str], ...]:
    """Beyond one interval something is late, beyond two it was missed."""
    return ((None, NEUTRAL),) if interval is None else ((None, GOOD), (interval, WARN), (2 * interval, BAD))


def _target(catalogue: Catalogue, name: str) -> tuple[tuple[float | None, str], ...]:
    """The strictest target that any drill sets for a measurement."""
    limits: list[Decimal] = [plan.targets[name] for plan in catalogue.drills if name in plan.targets]
    return below(float(min(limits))) if limits else ((None, NEUTRAL),)
