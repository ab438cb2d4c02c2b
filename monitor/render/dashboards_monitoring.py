"""The monitoring's own health and cost: does it see everything, keep up, and stay cheap? Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_model import Board, Panel, Query, Said, Section, Variable
from monitor.render.dashboards_monitoring_detail import prometheus
from monitor.render.dashboards_monitoring_own import exporters, jobs, telemetry
from monitor.render.dashboards_promql import RATE
from monitor.render.dashboards_style import NONE_WANTED_TICKET, SCRAPE_SHARE, STATE_COLOURS, Steps, below, warned
from monitor.render.links import MONITORING_DASHBOARD

JOB = 'job=~"$job"'
SERIES: Steps = below(1_000_000, warn=200_000)
"""This service has some ten thousand; ten times as many are a label that grew, and each costs some 4 kB of memory."""


def monitoring_board(catalogue: Catalogue) -> Board:
    """Make the board; a scrape and an evaluation must fit between two of them."""
    environment = catalogue.environment
    scrape = environment.scrape_interval.total_seconds()
    evaluation = environment.evaluation_interval.total_seconds()
    return Board(
        uid=MONITORING_DASHBOARD,
        title="Monitoring: its own health and cost",
        text="Is anything blind, does the monitoring keep up with itself, and what does watching cost?",
        span="now-6h",
        variables=(Variable(name="job", label="Job", metric="up", choice="job"),),
        sections=(
            Section(title="Now", panels=_now()),
            Section(title="Does it keep up?", panels=_overview(scrape, evaluation)),
            Section(title="Prometheus", panels=prometheus(), collapsed=True),
            Section(title="Exporters: what watching costs", panels=exporters(), collapsed=True),
            Section(title="The worker's jobs", panels=jobs(), collapsed=True),
            Section(title="Our own processes", panels=telemetry(), collapsed=True),
        ),
    )


def _now() -> tuple[Panel, ...]:
    return (
        Panel(
            title="How many targets are not seen?",
            text=(
                "Targets that Prometheus cannot read. Good is none: what is missing here is not known anywhere else on "
                "these pages either. See below which, and whether its process runs."
            ),
            kind="stat",
            queries=(Query(f"sum(up{{{JOB}}} == bool 0)", "down"),),
            steps=NONE_WANTED_TICKET,
            alerts=("TargetMissing",),
        ),
        Panel(
            title="How many collectors fail?",
            text=(
                "Collectors of the exporters that cannot read their source. Good is none; the page still answers, with "
                "a hole in it. See below which one, and the exporters' log for why."
            ),
            kind="stat",
            queries=(Query(f"sum(exporter_collector_success{{{JOB}}} == bool 0)", "failing"),),
            steps=NONE_WANTED_TICKET,
        ),
        Panel(
            title="Do rules fail to evaluate?",
            text=(
                "Rules per second that Prometheus could not evaluate. Good is zero: a rule that fails records nothing "
                "and alerts nobody. Its log names the rule; the rules page shows the error."
            ),
            kind="stat",
            unit="ops",
            queries=(Query(f"sum(rate(prometheus_rule_evaluation_failures_total[{RATE}]))", "failures"),),
            steps=below(0.001),
        ),
        Panel(
            title="How many jobs of the worker are overdue?",
            text=(
                "Jobs (backup, verification, report) that should have succeeded by now and have not. Good is none. "
                "Otherwise see below when each last did, and the worker's log."
            ),
            kind="stat",
            queries=(Query("sum(monitor_job_overdue)", "overdue"),),
            steps=NONE_WANTED_TICKET,
            alerts=("JobOverdue",),
        ),
        Panel(
            title="How many series are there?",
            text=(
                "Series in Prometheus's memory. Good is level. A jump is a label that takes ever new values: find the "
                "job below whose samples grew, and the metric by its page."
            ),
            kind="stat",
            unit="short",
            queries=(Query("max(prometheus_tsdb_head_series)", "series"),),
            steps=SERIES,
        ),
        Panel(
            title="How much memory does Prometheus take?",
            text=(
                "Resident memory of Prometheus. Good is level, some kilobytes for each series; queries over long times "
                "add to it for a while. Before it meets the machine's limit, drop series or add memory."
            ),
            kind="stat",
            unit="bytes",
            queries=(Query('max(process_resident_memory_bytes{job="prometheus"})', "resident"),),
            steps=warned(4 * 1024.0**3),
        ),
    )


def _share(limit: float) -> Steps:
    return tuple((None if value is None else value * limit, colour) for value, colour in SCRAPE_SHARE)


def _overview(scrape: float, evaluation: float) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Is everything there that we watch?",
            text=(
                "Whether Prometheus reaches each target, over time. Good is up throughout. A gap is a restart; what "
                "stays down is blind, and its alerts with it."
            ),
            kind="timeline",
            queries=(Query(f"min by (job, instance) (up{{{JOB}}})", "{{job}} {{instance}}"),),
            says=(Said(1, "up", STATE_COLOURS["good"]), Said(0, "down", STATE_COLOURS["bad"])),
            alerts=("TargetMissing",),
        ),
        Panel(
            title="Do the collectors succeed?",
            text=(
                "Whether each collector of the exporters could read its source. Good is yes throughout; a no for one "
                "scrape is a source that was slow, a lasting one a password, a network, or a source that is down."
            ),
            kind="timeline",
            queries=(Query(f"min by (collector) (exporter_collector_success{{{JOB}}})", "{{collector}}"),),
            says=(Said(1, "yes", STATE_COLOURS["good"]), Said(0, "no", STATE_COLOURS["bad"])),
        ),
        Panel(
            title="How long do scrapes take?",
            text=(
                f"Duration of each job's slowest scrape. Good is below half of the {scrape:g} s between two of them; "
                "beyond all of it the target counts as down though it runs."
            ),
            unit="s",
            width=6,
            queries=(Query(f"max by (job) (scrape_duration_seconds{{{JOB}}})", "{{job}}"),),
            steps=_share(scrape),
        ),
        Panel(
            title="Which job has most samples?",
            text=(
                "Samples of one scrape, by job. Good is level: each costs memory and disk for as long as it is kept. A "
                "rise after a deploy is a new label."
            ),
            unit="short",
            width=6,
            queries=(Query(f"sum by (job) (scrape_samples_scraped{{{JOB}}})", "{{job}}"),),
            stacked=True,
        ),
        Panel(
            title="Do rules keep up?",
            text=(
                f"Slowest rule group's evaluation. Good is far below the {evaluation:g} s between two; beyond it "
                "evaluations are skipped, and alerts come late."
            ),
            unit="s",
            width=6,
            queries=(Query("max(prometheus_rule_group_last_duration_seconds)", "slowest group"),),
            steps=_share(evaluation),
        ),
        Panel(
            title="Which collector is slow?",
            text=(
                "Duration of each collector in a scrape. Good is a few hundredths of a second; one near the scrape's "
                "limit is given up, and its figures are missing."
            ),
            unit="s",
            width=6,
            queries=(Query(f"max by (collector) (exporter_collector_duration_seconds{{{JOB}}})", "{{collector}}"),),
            steps=_share(scrape),
        ),
    )
