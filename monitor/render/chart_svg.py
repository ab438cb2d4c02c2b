"""Charts over time as plain SVG, drawn by arithmetic: lines with thresholds and events, states, heat. Pure.

No script and no style attribute, so that they may stand in any page, under the strictest policy; colours are classes
(``chart.css``). Text and names are hostile input, and escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from itertools import pairwise
from math import isfinite

from markupsafe import Markup, escape

from monitor.render import chart_units
from monitor.render.chart_model import Event, Line, Look, named, series_colour, series_dashes
from monitor.render.chart_scale import Area, Window, limits, time_ticks, value_ticks

LEFT, RIGHT, TOP, BOTTOM = 66, 10, 8, 22
GAP_STEPS = 2.5
"""Points that lie farther apart than so many steps are not joined: nothing was measured between them."""

HEADROOM = 1.05
"""A threshold's line lies a little below the upper edge, so that its label has room."""

LABEL_WIDTH = 7.0
"""Of a letter, about: text that does not fit is left out."""


def graph(
    lines: Sequence[Line], window: Window, look: Look, events: Sequence[Event] = (), zone: tzinfo = UTC
) -> Markup:
    """Lines over time, with their thresholds and what happened meanwhile."""
    drawn = _stacked(lines) if look.stacked else [(line, None) for line in lines]
    values = [value for line, _ in drawn for _, value in line.points if isfinite(value)]
    marks = [limit for limit, _ in look.steps if limit is not None] if look.draw_thresholds else []
    low, high = limits([*values, *(limit * HEADROOM for limit in marks)], look.unit, look.minimum, look.maximum)
    area = Area(
        left=LEFT, top=TOP, right=look.width - RIGHT, bottom=look.height - BOTTOM, window=window, low=low, high=high
    )
    return svg(
        look,
        [
            *_events(area, events),
            *_grid(area, look),
            *_times(area, zone),
            *_thresholds(area, look),
            *(
                part
                for number, (line, below) in enumerate(drawn)
                for part in _line(area, line, below, series_colour(line, number), look, series_dashes(line, number))
            ),
        ],
    )


def timeline(lines: Sequence[Line], window: Window, look: Look, zone: tzinfo = UTC) -> Markup:
    """A row for each series, coloured by its state."""
    longest = max((len(line.name) for line in lines), default=0)
    left = min(look.width * 0.35, 16 + longest * LABEL_WIDTH)
    area = Area(left=left, top=TOP, right=look.width - RIGHT, bottom=look.height - BOTTOM, window=window, low=0, high=1)
    height = (area.bottom - area.top) / max(1, len(lines))
    parts = list(_times(area, zone))
    for number, line in enumerate(lines):
        top = area.top + number * height
        parts.append(_text(area.left - 8, top + height / 2 + 4, _ending(line.name, left - 12), "end"))
        for start, end, value in _states(line, window):
            said, colour = look.says.get(value, (chart_units.text(value, look.unit), f"s{int(value) % 8}"))
            x, width = area.x(start), max(1.0, area.x(end) - area.x(start))
            parts.append(_box(x, top + 1.5, width, height - 3, colour, f"{line.name}: {said}"))
            if len(said) * LABEL_WIDTH < width - 8 and height > 13:  # noqa: PLR2004  # as high as the letters
                parts.append(_text(x + 6, top + height / 2 + 4, said, "start", "on"))
    return svg(look, parts)


def heatmap(buckets: Sequence[tuple[float, Line]], window: Window, look: Look, zone: tzinfo = UTC) -> Markup:
    """How many fell into each bucket over time; ``buckets`` are (upper edge, how many up to it), as Prometheus says."""
    rows = _apart(sorted(buckets, key=lambda one: one[0]))
    filled = [number for number, (_, counts) in enumerate(rows) if any(counts.values())]
    rows = rows[filled[0] : filled[-1] + 1] if filled else []
    area = Area(left=LEFT, top=TOP, right=look.width - RIGHT, bottom=look.height - BOTTOM, window=window, low=0, high=1)
    most = max((count for _, counts in rows for count in counts.values()), default=0.0)
    height = (area.bottom - area.top) / max(1, len(rows))
    parts = list(_times(area, zone))
    every = max(1, round(14 / height)) if rows else 1
    for number, (edge, counts) in enumerate(rows):
        top = area.bottom - (number + 1) * height
        if number % every == 0:
            parts.append(_text(LEFT - 6, top + height / 2 + 4, _edge(edge, look), "end"))
        for at, count in counts.items():
            if count > 0:
                x = area.x(at - window.step)
                shade = 1 + min(8, int(8 * (count / most) ** 0.5))
                parts.append(_box(x, top, max(1.0, area.x(at) - x) + 0.3, height - 0.5, f"heat{shade}", f"{count:g}"))
    return svg(look, parts)


def sparkline(line: Line, window: Window, look: Look, colour: str) -> Markup:
    """The course of one figure, without axes."""
    values = [value for _, value in line.points if value == value]  # noqa: PLR0124  # NaN
    low, high = limits(values, look.unit, look.minimum, None)
    area = Area(left=0, top=3, right=look.width, bottom=look.height, window=window, low=low, high=high)
    return svg(look, list(_line(area, line, None, colour, look)))


def svg(look: Look, parts: Sequence[str]) -> Markup:
    """The drawing around its parts."""
    body = "\n".join(parts)
    return Markup(  # noqa: S704  # every text in it was escaped where it was written; the rest are numbers
        f'<svg class="chart" viewBox="0 0 {look.width} {look.height}" role="img" '
        f'aria-label="{escape(look.title)}">\n{body}\n</svg>'
    )


def _stacked(lines: Sequence[Line]) -> list[tuple[Line, dict[float, float] | None]]:
    """Each line on top of those before it, and what lies below it."""
    found: list[tuple[Line, dict[float, float] | None]] = []
    floor: dict[float, float] = {}
    for line in lines:
        below = dict(floor)
        for at, value in line.points:
            floor[at] = floor.get(at, 0.0) + (value if value == value else 0.0)  # noqa: PLR0124  # NaN
        points = tuple((at, floor[at]) for at, _ in line.points)
        found.append((Line(name=line.name, points=points, colour=line.colour), below))
    return found


def _grid(area: Area, look: Look) -> Iterator[str]:
    for value in value_ticks(area.low, area.high, look.unit):
        y = area.y(value)
        yield _rule(area.left, y, area.right, y, "axis" if value == 0 else "grid")
        yield _text(area.left - 6, y + 4, chart_units.text(value, look.unit), "end")


def _times(area: Area, zone: tzinfo) -> Iterator[str]:
    for at, label in time_ticks(area.window, zone):
        x = area.x(at)
        yield _rule(x, area.top, x, area.bottom, "grid")
        if area.left + 12 < x < area.right - 12:
            yield _text(x, area.bottom + 15, label, "middle")


def _events(area: Area, events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        x, colour = area.x(event.start), named(event.colour)
        title = f"<title>{escape(event.name)}</title>"
        if event.end is not None:
            width = max(1.5, area.x(event.end) - x)
            place = f'x="{x:.1f}" y="{area.top:.1f}" width="{width:.1f}" height="{area.bottom - area.top:.1f}"'
            yield f'<rect class="f-{colour} event" {place}>{title}</rect>'
        yield _rule(x, area.top, x, area.bottom, f"l-{colour} mark")
        foot = f"{x - 4:.1f} {area.top:.1f} {x + 4:.1f} {area.top:.1f} {x:.1f} {area.top + 6:.1f}"
        yield f'<polygon class="f-{colour}" points="{foot}">{title}</polygon>'


def _thresholds(area: Area, look: Look) -> Iterator[str]:
    if not look.draw_thresholds:
        return
    for limit, colour in look.steps:
        if limit is not None and area.low <= limit <= area.high:
            y = area.y(limit)
            yield _rule(area.left, y, area.right, y, f"l-{named(colour)} limit")
            beside = y - 4 if y > area.top + 14 else y + 13  # as high as the letters
            yield _text(area.right - 4, beside, chart_units.text(limit, look.unit), "end", f"f-{named(colour)}")


def _line(
    area: Area, line: Line, below: dict[float, float] | None, colour: str, look: Look, dashes: str = ""
) -> Iterator[str]:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    last = line.last
    shown = "" if last is None else f": {chart_units.text(last, look.unit, look.decimals)}"
    for run in runs(line.points, area.window):
        path = " ".join(f"{area.x(at):.1f} {area.y(value):.1f}" for at, value in run)
        if below is not None or look.height < TOP * 12:
            ends = reversed(run)
            floor = " ".join(f"{area.x(at):.1f} {area.y((below or {}).get(at, area.low)):.1f}" for at, _ in ends)
            yield f'<polygon {_fill(colour)} fill-opacity="0.28" points="{path} {floor}"/>'
        if len(run) == 1:
            x, y = path.split(" ")
            yield f'<circle {_fill(colour)} cx="{x}" cy="{y}" r="2"/>'
            continue
        paint = f'{_stroke(colour)} class="line {_class(colour, "l-")}"{dashed}'
        yield f'<polyline {paint} points="{path}"><title>{escape(line.name + shown)}</title></polyline>'


def runs(points: Sequence[tuple[float, float]], window: Window) -> Iterator[list[tuple[float, float]]]:
    """The pieces of a line between its gaps: where a value is no number, or nothing was measured."""
    run: list[tuple[float, float]] = []
    for at, value in points:
        if run and (not isfinite(value) or at - run[-1][0] > GAP_STEPS * window.step):
            yield run
            run = []
        if isfinite(value):
            run.append((at, value))
    if run:
        yield run


def _states(line: Line, window: Window) -> Iterator[tuple[float, float, float]]:
    """(From, to, value) for as long as a value stays."""
    for run in runs(line.points, window):
        start = run[0][0]
        for (_, before), (at, value) in pairwise(run):
            if value != before:
                yield start, at, before
                start = at
        yield start, min(run[-1][0] + window.step, window.end), run[-1][1]


def _apart(buckets: Sequence[tuple[float, Line]]) -> list[tuple[float, dict[float, float]]]:
    """How many fell into each bucket alone: Prometheus counts all up to its edge."""
    found: list[tuple[float, dict[float, float]]] = []
    before: dict[float, float] = {}
    for edge, line in buckets:
        upto = {at: value for at, value in line.points if value == value}  # noqa: PLR0124  # NaN
        found.append((edge, {at: max(0.0, value - before.get(at, 0.0)) for at, value in upto.items()}))
        before = upto
    return found


def _edge(edge: float, look: Look) -> str:
    return "more" if edge == float("inf") else chart_units.text(edge, look.unit)


def _box(x: float, y: float, width: float, height: float, colour: str, title: str) -> str:
    return (
        f'<rect {_fill(colour)} x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
        f"<title>{escape(title)}</title></rect>"
    )


def _ending(name: str, room: float) -> str:
    """As much of a name as has room, its end: members and servers of one kind begin alike."""
    letters = int(room / LABEL_WIDTH)
    return name if len(name) <= letters else f"…{name[-max(1, letters - 1) :]}"


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _class(colour: str, prefix: str) -> str:
    return "" if colour.startswith("#") else f"{prefix}{colour}"


def _fill(colour: str) -> str:
    return f'fill="{colour}"' if colour.startswith("#") else f'class="f-{colour}"'


def _stroke(colour: str) -> str:
    return f'stroke="{colour}"' if colour.startswith("#") else ""
