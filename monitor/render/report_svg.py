"""The report's chart: how much of each error budget was left over the period. Plain SVG, drawn by arithmetic. Pure.

Colours and fonts stand in the elements' own attributes: WeasyPrint does not carry a page's styles into its drawings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from monitor.render import report_words as words
from monitor.render.report_model import Incident, PeriodSpan, SloResult, Slot
from monitor.slo.verdict import Verdict

PALETTE = {
    "ink": "#17212e",
    "soft": "#4d5a6a",
    "rule": "#d8dee6",
    "pale": "#f4f6f8",
    "good": "#0f6b84",
    "poor": "#c98a1b",
    "bad": "#b23a10",
    "unknown": "#596575",
    "faint": "#aab4c0",
}
"""Blue and orange-red stay apart for every kind of colour blindness; each text colour has 5:1 or more on white."""

WIDTH, HEIGHT = 920, 236
LEFT, RIGHT, TOP, BOTTOM = 46, 138, 18, 30
TICKS = 6
MEASURED_SHARE = 0.5
"""A piece of the period of which less was measured is drawn as not measured."""

LOWEST = -0.5
"""An overspent budget is drawn down to here; beyond, the figure in the table says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Turns instants and shares of a budget into places on the drawing."""

    start: datetime
    end: datetime
    floor: float

    def x(self, at: datetime) -> float:
        return LEFT + (at - self.start) / (self.end - self.start) * (WIDTH - LEFT - RIGHT)

    def y(self, share: float) -> float:
        clipped = max(self.floor, min(1.0, share))
        return TOP + (1 - clipped) / (1 - self.floor) * (HEIGHT - TOP - BOTTOM)


def budget_chart(period: PeriodSpan, slos: Sequence[SloResult], incidents: Sequence[Incident]) -> Markup:
    """Draw the budgets; the one with the least left is drawn strong and named, the others stay in the background.

    Time in which that one was not measured is hatched; incidents are numbered as in the report's table.
    """
    drawn = [slo for slo in slos if any(slot.budget_left is not None for slot in slo.slots)]
    if not drawn:
        return Markup()
    lead = min(drawn, key=lambda slo: 1.0 if slo.budget_left is None else slo.budget_left)
    lowest = min(slot.budget_left for slo in drawn for slot in slo.slots if slot.budget_left is not None)
    frame = _Frame(start=period.start, end=period.end, floor=LOWEST if lowest < 0 else 0.0)
    colour = PALETTE["bad" if lead.verdict is Verdict.MISSED else "good"]
    parts: list[str] = [
        *_axes(frame, period),
        *_blind(frame, lead.slots),
        *(_line(frame, slo.slots, PALETTE["faint"], 1.2) for slo in drawn if slo is not lead),
        _area(frame, lead.slots, colour),
        _line(frame, lead.slots, colour, 2.2),
        _name(frame, lead, colour),
        *_marks(frame, incidents),
    ]
    title = escape(f"Error budget left over the period; {lead.display_name} has the least")
    body = "\n".join(parts)
    return Markup(  # noqa: S704  # every text in it was escaped above; the rest are numbers
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">\n{body}\n</svg>'
    )


def _axes(frame: _Frame, period: PeriodSpan) -> Iterator[str]:
    for share in (1.0, 0.5, 0.0, -0.5):
        if share < frame.floor:
            continue
        y = frame.y(share)
        yield _rule(LEFT, y, WIDTH - RIGHT, y, PALETTE["ink" if share == 0 else "rule"])
        yield _text(LEFT - 8, y + 4, words.percent(share, 0), anchor="end")
    for at, label in _ticks(period):
        x = frame.x(at)
        yield _rule(x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 4, PALETTE["soft"])
        yield _text(x, HEIGHT - BOTTOM + 18, label, anchor="middle")


def _ticks(period: PeriodSpan) -> Iterator[tuple[datetime, str]]:
    """Instants at round times of the reader's clock, six or so."""
    zone, length = ZoneInfo(period.time_zone), period.end - period.start
    sizes = [timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)]
    sizes += [timedelta(days=d) for d in (1, 2, 5, 7, 14, 30, 60, 100)]
    step = next((size for size in sizes if length / size <= TICKS), sizes[-1])
    midnight = period.start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    steps = -((midnight - period.start.astimezone(zone)) // step)
    at = midnight + step * steps
    form = "%-d %b" if step >= timedelta(days=1) else "%H:%M"
    while at <= period.end:
        if at >= period.start:
            yield at, f"{at:{form}}"
        at += step


def _blind(frame: _Frame, slots: Sequence[Slot]) -> Iterator[str]:
    for blind, group in groupby(slots, key=lambda slot: slot.coverage < MEASURED_SHARE):
        run = list(group)
        if blind:
            x, end = frame.x(run[0].start), frame.x(run[-1].end)
            height = HEIGHT - TOP - BOTTOM
            yield f'<rect x="{x:.1f}" y="{TOP}" width="{end - x:.1f}" height="{height}" fill="{PALETTE["pale"]}"/>'
            yield from _hatch(x, end)
            if end - x > 90:  # noqa: PLR2004  # as wide as the words are
                middle, y = (x + end) / 2, TOP + height / 2
                yield f'<rect x="{middle - 46:.1f}" y="{y - 11:.1f}" width="92" height="22" fill="#fff"/>'
                yield _text(middle, y + 4, "not measured", anchor="middle")


def _hatch(left: float, right: float) -> Iterator[str]:
    """Slanted lines, cut off at the edges: unlike a pattern, every renderer draws them alike."""
    bottom, height = HEIGHT - BOTTOM, HEIGHT - TOP - BOTTOM
    foot = left - height + 8
    while foot < right:
        low, high = max(foot, left), min(foot + height, right)
        if low < high:
            yield _rule(low, bottom - (low - foot), high, bottom - (high - foot), PALETTE["rule"])
        foot += 8


def _points(frame: _Frame, slots: Sequence[Slot]) -> list[list[tuple[float, float]]]:
    """Steps of the line, broken where nothing was measured."""
    lines: list[list[tuple[float, float]]] = []
    before = 1.0
    for known, group in groupby(slots, key=lambda slot: slot.budget_left is not None):
        run = list(group)
        if known:
            line = [(frame.x(run[0].start), frame.y(before))]
            for slot in run:
                before = slot.budget_left if slot.budget_left is not None else before
                line.append((frame.x(slot.end), frame.y(before)))
            lines.append(line)
    return lines


def _line(frame: _Frame, slots: Sequence[Slot], colour: str, width: float) -> str:
    path = " ".join(
        ("M" if number == 0 else "L") + f"{x:.1f} {y:.1f}"
        for line in _points(frame, slots)
        for number, (x, y) in enumerate(line)
    )
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"/>'


def _area(frame: _Frame, slots: Sequence[Slot], colour: str) -> str:
    zero = frame.y(0)
    shapes = []
    for line in _points(frame, slots):
        path = " ".join(f"L{x:.1f} {y:.1f}" for x, y in line)
        shapes.append(f"M{line[0][0]:.1f} {zero:.1f} {path} L{line[-1][0]:.1f} {zero:.1f}Z")
    return f'<path d="{" ".join(shapes)}" fill="{colour}" fill-opacity="0.1"/>'


def _name(frame: _Frame, lead: SloResult, colour: str) -> str:
    last = next(slot for slot in reversed(lead.slots) if slot.budget_left is not None)
    share = last.budget_left or 0.0
    x, y = frame.x(last.end), frame.y(share)
    beside = min(y, HEIGHT - BOTTOM - 18)  # two lines of text, above those of the axis
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
        + _text(x + 10, beside - 2, lead.display_name, fill=PALETTE["ink"], bold=True)
        + _text(x + 10, beside + 13, words.left(lead.budget_left, sure=lead.verdict is not Verdict.INSUFFICIENT))
    )


def _marks(frame: _Frame, incidents: Sequence[Incident]) -> Iterator[str]:
    for number, incident in enumerate(incidents, start=1):
        x = (frame.x(incident.start) + frame.x(incident.end)) / 2
        yield _rule(x, TOP, x, HEIGHT - BOTTOM, PALETTE["bad"], dashes="2 3")
        yield f'<circle cx="{x:.1f}" cy="{TOP - 6}" r="8" fill="{PALETTE["bad"]}"/>'
        yield _text(x, TOP - 2, str(number), anchor="middle", fill="#fff", bold=True)


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashed}/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", fill: str = PALETTE["soft"], bold: bool = False
) -> str:
    weight = "600" if bold else "400"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-size="12" font-weight="{weight}" '
        f'font-family="sans-serif">{escape(text)}</text>'
    )
