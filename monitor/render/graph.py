"""An alert's graph for the console: what was measured, the threshold that it was held against, and what happened. Pure.

Plain SVG without styles of its own: colours come from the page's sheet, which knows light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

WIDTH, HEIGHT = 880, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 38, 26
MOST_LINES = 12
"""More lines than this nobody can tell apart; the first ones are drawn, and the page says how many there are."""

HEADROOM = 1.12
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TICKS = tuple(
    timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 10080, 20160)
)
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

Points = Sequence[tuple[datetime, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened: at an instant, or from one to another."""

    at: datetime
    until: datetime | None = None
    kind: str
    """``deploy``, ``drill`` or ``firing``: how it is drawn."""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """What is drawn. ``gap`` is the longest time between two points that a line may cross."""

    start: datetime
    end: datetime
    lines: Sequence[tuple[str, Points]]
    threshold: float | None = None
    limits: Sequence[Points] = ()
    """Thresholds that are measured themselves."""
    sign: str = ""
    marks: Sequence[Mark] = ()
    gap: timedelta = timedelta(minutes=5)
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class _Frame:
    graph: Graph
    low: float
    high: float

    def x(self, at: datetime) -> float:
        share = (at - self.graph.start) / (self.graph.end - self.graph.start)
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return TOP + (1 - min(max(share, 0.0), 1.0)) * (HEIGHT - TOP - BOTTOM)


def draw(graph: Graph, title: str) -> Markup:
    """Draw a graph; empty where there is no point to draw."""
    lines = [(name, [(at, value) for at, value in points if math.isfinite(value)]) for name, points in graph.lines]
    limits = [[(at, value) for at, value in points if math.isfinite(value)] for points in graph.limits]
    values = [value for _, points in lines for _, value in points]
    if not values:
        return Markup()
    values += [value for points in limits for _, value in points]
    frame = _frame(graph, values)
    parts = [
        *_firing(frame),
        *_axes(frame),
        *(_line(frame, points, f"line l{number}", name) for number, (name, points) in enumerate(lines[:MOST_LINES])),
        *(_line(frame, points, "limit", "threshold") for points in limits[:MOST_LINES]),
        *_threshold(frame),
        *_marks(frame),
    ]
    body = "\n".join(parts)
    return Markup(  # noqa: S704  # every text in it was escaped below; the rest are numbers
        f'<svg class="graph" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">\n{body}\n</svg>'
    )


def short(value: float) -> str:
    """A number as an axis says it: ``1.2k``, ``0.05``."""
    for size, prefix in _PREFIXES:
        if abs(value) >= size:
            return f"{value / size:.4g}{prefix}"
    return f"{value:.4g}"


def _frame(graph: Graph, values: Sequence[float]) -> _Frame:
    """Let the threshold be seen, and zero unless everything is far from it."""
    seen = [*values, *([] if graph.threshold is None else [graph.threshold])]
    low, high = min(seen), max(seen)
    low = min(0.0, low) if low < 0 or low < (high - low) * 2 else low - (high - low) * 0.1
    least = max(abs(low), abs(high)) * 1e-9 or 1.0  # what differs by less is level, as far as an axis can tell
    high = low + max((high - low) * HEADROOM, least)
    step = _step(high - low)
    return _Frame(graph, math.floor(low / step) * step, math.ceil(high / step) * step)


def _step(span: float) -> float:
    rough = span / 4
    size = 10.0 ** math.floor(math.log10(rough))
    return next(size * factor for factor in _STEPS if size * factor >= rough * 0.999)


def _axes(frame: _Frame) -> Iterator[str]:
    step = _step(frame.high - frame.low)
    for number in range(round((frame.high - frame.low) / step) + 1):
        value = frame.low + number * step
        y = frame.y(value)
        yield f'<path class="rule" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(short(round(value, 12)))}</text>'
    for at, label in _ticks(frame.graph):
        yield f'<text x="{frame.x(at):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{label}</text>'


def _ticks(graph: Graph) -> Iterator[tuple[datetime, str]]:
    """Round times of the reader's clock, six or so."""
    zone, length = ZoneInfo(graph.time_zone), graph.end - graph.start
    step = next((size for size in _TICKS if length / size <= 7), _TICKS[-1])  # noqa: PLR2004  # as many as fit
    start = graph.start.astimezone(zone)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + step * -((midnight - start) // step)
    form = "%-d %b" if step >= timedelta(days=1) else "%H:%M"
    while at <= graph.end:
        yield at, f"{at:{form}}"
        at += step


def _line(frame: _Frame, points: Points, css: str, name: str) -> str:
    path: list[str] = []
    before: datetime | None = None
    for at, value in points:
        move = "L" if before is not None and at - before <= frame.graph.gap else "M"
        path.append(f"{move}{frame.x(at):.1f} {frame.y(value):.1f}")
        before = at
    # A point alone is seen as a dot: its line has no length, but round ends.
    return f'<path class="{css}" d="{"".join(path)}h0"><title>{escape(name)}</title></path>' if path else ""


def _threshold(frame: _Frame) -> Iterator[str]:
    if frame.graph.threshold is None:
        return
    y = frame.y(frame.graph.threshold)
    said = escape(f"fires {_SIGNS.get(frame.graph.sign, '')} {short(frame.graph.threshold)}")
    place = y - 6 if y > TOP + 16 else y + 14  # the height of a line of text
    yield f'<path class="limit" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    yield f'<text class="limit-name" x="{WIDTH - RIGHT}" y="{place:.1f}" text-anchor="end">{said}</text>'


_SIGNS = {">": "above", "<": "below", ">=": "from", "<=": "at or below", "==": "at", "!=": "unless at"}


def _firing(frame: _Frame) -> Iterator[str]:
    for mark in frame.graph.marks:
        if mark.kind == "firing" and _seen(frame.graph, mark):
            x, right = frame.x(mark.at), frame.x(mark.until or frame.graph.end)
            width = max(right - x, 1.5)
            yield f'<rect class="firing" x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}"/>'


def _marks(frame: _Frame) -> Iterator[str]:
    for mark in frame.graph.marks:
        if mark.kind != "firing" and _seen(frame.graph, mark):
            x = frame.x(mark.at)
            kind, text = escape(mark.kind), escape(mark.text)
            row = TOP - (24 if mark.kind == "deploy" else 8)  # a row for each kind: they often fall together
            anchor = "end" if x > WIDTH * 0.8 else "start"
            label = f'<text x="{x + (-4 if anchor == "end" else 4):.1f}" y="{row}" text-anchor="{anchor}">{text}</text>'
            yield f'<g class="mark {kind}"><path d="M{x:.1f} {row - 10}V{HEIGHT - BOTTOM}"/>{label}</g>'


def _seen(graph: Graph, mark: Mark) -> bool:
    return mark.at <= graph.end and (mark.until or mark.at) >= graph.start - timedelta(seconds=1)
