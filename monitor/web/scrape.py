"""``/metrics`` of ``monitor serve``: its counters, and gauges computed from the store at the moment of the scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily

from monitor import metrics
from monitor.catalogue.model import Severity
from monitor.store import Store
from monitor.store_alerts import Alerts
from telemetry.metric import Metric


class StoreGauges:
    """A collector of client_python over the store, with a handle of its own for each scrape."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Say nothing ahead of time: registering must not read the store."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read the store once."""
        with Store(self._path) as store:
            firing = Alerts(store).firing()
            seen = store.get("watchdog", "latest")
        active = Counter(alert.labels.get("severity", "none") for alert in firing)
        yield family(metrics.BUILD_INFO, {(version("appointment-sre"),): 1.0})
        yield family(metrics.ALERTS_ACTIVE, {(s.value,): float(active[s.value]) for s in Severity})
        if seen is not None:
            yield family(metrics.WATCHDOG_LAST_SEEN, {(): seen.at.timestamp()})
            latency = seen.body.get("latency_seconds")
            if latency is not None:
                yield family(metrics.WATCHDOG_LATENCY, {(): float(latency)})


def family(metric: Metric, values: dict[tuple[str, ...], float]) -> GaugeMetricFamily:
    """Fill a declared gauge."""
    filled = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        filled.add_metric(labels, value)
    return filled
