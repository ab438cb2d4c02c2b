"""What a dashboard consists of, in our own words: panels that say what they answer, laid out in sections. Pure.

``dashboards_grafana`` writes these down for Grafana, ``dashboard_page`` draws them without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from monitor.render.dashboards_style import PLAIN, Steps, Unit

Kind = Literal["stat", "graph", "heatmap", "table", "bars", "timeline"]

COLUMNS = 24
"""Grafana's grid is this wide; a panel must not reach beyond it."""

SIZES: dict[Kind, tuple[int, int]] = {
    "stat": (4, 4),
    "graph": (8, 8),
    "heatmap": (8, 8),
    "bars": (8, 8),
    "timeline": (12, 8),
    "table": (12, 8),
}
"""Width and height where a panel does not say its own: six figures or three graphs fill a line."""


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL query; ``name`` is how its series are called (Grafana's ``{{label}}`` form).

    With ``exemplars`` single observations are shown as well, each with the way to its trace: of a histogram's buckets.
    """

    expr: str
    name: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A text, and a colour where it has one, shown instead of a value."""

    value: int
    text: str
    colour: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    ``title`` asks what the panel answers; ``text`` says what it shows, which value is good, and what to do.
    ``alerts`` are those whose runbook helps; where none is named, those that read the same metrics (``panel_links``).
    ``leads_to`` is the dashboard to look at next. ``empty_until`` names the event before which there is nothing to
    show (``first_drill``); ``nothing`` says so.
    """

    title: str
    text: str
    queries: tuple[Query, ...]
    kind: Kind = "graph"
    unit: Unit = "none"
    width: int = 0
    height: int = 0
    steps: Steps = PLAIN
    draw_thresholds: bool = False
    minimum: float | None = 0
    maximum: float | None = None
    decimals: int | None = None
    stacked: bool = False
    says: tuple[Said, ...] = ()
    colours: dict[str, str] = field(default_factory=dict)
    """Colours of series by name, where a name has a meaning of its own (classes of status codes)."""
    columns: dict[str, str] = field(default_factory=dict)
    """A table's columns in order, source name -> heading; of several queries, values are ``Value #A``, ``#B``, ..."""
    column_units: dict[str, Unit] = field(default_factory=dict)
    """Units of a table's columns by heading."""
    column_steps: dict[str, Steps] = field(default_factory=dict)
    """Thresholds of a table's columns by heading."""
    sorted_by: str = ""
    """The heading of a table by which its lines are sorted, the least first."""
    bars_by: str = ""
    """The label whose order bars have (hours); else the query's own, which ``sort`` makes."""
    runbook_column: str = ""
    """The heading whose cells are names of alerts: each leads to its runbook."""
    alerts: tuple[str, ...] = ()
    leads_to: str = ""
    empty_until: str = ""
    nothing: str = ""

    @property
    def now(self) -> bool:
        """Whether it shows how things are at this moment, and not their course."""
        return self.kind in {"stat", "bars", "table"}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height on the grid."""
        width, height = SIZES[self.kind]
        return self.width or width, self.height or height


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled row. A collapsed one runs no queries until it is opened."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """Something that the reader chooses: the values of ``choice`` in ``metric``. All are chosen at first."""

    name: str
    label: str
    metric: str
    choice: str
    empty_until: str = ""

    @property
    def query(self) -> str:
        """Grafana's form."""
        return f"label_values({self.metric}, {self.choice})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard. ``uid`` is also its file's name; ``text`` is the question that it answers."""

    uid: str
    title: str
    text: str
    sections: tuple[Section, ...]
    span: str
    """How far back it opens: ``now-6h``."""
    variables: tuple[Variable, ...] = ()
    marks_backups: bool = False
    """Whether backups are marked from the beginning; elsewhere the reader turns them on."""

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, those inside collapsed rows too."""
        return tuple(panel for section in self.sections for panel in section.panels)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on the grid."""

    x: int
    y: int
    width: int
    height: int


def places(section: Section, top: int) -> Iterator[Spot]:
    """Where a section's panels stand: from left to right, wrapping before the 25th column."""
    left = tallest = 0
    for panel in section.panels:
        width, height = panel.size
        if left + width > COLUMNS:
            left, top, tallest = 0, top + tallest, 0
        yield Spot(x=left, y=top, width=width, height=height)
        left, tallest = left + width, max(tallest, height)
