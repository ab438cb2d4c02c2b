"""How fast a metrics page is written: exporters.page against prometheus_client, on the same samples.

``python benchmarks/exporter_page.py [--samples 2000] [--rounds 30]`` prints one row per way: the best of all rounds,
since a shared machine only ever adds time, and the ratio. Building the samples is counted on both sides. Both pages are
parsed and must hold equal samples, or it ends with 1.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporters.page import Flavour, Page
from exporters.readings import Readings
from telemetry.metric import Metric

Sample = tuple[Metric, tuple[str, ...], float]

SERIES_PER_FAMILY = 20


def make(samples: int) -> tuple[tuple[Metric, ...], list[Sample]]:
    """Make families as a database exporter has them: half counters, two labels, whole and broken numbers."""
    metrics: list[Metric] = []
    made: list[Sample] = []
    for number in range(samples // SERIES_PER_FAMILY):
        name = f"database_things_number_{number}" + ("_total" if number % 2 else "")
        kind: type = int if number % 2 else float
        metric = Metric(
            name=name,
            type="counter" if number % 2 else "gauge",
            help=f"Things of kind {number} that the server counts.",
            labels=("member", "state"),
        )
        metrics.append(metric)
        made += [
            (metric, (f"127.0.0.1:2701{series % 3}", f"state-{series}"), kind(number * 1_000.5 + series))
            for series in range(SERIES_PER_FAMILY)
        ]
    return tuple(metrics), made


class Naive(Collector):
    """A custom collector as prometheus_client's documentation shows it."""

    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Family]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for metric, labels, value in self._samples:
            family = families.get(metric.name)
            if family is None:
                kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
                family = families[metric.name] = kind(metric.name, metric.help, labels=metric.labels)
            family.add_metric(labels, value)
        yield from families.values()

    def describe(self) -> list[Family]:
        return []


def collect(metrics: tuple[Metric, ...], samples: list[Sample]) -> Readings:
    readings = Readings(metrics)
    add = readings.add
    for metric, labels, value in samples:
        add(metric, value, *labels)
    return readings


def best(rounds: int, run: Callable[[], bytes]) -> tuple[float, bytes]:
    """Return the shortest time of all rounds, and the last page."""
    page = run()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        page = run()
        times.append(time.perf_counter() - started)
    return min(times), page


def parsed(page: bytes) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(f"{label}={value}" for label, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=30)
    given = parser.parse_args()
    metrics, samples = make(given.samples)
    page, registry = Page(metrics), CollectorRegistry()
    registry.register(Naive(samples))
    readings = collect(metrics, samples)
    ways: dict[str, tuple[Callable[[], bytes], Callable[[], bytes]]] = {
        "text": (
            lambda: page.render([collect(metrics, samples)], Flavour.TEXT),
            lambda: generate_latest(registry),
        ),
        "openmetrics": (
            lambda: page.render([collect(metrics, samples)], Flavour.OPENMETRICS),
            lambda: bytes(generate_openmetrics(registry)),  # type: ignore[no-untyped-call]  # not annotated there
        ),
        "text, gzip (level 1 against 9)": (
            lambda: gzip.compress(page.render([collect(metrics, samples)], Flavour.TEXT), 1, mtime=0),
            lambda: gzip.compress(generate_latest(registry)),
        ),
    }
    print(f"{given.samples} samples, best of {given.rounds}, milliseconds (microseconds a sample)")
    for name, (ours, theirs) in ways.items():
        fast, one = best(given.rounds, ours)
        slow, other = best(given.rounds, theirs)
        print(
            f"{name:32} ours {shown(fast, given.samples)}"
            f"   prometheus_client {shown(slow, given.samples)}   {slow / fast:.1f}x"
        )
        if name == "text" and parsed(one) != parsed(other):
            print("the pages differ", file=sys.stderr)
            return 1
    alone, _ = best(given.rounds, lambda: page.render([readings], Flavour.TEXT))
    print(f"{'text, rendering alone':32} ours {shown(alone, given.samples)}")
    return 0


def shown(seconds: float, samples: int) -> str:
    return f"{seconds * 1e3:6.2f} ({seconds * 1e6 / samples:5.2f})"


if __name__ == "__main__":
    sys.exit(main())
