"""What can be wrong with a dashboard's PromQL before anybody runs it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser as ql

from monitor.catalogue import promql
from monitor.catalogue.model import Place
from monitor.check.dashboard_labels import labels_of
from monitor.check.series import Declared
from monitor.render.dashboards_promql import RATE, replaced, variables
from monitor.render.dashboards_window import FINEST

RATES = frozenset({"rate", "irate"})
OF_COUNTERS = RATES | {"increase", "resets"}
COUNTED = OF_COUNTERS | {"changes", "count_over_time", "absent", "absent_over_time", "present_over_time", "timestamp"}
"""What may be done with a counter."""

COUNTING = frozenset({"count", "group", "count_values"})
"""Aggregations that look at how many series there are, not at their values."""

INSTANT = frozenset({"table", "bargauge"})
"""Panels that show the state now: asking them for a range reads a thousand times as much."""

FIGURES = frozenset({"stat", "gauge", "bargauge", "table"})
"""Panels that write a value as text: a division by nothing stands there as NaN."""

OVER_TIME = RATES | {"increase", "delta", "deriv"}
"""What is zero where nothing happened."""

NAMED = frozenset({"timeseries", "bargauge", "state-timeline", "barchart", "piechart"})
"""Panels that tell series apart by their names."""

AUTOMATIC = "__auto"
"""Grafana's own legend: the labels in which series differ."""

_OF_ZOOM = re.compile(r"\$(?:\{)?__(?:rate_)?interval")
_FIXED_RATE = re.compile(r"\b(?:rate|irate)\s*\((?:[^()]|\([^()]*\))*?\[(?!\$__rate_interval|\$\{__rate_interval)")
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")

Problem = tuple[str, str, str]


def used_variables(expr: str) -> set[str]:
    """The names of the variables that a query holds."""
    return set(variables(expr))


def query_problems(
    place: Place, panel: dict[str, Any], target: dict[str, Any], declared: Declared
) -> Iterator[Problem]:
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
            for problem in declared.problems(place, selector):
                yield problem.code, problem.message, problem.remedy
    if _FIXED_RATE.search(written):
        yield "fixed-rate", f"{written} has a rate over a fixed window: zoomed in it is empty", f"use [{RATE}]"
    yield from _constants(expr, written)
    yield from _counters(expr, declared)
    yield from _shown(panel, target, expr)


def _constants(expr: ql.Expr, written: str) -> Iterator[Problem]:
    for call in _calls(expr):
        if call.func.name == "vector":
            message = f"{written} makes a value up where there is none"
            yield "made-up", message, "let an empty panel say that nothing is known (noValue)"


def _counters(expr: ql.Expr, declared: Declared, around: str = "", counted: bool = False) -> Iterator[Problem]:  # noqa: FBT001, FBT002  # passed on by itself alone
    """Counters without a rate, and rates of what is none."""
    if isinstance(expr, ql.MatrixSelector):
        yield from _one(expr.vector_selector, declared, around, counted=counted)
    elif isinstance(expr, ql.VectorSelector):
        yield from _one(expr, declared, around, counted=counted)
    elif isinstance(expr, ql.Call):
        name = expr.func.name
        for argument in expr.args:
            if name in OF_COUNTERS and isinstance(argument, ql.SubqueryExpr):
                message = f"{name} is taken of what was added up: a counter's restart looks like a jump"
                yield "rate-of-aggregate", message, f"add up the {name}s instead"
            yield from _counters(argument, declared, name, counted or name in COUNTED)
    elif isinstance(expr, ql.AggregateExpr):
        yield from _counters(expr.expr, declared, around, counted or str(expr.op) in COUNTING)
    elif isinstance(expr, ql.BinaryExpr):
        yield from _counters(expr.lhs, declared, around, counted)
        yield from _counters(expr.rhs, declared, around, counted)
    elif isinstance(expr, (ql.ParenExpr, ql.SubqueryExpr, ql.UnaryExpr)):
        yield from _counters(expr.expr, declared, around, counted)


def _one(selector: ql.VectorSelector, declared: Declared, around: str, *, counted: bool) -> Iterator[Problem]:
    name = str(selector.name or "")
    types = declared.types(name)
    if around in OF_COUNTERS and types == {"gauge"}:
        yield (
            "rate-of-gauge",
            f"{around} is taken of {name}, which is a gauge",
            "use deriv or delta, or show it as it is",
        )
    counter = types == {"counter"} or (not types and name.endswith("_total"))
    if counter and not counted:
        message = f"{name} is a counter, and is shown as it is: it only says how long ago the process started"
        yield "bare-counter", message, f"take its rate: rate({name}[{RATE}])"


def _shown(panel: dict[str, Any], target: dict[str, Any], expr: ql.Expr) -> Iterator[Problem]:
    kind = panel.get("type")
    if kind in INSTANT and not target.get("instant"):
        yield "not-instant", "asks for a range, and shows one value", "ask it as an instant query"
    if kind == "heatmap" and target.get("format") != "heatmap":
        yield "no-heatmap", "does not ask for buckets in a heatmap's form", "set format to heatmap"
    if kind in FIGURES:
        yield from _figure(panel, target, expr)
    yield from _legend(panel, target, labels_of(expr))


def _legend(panel: dict[str, Any], target: dict[str, Any], by: set[str] | None) -> Iterator[Problem]:
    written = str(target.get("legendFormat") or "")
    if by is None or not written or written == AUTOMATIC:
        return
    names = set(_LEGEND.findall(written))
    if unknown := sorted(names - by):
        message = f"the legend names {', '.join(unknown)}, which the query drops"
        yield "empty-legend", message, "keep the label in by (...), or leave it out of the legend"
    if panel.get("type") in NAMED and (unnamed := sorted(by - names)):
        message = f"series that differ in {', '.join(unnamed)} are called alike: {written!r}"
        yield "same-legend", message, "name the label in the legend, or leave it out of by (...)"


def _figure(panel: dict[str, Any], target: dict[str, Any], expr: ql.Expr) -> Iterator[Problem]:
    written = str(target["expr"])
    if any(_may_be_zero(divisor) for divisor in _divisors(expr)):
        message = f"{written} divides by what is zero while nothing happens, and shows NaN"
        yield "not-a-number", message, "divide by (... > 0), and say in noValue that nothing happened"
    if target.get("instant") and _OF_ZOOM.search(written) and not panel.get("maxDataPoints"):
        message = f"{written} asks how it is now, and takes it over a step of what is looked at: hours, of a month"
        yield "now-of-hours", message, f"set maxDataPoints to {FINEST}, or look back over a fixed time"


def _divisors(expr: ql.Expr) -> Iterator[ql.Expr]:
    for one in _within(expr):
        if isinstance(one, ql.BinaryExpr) and str(one.op) == "/":
            yield one.rhs


def _may_be_zero(expr: ql.Expr) -> bool:
    """Whether it is of what happens, and nothing sees to it that something did."""
    parts = list(_within(expr))
    guarded = any(isinstance(one, ql.BinaryExpr) and str(one.op) in {">", "!=", ">="} for one in parts)
    called = {one.func.name for one in parts if isinstance(one, ql.Call)}
    return not guarded and not called & {"clamp", "clamp_min"} and bool(called & OVER_TIME)


def _calls(expr: ql.Expr) -> Iterator[ql.Call]:
    yield from (one for one in _within(expr) if isinstance(one, ql.Call))


def _within(expr: ql.Expr) -> Iterator[ql.Expr]:
    """An expression, and all that it is made of."""
    yield expr
    if isinstance(expr, ql.Call):
        for argument in expr.args:
            yield from _within(argument)
    elif isinstance(expr, ql.BinaryExpr):
        yield from _within(expr.lhs)
        yield from _within(expr.rhs)
    elif isinstance(expr, (ql.AggregateExpr, ql.ParenExpr, ql.SubqueryExpr, ql.UnaryExpr)):
        yield from _within(expr.expr)
