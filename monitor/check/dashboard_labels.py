"""Which labels the series of a query's answer have, as far as the query says it. Pure."""

from __future__ import annotations

import promql_parser as ql

KEEPS_LABELS = frozenset({"sort", "sort_desc", "abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max"})
"""Functions whose answer has the labels of their first argument."""

CHOOSING = frozenset({"topk", "bottomk", "limitk"})
"""Aggregations that keep series as they are."""

NUMBERS = frozenset({"time", "scalar"})
"""Functions that answer with a number, not with series."""


def labels_of(expr: ql.Expr) -> set[str] | None:
    """The labels that a query's answer has; ``None`` where nobody can say."""
    match expr:
        case ql.ParenExpr() | ql.UnaryExpr():
            return labels_of(expr.expr)
        case ql.AggregateExpr():
            return _grouped(expr)
        case ql.BinaryExpr():
            return _joined(expr)
        case ql.Call():
            return _returned(expr)
        case _:
            return None


def _grouped(expr: ql.AggregateExpr) -> set[str] | None:
    if str(expr.op) in CHOOSING:
        return labels_of(expr.expr)
    if expr.modifier is None:
        return set()
    return set(expr.modifier.labels) if str(expr.modifier.type).endswith("By") else None


def _joined(expr: ql.BinaryExpr) -> set[str] | None:
    if _is_number(expr.lhs):
        return labels_of(expr.rhs)
    left = labels_of(expr.lhs)
    if _is_number(expr.rhs) or str(expr.op) in {"and", "unless"}:
        return left
    right = labels_of(expr.rhs)
    return None if left is None or right is None else left | right


def _returned(expr: ql.Call) -> set[str] | None:
    if expr.func.name == "histogram_quantile":
        inner = labels_of(expr.args[1])
        return None if inner is None else inner - {"le"}
    return labels_of(expr.args[0]) if expr.func.name in KEEPS_LABELS else None


def _is_number(expr: ql.Expr) -> bool:
    if isinstance(expr, (ql.ParenExpr, ql.UnaryExpr)):
        return _is_number(expr.expr)
    return isinstance(expr, ql.NumberLiteral) or (isinstance(expr, ql.Call) and expr.func.name in NUMBERS)
