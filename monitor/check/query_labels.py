"""Labels and numbers in a query that cannot be as they are asked for, so that it never has an answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import promql_parser as ql

from monitor.catalogue import promql
from monitor.check.parts import accepts
from monitor.check.problem import Problem
from monitor.check.query_values import MIRRORED
from monitor.render import carried

_QUANTILES = frozenset({"histogram_quantile", "quantile_over_time"})
_SETS = frozenset({"and", "unless"})


def impossible(expr: ql.Expr, metrics: carried.Metrics) -> Iterator[Problem]:
    """Everything in a query that excludes itself, whatever the data."""
    for part in promql.every_part(expr):
        match part:
            case ql.VectorSelector():
                yield from _contradiction(part)
            case ql.MatrixSelector():
                yield from _contradiction(part.vector_selector)
            case ql.AggregateExpr():
                yield from _grouped(part, metrics)
            case ql.Call():
                yield from _quantile(part, metrics)
            case ql.BinaryExpr() if not (carried.is_scalar(part.lhs) or carried.is_scalar(part.rhs)):
                yield from _unmatched(part, metrics)


def _contradiction(selector: ql.VectorSelector) -> Iterator[Problem]:
    """Matchers of one label that no value satisfies together."""
    matchers = [(str(one.name), str(one.op), str(one.value)) for one in selector.matchers.matchers]
    for name, operator, value in matchers:
        if operator != "MatchOp.Equal":
            continue
        against = [one for one in matchers if one[0] == name and not accepts(one[1], one[2], value)]
        if against:
            message = f"{selector.prettify()} selects nothing: {name} cannot be {value!r} and fit its other matchers"
            yield "contradiction", message, f'keep one matcher for {name}, or list values: {name}=~"a|b"'
            return


def _grouped(expr: ql.AggregateExpr, metrics: carried.Metrics) -> Iterator[Problem]:
    if str(expr.op) == "quantile":
        yield from _share(expr.param, "quantile")
    if expr.modifier is None or str(expr.modifier.type) != "AggModifierType.By":
        return
    inner = carried.of_query(expr.expr, metrics)
    for label in expr.modifier.labels:
        if inner.possible is not None and label not in inner.possible:
            message = f"{expr.op} by ({label}): nothing that it is taken of has the label {label}"
            yield "unknown-label", message, _use_one_of(inner.possible)


def _quantile(call: ql.Call, metrics: carried.Metrics) -> Iterator[Problem]:
    name = str(call.func.name)
    if name in _QUANTILES:
        yield from _share(call.args[0], name)
    if name != "histogram_quantile" or not any("_bucket" in str(one.name) for one in promql.selectors(call.args[1])):
        return
    inner = carried.of_query(call.args[1], metrics)
    if inner.possible is not None and "le" not in inner.possible:
        message = f"{name} is taken of buckets whose label le was dropped: it has no answer"
        yield "no-le", message, "keep le: sum by (le, ...) (...)"


def _share(expr: ql.Expr | None, name: str) -> Iterator[Problem]:
    if isinstance(expr, ql.NumberLiteral) and not 0 <= expr.val <= 1:
        message = f"{name} is asked for {expr.val:g}: quantiles are from 0 to 1"
        yield "bad-quantile", message, "write 0.95 for 95 %"


def _unmatched(pair: ql.BinaryExpr, metrics: carried.Metrics) -> Iterator[Problem]:
    """Both sides are matched by labels of which one side has one, always, that the other never has."""
    sign = str(pair.op)
    if sign == "or":
        return
    left, right = carried.of_query(pair.lhs, metrics), carried.of_query(pair.rhs, metrics)
    counts = _matched_by(pair)
    sides = ((left, right, "left"), (right, left, "right"))
    for one, other, word in sides:
        lacking = sorted(label for label in one.always if counts(label) and _never(label, other))
        if lacking:
            what = "and so nothing is left out" if sign == "unless" else "and so they never match"
            message = (
                f"`{sign}` matches both sides by {', '.join(lacking)}, which only its {word} side has, {what}: "
                f"{promql.shown(str(pair.prettify()))}"
            )
            yield "never-matches", message, _say_by_what(sign, one, other)
            return
    yield from _nobodys(pair, left, right)


def _nobodys(pair: ql.BinaryExpr, left: carried.Labels, right: carried.Labels) -> Iterator[Problem]:
    """Labels in ``on`` that neither side has: everything is matched with everything."""
    matching = None if pair.modifier is None else pair.modifier.matching
    if matching is None or str(matching.type) != "LabelModifierType.Include":
        return
    for label in matching.labels:
        if _never(label, left) and _never(label, right):
            both = (left.possible or frozenset()) | (right.possible or frozenset())
            yield "unknown-label", f"on ({label}): neither side has the label {label}", _use_one_of(both)


def _say_by_what(sign: str, one: carried.Labels, other: carried.Labels) -> str:
    both = sorted(label for label in one.always & other.always if label != "__name__")
    many = " group_left ()" if sign not in _SETS and sign not in MIRRORED else ""
    return f"say by which labels they belong together: on ({', '.join(both)}){many}, or aggregate both alike"


def _matched_by(pair: ql.BinaryExpr) -> Callable[[str], bool]:
    matching = None if pair.modifier is None else pair.modifier.matching
    if matching is None:
        return lambda label: label != "__name__"
    labels = frozenset(matching.labels)
    if str(matching.type) == "LabelModifierType.Include":
        return lambda label: label in labels
    return lambda label: label not in labels and label != "__name__"


def _never(label: str, labels: carried.Labels) -> bool:
    return labels.possible is not None and label not in labels.possible


def _use_one_of(labels: frozenset[str]) -> str:
    return f"use one of {', '.join(sorted(labels))}" if labels else "leave it out"
