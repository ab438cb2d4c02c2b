"""Backups and restores: could we come back, to when, and how fast? Pure."""

from __future__ import annotations

from monitor.catalogue import durations
from monitor.catalogue.model import Catalogue, Recovery
from monitor.render.dashboards_model import Board, Panel, Query, Said, Section, Variable
from monitor.render.dashboards_promql import within_an_hour
from monitor.render.dashboards_recovery_copies import FIRST_BACKUP, NO_BACKUP, WORKER, copies
from monitor.render.dashboards_style import (
    BAD,
    GOOD,
    NONE_WANTED_TICKET,
    PLAIN,
    USUAL_SIZE,
    WARN,
    YES,
    Steps,
    below,
)
from monitor.render.links import MONITORING_DASHBOARD, RECOVERY_DASHBOARD

FIRST_VERIFICATION = "first_verification"
NO_VERIFICATION = "no restore has been verified yet"
DAY_S = 86_400.0


def recovery_board(catalogue: Catalogue) -> Board:
    """Make the board; limits are the RPO, the RTO and the intervals that are promised."""
    recovery = catalogue.recovery
    return Board(
        uid=RECOVERY_DASHBOARD,
        title="Backups and disaster recovery",
        text="If the databases were lost now: how much would be gone, and how long would it take to come back?",
        span="now-24h",
        marks_backups=True,
        variables=(Variable(name="worker", label="Worker", metric='up{job="work"}', choice="instance"),),
        sections=(
            Section(title="If it happened now", panels=_now(recovery)),
            Section(title="Backups", panels=_backups(recovery)),
            Section(title="Restores, proven", panels=_restores(recovery)),
            Section(title="The captured oplog and the copies", panels=copies(recovery), collapsed=True),
            Section(title="How large backups are, and how long they take", panels=_sizes(recovery), collapsed=True),
            Section(title="The jobs behind it", panels=_jobs(), collapsed=True),
        ),
    )


def _promised(recovery: Recovery | None, name: str) -> str:
    return "" if recovery is None else f" ({durations.text(getattr(recovery, name))} is promised)"


def _seconds(recovery: Recovery | None, name: str) -> float | None:
    return None if recovery is None else getattr(recovery, name).total_seconds()


def _limit(limit: float | None) -> Steps:
    return PLAIN if limit is None else below(limit)


def _half(limit: float | None) -> Steps:
    """Half of an RTO is for people."""
    return PLAIN if limit is None else below(limit, warn=limit / 2)


def _now(recovery: Recovery | None) -> tuple[Panel, ...]:
    return (
        Panel(
            title="How much would be lost?",
            text=(
                "Age of the newest recovery point that outlives the primary site: of the offsite copy where there is "
                f"one. Good is below a minute or two, and by all means below the RPO{_promised(recovery, 'rpo')}. "
                "Otherwise see whether the capture or the copy stands still."
            ),
            kind="stat",
            unit="s",
            width=6,
            queries=(Query(f"time() - max(dr_recovery_point_timestamp_seconds{{{WORKER}}})", "would be lost"),),
            steps=_limit(_seconds(recovery, "rpo")),
            alerts=("RecoveryPointTooOld", "RecoveryPointLate"),
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
            queries=(Query(f"max(dr_restore_seconds{{{WORKER}}})", "restore"),),
            steps=_half(_seconds(recovery, "rto")),
            alerts=("RestoreVerificationFailed",),
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
            queries=(Query(f"max(dr_backup_verification_success{{{WORKER}}})", "verified"),),
            steps=YES,
            says=(Said(1, "yes"), Said(0, "no")),
            alerts=("RestoreVerificationFailed",),
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
            queries=(Query(f"sum(monitor_job_overdue{{{WORKER}}})", "overdue"),),
            steps=NONE_WANTED_TICKET,
            alerts=("JobOverdue",),
        ),
    )


def _backups(recovery: Recovery | None) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Was there always a recent recovery point?",
            text=(
                "Age of the newest recovery point of each copy over time: a saw whose teeth end at each capture. Good "
                "is always far below the RPO (the line); a rising edge is a capture or a copy that stands still."
            ),
            unit="s",
            queries=(Query(f"max by (copy) (dr_rpo_seconds{{{WORKER}}})", "{{copy}} copy"),),
            steps=_limit(_seconds(recovery, "rpo")),
            draw_thresholds=True,
            alerts=("RecoveryPointTooOld", "RecoveryPointLate"),
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="How old is the newest backup?",
            text=(
                "Time since the newest complete full backup. Good is below its interval; twice that means that "
                "one was missed. `monitor backup run` takes one at once."
            ),
            unit="s",
            queries=(Query(f'time() - max(dr_backup_last_success_timestamp_seconds{{{WORKER},type="full"}})', "full"),),
            steps=_twice(_seconds(recovery, "full_backup_every")),
            draw_thresholds=True,
            alerts=("BackupTooOld",),
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="How old are Redis, configuration and set?",
            text=(
                "Time since the newest snapshot of Redis, backup of the configuration, and set that ties them to one "
                "of MongoDB. Good is below a day; `monitor backup set` takes all three at once and says what fails."
            ),
            unit="s",
            queries=(
                Query(
                    f'time() - max by (type) (dr_backup_last_success_timestamp_seconds{{{WORKER},type!="full"}})',
                    "{{type}}",
                ),
            ),
            steps=_twice(DAY_S),
            draw_thresholds=True,
            alerts=("DailyBackupTooOld",),
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
    )


def _sizes(recovery: Recovery | None) -> tuple[Panel, ...]:
    return (
        Panel(
            title="How large are backups?",
            text=(
                "Size on disk of the newest complete backup. Good is slow growth. A sudden fall is a backup of less "
                "than everything: verify it at once. Make room before the disk is full."
            ),
            unit="bytes",
            queries=(Query(f"max by (type) (dr_backup_size_bytes{{{WORKER}}})", "{{type}}"),),
            alerts=("BackupSizeAnomaly",),
            empty_until=FIRST_BACKUP,
            nothing=NO_BACKUP,
        ),
        Panel(
            title="Is the newest one as large as usual?",
            text=(
                "Size of the newest full backup against the median of the seven before it. Good is near one. Half may "
                "be data that is missing, twice a program that writes without end: find out which before older ones go."
            ),
            unit="percentunit",
            queries=(Query(f'max(dr_backup_size_ratio{{{WORKER},type="full"}})', "of the usual"),),
            steps=USUAL_SIZE,
            draw_thresholds=True,
            alerts=("BackupSizeAnomaly",),
            empty_until="eighth_backup",
            nothing="there are no eight backups of more than 1 MiB yet",
        ),
        Panel(
            title="How long do backups take?",
            text=(
                "Duration of the newest complete backup. Good is a small part of its interval; if it comes near, "
                "backups run into each other and the recovery point ages."
            ),
            unit="s",
            queries=(Query(f"max by (type) (dr_backup_duration_seconds{{{WORKER}}})", "{{type}}"),),
            steps=_limit(_seconds(recovery, "full_backup_every")),
            alerts=("BackupTooOld",),
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
            unit="s",
            queries=(Query(f"time() - max(dr_backup_verified_timestamp_seconds{{{WORKER}}})", "since"),),
            steps=_twice(_seconds(recovery, "verify_every")),
            draw_thresholds=True,
            alerts=("RestoreVerificationFailed",),
            empty_until=FIRST_VERIFICATION,
            nothing=NO_VERIFICATION,
        ),
        Panel(
            title="How long would production take?",
            text=(
                "What a restore of the newest backup and a whole interval of oplog would take, from the speeds that "
                f"the newest verification measured. Good is below half of the RTO{_promised(recovery, 'rto')}: people "
                "need the other half."
            ),
            unit="s",
            queries=(Query(f"max(dr_restore_predicted_seconds{{{WORKER}}})", "predicted"),),
            steps=_half(_seconds(recovery, "rto")),
            draw_thresholds=True,
            alerts=("RestorePredictedAboveRTO",),
            empty_until=FIRST_VERIFICATION,
            nothing=NO_VERIFICATION,
        ),
        Panel(
            title="Does restoring get slower?",
            text=(
                "Time that verified restores took. Good is far below the RTO. It grows with the data: plan before it "
                "takes half of the RTO, for people need the other half."
            ),
            unit="s",
            queries=(Query(f"max(dr_restore_seconds{{{WORKER}}})", "restore"),),
            steps=_half(_seconds(recovery, "rto")),
            alerts=("RestoreVerificationFailed",),
            empty_until=FIRST_VERIFICATION,
            nothing=NO_VERIFICATION,
        ),
    )


def _jobs() -> tuple[Panel, ...]:
    jobs = 'exported_job=~"backup|set|verification|offsite-copy|erasures"'
    return (
        Panel(
            title="Do backup and verification jobs succeed?",
            text=(
                "Runs within the hour before of each job that takes care of backups, by outcome. Good is only success; "
                "a failure is tried again by itself, two in a row need you: the worker's log says why."
            ),
            unit="short",
            width=12,
            queries=(
                Query(
                    within_an_hour(f"monitor_job_runs_total{{{WORKER},{jobs}}}", "exported_job, outcome"),
                    "{{exported_job}} {{outcome}}",
                ),
            ),
            leads_to=MONITORING_DASHBOARD,
        ),
        Panel(
            title="How long do these jobs take?",
            text=(
                "Duration of the newest run of each job. Good is a small part of its interval, and growing no faster "
                "than the data does."
            ),
            unit="s",
            width=12,
            queries=(
                Query(f"max by (exported_job) (monitor_job_duration_seconds{{{WORKER},{jobs}}})", "{{exported_job}}"),
            ),
            leads_to=MONITORING_DASHBOARD,
        ),
    )


def _twice(interval: float | None) -> Steps:
    """Beyond one interval something is late, beyond two it was missed."""
    return PLAIN if interval is None else ((None, GOOD), (interval, WARN), (2 * interval, BAD))
