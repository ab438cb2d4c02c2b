"""Which labels an alert carries, as far as its expression and the declared metrics tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import promql_parser as ql

from monitor.catalogue import promql
from monitor.catalogue.model import AlertRule, Catalogue, DeclaredMetric
from monitor.slo import names

Metrics = Mapping[str, tuple[frozenset[str], ...]]
"""The labels of each series by its name: one set for each producer that declares it."""

TARGET_LABELS = frozenset({"job", "instance"})
"""What Prometheus puts on every sample."""

OF_ALERTS = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
"""What Prometheus makes of alerts carries whatever labels they have."""

_CHOOSE = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
"""Aggregations that keep some of the series as they are."""
_NO_LABELS = frozenset({"vector", "time", "scalar", "pi"})
_OF_MATCHERS = frozenset({"absent", "absent_over_time"})
_INTO_A_LABEL = frozenset({"label_replace", "label_join"})


@dataclass(frozen=True, slots=True)
class Labels:
    """``always``: on every result. ``possible``: on some, ``None`` where a metric is read that nobody declares."""

    always: frozenset[str] = frozenset()
    possible: frozenset[str] | None = frozenset()

    def keep(self, labels: frozenset[str]) -> Labels:
        """Only these."""
        return Labels(self.always & labels, labels if self.possible is None else self.possible & labels)

    def drop(self, labels: frozenset[str]) -> Labels:
        """All but these."""
        return Labels(self.always - labels, None if self.possible is None else self.possible - labels)

    def with_(self, labels: frozenset[str]) -> Labels:
        """These as well, on every result."""
        return Labels(self.always | labels, None if self.possible is None else self.possible | labels)

    def or_(self, other: Labels) -> Labels:
        """What is on a result that comes from here or from there."""
        known = None if self.possible is None or other.possible is None else self.possible | other.possible
        return Labels(self.always & other.always, known)


def declared(catalogue: Catalogue) -> Metrics:
    """The labels of every series that somebody declares or our rules record, by its name."""
    found = {name: [frozenset(labels)] for name, labels in names.RECORDED.items()}
    at_times = frozenset(catalogue.environment.target_labels)
    for metric in catalogue.metrics:
        for name in series_of(metric):
            labels = _scraped(metric, name)
            found.setdefault(name, []).extend([labels, labels | at_times] if at_times else [labels])
    return {name: tuple(labels) for name, labels in found.items() if name not in OF_ALERTS}


def series_of(metric: DeclaredMetric) -> tuple[str, ...]:
    """The names of a metric's series, as queries use them."""
    if metric.type == "histogram":
        return tuple(f"{metric.name}{suffix}" for suffix in ("_bucket", "_count", "_sum"))
    return (metric.name, f"{metric.name}_count", f"{metric.name}_sum") if metric.type == "summary" else (metric.name,)


def _scraped(metric: DeclaredMetric, name: str) -> frozenset[str]:
    """The labels as Prometheus stores them: a metric's own ``job`` or ``instance`` becomes ``exported_job``."""
    own = frozenset(metric.labels) | ({"le"} if name.endswith("_bucket") else frozenset())
    return (own - TARGET_LABELS) | {f"exported_{label}" for label in own & TARGET_LABELS} | TARGET_LABELS


def of_alert(rule: AlertRule, metrics: Metrics) -> Labels:
    """The labels of an alert: those of its expression, and those that the rule adds."""
    added = frozenset(name for name, value in rule.labels.items() if value and "{{" not in value)
    written = frozenset(rule.labels) - added
    found = of_query(promql.parse(rule.expr), metrics)
    possible = None if found.possible is None else found.possible | written
    return Labels(found.always - written, possible).with_(added | {"alertname"})


def of_query(expr: ql.Expr, metrics: Metrics) -> Labels:
    """The labels of a query's answer."""
    match expr:
        case ql.ParenExpr() | ql.SubqueryExpr() | ql.UnaryExpr():
            found = of_query(expr.expr, metrics)
        case ql.MatrixSelector():
            found = _of_selector(expr.vector_selector, metrics)
        case ql.VectorSelector():
            found = _of_selector(expr, metrics)
        case ql.AggregateExpr():
            found = _of_aggregate(expr, metrics)
        case ql.BinaryExpr():
            found = _of_pair(expr, metrics)
        case ql.Call():
            found = _of_call(expr, metrics)
        case _:
            found = Labels()
    return found


def _of_selector(selector: ql.VectorSelector, metrics: Metrics) -> Labels:
    matched = _matched(selector)
    known = metrics.get(str(selector.name or ""))
    if known is None:
        return Labels(matched, None)
    return Labels(frozenset.intersection(*known) | matched, frozenset.union(*known) | matched)


def _matched(selector: ql.VectorSelector) -> frozenset[str]:
    """Labels that must have a value, because a matcher says which."""
    return frozenset(
        str(matcher.name)
        for matcher in selector.matchers.matchers
        if str(matcher.op) == "MatchOp.Equal" and matcher.value and matcher.name != "__name__"
    )


def _of_aggregate(expr: ql.AggregateExpr, metrics: Metrics) -> Labels:
    inner = of_query(expr.expr, metrics)
    if str(expr.op) in _CHOOSE:
        return inner
    if expr.modifier is None:
        found = Labels()
    elif str(expr.modifier.type) == "AggModifierType.By":
        found = inner.keep(frozenset(expr.modifier.labels))
    else:
        found = inner.drop(frozenset(expr.modifier.labels))
    return found.with_(frozenset({str(expr.param.val)})) if isinstance(expr.param, ql.StringLiteral) else found


def _of_call(call: ql.Call, metrics: Metrics) -> Labels:
    name, arguments = str(call.func.name), list(call.args)
    if name in _NO_LABELS:
        return Labels()
    if name in _OF_MATCHERS:
        inner = arguments[0].vector_selector if isinstance(arguments[0], ql.MatrixSelector) else arguments[0]
        matched = _matched(inner) if isinstance(inner, ql.VectorSelector) else frozenset()
        return Labels(matched, matched)
    if name == "info":  # adds whatever labels the info metrics have
        return Labels(possible=None)
    vectors = [argument for argument in arguments if not is_scalar(argument)]
    found = of_query(vectors[0], metrics) if vectors else Labels()
    if name in _INTO_A_LABEL:
        target = frozenset({str(arguments[1].val)})
        return Labels(found.always, None if found.possible is None else found.possible | target)
    return found.drop(frozenset({"le"})) if name == "histogram_quantile" else found


def _of_pair(expr: ql.BinaryExpr, metrics: Metrics) -> Labels:
    if is_scalar(expr.lhs) or is_scalar(expr.rhs):
        return of_query(expr.rhs if is_scalar(expr.lhs) else expr.lhs, metrics)
    left, right = of_query(expr.lhs, metrics), of_query(expr.rhs, metrics)
    if str(expr.op) == "or":
        return left.or_(right)
    if str(expr.op) in {"and", "unless"} or expr.modifier is None:
        return left
    return _of_matched(left, right, expr.modifier)


def _of_matched(left: Labels, right: Labels, modifier: ql.BinModifier) -> Labels:
    """What ``on``, ``ignoring`` and ``group_left`` leave of both sides."""
    joined = frozenset(modifier.group_labels or ())
    match str(modifier.card):
        case "VectorMatchCardinality.ManyToOne":
            return _joined(left, right, joined)
        case "VectorMatchCardinality.OneToMany":
            return _joined(right, left, joined)
        case _ if modifier.matching is None:
            return left
        case _:
            labels = frozenset(modifier.matching.labels)
            includes = str(modifier.matching.type) == "LabelModifierType.Include"
            return left.keep(labels) if includes else left.drop(labels)


def _joined(many: Labels, one: Labels, labels: frozenset[str]) -> Labels:
    taken = one.keep(labels)
    possible = None if many.possible is None or taken.possible is None else many.possible | taken.possible
    return Labels((many.always - labels) | taken.always, possible)


def is_scalar(expr: ql.Expr) -> bool:
    """Whether a query is one number, without labels."""
    if isinstance(expr, (ql.ParenExpr, ql.UnaryExpr)):
        return is_scalar(expr.expr)
    if isinstance(expr, ql.BinaryExpr):
        return is_scalar(expr.lhs) and is_scalar(expr.rhs)
    if isinstance(expr, ql.Call):
        return str(expr.func.name) in {"time", "scalar", "pi"}
    return isinstance(expr, (ql.NumberLiteral, ql.StringLiteral))
