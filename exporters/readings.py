"""What collectors hand over: samples of declared families, grouped, counted, and bounded in number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from prometheus_client.utils import floatToGoString

from exporters.declare import adds_up
from exporters.reasons import Reason
from telemetry.metric import Metric

SERIES_CAP = 2_000
"""The budget of series that one family has on one page; what comes after that is counted and summed up, or left out."""
OTHER = "__other__"
"""Stands in each free label of the one series that holds the sum of those past the budget."""
APART = frozenset({"member"})
"""Labels that keep their value there: of these there are few, and a sum over them would hide which one it is."""

Key = tuple[str, ...]
"""Label values in declared order; a histogram's key starts with the suffix and ends with ``le`` where it has one."""
Series = tuple[list[Key], list[float]]


class UndeclaredError(LookupError):
    """A collector emitted a family, or a number of labels, that it never declared: a programming error."""


class Readings:
    """The samples of one collector in one scrape. Values keep their type: whole numbers stay whole."""

    __slots__ = ("_cap", "_others", "age", "dropped", "fault", "partial", "paused", "series", "so_far")

    def __init__(self, metrics: Iterable[Metric], *, cap: int = SERIES_CAP) -> None:
        self.series: dict[str, Series] = {metric.name: ([], []) for metric in metrics}
        self.dropped: dict[str, int] = {}
        self.fault: Reason | None = None
        """Set when the collector failed, although there is something to show."""
        self.partial: list[Reason] = []
        """Why parts could not be read; the collector succeeded all the same, and their families are absent."""
        self.age = 0.0
        """Seconds since this was read; above zero only for what has a slow clock."""
        self.paused = False
        """Whether the slow clock stands still because the source is struggling."""
        self.so_far: Any = None
        """What a collector knows before it is through, for its ``lost``; nobody else looks at it."""
        self._cap = cap
        self._others: dict[tuple[str, Key], int] = {}
        """Where in its family's list an overflow series, or a histogram's first bucket, stands."""

    def copy(self) -> Readings:
        """Return a copy that may be added to while its original is, too."""
        copied = Readings((), cap=self._cap)
        copied.series = {name: (keys.copy(), values.copy()) for name, (keys, values) in self.series.items()}
        copied.dropped, copied.partial, copied.so_far = self.dropped.copy(), self.partial.copy(), self.so_far
        copied._others = self._others.copy()
        return copied

    def has(self, metric: Metric, *labels: str) -> bool:
        """Tell whether this series was written, or with no labels any of the family."""
        keys = self.series[metric.name][0]
        return labels in keys if labels else bool(keys)

    def adopt(self, kept: Readings) -> None:
        """Take over everything that ``kept`` holds. Nothing is copied: neither of the two may be added to again."""
        self.series.update(kept.series)
        self.dropped.update(kept.dropped)
        self.partial += kept.partial

    def add(self, metric: Metric, value: float, *labels: str) -> None:
        """Add one sample of a gauge, counter or unknown.

        Raises:
            UndeclaredError: the family was not declared, or not with so many labels.
        """
        series = self.series.get(metric.name)
        if series is None or len(labels) != len(metric.labels):
            raise _undeclared(metric, labels)
        keys, values = series
        if value.__class__ is not float and value.__class__ is not int:
            value = _plain(value)
        if len(keys) >= self._cap:
            self._overflow(metric, (value,), (_others_key(metric, labels),))
            return
        keys.append(labels)
        values.append(value)

    def extend(self, metric: Metric, keys: Sequence[Key], values: Sequence[float]) -> None:
        """Add many samples whose label values are the same at each scrape: ``add`` without its work per sample.

        Raises:
            UndeclaredError: the family was not declared, or not with so many labels.
        """
        series = self.series.get(metric.name)
        if series is None or (keys and len(keys[0]) != len(metric.labels)):
            raise _undeclared(metric, keys[0] if keys else ())
        if len(series[0]) + len(keys) > self._cap:
            for key, value in zip(keys, values, strict=True):
                self.add(metric, value, *key)
            return
        series[0].extend(keys)
        series[1].extend(values)

    def take(self, metric: Metric, keys: list[Key], values: list[float]) -> bool:
        """Take both lists as all that the family has, uncopied: nobody may change them later. False: no room for all.

        What the page finds to be the very list of the last scrape, it need not compare.

        Raises:
            UndeclaredError: the family was not declared.
        """
        series = self.series.get(metric.name)
        if series is None:
            raise _undeclared(metric, metric.labels)
        if series[0] or len(keys) > self._cap:
            return False
        self.series[metric.name] = keys, values
        return True

    def states(self, metric: Metric, current: str | None, choices: Iterable[str], *labels: str) -> None:
        """Add one sample for each of ``choices``, 1 for the current one and 0 for the others."""
        for choice in choices:
            self.add(metric, int(choice == current), *labels, choice)

    def histogram(self, metric: Metric, cumulative: Sequence[int], total: float, *labels: str) -> None:
        """Add one histogram: ``cumulative`` counts per declared edge and then ``+Inf``, and the sum of all values.

        Raises:
            UndeclaredError: undeclared, or the counts do not match the declared edges.
        """
        series = self.series.get(metric.name)
        if series is None or len(labels) != len(metric.labels):
            raise _undeclared(metric, labels)
        if len(cumulative) != len(metric.buckets) + 1:
            raise UndeclaredError(f"{metric.name} has {len(metric.buckets)} edges, not {len(cumulative) - 1}")
        keys, values = series
        if len(keys) + len(cumulative) + 2 > self._cap:
            self._overflow(
                metric,
                (*cumulative, cumulative[-1], total),
                _histogram_keys(metric.buckets, _others_key(metric, labels)),
            )
            return
        keys += _histogram_keys(metric.buckets, labels)
        values += [*cumulative, cumulative[-1], total]

    def _overflow(self, metric: Metric, added: Sequence[float], others: Sequence[Key]) -> None:
        """Count what is past the family's budget, and keep its sum where a sum of such figures means something."""
        self.dropped[metric.name] = self.dropped.get(metric.name, 0) + 1
        if not adds_up(metric):
            return
        keys, values = self.series[metric.name]
        place = self._others.setdefault((metric.name, others[0]), len(keys))
        if place == len(keys):
            keys += others
            values += added
            return
        for index, value in enumerate(added, place):
            values[index] += value


def _undeclared(metric: Metric, labels: tuple[str, ...]) -> UndeclaredError:
    if len(labels) != len(metric.labels):
        return UndeclaredError(f"{metric.name} has the labels {metric.labels}, but {len(labels)} values were given")
    return UndeclaredError(f"{metric.name} is not among the declared metrics of its collector")


def _others_key(metric: Metric, labels: Key) -> Key:
    return tuple(value if name in APART else OTHER for name, value in zip(metric.labels, labels, strict=True))


@lru_cache(maxsize=4096)
def _histogram_keys(buckets: tuple[float, ...], labels: Key) -> tuple[Key, ...]:
    """Name the series of one histogram; kept, because making them costs more than everything else about it."""
    edges = (*buckets, math.inf)
    return (*(("_bucket", *labels, _le(edge)) for edge in edges), ("_count", *labels), ("_sum", *labels))


def _plain(value: float) -> float:
    """Turn what decoders make of numbers (bool, bson's Int64) into a plain number."""
    return int(value) if isinstance(value, int) else float(value)


def _le(edge: float) -> str:
    """Write a bucket edge as Prometheus's own clients do, so that ``le`` is the same label value everywhere."""
    return str(floatToGoString(edge))  # type: ignore[no-untyped-call]  # client_python does not annotate it
