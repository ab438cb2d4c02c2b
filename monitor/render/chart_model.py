"""What is drawn: lines, states, bars and events, in plain values. Pure.

Colours are names: ``good warn bad calm plain`` for what means something, ``s0`` to ``s7`` for series that only differ,
or a ``#rrggbb``. The names are classes of ``chart.css``, which has them for light and for dark pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.render.dashboards_style import PLAIN, Steps, Unit

SERIES_COLOURS = 8
DASHES = ("", "6 3", "2 3", "8 3 2 3")

_NAMES = {
    "green": "good",
    "orange": "warn",
    "red": "bad",
    "blue": "calm",
    "super-light-blue": "calm",
    "purple": "drill",
    "text": "plain",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A series: its name, and (Unix seconds, value) of each point."""

    name: str
    points: tuple[tuple[float, float], ...]
    colour: str = ""

    @property
    def last(self) -> float | None:
        """The newest value that is a number."""
        return next((value for _, value in reversed(self.points) if value == value), None)  # noqa: PLR0124  # NaN


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at ``start``, marked on the chart; ``end`` is where it went on for a time."""

    name: str
    start: float
    end: float | None
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How values are shown."""

    title: str
    """Told to people who do not see the drawing."""
    unit: Unit = "none"
    steps: Steps = PLAIN
    draw_thresholds: bool = False
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    stacked: bool = False
    says: dict[float, tuple[str, str]] = field(default_factory=dict)
    """Text and colour shown instead of a value."""
    width: int = 640
    height: int = 240


def colour_of(value: float, steps: Steps) -> str:
    """The colour that a value has by its thresholds."""
    found = steps[0][1]
    for limit, colour in steps:
        if limit is not None and value >= limit:
            found = colour
    return named(found)


def named(colour: str) -> str:
    """Our name of one of Grafana's colours."""
    return _NAMES.get(colour, colour)


def series_colour(line: Line, number: int) -> str:
    """A line's own colour, or that of its place."""
    return line.colour or f"s{number % SERIES_COLOURS}"


def series_dashes(line: Line, number: int) -> str:
    """What tells a line from the one that has its colour already."""
    return "" if line.colour else DASHES[min(number // SERIES_COLOURS, len(DASHES) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One series of an answer, its labels still apart."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float | None:
        """The newest value that is a number."""
        return next((value for _, value in reversed(self.points) if value == value), None)  # noqa: PLR0124  # NaN
