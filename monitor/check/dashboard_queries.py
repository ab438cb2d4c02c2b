"""What can be wrong with a dashboard's PromQL before anybody runs it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser as ql

from monitor.catalogue import promql
from monitor.catalogue.model import Place
from monitor.check.counters import misread
from monitor.check.dashboard_labels import labels_of
from monitor.check.dashboard_layout import Known
from monitor.check.division import divisors, is_zero_at_rest
from monitor.check.problem import Problem
from monitor.check.query_labels import impossible
from monitor.render import carried
from monitor.render.dashboards_promql import RATE, replaced, variables
from monitor.render.dashboards_window import FINEST

INSTANT = frozenset({"table", "bargauge"})
"""Panels that show the state now: asking them for a range reads a thousand times as much."""

FIGURES = frozenset({"stat", "gauge", "bargauge", "table"})
"""Panels that write a value as text: a division by nothing stands there as NaN."""

NAMED = frozenset({"timeseries", "bargauge", "state-timeline", "barchart", "piechart"})
"""Panels that tell series apart by their names."""

AUTOMATIC = "__auto"
"""Grafana's own legend: the labels in which series differ."""

_OF_ZOOM = re.compile(r"\$(?:\{)?__(?:rate_)?interval")
_FIXED_RATE = re.compile(r"\b(?:rate|irate)\s*\((?:[^()]|\([^()]*\))*?\[(?!\$__rate_interval|\$\{__rate_interval)")
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def used_variables(expr: str) -> set[str]:
    """The names of the variables that a query holds."""
    return set(variables(expr))


def query_problems(place: Place, panel: dict[str, Any], target: dict[str, Any], known: Known) -> Iterator[Problem]:
    """Everything that is wrong with one query: (code, message, remedy)."""
    written = str(target["expr"])
    try:
        expr = promql.parse(replaced(written))
    except ValueError as error:
        yield "no-promql", f"{written} {error}", "correct it"
        return
    for selector in promql.selectors(expr):
        if not selector.name or any(matcher.name == "__name__" for matcher in selector.matchers.matchers):
            yield "reads-everything", f"{written} reads series of every name", "name the metric"
        else:
            for problem in known.declared.problems(place, selector):
                yield problem.code, problem.message, problem.remedy
    if _FIXED_RATE.search(written):
        yield "fixed-rate", f"{written} has a rate over a fixed window: zoomed in it is empty", f"use [{RATE}]"
    yield from _constants(expr, written)
    yield from misread(expr, known.declared, RATE)
    yield from impossible(expr, known.metrics)
    yield from _shown(panel, target, expr, known)


def _constants(expr: ql.Expr, written: str) -> Iterator[Problem]:
    for part in promql.every_part(expr):
        if isinstance(part, ql.Call) and part.func.name == "vector":
            message = f"{written} makes a value up where there is none"
            yield "made-up", message, "let an empty panel say that nothing is known (noValue)"


def _shown(panel: dict[str, Any], target: dict[str, Any], expr: ql.Expr, known: Known) -> Iterator[Problem]:
    kind = panel.get("type")
    if kind in INSTANT and not target.get("instant"):
        yield "not-instant", "asks for a range, and shows one value", "ask it as an instant query"
    if kind == "heatmap" and target.get("format") != "heatmap":
        yield "no-heatmap", "does not ask for buckets in a heatmap's form", "set format to heatmap"
    if kind in FIGURES:
        yield from _figure(panel, target, expr)
    yield from _legend(panel, target, expr, known)


def _legend(panel: dict[str, Any], target: dict[str, Any], expr: ql.Expr, known: Known) -> Iterator[Problem]:
    written = str(target.get("legendFormat") or "")
    if not written or written == AUTOMATIC:
        return
    names, possible, by = set(_LEGEND.findall(written)), carried.of_query(expr, known.metrics).possible, labels_of(expr)
    if possible is not None and (unknown := sorted(names - possible - {"__name__"})):
        message = f"the legend names {', '.join(unknown)}, which the query drops"
        yield "empty-legend", message, "keep the label in by (...), or leave it out of the legend"
    if by is not None and panel.get("type") in NAMED and (unnamed := sorted(by - names)):
        message = f"series that differ in {', '.join(unnamed)} are called alike: {written!r}"
        yield "same-legend", message, "name the label in the legend, or leave it out of by (...)"


def _figure(panel: dict[str, Any], target: dict[str, Any], expr: ql.Expr) -> Iterator[Problem]:
    written = str(target["expr"])
    if any(map(is_zero_at_rest, divisors(expr))):
        message = f"{written} divides by what is zero while nothing happens, and shows NaN"
        yield "not-a-number", message, "divide by (... > 0), and say in noValue that nothing happened"
    if target.get("instant") and _OF_ZOOM.search(written) and not panel.get("maxDataPoints"):
        message = f"{written} asks how it is now, and takes it over a step of what is looked at: hours, of a month"
        yield "now-of-hours", message, f"set maxDataPoints to {FINEST}, or look back over a fixed time"
