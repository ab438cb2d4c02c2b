"""What a dashboard consists of, in our own words: panels that say what they answer, laid out in sections. Pure.

Only ``dashboards_grafana`` knows how Grafana writes these down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["stat", "graph", "heatmap", "table", "bars"]

GOOD, WARN, BAD, NEUTRAL = "green", "orange", "red", "text"
"""Grafana's own colour names: they follow its light and dark themes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One PromQL query; ``name`` is how its series are called (Grafana's ``{{label}}`` form)."""

    expr: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    ``title`` asks or says what the panel answers; ``text`` says what it shows, which value is good, and what to do.
    ``steps`` are (from this value on, colour), the first without a value. ``alert`` is the alert whose runbook helps.
    ``empty_until`` names the event before which there is nothing to show (``first_drill``); ``nothing`` says so.
    """

    title: str
    text: str
    kind: Kind
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    height: int = 8
    steps: tuple[tuple[float | None, str], ...] = ((None, NEUTRAL),)
    draw_thresholds: bool = False
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    stacked: bool = False
    says: dict[str, str] = field(default_factory=dict)
    """Text shown instead of a value: ``{"1": "up", "0": "down"}``."""
    columns: dict[str, str] = field(default_factory=dict)
    """A table's columns in order, source name -> heading; of several queries, values are ``Value #A``, ``#B``, ..."""
    column_units: dict[str, str] = field(default_factory=dict)
    """Units of a table's columns by heading."""
    alert: str = ""
    empty_until: str = ""
    nothing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled row. A collapsed one runs no queries until it is opened."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard. ``uid`` is also its file's name; ``slo_variable`` lets the reader choose SLOs."""

    uid: str
    title: str
    text: str
    sections: tuple[Section, ...]
    span: str
    """How far back it opens: ``now-6h``."""
    slo_variable: bool = False


def below(limit: float) -> tuple[tuple[float | None, str], ...]:
    """Good below a limit, bad from it on."""
    return ((None, GOOD), (limit, BAD))


def above(limit: float) -> tuple[tuple[float | None, str], ...]:
    """Bad below a limit, good from it on."""
    return ((None, BAD), (limit, GOOD))
