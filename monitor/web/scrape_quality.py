"""How good the alerts of the last month were, by severity, as metrics; read once a minute, for a month is much."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily

from monitor import clock, metrics
from monitor.catalogue.model import Severity
from monitor.compliance.alert_answers import Fate, fates, percentile, precision, silenced_share, taken_after
from monitor.store import Store
from monitor.store_actions import Actions
from monitor.store_alerts import Alerts
from monitor.store_suppressed import Suppressions
from telemetry.metric import Metric

SPAN = timedelta(days=30)
"""As ``monitor alert quality`` looks back unless told otherwise."""

EVERY_S = 60.0
QUANTILES = (0.5, 0.95)
Figures = dict[tuple[str, ...], float | None]
"""By their labels; ``None``: not known."""

SEVERITIES = (Severity.CRITICAL, Severity.WARNING)
"""Those that tell somebody."""


class QualityGauges:
    """A collector of client_python over the store, with a handle of its own. What is not known has no sample."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = float("-inf")
        self._answer: tuple[GaugeMetricFamily, ...] = ()

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Say nothing ahead of time: registering must not read the store."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read the store, if that was not done a moment ago."""
        if time.monotonic() - self._read_at > EVERY_S:
            self._answer = tuple(families(self._fates()))
            self._read_at = time.monotonic()
        return self._answer

    def _fates(self) -> tuple[Fate, ...]:
        end = clock.now()
        start = end - SPAN
        with Store(self._path) as store:
            episodes = (one for one in Alerts(store).between(start, end) if one.starts_at >= start)
            return fates(episodes, Actions(store).between(start, end), Suppressions(store).between(start, end))


def families(found: Sequence[Fate]) -> Iterator[GaugeMetricFamily]:
    """The figures of these episodes."""
    of = {severity.value: [fate for fate in found if fate.severity == severity] for severity in SEVERITIES}
    took: Figures = {
        (severity, f"{share:g}"): None if span is None else span.total_seconds()
        for severity, these in of.items()
        for share in QUANTILES
        for span in (percentile(taken_after(these), share),)
    }
    yield _known(metrics.ACKNOWLEDGE_SECONDS, took)
    yield _known(metrics.ACTED_ON, {(severity,): precision(these) for severity, these in of.items()})
    yield _known(metrics.SILENCED, {(severity,): silenced_share(these) for severity, these in of.items()})


def _known(metric: Metric, values: Figures) -> GaugeMetricFamily:
    filled = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        if value is not None:
            filled.add_metric(labels, value)
    return filled
