"""What a query divides by, and whether that may be zero: the answer is no number then. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import promql_parser as ql

from monitor.catalogue import promql
from monitor.render import carried

_OVER_TIME = frozenset({"rate", "irate", "increase", "delta", "deriv"})
"""What is zero where nothing happened."""

_CLAMPED = frozenset({"clamp", "clamp_min"})
_GUARDS = frozenset({">", "!=", ">="})


def divisors(expr: ql.Expr) -> Iterator[ql.Expr]:
    """Everything that is divided by."""
    for one in promql.every_part(expr):
        if isinstance(one, ql.BinaryExpr) and str(one.op) == "/":
            yield one.rhs


def may_be_zero(expr: ql.Expr) -> bool:
    """Whether nothing sees to it that it is not."""
    parts = list(promql.every_part(expr))
    guarded = any(isinstance(one, ql.BinaryExpr) and str(one.op) in _GUARDS for one in parts)
    return not guarded and not _called(parts) & _CLAMPED and not carried.is_scalar(expr)


def is_zero_at_rest(expr: ql.Expr) -> bool:
    """Whether it is so whenever nothing happens."""
    return may_be_zero(expr) and bool(_called(promql.every_part(expr)) & _OVER_TIME)


def _called(parts: Iterable[ql.Expr]) -> set[str]:
    return {one.func.name for one in parts if isinstance(one, ql.Call)}
