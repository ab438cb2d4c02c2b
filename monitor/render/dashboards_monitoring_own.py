"""What the exporters, the worker and our own processes do and cost. Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE, within_an_hour
from monitor.render.dashboards_style import SHARE_USED, YES, below, warned

JOB = 'job=~"$job"'


def exporters() -> tuple[Panel, ...]:
    """What they ask of the databases, and what that costs."""
    return (
        Panel(
            title="What is each source asked?",
            text=(
                "Commands per second that the exporters send to each source. Good is level and small beside what the "
                "apps send: watching must not be the load."
            ),
            unit="ops",
            queries=(Query(f"sum by (source) (rate(exporter_target_commands_total{{{JOB}}}[{RATE}]))", "{{source}}"),),
        ),
        Panel(
            title="How long do sources take to answer us?",
            text=(
                "Time per second spent waiting for each source. Good is a few hundredths; a source that takes longer "
                "is under load, and collectors on a slow clock then pause by themselves."
            ),
            unit="percentunit",
            queries=(
                Query(f"sum by (source) (rate(exporter_target_command_seconds_total{{{JOB}}}[{RATE}]))", "{{source}}"),
            ),
            steps=warned(0.2),
        ),
        Panel(
            title="How old are figures of slow collectors?",
            text=(
                "Age of the figures of collectors that read on a slow clock of their own. Good is a minute or two; an "
                "age that grows is a collector that paused because its source struggles."
            ),
            unit="s",
            queries=(Query(f"max by (collector) (exporter_collector_age_seconds{{{JOB}}})", "{{collector}}"),),
            steps=warned(900),
        ),
        Panel(
            title="Why do collectors fail?",
            text=(
                "Failures per second to read a source or a part of it, by reason; which collector it is stands above. "
                "Good is none; timeout is a source that is slow, auth and denied a password or a right."
            ),
            unit="ops",
            queries=(
                Query(f"sum by (reason) (rate(exporter_collector_failures_total{{{JOB}}}[{RATE}]))", "{{reason}}"),
            ),
            steps=below(0.01),
        ),
        Panel(
            title="Are series left out?",
            text=(
                "Samples per second past a family's budget, which were summed up or left out. Good is none; otherwise "
                "raise the budget knowingly, or choose fewer collections or commands."
            ),
            unit="ops",
            queries=(Query(f"sum by (family) (rate(exporter_series_dropped_total{{{JOB}}}[{RATE}]))", "{{family}}"),),
            steps=warned(0.01),
            empty_until="first_series_dropped",
            nothing="no series was left out",
        ),
        Panel(
            title="Did the exporters take their configuration?",
            text=(
                "Whether the exporters could read settings, targets and passwords anew (1). Good is 1; at 0 they go "
                "on with the old ones, and what you changed is not in effect."
            ),
            queries=(Query(f"min(exporter_config_last_reload_successful{{{JOB}}})", "loaded"),),
            steps=YES,
            maximum=1,
        ),
        Panel(
            title="Are scrapes shared?",
            width=12,
            text=(
                "Scrapes of the exporters that were run, and requests answered from one under way. Good is few "
                "shared: many mean that several Prometheus servers, or people, ask the same page at once."
            ),
            unit="ops",
            queries=(
                Query(f"sum(rate(exporter_scrapes_total{{{JOB}}}[{RATE}]))", "run"),
                Query(f"sum(rate(exporter_scrapes_shared_total{{{JOB}}}[{RATE}]))", "shared"),
            ),
        ),
        Panel(
            title="What do the exporters cost?",
            width=12,
            text=(
                "Processor time per second of the exporters; 100 % is a whole core. Good is a few hundredths; more "
                "means that many scrape the same page, or that a source has grown very large."
            ),
            unit="percentunit",
            queries=(Query(f'sum(rate(process_cpu_seconds_total{{job="exporters"}}[{RATE}]))', "processor"),),
            steps=SHARE_USED,
        ),
    )


def jobs() -> tuple[Panel, ...]:
    """What `monitor work` does."""
    return (
        Panel(
            title="When did each job last succeed?",
            text=(
                "Time since each job last did what it is for. Good is below its interval; one that grows past it will "
                "be overdue: read what it said in the worker's log."
            ),
            kind="bars",
            unit="s",
            queries=(
                Query(
                    "sort_desc(time() - max by (exported_job) (monitor_job_last_success_timestamp_seconds))",
                    "{{exported_job}}",
                ),
            ),
            alerts=("JobOverdue",),
            empty_until="first_job",
            nothing="no job has succeeded yet",
        ),
        Panel(
            title="How long do jobs take?",
            text=(
                "Duration of the newest run of each job. Good is a small part of its interval; growth follows the "
                "data, a jump is a disk or a database that became slow."
            ),
            unit="s",
            queries=(Query("max by (exported_job) (monitor_job_duration_seconds)", "{{exported_job}}"),),
            empty_until="first_job",
            nothing="no job has run yet",
        ),
        Panel(
            title="How do runs end?",
            text=(
                "Runs within the hour before, by job and outcome. Good is only success; single failures are tried "
                "again, two in a row need you."
            ),
            unit="short",
            queries=(
                Query(
                    within_an_hour("monitor_job_runs_total", "exported_job, outcome"),
                    "{{exported_job}} {{outcome}}",
                ),
            ),
            empty_until="first_job",
            nothing="no job has run yet",
        ),
    )


def telemetry() -> tuple[Panel, ...]:
    """Our own processes: what they emit, and what is lost on the way."""
    return (
        Panel(
            title="Are log lines lost?",
            text=(
                "Log lines per second that were given up because whoever reads them was down or slow. Good is none; "
                "the service itself is not hurt by it, but you look at less than there was."
            ),
            unit="ops",
            width=6,
            queries=(Query(f"sum by (job) (rate(telemetry_dropped_log_lines_total{{{JOB}}}[{RATE}]))", "{{job}}"),),
            steps=warned(0.01),
        ),
        Panel(
            title="Are traces lost?",
            text=(
                "Spans per second that were given up because the trace back end was down or slow. Good is none; a few "
                "at its restart are no harm. Otherwise see whether it takes what is sent."
            ),
            unit="ops",
            width=6,
            queries=(Query(f"sum by (job) (rate(telemetry_spans_dropped_total{{{JOB}}}[{RATE}]))", "{{job}}"),),
            steps=warned(0.01),
            empty_until="first_trace_exporter",
            nothing="no trace back end is set",
        ),
        Panel(
            title="Do our processes log errors?",
            width=6,
            text=(
                "Log records per second of level error and worse, by job. Good is none. Find them in the logs by the "
                "time at which the line rises."
            ),
            unit="ops",
            queries=(
                Query(
                    f'sum by (job) (rate(telemetry_log_records_total{{{JOB},level=~"error|critical"}}[{RATE}]))',
                    "{{job}}",
                ),
            ),
            steps=warned(0.1),
        ),
        Panel(
            title="How fast does the console answer?",
            width=6,
            text=(
                "99th percentile of the console's and the receiver's answers. Good is below a second; Alertmanager "
                "gives up after ten, and tries again."
            ),
            unit="s",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le)"
                    f' (rate(http_server_request_duration_seconds_bucket{{job="web"}}[{RATE}])))',
                    "console",
                ),
            ),
            steps=below(10, warn=1),
        ),
        Panel(
            title="When did each process start?",
            text=(
                "Time since each process was started. Good is since the last deploy; a saw is one that is restarted "
                "again and again: its log of before the end says why."
            ),
            unit="s",
            queries=(
                Query(f"time() - max by (job, instance) (process_start_time_seconds{{{JOB}}})", "{{job}} {{instance}}"),
            ),
        ),
        Panel(
            title="How much memory do our processes hold?",
            text=("Resident memory by job. Good is level after the first hour; a slope that does not end is a leak."),
            unit="bytes",
            width=8,
            queries=(Query(f"sum by (job) (process_resident_memory_bytes{{{JOB}}})", "{{job}}"),),
        ),
        Panel(
            title="How much processor time do they take?",
            text=(
                "Cores in use by job. Good is a few hundredths for everything that only watches; the apps' own use "
                "follows their requests."
            ),
            unit="short",
            width=8,
            queries=(Query(f"sum by (job) (rate(process_cpu_seconds_total{{{JOB}}}[{RATE}]))", "{{job}}"),),
        ),
    )
