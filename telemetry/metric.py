"""Metric declarations: each metric is described once, where it is produced, and everything else is derived from that.

A producer keeps one tuple ``METRICS``. ``python -m <producer> --metrics`` prints it as JSON; the committed copies under
``monitor/catalogue/metrics/`` are what rules, dashboards and checks are held against.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

MetricType = Literal["counter", "gauge", "histogram", "unknown"]
"""``unknown`` only for names that others defined so (``node_vmstat_*``): counters without ``_total``."""

Cost = Literal["fast", "slow"]
"""``fast`` is read for each page; ``slow`` costs its source something, and is read on a clock of its own."""

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric family.

    ``name`` is the family's name as queries write it: counters end in ``_total``; a histogram's name is without
    ``_bucket``. ``unit`` is a Prometheus base unit (``seconds``, ``bytes``, ``ratio``) or empty for plain counts.
    ``labels`` never holds anything that could identify a person. ``buckets`` are a histogram's finite upper bounds.
    ``source`` says where the number is read: a command and its field, a file. ``compatible_with`` names the tools whose
    family of this very name, type and unit it stands in for.
    """

    name: str
    type: MetricType
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    source: str = ""
    cost: Cost = "fast"
    compatible_with: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a declaration that a query could not rely on."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a metric name")
        if (self.type == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: counters, and only they, end in _total")
        if bool(self.buckets) != (self.type == "histogram"):
            raise ValueError(f"{self.name}: histograms, and only they, have buckets")
        if list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError(f"{self.name}: bucket edges must rise")


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """Register a declared counter."""
    _expect(metric, "counter")
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def gauge(metric: Metric, registry: CollectorRegistry) -> Gauge:
    """Register a declared gauge."""
    _expect(metric, "gauge")
    return Gauge(metric.name, metric.help, metric.labels, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """Register a declared histogram."""
    _expect(metric, "histogram")
    return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry)


def declarations(producer: str, metrics: Iterable[Metric]) -> str:
    """Write a producer's declarations as byte-stable JSON, sorted by name, with a final newline."""
    rows = [_row(metric) for metric in sorted(metrics, key=lambda m: m.name)]
    _refuse_duplicates(producer, [str(row["name"]) for row in rows])
    return json.dumps({"producer": producer, "metrics": rows}, indent=1, ensure_ascii=False) + "\n"


def _row(metric: Metric) -> dict[str, object]:
    row = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(metric).items() if value}
    if metric.cost == "fast":
        del row["cost"]
    return row


def _refuse_duplicates(producer: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{producer} declares twice: {', '.join(twice)}")


def _expect(metric: Metric, kind: MetricType) -> None:
    if metric.type != kind:
        raise ValueError(f"{metric.name} is declared as a {metric.type}, not as a {kind}")
