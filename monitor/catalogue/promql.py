"""Reading PromQL: is it valid, which counters does a sum consist of, which series does it name. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as ql


def parse(query: str) -> ql.Expr:
    """Parse a query.

    Raises:
        ValueError: it is no PromQL; the message says why, on one line.
    """
    try:
        return ql.parse(query)
    except ValueError as error:
        raise ValueError(f"is not PromQL: {' '.join(str(error).split())}") from error


def counters(query: str) -> tuple[str, ...]:
    """The selectors of a sum of counters such as ``sum(a{x="1"}) + sum(b)``; a lone selector is a sum of one.

    Raises:
        ValueError: it is something else. A ``rate`` or a ratio cannot be counted exactly, so it is refused.
    """
    return tuple(_terms(parse(query), query))


def selectors(expr: ql.Expr) -> Iterator[ql.VectorSelector]:
    """Every series selector in an expression, however deep."""
    if isinstance(expr, ql.VectorSelector):
        yield expr
    elif isinstance(expr, ql.MatrixSelector):
        yield expr.vector_selector
    elif isinstance(expr, ql.BinaryExpr):
        yield from selectors(expr.lhs)
        yield from selectors(expr.rhs)
    elif isinstance(expr, ql.Call):
        for argument in expr.args:
            yield from selectors(argument)
    elif isinstance(expr, (ql.AggregateExpr, ql.ParenExpr, ql.SubqueryExpr, ql.UnaryExpr)):
        yield from selectors(expr.expr)


def _terms(expr: ql.Expr, query: str) -> Iterator[str]:
    if isinstance(expr, ql.ParenExpr):
        yield from _terms(expr.expr, query)
    elif isinstance(expr, ql.BinaryExpr) and str(expr.op) == "+" and expr.modifier is None:
        yield from _terms(expr.lhs, query)
        yield from _terms(expr.rhs, query)
    elif isinstance(expr, ql.AggregateExpr) and str(expr.op) == "sum" and expr.modifier is None:
        yield from _terms(expr.expr, query)
    elif isinstance(expr, ql.VectorSelector):
        yield _plain(expr, query)
    else:
        raise ValueError(_not_a_sum(query))


def _plain(selector: ql.VectorSelector, query: str) -> str:
    if not selector.name:
        raise ValueError(f"{selector.prettify()} names no metric")
    if selector.offset is not None or selector.at is not None:
        raise ValueError(f"{query} has an offset or @: name the counters only")
    return str(selector.prettify())


def _not_a_sum(query: str) -> str:
    return (
        f"{' '.join(query.split())} is not a sum of counters: write it as sum(a{{...}}) + sum(b{{...}}), without rate"
    )
