"""Reading PromQL: is it valid, which counters does a sum consist of, which series does it name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import promql_parser as ql

MAX_NESTING = 50
MAX_OPERATORS = 300
"""Far more than a person writes. Parser and readers recurse once for each; at some thousands the process dies of it."""

_REMEMBERED = 10_000
"""How many queries are kept as they were read: the loader, the rules, their tests and the checks ask for each again."""

_SHOWN = 300
"""How much of a query is shown in a message."""

_STRING = r""" "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*` """
_TEXT_OR_GAP = re.compile(rf"({_STRING}) | \s+", re.VERBOSE)
_TEXTS = re.compile(_STRING, re.VERBOSE)
_MATCHERS = re.compile(r"\{[^{}]*\}")
_BRACKET = re.compile(r"[(\[{}\])]")
_OPERATOR = re.compile(r"[-+*/%^=!<>\[]+|(?<![a-z_:])(?:and|or|unless|atan2)(?![a-z_:])", re.IGNORECASE)
_SPAN = r"[0-9]+(?:ms|[smhdwy])(?:[0-9]+(?:ms|[smhdwy]))*"
_BARE_SPAN = re.compile(rf"\[[^\]]*\]|\boffset\s+-?\s*{_SPAN}|(?P<bare>(?<![\w.:]){_SPAN}\b)", re.IGNORECASE)


@lru_cache(maxsize=_REMEMBERED)
def one_line(query: str) -> str:
    """The same query with each gap as one space; what stands in quotes is left as it is."""
    return _TEXT_OR_GAP.sub(lambda found: found[1] or " ", query).strip()


@lru_cache(maxsize=_REMEMBERED)
def parse(query: str) -> ql.Expr:
    """Parse a query.

    Raises:
        ValueError: it is no PromQL, or too much of it; the message says why, on one line.
    """
    _within_reason(query)
    try:
        return ql.parse(query)
    except ValueError as error:
        raise ValueError(f"is not PromQL: {_shown(str(error))}") from error


@lru_cache(maxsize=_REMEMBERED)
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


def _within_reason(query: str) -> None:
    bare = _TEXTS.sub('""', query)
    if "#" in bare:
        raise ValueError("holds a comment: a query is written on one line in the end, so put # before the YAML field")
    if spans := [found["bare"] for found in _BARE_SPAN.finditer(_MATCHERS.sub(" ", bare)) if found["bare"]]:
        raise ValueError(f"has {spans[0]} where a number stands: only newer servers know that, so write its seconds")
    depth = deepest = 0
    for sign in _BRACKET.findall(bare):
        depth += 1 if sign in "([{" else -1
        deepest = max(deepest, depth)
    # Each unary sign nests by itself, so a run of signs counts by its length.
    operators = sum(
        1 if found[0].isalnum() else len(found[0]) for found in _OPERATOR.finditer(_MATCHERS.sub(" ", bare))
    )
    if deepest > MAX_NESTING or operators > MAX_OPERATORS:
        raise ValueError(
            f"nests deeper than {MAX_NESTING} brackets or has more than {MAX_OPERATORS} operators: "
            "record parts of it by rules of their own"
        )


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


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
    return f"{_shown(query)} is not a sum of counters: write it as sum(a{{...}}) + sum(b{{...}}), without rate"
