"""What a dashboard names that is nowhere (variables, units), and limits and times that Grafana cannot read. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from monitor.check.dashboard_files import DashboardFile, targets
from monitor.check.dashboard_layout import Known, all_links, named
from monitor.check.grafana_units import meant
from monitor.check.problem import Problem
from monitor.render.dashboards_promql import variables

_MOMENT = re.compile(r"now([-+]\d+[smhdwMy])?(/[smhdwMyQ]|/f[Qy])?|\d{10,13}|\d{4}-\d\d-\d\d.*")
_EVERY = re.compile(r"\d+(ms|[smhd])|auto|")
_OWN = "__"
"""What begins so is Grafana's."""


def undefined(board: DashboardFile, _: Known) -> Iterator[Problem]:
    """Variables that are used and not there: Grafana sends their names as they stand, and finds nothing."""
    there = Counter(str(one.get("name")) for one in board.variables())
    for name, count in there.items():
        if count > 1:
            yield "same-variable", f"{count} variables are called ${name}", "keep one, or rename the others"
    for where, text in _texts(board):
        for name in sorted({name for name in variables(text) if not name.startswith(_OWN)} - there.keys()):
            message = f"{where} uses ${name}, and there is no such variable"
            yield "unknown-variable", message, f"use one of {', '.join(f'${one}' for one in sorted(there)) or 'none'}"


def _texts(board: DashboardFile) -> Iterator[tuple[str, str]]:
    for panel in board.panels():
        name = named(panel)
        yield f"the title {name}", str(panel.get("title") or "")
        yield f"what {name} repeats for", f"${panel['repeat']}" if panel.get("repeat") else ""
        yield from ((f"a query of {name}", str(target["expr"])) for target in targets(panel))
        yield from ((f"a link of {name}", str(link.get("url") or "")) for link in all_links(panel))
    yield from ((f"annotation {mark.get('name')}", str(mark.get("expr") or "")) for mark in board.annotations())
    yield from ((f"the row {named(row)}", f"${row['repeat']}") for row in board.rows() if row.get("repeat"))
    for one in board.variables():
        query = one.get("query")
        text = query.get("query") if isinstance(query, dict) else query
        yield f"variable ${one.get('name')}", str(text or "") if one.get("type") == "query" else ""


def limits(board: DashboardFile, _: Known) -> Iterator[Problem]:
    """Units that are misspelt, and thresholds that are out of order or no numbers."""
    for panel in board.panels():
        defaults: dict[str, Any] = (panel.get("fieldConfig") or {}).get("defaults") or {}
        unit = str(defaults.get("unit") or "")
        if known := meant(unit):
            yield "unknown-unit", f"{named(panel)} has the unit {unit}, which Grafana does not know", f"write {known}"
        steps = [step.get("value") for step in (defaults.get("thresholds") or {}).get("steps") or []][1:]
        numbers = [one for one in steps if isinstance(one, (int, float)) and not isinstance(one, bool)]
        if len(numbers) < len(steps) or numbers != sorted(numbers):
            shown = ", ".join(map(str, steps))
            message = f"the thresholds of {named(panel)} are no numbers that rise ({shown}): its colours are wrong"
            yield "bad-thresholds", message, "give each a number, the lowest first"


def times(board: DashboardFile, _: Known) -> Iterator[Problem]:
    """Times that Grafana cannot read."""
    for end, text in (board.body.get("time") or {}).items():
        if isinstance(text, str) and not _MOMENT.fullmatch(text):
            yield "bad-time", f"time.{end} is {text!r}, which Grafana cannot read", "write it like now-6h"
    refresh = board.body.get("refresh")
    if isinstance(refresh, str) and not _EVERY.fullmatch(refresh):
        yield "bad-time", f"refresh is {refresh!r}, which Grafana cannot read", "write it like 30s or 1m"
