"""What a sum of counters adds up: counters, and what native histograms observed. Pure.

Observations count up as counters do. ``histogram_count(h)`` are all of a native histogram's, and
``histogram_fraction(0, 0.2, h) * histogram_count(h)`` those up to 0.2, for which ``histogram_fraction(0, 0.2, h)`` may
be written. A native histogram has no fixed edges, so any threshold will do; within the bucket that holds it
Prometheus interpolates (at the usual schema 3 a bucket is 9 % wide). A classic histogram's buckets are counters, and a
threshold between its edges does not exist.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import promql_parser as ql

from monitor.catalogue import promql

COUNT, FRACTION = "histogram_count", "histogram_fraction"

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Term:
    """Series that count the same: a counter's, or a native histogram's, of which ``bounds`` choose observations."""

    selector: str
    is_native: bool = False
    bounds: tuple[float, float] | None = None
    """From where to where an observation counts; ``None``: every one does."""

    @property
    def text(self) -> str:
        """The term as PromQL, which is read as the same term again."""
        if self.bounds is None:
            return f"{COUNT}({self.selector})" if self.is_native else self.selector
        return f"{FRACTION}({self.limits}, {self.selector}) * {COUNT}({self.selector})"

    @property
    def limits(self) -> str:
        """The bounds as PromQL writes them: ``0, 0.2``."""
        return ", ".join(map(_number, self.bounds or (-math.inf, math.inf)))


@lru_cache(maxsize=_REMEMBERED)
def terms(query: str) -> tuple[Term, ...]:
    """The terms of a sum such as ``sum(a{x="1"}) + sum(b)`` or ``histogram_count(sum(h))``; a lone one is a sum too.

    Raises:
        ValueError: it is something else. A ``rate`` or a ratio cannot be counted exactly, so it is refused.
    """
    return tuple(_terms(promql.parse(query), query))


def counters(query: str) -> tuple[str, ...]:
    """The selectors of a sum's terms.

    Raises:
        ValueError: it is no sum of counters.
    """
    return tuple(term.selector for term in terms(query))


def reads_native(query: str) -> bool:
    """Whether a query asks something that only native histograms answer."""
    return any(promql.native_selectors(promql.parse(query)))


def _terms(expr: ql.Expr, query: str) -> Iterator[Term]:
    if isinstance(expr, ql.ParenExpr):
        yield from _terms(expr.expr, query)
    elif isinstance(expr, ql.BinaryExpr) and str(expr.op) == "+" and expr.modifier is None:
        yield from _terms(expr.lhs, query)
        yield from _terms(expr.rhs, query)
    elif isinstance(expr, ql.AggregateExpr) and str(expr.op) == "sum" and expr.modifier is None:
        yield from _terms(expr.expr, query)
    elif isinstance(expr, ql.VectorSelector):
        yield Term(_plain(expr, query))
    elif isinstance(expr, ql.Call) and expr.func.name in {COUNT, FRACTION}:
        yield from _observed(expr, query)
    elif isinstance(expr, ql.BinaryExpr) and str(expr.op) == "*" and expr.modifier is None:
        yield from _counted_fraction(expr, query)
    else:
        raise ValueError(_not_a_sum(query))


def _observed(call: ql.Call, query: str) -> Iterator[Term]:
    """All observations of native histograms, or those between two bounds."""
    bounds = _bounds(call, query) if call.func.name == FRACTION else None
    for inner in _terms(call.args[-1], query):
        if inner.is_native:
            raise ValueError(_not_a_sum(query))
        yield Term(inner.selector, is_native=True, bounds=bounds)


def _counted_fraction(product: ql.BinaryExpr, query: str) -> Iterator[Term]:
    """A share of the observations times all of them, of the same histograms, whichever stands first."""
    sides = product.lhs, product.rhs
    calls = {side.func.name: side for side in sides if isinstance(side, ql.Call)}
    if set(calls) != {COUNT, FRACTION}:
        raise ValueError(_not_a_sum(query))
    shares, wholes = (tuple(_observed(calls[name], query)) for name in (FRACTION, COUNT))
    if [one.selector for one in shares] != [one.selector for one in wholes]:
        raise ValueError(f"{promql.shown(query)} multiplies a share of one histogram by the count of another")
    yield from shares


def _bounds(call: ql.Call, query: str) -> tuple[float, float]:
    low, high = (_literal(argument, query) for argument in call.args[:2])
    if not low < high or high <= 0 or (low <= 0 and math.isinf(high)):
        raise ValueError(
            f"{promql.shown(query)} counts all observations or none: give {FRACTION} two bounds, the lower first, such "
            "as 0, 0.2 for what took 0.2 at most, or 0.2, +Inf for what took longer"
        )
    # Of a histogram that holds nothing but zeros Prometheus takes half for negative: nothing takes less than no time.
    return (-math.inf if low == 0 else low), high


def _literal(expr: ql.Expr, query: str) -> float:
    if isinstance(expr, ql.ParenExpr):
        return _literal(expr.expr, query)
    if isinstance(expr, ql.NumberLiteral):
        return float(expr.val)
    raise ValueError(f"{promql.shown(query)} has a bound that is no number")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)).normalize(), "f")


def _plain(selector: ql.VectorSelector, query: str) -> str:
    if not selector.name:
        raise ValueError(f"{selector.prettify()} names no metric")
    if selector.offset is not None or selector.at is not None:
        raise ValueError(f"{query} has an offset or @: name the counters only")
    return str(selector.prettify())


def _not_a_sum(query: str) -> str:
    return (
        f"{promql.shown(query)} is not a sum of counters: write it as sum(a{{...}}) + sum(b{{...}}), and native "
        f"histograms as {COUNT}(h{{...}}) or {FRACTION}(0, 0.2, h{{...}}), without rate"
    )
