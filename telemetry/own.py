"""Telemetry's figures about itself: what was dropped, and why. Nothing is lost without being counted.

The tallies are plain numbers, because logging starts before any registry exists; ``register`` shows them on a metrics
page. Every producer adds ``METRICS`` to its own declarations.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from telemetry.metric import Metric


class Tally:
    """A declared number per combination of label values, safe to use from any thread."""

    def __init__(self, metric: Metric, *known: tuple[str, ...]) -> None:
        """``known`` label values show as 0 from the start, so that a first event is seen as an increase."""
        self.metric = metric
        self._values: dict[tuple[str, ...], float] = dict.fromkeys(known or ([] if metric.labels else [()]), 0.0)
        self._lock = threading.Lock()

    def add(self, *labels: str, by: float = 1) -> None:
        """Add to the number of these label values."""
        with self._lock:
            self._values[labels] = self._values.get(labels, 0) + by

    def set(self, value: float, *labels: str) -> None:
        """Set the number of these label values."""
        with self._lock:
            self._values[labels] = value

    def value(self, *labels: str) -> float:
        """Return the number of these label values."""
        with self._lock:
            return self._values.get(labels, 0)

    def family(self) -> Family:
        """Render all numbers for a metrics page."""
        metric = self.metric
        family: CounterMetricFamily | GaugeMetricFamily
        if metric.type == "counter":
            family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        else:
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in self.rows():
            family.add_metric(labels, value)
        return family

    def rows(self) -> list[tuple[tuple[str, ...], float]]:
        """Return all label values with their number, in order."""
        with self._lock:
            return sorted(self._values.items())


log_records = Tally(
    Metric(name="telemetry_log_records_total", type="counter", help="Log lines written.", labels=("level",)),
    ("warning",),
    ("error",),
)
dropped_fields = Tally(
    Metric(
        name="telemetry_dropped_fields_total",
        type="counter",
        help="Log events, fields and values withheld because they are not declared; any at all is a fault in our code.",
        labels=("reason",),
    ),
    ("event",),
    ("field",),
    ("value",),
)
dropped_lines = Tally(
    Metric(name="telemetry_dropped_log_lines_total", type="counter", help="Log lines that standard output refused.")
)
dropped_attributes = Tally(
    Metric(
        name="telemetry_dropped_attributes_total",
        type="counter",
        help="Span attributes, events, names and status texts withheld because they are not on the allow-list.",
        labels=("reason",),
    ),
    *((reason,) for reason in ("key", "value", "name", "event", "status")),
)
spans_created = Tally(
    Metric(
        name="telemetry_spans_created_total",
        type="counter",
        help="Spans that ended and were to be exported; equals exported, dropped and queued ones together.",
        labels=("exporter",),
    )
)
spans_exported = Tally(
    Metric(
        name="telemetry_spans_exported_total",
        type="counter",
        help="Spans handed to a collector (for thrift over UDP: to the network).",
        labels=("exporter",),
    )
)
spans_dropped = Tally(
    Metric(
        name="telemetry_spans_dropped_total",
        type="counter",
        help="Spans lost: the queue was full, the export failed, or the process ended.",
        labels=("exporter", "reason"),
    )
)
spans_queued = Tally(
    Metric(name="telemetry_spans_queued", type="gauge", help="Spans waiting for export.", labels=("exporter",))
)
datagrams_sent = Tally(
    Metric(name="telemetry_datagrams_sent_total", type="counter", help="DogStatsD datagrams handed to the system.")
)
datagrams_dropped = Tally(
    Metric(
        name="telemetry_datagrams_dropped_total",
        type="counter",
        help="DogStatsD datagrams lost: the queue was full, they grew old there, or the Agent was away.",
        labels=("reason",),
    ),
    *((reason,) for reason in ("queue_full", "expired", "not_sent")),
)
dropped_tags = Tally(
    Metric(
        name="telemetry_dropped_tags_total",
        type="counter",
        help="DogStatsD tags withheld because they are not on the allow-list.",
        labels=("reason",),
    ),
    ("key",),
    ("value",),
)
page_seconds = Tally(
    Metric(
        name="telemetry_metrics_page_seconds",
        type="gauge",
        help="How long the previous rendering of this metrics page took.",
        unit="seconds",
    )
)
page_bytes = Tally(
    Metric(
        name="telemetry_metrics_page_bytes",
        type="gauge",
        help="How large the previous rendering of this metrics page was, before compression.",
        unit="bytes",
    )
)

TALLIES = (
    log_records,
    dropped_fields,
    dropped_lines,
    dropped_attributes,
    spans_created,
    spans_exported,
    spans_dropped,
    spans_queued,
    datagrams_sent,
    datagrams_dropped,
    dropped_tags,
    page_seconds,
    page_bytes,
)

METRICS: tuple[Metric, ...] = tuple(tally.metric for tally in TALLIES)
"""What every process of ours exposes about its own telemetry."""


class _Own(Collector):
    def collect(self) -> Iterator[Family]:
        return (tally.family() for tally in TALLIES)

    def describe(self) -> Iterable[Family]:
        return self.collect()


def register(registry: CollectorRegistry) -> None:
    """Show these figures on a registry's page."""
    registry.register(_Own())
