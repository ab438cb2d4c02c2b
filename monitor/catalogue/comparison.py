"""Takes an alert's expression apart, so that it can be drawn: what is measured, and its threshold. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser as ql

from monitor.catalogue import promql

_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``query sign threshold``, or ``query sign limit`` where the threshold is measured itself.

    Where an expression compares nothing, only ``query`` is given: it fires while that has a value.
    """

    query: str
    sign: str = ""
    threshold: float | None = None
    limit: str = ""


def comparison(expr: str) -> Comparison:
    """The first comparison in an expression, read from the left; else the whole expression.

    Of ``a > 1 and b > 2`` it is the first: the others are conditions beside it. ``2 < a`` is turned round.

    Raises:
        ValueError: it is no PromQL.
    """
    tree = promql.parse(expr)
    return next(_comparisons(tree), Comparison(query=str(tree.prettify())))


def _comparisons(tree: ql.Expr) -> Iterator[Comparison]:
    if isinstance(tree, ql.ParenExpr):
        yield from _comparisons(tree.expr)
    elif isinstance(tree, ql.BinaryExpr):
        sign = str(tree.op)
        if sign in _MIRRORED and (number := _number(tree.rhs)) is not None:
            yield Comparison(query=str(tree.lhs.prettify()), sign=sign, threshold=number)
        elif sign in _MIRRORED and (number := _number(tree.lhs)) is not None:
            yield Comparison(query=str(tree.rhs.prettify()), sign=_MIRRORED[sign], threshold=number)
        elif sign in _MIRRORED:
            yield Comparison(query=str(tree.lhs.prettify()), sign=sign, limit=str(tree.rhs.prettify()))
        elif sign in {"and", "or", "unless"}:
            yield from _comparisons(tree.lhs)
            yield from _comparisons(tree.rhs) if sign != "unless" else ()


def _number(tree: ql.Expr) -> float | None:
    """The number that an expression of numbers alone is."""
    if isinstance(tree, ql.ParenExpr):
        return _number(tree.expr)
    if isinstance(tree, ql.NumberLiteral):
        return float(tree.val)
    if isinstance(tree, ql.UnaryExpr):
        number = _number(tree.expr)
        return None if number is None else -number
    if isinstance(tree, ql.BinaryExpr):
        left, right = _number(tree.lhs), _number(tree.rhs)
        if left is None or right is None:
            return None
        return _computed(str(tree.op), left, right)
    return None


def _computed(sign: str, left: float, right: float) -> float | None:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if right:
            return left / right
        case _:
            return None
