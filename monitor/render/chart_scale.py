"""Axes: round values and round times, and where they lie on a drawing. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from monitor.render.dashboards_style import Unit

VALUE_TICKS = 4
TIME_TICKS = 6

_SPANS = (60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0)
_TIMES = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 604_800)
_A_DAY = 86_400
_NEAREST = 1e-290
"""Values closer together are the same: among the smallest floats steps become nothing."""

_FURTHEST = 1e300
"""No axis reaches further: some write the largest float there is for "no limit", whose double is no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that a chart shows, in Unix seconds; ``step`` is the time between two points."""

    start: float
    end: float
    step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """The part of a drawing that lines are drawn in, and the values that its edges stand for."""

    left: float
    top: float
    right: float
    bottom: float
    window: Window
    low: float
    high: float

    def x(self, at: float) -> float:
        """Where an instant lies."""
        share = (at - self.window.start) / (self.window.end - self.window.start)
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Where a value lies; beyond the edges, at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return self.bottom - min(1.0, max(0.0, share)) * (self.bottom - self.top)


def limits(values: Sequence[float], unit: Unit, minimum: float | None, maximum: float | None) -> tuple[float, float]:
    """The lowest and highest value of an axis, both round."""
    near = [max(-_FURTHEST, min(_FURTHEST, value)) for value in values]
    low = min(near, default=0.0) if minimum is None else minimum
    high = max(near, default=low + 1.0) if maximum is None else maximum
    if high - low < _NEAREST:
        high = low + (abs(low) if abs(low) > _NEAREST else 1.0)
    step = _step(high - low, unit)
    bottom = math.floor(low / step) * step if minimum is None else low
    top = math.ceil(high / step - 1e-9) * step if maximum is None else high
    return bottom, top


def value_ticks(low: float, high: float, unit: Unit) -> list[float]:
    """Round values from the lowest to the highest."""
    step = _step(high - low, unit)
    first = math.ceil(low / step - 1e-9)
    count = int((high - first * step) / step + 1e-9)
    return [round((first + number) * step, 12) for number in range(count + 1)]


def time_ticks(window: Window, zone: tzinfo) -> list[tuple[float, str]]:
    """Round times of the reader's clock, some six of them, as they are written."""
    length = window.end - window.start
    step = next((size for size in _TIMES if length / size <= TIME_TICKS), _TIMES[-1])
    midnight = datetime.fromtimestamp(window.start, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight.timestamp()
    at += math.ceil((window.start - at) / step) * step
    found = []
    while at <= window.end:
        local = datetime.fromtimestamp(at, zone)
        found.append((at, f"{local:%-d %b}" if step >= _A_DAY else f"{local:%H:%M}"))
        at += step
    return found


def _step(length: float, unit: Unit) -> float:
    rough = length / VALUE_TICKS
    if unit == "s" and rough > _SPANS[0] / 2:
        return next((size for size in _SPANS if size >= rough), math.ceil(rough / _A_DAY) * _A_DAY)
    if unit == "bytes":
        return 2.0 ** math.ceil(math.log2(rough))
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * part for part in (1, 2, 5, 10) if power * part >= rough * (1 - 1e-9))
