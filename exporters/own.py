"""What the exporters say about their own work: how each collector fared, what was dropped, what watching costs."""

from __future__ import annotations

from collections.abc import Mapping

from exporters import process
from exporters.declare import family
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.sources import Bill

_SOURCE = "the scrape itself"

SUCCESS = family(
    "exporter_collector_success",
    "Whether this collector could read its source in this scrape (1) or failed or was late (0).",
    "collector",
    source=_SOURCE,
)
DURATION = family(
    "exporter_collector_duration_seconds",
    "How long this collector took in this scrape.",
    "collector",
    source=_SOURCE,
)
FAILURES = family(
    "exporter_collector_failures_total",
    "Failures to read a source or a part of it, by reason.",
    "collector",
    "reason",
    source=_SOURCE,
)
AGE = family(
    "exporter_collector_age_seconds",
    "How old this collector's figures are: above zero where it reads on a slow clock of its own.",
    "collector",
    source=_SOURCE,
)
PAUSED = family(
    "exporter_collector_paused",
    "Whether this collector's slow clock stands still because its source is struggling.",
    "collector",
    source=_SOURCE,
)
COMMANDS = family(
    "exporter_target_commands_total",
    "What was asked of each source, by command: what watching it costs it.",
    "source",
    "command",
    source="the connections",
)
COMMAND_SECONDS = family(
    "exporter_target_command_seconds_total",
    "Time spent waiting for each source's answers, by command.",
    "source",
    "command",
    source="the connections",
)
BYTES = family(
    "exporter_target_bytes_total",
    "Bytes exchanged with each source, framing not counted.",
    "source",
    "direction",
    source="the connections",
)
BUDGET = family(
    "exporter_scrape_budget_seconds",
    "The time that this scrape was given: our own limit, or less where Prometheus's timeout asks for less.",
    source="X-Prometheus-Scrape-Timeout-Seconds",
)
DROPPED = family(
    "exporter_series_dropped_total",
    "Samples past their family's budget of series on one page: summed up in one series that reads __other__ where "
    "sums mean something, left out elsewhere.",
    "family",
    source=_SOURCE,
)
DUPLICATES = family(
    "exporter_series_duplicates_total",
    "Samples left off a page because another one of the same series stood there: the first stays.",
    "family",
    source="the page",
)
SCRAPES = family(
    "exporter_scrapes_total",
    "Scrapes that were run; callers at the same moment share one.",
    source=_SOURCE,
)
SHARED = family(
    "exporter_scrapes_shared_total",
    "Requests that were answered from a scrape already under way for somebody else.",
    source=_SOURCE,
)

METRICS = (
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
    DUPLICATES,
    SCRAPES,
    SHARED,
    *process.METRICS,
)


class Own:
    """Counters of one target, for as long as it is watched."""

    def __init__(self, collectors: tuple[str, ...]) -> None:
        self.scrapes = 0
        self.shared = 0
        # Every reason stands there from the start, so that a first failure is seen as an increase.
        self._failures = {(name, reason.value): 0 for name in collectors for reason in Reason}
        self._dropped: dict[str, int] = {}

    def failed(self, collector: str, reason: Reason) -> None:
        """Count a failure."""
        self._failures[collector, reason.value] += 1

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

    def write(self, readings: Readings, duplicates: Mapping[str, int], only: frozenset[str] = frozenset()) -> None:
        """Write everything but the collectors' results of this scrape; of failures, where some were asked, theirs."""
        readings.add(SCRAPES, self.scrapes)
        readings.add(SHARED, self.shared)
        failures = {key: count for key, count in self._failures.items() if key[0] in only} if only else self._failures
        readings.extend(FAILURES, list(failures), list(failures.values()))
        for metric, counts in ((DROPPED, self._dropped), (DUPLICATES, duplicates)):
            for name, count in sorted(counts.items()):
                readings.add(metric, count, name)
