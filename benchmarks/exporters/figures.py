"""What is measured, and the arithmetic on it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that ``share`` of all values do not exceed (nearest rank: a value that really occurred).

    Raises:
        ValueError: there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no percentile")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


ROUND = 40
"""Scrapes of one exporter that are judged together, at least."""


def quietest(values: Sequence[float]) -> float:
    """Return the median of the quietest round, the values taken in the order in which they came.

    A machine that others use as well only ever adds time, for seconds on end; on a quiet one, this is the median.
    """
    size = max(ROUND, len(values) // 10)
    rounds = [values[first : first + size] for first in range(0, len(values), size)]
    whole = [one for one in rounds if len(one) == size] or [values]
    return min(percentile(one, 0.5) for one in whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One exporter in one arm, asked with one set of headers."""

    arm: str
    exporter: str
    headers: str
    scrapes: int
    quiet_ms: float
    """The median of the quietest round: what it may be where nobody disturbs. Nothing is judged by it."""
    p50_ms: float
    """Of all scrapes: what bars are held against, and series are charged."""
    p99_ms: float
    cpu_ms: float
    """Of the exporter, per scrape: everything that it did from the first scrape to the last."""
    target_cpu_ms: float | None
    """Of the server that it reads, per scrape, while this exporter's page was under way; ``None`` where none is."""
    rss_mb: float
    series: int
    bytes: int
    connections: float | None = None
    """That the server accepted, per scrape."""
    commands: float | None = None
    """That the server ran, per scrape."""

    @property
    def us_per_series(self) -> float:
        return self.p50_ms * 1e3 / self.series if self.series else math.nan


def throughput(seconds: Sequence[float], wall: float) -> float:
    """Return answers a second."""
    return len(seconds) / wall if wall > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Growth:
    """How a time grows with a size: ``t`` is about ``n`` to the power of ``exponent``, where ``n`` is large."""

    exponent: float
    slope: float
    """Added time per added thing, from the smallest size to the largest."""

    @property
    def is_linear_or_better(self) -> bool:
        return self.exponent <= EXPONENT_BAR


EXPONENT_BAR = 1.15
"""Linear, and what noise adds: between sizes a factor 4 apart, a tenth more time looks like 0.07 more."""
_LARGEST = 3


def growth(points: Sequence[tuple[float, float]]) -> Growth:
    """Fit the exponent to the largest sizes, where what does not grow no longer hides what does.

    Raises:
        ValueError: there are fewer than two sizes, or one is not above zero.
    """
    if len(points) < 2 or any(size <= 0 or time <= 0 for size, time in points):
        raise ValueError("growth needs two sizes and times above zero")
    ordered = sorted(points)
    logs = [(math.log(size), math.log(time)) for size, time in ordered[-_LARGEST:]]
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    exponent = sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread
    (first, least), (last, most) = ordered[0], ordered[-1]
    return Growth(exponent, (most - least) / (last - first))
