"""An alert fires when something is wrong, and only then: it waits for a condition, and the condition can come true.

Pure. What a query reads is for :mod:`monitor.check.series` to say, and what its message says for
:mod:`monitor.check.alert_texts`.
"""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as ql

from monitor.catalogue import promql
from monitor.catalogue.model import AlertRule, Catalogue
from monitor.check.counters import misread
from monitor.check.division import divisors, may_be_zero
from monitor.check.finding import Finding, finding
from monitor.check.functions import unknown_functions
from monitor.check.problem import Problem
from monitor.check.query_labels import impossible
from monitor.check.query_values import is_comparison, verdict
from monitor.check.series import Declared
from monitor.render import carried

WINDOW = "5m"
"""Over which a rate is suggested."""

_ABSENT = frozenset({"absent", "absent_over_time"})
_CHOOSE = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
_COUNT = frozenset({"count", "group"})
_ADD_UP = frozenset({"sum", "avg"})
_WHILE_FIRING = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
"""Series that are there only while an alert is."""


def unfit_conditions(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts written by hand whose expression is not the condition that its author meant."""
    declared, metrics = Declared(catalogue), carried.declared(catalogue)
    seen: dict[tuple[object, ...], AlertRule] = {}
    for group in catalogue.alerts:
        for rule in group.rules:
            expr = promql.parse(rule.expr)
            found = [
                *_condition(expr, declared),
                *misread(expr, declared, WINDOW),
                *impossible(expr, metrics),
                *_unsteady(rule, expr),
                *unknown_functions(expr, catalogue.environment.prometheus_version),
            ]
            for code, message, remedy in found:
                yield finding(rule.place, code, f"{rule.name}: {message}", remedy)
            yield from _same(rule, expr, seen)


def _condition(expr: ql.Expr, declared: Declared) -> Iterator[Problem]:
    comparisons = [part for part in promql.every_part(expr) if is_comparison(part)]
    never = [part for part in comparisons if verdict(part, declared) == "never"]
    for part in never:
        yield "never-true", f"`{promql.shown(str(part.prettify()))}` can never be true", _instead(part)
    if not never and not _waits(expr, declared):
        always = [part for part in comparisons if verdict(part, declared) == "always"]
        if always:
            message = f"`{promql.shown(str(always[0].prettify()))}` is always true, so it fires while there is data"
        else:
            message = "no comparison decides when it fires, so it fires whenever there is data"
        yield "always-fires", message, "compare it with a limit, without bool; what shall always fire is vector(1)"


def _instead(never: ql.Expr) -> str:
    """What may have been meant."""
    inner = list(promql.every_part(never))[1:]
    if _counted(never):
        return "what counts nothing has no answer: ask absent(...), or add `or vector(0)` to what is counted"
    if any(is_comparison(part) for part in inner):
        return "a comparison keeps values that it lets through: count(...) them, or compare with bool to add up ones"
    return "correct the limit"


def _waits(expr: ql.Expr, declared: Declared) -> bool:
    """Whether an expression is empty as long as some condition is not true."""
    match expr:
        case ql.BinaryExpr() if is_comparison(expr) and (verdict(expr, declared) != "always" or _counted(expr)):
            return True
        case ql.BinaryExpr() if str(expr.op) == "unless":
            return True
        case ql.BinaryExpr() if str(expr.op) == "or":
            return _waits(expr.lhs, declared) and _waits(expr.rhs, declared)
        case ql.Call() if expr.func.name in {*_ABSENT, "vector"}:
            return True
        case ql.VectorSelector():
            return str(expr.name) in _WHILE_FIRING
        case _:
            return any(_waits(part, declared) for part in promql.parts(expr))


def _counted(expr: ql.Expr) -> bool:
    """Whether series are counted: ``count(x) > 0`` asks whether there is any."""
    return any(isinstance(part, ql.AggregateExpr) and str(part.op) in _COUNT for part in promql.every_part(expr))


def _unsteady(rule: AlertRule, expr: ql.Expr) -> Iterator[Problem]:
    """What would make the alert come and go while nothing changes."""
    calls = {str(part.func.name) for part in promql.every_part(expr) if isinstance(part, ql.Call)}
    if "absent" in calls and not rule.hold:
        message = "absent() without `for` fires on one scrape that is missed, and whenever Prometheus starts"
        yield "hasty-absent", message, "give it a `for` of two scrapes at least"
    if chosen := _chosen(expr):
        message = f"{chosen} keeps other series each time the order changes: each change is an end and a new alert"
        yield "changing-series", message, "compare all of them with a limit"
    for part in promql.every_part(expr):
        if (
            isinstance(part, ql.AggregateExpr)
            and str(part.op) in _ADD_UP
            and any(map(may_be_zero, divisors(part.expr)))
        ):
            message = f"{part.op} adds up ratios: where one divides by zero, the whole is NaN, which no limit catches"
            yield "adds-up-nan", message, "divide the sums instead, or divide by (... > 0)"


def _chosen(expr: ql.Expr) -> str:
    """The function that chooses which series stay, where no aggregation stands around it."""
    match expr:
        case ql.AggregateExpr():
            return str(expr.op) if str(expr.op) in _CHOOSE else ""
        case ql.BinaryExpr() if str(expr.op) in {"and", "unless"} or _joins_to(expr, "ManyToOne"):
            return _chosen(expr.lhs)
        case ql.BinaryExpr() if _joins_to(expr, "OneToMany"):
            return _chosen(expr.rhs)
        case ql.SubqueryExpr():
            return ""
        case _:
            return next((found for found in map(_chosen, promql.parts(expr)) if found), "")


def _joins_to(pair: ql.BinaryExpr, card: str) -> bool:
    """Whether ``group_left`` or ``group_right`` takes labels from the other side: which one it chose matters little."""
    return pair.modifier is not None and str(pair.modifier.card).endswith(card)


def _same(rule: AlertRule, expr: ql.Expr, seen: dict[tuple[object, ...], AlertRule]) -> Iterator[Finding]:
    """Alerts that ask what another one asks already, as copies do whose expression was forgotten."""
    key = (str(expr.prettify()), rule.hold, rule.severity, rule.labels.get("team"))
    other = seen.setdefault(key, rule)
    if other is not rule:
        message = f"{rule.name} asks what {other.name} asks ({other.place.file}:{other.place.line}): both fire at once"
        yield finding(rule.place, "same-condition", message, "correct its expression, or remove one of them")
