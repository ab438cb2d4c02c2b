"""Which values a query can have, as far as its functions and the kinds of its metrics tell. Pure.

Enough to see that ``count(x) == 0`` or ``up > 1`` can never be true, and that ``rate(x[5m]) >= 0`` always is. Where
nothing is known every number is possible, so that nothing is said of what only data can tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

import promql_parser as ql

from monitor.check.series import Declared

MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
"""The comparisons, and what each is with its sides exchanged."""


@dataclass(frozen=True, slots=True)
class Values:
    """From the least to the greatest value, both possible."""

    low: float = -math.inf
    high: float = math.inf

    def or_(self, other: Values) -> Values:
        """What comes from here or from there."""
        return Values(min(self.low, other.low), max(self.high, other.high))

    def within(self, other: Values) -> Values:
        """What both allow."""
        return Values(max(self.low, other.low), min(self.high, other.high))


ANY, POSITIVE, ONE, SHARE = Values(), Values(0.0), Values(1.0, 1.0), Values(0.0, 1.0)

_OF_FUNCTIONS = (
    dict.fromkeys(("rate", "irate", "increase", "resets", "changes", "time", "timestamp", "abs", "exp"), POSITIVE)
    | dict.fromkeys(("sqrt", "stddev_over_time", "stdvar_over_time"), POSITIVE)
    | dict.fromkeys(("absent", "absent_over_time", "present_over_time"), ONE)
    | {"count_over_time": Values(1.0), "histogram_fraction": SHARE, "histogram_count": POSITIVE}
    | {"hour": Values(0, 23), "minute": Values(0, 59), "day_of_week": Values(0, 6), "month": Values(1, 12)}
    | {"day_of_month": Values(1, 31), "day_of_year": Values(1, 366), "days_in_month": Values(28, 31)}
)
"""https://prometheus.io/docs/prometheus/latest/querying/functions/"""

_YES_OR_NO = frozenset({"up", "probe_success", "haproxy_up", "mongodb_up", "mysql_up", "nginx_up", "pg_up", "redis_up"})
"""What Prometheus and the usual exporters set to 1 or 0; another's ``nodes_up`` may be a number of nodes."""

_AS_ARGUMENT = frozenset(
    {"min_over_time", "max_over_time", "avg_over_time", "last_over_time", "sort", "sort_desc", "label_replace"}
    | {"label_join", "vector", "scalar"}
)
_AS_SERIES = frozenset({"min", "max", "avg", "topk", "bottomk", "limitk", "limit_ratio"})
_COUNTS = frozenset({"count", "count_values"})
_SUMS = frozenset({"sum", "sum_over_time"})
_SPREADS = frozenset({"stddev", "stdvar"})


def values(expr: ql.Expr, declared: Declared) -> Values:
    """The values that a query's series can have, where it has any."""
    match expr:
        case ql.NumberLiteral():
            found = _of_number(float(expr.val))
        case ql.ParenExpr() | ql.SubqueryExpr():
            found = values(expr.expr, declared)
        case ql.UnaryExpr():
            inner = values(expr.expr, declared)
            found = Values(-inner.high, -inner.low)
        case ql.MatrixSelector():
            found = _of_series(str(expr.vector_selector.name or ""), declared)
        case ql.VectorSelector():
            found = _of_series(str(expr.name or ""), declared)
        case ql.Call():
            found = _of_call(expr, declared)
        case ql.AggregateExpr():
            found = _of_aggregate(expr, declared)
        case ql.BinaryExpr():
            found = _of_pair(expr, declared)
        case _:
            found = ANY
    return found


def verdict(pair: ql.BinaryExpr, declared: Declared) -> str:
    """``always`` or ``never``, where a comparison's answer is known before there is any data; else empty."""
    left, right = values(pair.lhs, declared), values(pair.rhs, declared)
    always, never = _KNOWN[str(pair.op)](left, right)
    return "always" if always else "never" if never else ""


def is_comparison(expr: ql.Expr) -> TypeGuard[ql.BinaryExpr]:
    """Whether it keeps or drops series by their value; with ``bool`` it does not, and says 0 or 1 instead."""
    return isinstance(expr, ql.BinaryExpr) and str(expr.op) in MIRRORED and not _gives_a_number(expr)


def _gives_a_number(pair: ql.BinaryExpr) -> bool:
    return pair.modifier is not None and bool(pair.modifier.return_bool)


def _of_number(number: float) -> Values:
    return ANY if math.isnan(number) else Values(number, number)


def _of_series(name: str, declared: Declared) -> Values:
    if name in _YES_OR_NO:
        return SHARE
    return POSITIVE if declared.types(name) == {"counter"} or name.endswith(("_total", "_bucket")) else ANY


def _of_call(call: ql.Call, declared: Declared) -> Values:
    name = str(call.func.name)
    if name in _OF_FUNCTIONS:
        return _OF_FUNCTIONS[name]
    if name in _SUMS:
        return _sum(values(call.args[0], declared))
    return values(call.args[0], declared) if name in _AS_ARGUMENT else ANY


def _of_aggregate(expr: ql.AggregateExpr, declared: Declared) -> Values:
    name = str(expr.op)
    if name in _COUNTS:
        return Values(1.0)
    if name == "group":
        return ONE
    if name in _SPREADS:
        return POSITIVE
    inner = values(expr.expr, declared)
    if name in _SUMS:
        return _sum(inner)
    return inner if name in _AS_SERIES else ANY


def _sum(of: Values) -> Values:
    """Of at least one."""
    low = of.low if of.low >= 0 else -math.inf
    high = of.high if of.high <= 0 else math.inf
    return Values(low, high)


def _of_pair(pair: ql.BinaryExpr, declared: Declared) -> Values:
    sign = str(pair.op)
    if sign in MIRRORED:
        return SHARE if _gives_a_number(pair) else _kept(pair, declared)
    left, right = values(pair.lhs, declared), values(pair.rhs, declared)
    match sign:
        case "and" | "unless":
            found = left
        case "or":
            found = left.or_(right)
        case "+":
            found = Values(left.low + right.low, left.high + right.high)
        case "-":
            found = Values(left.low - right.high, left.high - right.low)
        case "*" | "/" if left.low >= 0 and right.low >= 0:
            found = POSITIVE
        case _:
            found = ANY
    return found


def _kept(pair: ql.BinaryExpr, declared: Declared) -> Values:
    """What a comparison leaves of what it compares: the series, on whichever side they stand."""
    sign, series, limit = str(pair.op), pair.lhs, pair.rhs
    if isinstance(series, ql.NumberLiteral):
        sign, series, limit = MIRRORED[sign], limit, series
    found, bounds = values(series, declared), values(limit, declared)
    match sign:
        case "==":
            return found.within(bounds)
        case ">" | ">=":
            return found.within(Values(low=bounds.low))
        case "<" | "<=":
            return found.within(Values(high=bounds.high))
        case _:
            return found


def _ordered(left: Values, right: Values) -> bool:
    """Whether all of the left are below all of the right."""
    return left.high < right.low


def _same(left: Values, right: Values) -> bool:
    return left == right and left.low == left.high


def _apart(left: Values, right: Values) -> bool:
    return _ordered(left, right) or _ordered(right, left)


_KNOWN: dict[str, Callable[[Values, Values], tuple[bool, bool]]] = {
    ">": lambda left, right: (_ordered(right, left), left.high <= right.low),
    ">=": lambda left, right: (left.low >= right.high, _ordered(left, right)),
    "<": lambda left, right: (_ordered(left, right), left.low >= right.high),
    "<=": lambda left, right: (left.high <= right.low, _ordered(right, left)),
    "==": lambda left, right: (_same(left, right), _apart(left, right)),
    "!=": lambda left, right: (_apart(left, right), _same(left, right)),
}
"""Whether a comparison is always, and whether it is never true."""
