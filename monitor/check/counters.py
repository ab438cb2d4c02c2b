"""Counters that are read as if they were gauges, and gauges as if they were counters. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import promql_parser as ql

from monitor.catalogue import promql
from monitor.check.problem import Problem
from monitor.check.series import Declared

OF_COUNTERS = frozenset({"rate", "irate", "increase", "resets"})
"""What is meant for counters alone: it takes each step down for a restart."""

OF_GAUGES = frozenset({"delta", "idelta", "deriv", "predict_linear"})
"""What is meant for gauges alone: to it a counter's restart is a fall."""

COUNTED = OF_COUNTERS | {"changes", "count_over_time", "absent", "absent_over_time", "present_over_time", "timestamp"}
"""What may be done with a counter."""

COUNTING = frozenset({"count", "group", "count_values"})
"""Aggregations that look at how many series there are, not at their values."""

_AGAINST_NOTHING = frozenset({">", "!=", "=="})


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands around a selector."""

    function: str = ""
    counted: bool = False
    """Whether it does not matter how high a counter stands."""


def misread(expr: ql.Expr, declared: Declared, window: str, around: Around = Around()) -> Iterator[Problem]:
    """Counters without a rate (over ``window``, as one would be written), and rates of what is none."""
    match expr:
        case ql.MatrixSelector():
            yield from _one(expr.vector_selector, declared, window, around)
        case ql.VectorSelector():
            yield from _one(expr, declared, window, around)
        case ql.Call():
            yield from _in_call(expr, declared, window, around)
        case ql.AggregateExpr():
            counted = around.counted or str(expr.op) in COUNTING
            yield from misread(expr.expr, declared, window, replace(around, counted=counted))
        case ql.BinaryExpr():
            left, right = _sides(expr, around)
            yield from misread(expr.lhs, declared, window, left)
            yield from misread(expr.rhs, declared, window, right)
        case _:
            for part in promql.parts(expr):
                yield from misread(part, declared, window, around)


def _in_call(call: ql.Call, declared: Declared, window: str, around: Around) -> Iterator[Problem]:
    name = str(call.func.name)
    for argument in call.args:
        if name in OF_COUNTERS and isinstance(argument, ql.SubqueryExpr):
            message = f"{name} is taken of what was added up: a counter's restart looks like a jump"
            yield "rate-of-aggregate", message, f"add up the {name}s instead"
        inner = Around(function=name, counted=around.counted or name in COUNTED)
        yield from misread(argument, declared, window, inner)


def _sides(pair: ql.BinaryExpr, around: Around) -> tuple[Around, Around]:
    """What stands around both sides: whether a counter moved, or is there, may be asked of its plain value."""
    counted = replace(around, counted=True)
    sign, names = str(pair.op), [{str(one.name) for one in promql.selectors(side)} for side in (pair.lhs, pair.rhs)]
    if sign in _AGAINST_NOTHING and isinstance(pair.rhs, ql.NumberLiteral) and not pair.rhs.val:
        return counted, around
    if sign == "-" and names[0] == names[1]:  # now, less what it was before
        return counted, counted
    return around, counted if sign in {"and", "unless"} else around


def _one(selector: ql.VectorSelector, declared: Declared, window: str, around: Around) -> Iterator[Problem]:
    name = str(selector.name or "")
    types = declared.types(name)
    if around.function in OF_COUNTERS and types == {"gauge"}:
        message = f"{around.function} is taken of {name}, which is a gauge"
        yield "rate-of-gauge", message, "use deriv or delta, or show it as it is"
    if types != {"counter"} and (types or not name.endswith("_total")):
        return
    if around.function in OF_GAUGES:
        message = f"{around.function} is taken of {name}, which is a counter: its restart looks like a fall"
        yield "gauge-function", message, "use rate or increase"
    elif not around.counted:
        message = f"{name} is a counter, and is read as it is: it only says how long ago the process started"
        yield "bare-counter", message, f"take its rate: rate({name}[{window}])"
