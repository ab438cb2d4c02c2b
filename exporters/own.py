"""What the exporters say about themselves: how each collector fared, what was dropped, and the process's own cost."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, ProcessCollector

import telemetry.own
from exporters.declare import family
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.sources import Bill
from telemetry.metric import Metric

SUCCESS = Metric(
    name="exporter_collector_success",
    type="gauge",
    help="Whether this collector could read its source in this scrape (1) or failed or was late (0).",
    labels=("collector",),
)
DURATION = Metric(
    name="exporter_collector_duration_seconds",
    type="gauge",
    unit="seconds",
    help="How long this collector took in this scrape.",
    labels=("collector",),
)
FAILURES = Metric(
    name="exporter_collector_failures_total",
    type="counter",
    help="Failures to read a source or a part of it, by reason.",
    labels=("collector", "reason"),
)
AGE = family(
    "exporter_collector_age_seconds",
    "How old this collector's figures are: above zero where it reads on a slow clock of its own.",
    "collector",
)
PAUSED = family(
    "exporter_collector_paused",
    "Whether this collector's slow clock stands still because its source is struggling.",
    "collector",
)
COMMANDS = family(
    "exporter_target_commands_total",
    "What was asked of each source, by command: what watching it costs it.",
    "source",
    "command",
)
COMMAND_SECONDS = family(
    "exporter_target_command_seconds_total",
    "Time spent waiting for each source's answers, by command.",
    "source",
    "command",
)
BYTES = family(
    "exporter_target_bytes_total", "Bytes exchanged with each source, framing not counted.", "source", "direction"
)
BUDGET = Metric(
    name="exporter_scrape_budget_seconds",
    type="gauge",
    unit="seconds",
    help="The time that this scrape was given: our own limit, or less where Prometheus's timeout asks for less.",
)
DROPPED = Metric(
    name="exporter_series_dropped_total",
    type="counter",
    help="Samples left out because their family has reached its limit of series on one page.",
    labels=("family",),
)
SCRAPES = Metric(
    name="exporter_scrapes_total",
    type="counter",
    help="Scrapes that were run; callers at the same moment share one.",
)
SHARED = Metric(
    name="exporter_scrapes_shared_total",
    type="counter",
    help="Requests that were answered from a scrape already under way for somebody else.",
)
BUILD_INFO = Metric(
    name="exporter_build_info", type="gauge", help="Always 1; the label says what runs.", labels=("version",)
)

_PROCESS = (
    Metric(
        name="process_cpu_seconds_total",
        type="counter",
        unit="seconds",
        help="Processor time that the exporters themselves used.",
    ),
    Metric(
        name="process_resident_memory_bytes",
        type="gauge",
        unit="bytes",
        help="Memory that the exporters themselves hold.",
    ),
    Metric(name="process_virtual_memory_bytes", type="gauge", unit="bytes", help="Their virtual memory."),
    Metric(
        name="process_start_time_seconds", type="gauge", unit="seconds", help="When they started, as a Unix timestamp."
    ),
    Metric(name="process_open_fds", type="gauge", help="Their open file descriptors."),
    Metric(name="process_max_fds", type="gauge", help="The most file descriptors that they may open."),
)

METRICS: tuple[Metric, ...] = (
    SUCCESS,
    DURATION,
    FAILURES,
    AGE,
    PAUSED,
    COMMANDS,
    COMMAND_SECONDS,
    BYTES,
    BUDGET,
    DROPPED,
    SCRAPES,
    SHARED,
    BUILD_INFO,
    *_PROCESS,
    *telemetry.own.METRICS,
)


def package_version() -> str:
    """Return the installed version of this project."""
    try:
        return version("appointment-sre")
    except PackageNotFoundError:
        return "unknown"


class Own:
    """Counters that live as long as the process."""

    def __init__(self, collectors: tuple[str, ...]) -> None:
        self.scrapes = 0
        self.shared = 0
        self._failures = {(name, reason): 0 for name in collectors for reason in Reason}
        self._dropped: dict[str, int] = {}
        self._version = package_version()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        telemetry.own.register(self._registry)
        self._declared = {metric.name: metric for metric in METRICS}

    def failed(self, collector: str, reason: Reason) -> None:
        """Count a failure."""
        self._failures[collector, reason] += 1

    def dropped(self, readings: Readings) -> None:
        """Count what did not fit on the page."""
        for name, count in readings.dropped.items():
            self._dropped[name] = self._dropped.get(name, 0) + count

    @staticmethod
    def bills(bills: Mapping[str, Bill], readings: Readings) -> None:
        """Write what watching has cost each source."""
        for source, bill in bills.items():
            for command, count in bill.commands.items():
                readings.add(COMMANDS, count, source, command)
            for command, seconds in bill.seconds.items():
                readings.add(COMMAND_SECONDS, seconds, source, command)
            readings.add(BYTES, bill.sent, source, "sent")
            readings.add(BYTES, bill.received, source, "received")

    def write(self, readings: Readings) -> None:
        """Write everything but the collectors' results of this scrape."""
        readings.add(SCRAPES, self.scrapes)
        readings.add(SHARED, self.shared)
        readings.add(BUILD_INFO, 1, self._version)
        for (collector, reason), count in self._failures.items():
            readings.add(FAILURES, count, collector, reason.value)
        for name, count in sorted(self._dropped.items()):
            readings.add(DROPPED, count, name)
        for produced in self._registry.collect():
            for sample in produced.samples:
                if metric := self._declared.get(sample.name):
                    readings.add(metric, sample.value, *(sample.labels[label] for label in metric.labels))
