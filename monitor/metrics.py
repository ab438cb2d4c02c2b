"""Every metric of ``monitor serve`` and ``monitor work``, declared once; ``python -m monitor --metrics`` prints them.

Times are Unix seconds. What is not known (no backup yet, no drill yet) has no sample: never 0, never -1.
"""

from __future__ import annotations

from telemetry import own
from telemetry.metric import Metric

# --- both processes

BUILD_INFO = Metric(
    name="monitor_build_info", type="gauge", help="Always 1; which version of the monitor runs.", labels=("version",)
)

PROCESS_START = Metric(
    name="process_start_time_seconds", type="gauge", help="When this process began to serve.", unit="seconds"
)

# --- monitor serve

ALERTS_RECEIVED = Metric(
    name="monitor_alerts_received_total",
    type="counter",
    help="Alerts that Alertmanager delivered, repeats included: firing, resolved, or refused for what they carry.",
    labels=("status",),
)
ALERT_NOTIFICATIONS = Metric(
    name="monitor_alert_notifications_total",
    type="counter",
    help="Notifications of Alertmanager, by what became of them (accepted, partial: without some alerts, refused).",
    labels=("outcome",),
)
ALERTS_ACTIVE = Metric(
    name="monitor_alerts_active",
    type="gauge",
    help="Alerts that were received as firing and not yet as resolved.",
    labels=("severity",),
)
WATCHDOG_LAST_SEEN = Metric(
    name="monitor_watchdog_last_seen_timestamp_seconds",
    type="gauge",
    help="When the always-firing Watchdog last arrived: Prometheus, Alertmanager and this receiver were alive then.",
    unit="seconds",
)
WATCHDOG_LATENCY = Metric(
    name="monitor_watchdog_latency_seconds",
    type="gauge",
    help="Age of the rule evaluation that the newest Watchdog notification carried when it arrived.",
    unit="seconds",
)
ACKNOWLEDGE_SECONDS = Metric(
    name="monitor_alert_acknowledge_seconds",
    type="gauge",
    help="Time until somebody answered an alert, of those of the last 30 days that were answered; drills left out.",
    unit="seconds",
    labels=("severity", "quantile"),
)
ACTED_ON = Metric(
    name="monitor_alert_acted_on_ratio",
    type="gauge",
    help="Share of the alerts received in the last 30 days that somebody acknowledged, noted or silenced: precision.",
    unit="ratio",
    labels=("severity",),
)
SILENCED = Metric(
    name="monitor_alert_silenced_ratio",
    type="gauge",
    help="Share of the alerts of the last 30 days that were silenced, those that never arrived for that included.",
    unit="ratio",
    labels=("severity",),
)
HTTP_REQUEST_DURATION = Metric(
    name="http_server_request_duration_seconds",
    type="histogram",
    help="Duration of HTTP requests served.",
    unit="seconds",
    labels=("http_request_method", "http_route", "http_response_status_code"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0),
)

# --- monitor work: backups

BACKUP_LAST_SUCCESS = Metric(
    name="dr_backup_last_success_timestamp_seconds",
    type="gauge",
    help="When the newest complete backup of this type (full, redis, configuration, set) was finished.",
    unit="seconds",
    labels=("type",),
)
BACKUP_SIZE = Metric(
    name="dr_backup_size_bytes",
    type="gauge",
    help="Size on disk of the newest complete backup of this type.",
    unit="bytes",
    labels=("type",),
)
BACKUP_SIZE_RATIO = Metric(
    name="dr_backup_size_ratio",
    type="gauge",
    help="Size of the newest complete backup against the median of the seven before it, where those are over 1 MiB.",
    unit="ratio",
    labels=("type",),
)
BACKUP_DURATION = Metric(
    name="dr_backup_duration_seconds",
    type="gauge",
    help="How long the newest complete backup of this type took.",
    unit="seconds",
    labels=("type",),
)
BACKUP_VERIFIED = Metric(
    name="dr_backup_verified_timestamp_seconds",
    type="gauge",
    help="When a backup was last restored into a scratch server and found equal to what was backed up.",
    unit="seconds",
)
VERIFICATION_SUCCESS = Metric(
    name="dr_backup_verification_success",
    type="gauge",
    help="Whether the newest verification that came to a verdict passed (1) or found a fault (0).",
)
RESTORE_SECONDS = Metric(
    name="dr_restore_seconds",
    type="gauge",
    help="How long the newest passed verification took to restore its backup.",
    unit="seconds",
)
RESTORE_PREDICTED = Metric(
    name="dr_restore_predicted_seconds",
    type="gauge",
    help="How long a restore of production would take, from the speeds that the newest verification measured.",
    unit="seconds",
)
RECOVERY_POINT = Metric(
    name="dr_recovery_point_timestamp_seconds",
    type="gauge",
    help="The newest instant that outlives the primary site: of the offsite copy where there is one, else local.",
    unit="seconds",
)
RPO_SECONDS = Metric(
    name="dr_rpo_seconds",
    type="gauge",
    help="Age of the newest recovery point in a copy (local, offsite): what would be lost if nothing else were left.",
    unit="seconds",
    labels=("copy",),
)
OFFSITE_CONFIGURED = Metric(
    name="dr_offsite_configured",
    type="gauge",
    help="1 where backups are copied to another place, which then is what outlives the primary site; 0 where none is.",
)
OFFSITE_LAG = Metric(
    name="dr_offsite_lag_seconds",
    type="gauge",
    help="How far the newest recovery point of the offsite copy is behind the local one.",
    unit="seconds",
)
OPLOG_CAPTURED = Metric(
    name="dr_oplog_captured_timestamp_seconds",
    type="gauge",
    help="The newest instant of the oplog that was captured.",
    unit="seconds",
)
OPLOG_WINDOW = Metric(
    name="dr_oplog_window_seconds",
    type="gauge",
    help="How long the oplog has been captured without a gap: every second of it can be restored from a backup in it.",
    unit="seconds",
)
OPLOG_GAPS = Metric(
    name="dr_oplog_gaps_total",
    type="counter",
    help="How often the captured oplog had to begin anew, by why: gap, damaged, put_back, restored.",
    labels=("reason",),
)
ERASURES = Metric(
    name="dr_erasures",
    type="gauge",
    help="Entries in the list of those who asked to be forgotten, as this monitor remembers it.",
)

# --- monitor work: drills

DRILL_LAST_SUCCESS = Metric(
    name="dr_drill_last_success_timestamp_seconds",
    type="gauge",
    help="When the drill was last passed.",
    unit="seconds",
    labels=("drill",),
)
DRILL_RESULT = Metric(
    name="dr_drill_result",
    type="gauge",
    help="Whether the newest run of the drill that came to a verdict passed (1) or failed (0).",
    labels=("drill",),
)
DRILL_RUNNING = Metric(
    name="dr_drill_running", type="gauge", help="Whether the drill is running now (1) or not (0).", labels=("drill",)
)
FAILOVER_SECONDS = Metric(
    name="dr_failover_seconds",
    type="gauge",
    help="From the fault to a new primary, as measured by the newest run of the drill that got that far.",
    unit="seconds",
    labels=("drill",),
)
DETECTION_SECONDS = Metric(
    name="dr_detection_seconds",
    type="gauge",
    help="From the fault to the first alert about it that was received, as measured by the newest such run.",
    unit="seconds",
    labels=("drill",),
)
WRITES_LOST = Metric(
    name="dr_acknowledged_writes_lost",
    type="gauge",
    help="Bookings that were acknowledged to a patient and not found afterwards, in the newest run that looked.",
    labels=("drill",),
)

# --- monitor work: calendar windows of SLOs

CALENDAR_LABELS = ("slo", "slo_service", "window")
CALENDAR_SLI = Metric(
    name="slo_calendar_sli_ratio",
    type="gauge",
    help="Share of good events (0-1) in the SLO's current window of the calendar, corrections taken off.",
    labels=CALENDAR_LABELS,
)
CALENDAR_BUDGET = Metric(
    name="slo_calendar_error_budget_remaining_ratio",
    type="gauge",
    help="Share of the whole calendar window's error budget that is left; below 0 when overspent.",
    labels=CALENDAR_LABELS,
)
CALENDAR_COVERAGE = Metric(
    name="slo_calendar_coverage_ratio",
    type="gauge",
    help="Share (0-1) of the current calendar window, up to now, for which anything is known.",
    labels=CALENDAR_LABELS,
)

# --- monitor work: jobs

JOB_LAST_SUCCESS = Metric(
    name="monitor_job_last_success_timestamp_seconds",
    type="gauge",
    help="When the job last did what it is for.",
    unit="seconds",
    labels=("job",),
)
JOB_OVERDUE = Metric(
    name="monitor_job_overdue",
    type="gauge",
    help="Whether the job should have succeeded by now, its grace period included, and has not (1).",
    labels=("job",),
)
JOB_RUNS = Metric(
    name="monitor_job_runs_total",
    type="counter",
    help="Runs of the job since this process started, by outcome.",
    labels=("job", "outcome"),
)
JOB_DURATION = Metric(
    name="monitor_job_duration_seconds",
    type="gauge",
    help="How long the newest run of the job took.",
    unit="seconds",
    labels=("job",),
)

# --- monitor work: the way by which alerts come

ALERT_PATH_WHOLE = Metric(
    name="monitor_alert_path_whole",
    type="gauge",
    help="Whether alerts can arrive, as the newest look saw it (1), or an outage of their way is on (0); only with a "
    "second channel.",
)
CHANNEL_ADDRESSES = Metric(
    name="monitor_second_channel_addresses",
    type="gauge",
    help="Addresses that are told when alerts cannot arrive; absent where there is no second channel.",
)
CHANNEL_MESSAGE = Metric(
    name="monitor_second_channel_message_timestamp_seconds",
    type="gauge",
    help="When the second channel last took a message (sent), and when an address of it last did not (failed).",
    unit="seconds",
    labels=("outcome",),
)

METRICS = (
    BUILD_INFO,
    PROCESS_START,
    ALERTS_RECEIVED,
    ALERT_NOTIFICATIONS,
    ALERTS_ACTIVE,
    WATCHDOG_LAST_SEEN,
    WATCHDOG_LATENCY,
    ACKNOWLEDGE_SECONDS,
    ACTED_ON,
    SILENCED,
    HTTP_REQUEST_DURATION,
    BACKUP_LAST_SUCCESS,
    BACKUP_SIZE,
    BACKUP_SIZE_RATIO,
    BACKUP_DURATION,
    BACKUP_VERIFIED,
    VERIFICATION_SUCCESS,
    RESTORE_SECONDS,
    RESTORE_PREDICTED,
    RECOVERY_POINT,
    RPO_SECONDS,
    OFFSITE_CONFIGURED,
    OFFSITE_LAG,
    OPLOG_CAPTURED,
    OPLOG_WINDOW,
    OPLOG_GAPS,
    ERASURES,
    DRILL_LAST_SUCCESS,
    DRILL_RESULT,
    DRILL_RUNNING,
    FAILOVER_SECONDS,
    DETECTION_SECONDS,
    WRITES_LOST,
    CALENDAR_SLI,
    CALENDAR_BUDGET,
    CALENDAR_COVERAGE,
    JOB_LAST_SUCCESS,
    JOB_OVERDUE,
    JOB_RUNS,
    JOB_DURATION,
    ALERT_PATH_WHOLE,
    CHANNEL_ADDRESSES,
    CHANNEL_MESSAGE,
    *own.METRICS,
)
"""What ``python -m monitor --metrics`` prints."""
