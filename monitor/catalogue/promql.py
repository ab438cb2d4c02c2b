"""Reading PromQL: is it valid, which series does it name. Pure."""

from __future__ import annotations

import json
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
_TEXT_OR_GAP = re.compile(rf"({_STRING}) | (?: \s | \#[^\n]* )+", re.VERBOSE)
_TEXTS = re.compile(_STRING, re.VERBOSE)
_MATCHERS = re.compile(r"\{[^{}]*\}")
_OTHERS_MATCHERS = re.compile(r'\{(?:[^{}]*,)?\s*""|\{[^{}]*\bor\b(?!\s*[=!])', re.IGNORECASE)
"""Between the braces: a name in quotes, or an alternative."""
_BRACKET = re.compile(r"[(\[{}\])]")
_OPERATOR = re.compile(r"[-+*/%^=!<>\[]+|(?<![a-z_:])(?:and|or|unless|atan2)(?![a-z_:])", re.IGNORECASE)
_SPAN = r"[0-9]+(?:ms|[smhdwy])(?:[0-9]+(?:ms|[smhdwy]))*"
_BARE_SPAN = re.compile(rf"\[[^\]]*\]|\boffset\s+-?\s*{_SPAN}|(?P<bare>(?<![\w.:]){_SPAN}\b)", re.IGNORECASE)


@lru_cache(maxsize=_REMEMBERED)
def one_line(query: str) -> str:
    """The same query without comments and with each gap as one space; what stands in quotes is left as it is."""
    return _TEXT_OR_GAP.sub(lambda found: found[1] or " ", query).strip()


@lru_cache(maxsize=_REMEMBERED)
def parse(query: str) -> ql.Expr:
    """Parse a query.

    Raises:
        ValueError: it is no PromQL, or too much of it; the message says why, on one line.
    """
    if "#" in query:
        query = one_line(query)
    _within_reason(query)
    try:
        return ql.parse(_TEXTS.sub(_quoted, query) if "`" in query else query)
    except ValueError as error:
        if "'holt_winters'" in str(error):
            raise ValueError("has holt_winters, which Prometheus 3.0 calls double_exponential_smoothing") from error
        raise ValueError(f"is not PromQL: {shown(str(error))}") from error


def selectors(expr: ql.Expr) -> Iterator[ql.VectorSelector]:
    """Every series selector in an expression, however deep."""
    if isinstance(expr, ql.VectorSelector):
        yield expr
    elif isinstance(expr, ql.MatrixSelector):
        yield expr.vector_selector
    for part in parts(expr):
        yield from selectors(part)


def native_selectors(expr: ql.Expr) -> Iterator[ql.VectorSelector]:
    """The selectors of native histograms: what functions of histograms are asked of, but for classic buckets.

    What rules have recorded (its name has a colon) and a quantile is taken of may be either; it is taken for buckets.
    """
    if isinstance(expr, ql.Call) and expr.func.name.startswith("histogram_"):
        either = ("_bucket", ":") if expr.func.name == "histogram_quantile" else ("_bucket",)
        yield from (found for found in selectors(expr) if not any(part in str(found.name) for part in either))
        return
    for part in parts(expr):
        yield from native_selectors(part)


def parts(expr: ql.Expr) -> tuple[ql.Expr, ...]:
    """The expressions that an expression is made of."""
    if isinstance(expr, ql.BinaryExpr):
        return expr.lhs, expr.rhs
    if isinstance(expr, ql.Call):
        return tuple(expr.args)
    if isinstance(expr, (ql.AggregateExpr, ql.ParenExpr, ql.SubqueryExpr, ql.UnaryExpr)):
        return (expr.expr,)
    return ()


def every_part(expr: ql.Expr) -> Iterator[ql.Expr]:
    """An expression and all that it is made of, from the outside in."""
    yield expr
    for part in parts(expr):
        yield from every_part(part)


def _quoted(text: re.Match[str]) -> str:
    """A raw text in quotes: the parser takes what stands in backticks for escapes, which Prometheus does not."""
    return json.dumps(text[0][1:-1], ensure_ascii=False) if text[0].startswith("`") else text[0]


def _within_reason(query: str) -> None:
    bare = _TEXTS.sub('""', query)
    outside = _MATCHERS.sub(" ", bare)
    if spans := [found["bare"] for found in _BARE_SPAN.finditer(outside) if found["bare"]]:
        raise ValueError(f"has {spans[0]} where a number stands: only newer servers know that, so write its seconds")
    if _OTHERS_MATCHERS.search(bare):
        raise ValueError("has a name in quotes or an `or` between braces: only other or newer servers know that")
    depth = deepest = 0
    for sign in _BRACKET.findall(bare):
        depth += 1 if sign in "([{" else -1
        deepest = max(deepest, depth)
    # Each unary sign nests by itself, so a run of signs counts by its length.
    operators = sum(1 if found[0].isalnum() else len(found[0]) for found in _OPERATOR.finditer(outside))
    if deepest > MAX_NESTING or operators > MAX_OPERATORS:
        raise ValueError(
            f"nests deeper than {MAX_NESTING} brackets or has more than {MAX_OPERATORS} operators: "
            "record parts of it by rules of their own"
        )


def shown(text: str) -> str:
    """A query as messages show it: on one line, and not all of a long one."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
