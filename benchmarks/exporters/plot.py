"""Draws curves of growth as one small SVG: a panel each, both axes logarithmic, so that linear is a diagonal. Pure."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

from benchmarks.exporters.growth import Curve

_Scale = Callable[[float], float]
_Place = Callable[[float, float], tuple[float, float]]

_WIDTH, _HEIGHT = 330, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 44, 40
_COLUMNS = 2
_INK, _LINE, _FAINT = "#1f2933", "#0b6e99", "#9aa5b1"


def svg(curves: Sequence[Curve]) -> str:
    """Return the drawing. The dashed line is what exactly linear growth from the first point would be."""
    rows = math.ceil(len(curves) / _COLUMNS)
    panels = "\n".join(
        f'<g transform="translate({_WIDTH * (number % _COLUMNS)},{_HEIGHT * (number // _COLUMNS)})">{_panel(curve)}</g>'
        for number, curve in enumerate(curves)
    )
    size = f'width="{_WIDTH * _COLUMNS}" height="{_HEIGHT * rows}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11" fill="{_INK}">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{panels}\n</svg>\n'
    )


def _panel(curve: Curve) -> str:
    sizes, times = [size for size, _ in curve.points], [ms for _, ms in curve.points]
    low, high = math.log10(min(times)), math.log10(max(times))
    middle, half = (low + high) / 2, max(0.6, (high - low) / 2 * 1.15)
    across = _scale(math.log10(sizes[0]), math.log10(sizes[-1]), _LEFT, _WIDTH - _RIGHT)
    up = _scale(middle - half, middle + half, _HEIGHT - _BOTTOM, _TOP)

    def at(size: float, ms: float) -> tuple[float, float]:
        return across(math.log10(size)), up(math.log10(ms))

    places = [at(size, ms) for size, ms in curve.points]
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_LINE}"/>'
        f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle">{_shown(ms)}</text>'
        for (x, y), ms in zip(places, times, strict=True)
    )
    ticks = "".join(
        f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle" fill="{_INK}">{size:g}</text>'
        for (x, _), size in zip(places, sizes, strict=True)
    )
    floor = _HEIGHT - _BOTTOM
    return (
        f'<text x="{_LEFT}" y="16" font-weight="bold">{html.escape(curve.what)}</text>'
        f'<text x="{_LEFT}" y="30">ms; exponent {curve.fit.exponent:.2f}</text>'
        f'<path d="M{_LEFT - 10} {_TOP}V{floor}H{_WIDTH - _RIGHT + 8}" fill="none" stroke="{_FAINT}"/>'
        f"{_linear(curve, at)}"
        f'<path d="{_path(places)}" fill="none" stroke="{_LINE}" stroke-width="2"/>{dots}{ticks}'
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{html.escape(curve.against)}</text>"
    )


def _shown(ms: float) -> str:
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.3g}"


def _linear(curve: Curve, at: _Place) -> str:
    """Draw the reference, as far as it stays inside its panel."""
    (first, least), (last, _) = curve.points[0], curve.points[-1]
    steps = [first * (last / first) ** (step / 20) for step in range(21)]
    inside = [(x, y) for x, y in (at(size, least * size / first) for size in steps) if y >= _TOP]
    return f'<path d="{_path(inside)}" fill="none" stroke="{_FAINT}" stroke-dasharray="4 4"/>'


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _scale(low: float, high: float, start: float, end: float) -> _Scale:
    spread = high - low or 1.0
    return lambda value: start + (value - low) / spread * (end - start)
