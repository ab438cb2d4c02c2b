"""Every series that the catalogue reads is one that somebody declares: metric, labels and bucket edges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

import promql_parser as ql

from monitor.catalogue import promql
from monitor.catalogue.model import Catalogue, DeclaredMetric, Place, RatioSli
from monitor.check.finding import Finding, finding
from monitor.slo import names

TARGET_LABELS = frozenset({"job", "instance"})
"""What Prometheus puts on every sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An expression of the catalogue, and where it stands."""

    place: Place
    query: str


def uses(catalogue: Catalogue) -> Iterator[Use]:
    """Every expression that people wrote."""
    for slo in catalogue.slos:
        sli = slo.sli
        queries = (sli.good, sli.bad, sli.total, sli.probe) if isinstance(sli, RatioSli) else (sli.query,)
        yield from (Use(place=slo.place, query=query) for query in queries if query)
    for group in catalogue.alerts:
        yield from (Use(place=rule.place, query=rule.expr) for rule in group.rules)


def unknown_series(catalogue: Catalogue) -> tuple[Finding, ...]:
    """What is read and declared by nobody."""
    declared = Declared(catalogue)
    found = {
        problem
        for use in uses(catalogue)
        for selector in promql.selectors(promql.parse(use.query))
        for problem in declared.problems(use.place, selector)
    }
    return tuple(sorted(found))


def metric_names(catalogue: Catalogue) -> tuple[str, ...]:
    """Every series name that the catalogue reads, for asking a live Prometheus."""
    found = {
        str(selector.name)
        for use in uses(catalogue)
        for selector in promql.selectors(promql.parse(use.query))
        if selector.name
    }
    return tuple(sorted(found))


class Declared:
    """All that producers declare, by the names that queries use."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._metrics: dict[str, list[DeclaredMetric]] = {}
        for metric in catalogue.metrics:
            for name in _series_of(metric):
                self._metrics.setdefault(name, []).append(metric)
        for name, labels in names.RECORDED.items():
            recorded = DeclaredMetric(name=name, type="gauge", help="", producer="rules", labels=labels)
            self._metrics[name] = [recorded]

    def problems(self, place: Place, selector: ql.VectorSelector) -> Iterator[Finding]:
        """What is wrong with one selector."""
        name = str(selector.name or "")
        if name not in self._metrics:
            yield finding(
                place, "unknown-metric", f"nobody declares the metric {name or selector.prettify()}", self._hint(name)
            )
            return
        metrics = self._metrics[name]
        labels = {label for metric in metrics for label in metric.labels}
        known = labels | TARGET_LABELS | {f"exported_{label}" for label in labels & TARGET_LABELS}
        known |= {"le"} if name.endswith("_bucket") else set()
        for matcher in selector.matchers.matchers:
            if matcher.name not in known:
                message = f"{name} has no label {matcher.name}"
                yield finding(place, "unknown-label", message, f"use one of {', '.join(sorted(known))}")
            elif matcher.name == "le":
                yield from _edge(place, name, matcher, metrics)

    def _hint(self, name: str) -> str:
        close = get_close_matches(name, self._metrics, n=1, cutoff=0.8)
        meant = f"did you mean {close[0]}? Else " if close else ""
        return f"{meant}declare it in metrics/*.json, or correct the name"


def _series_of(metric: DeclaredMetric) -> tuple[str, ...]:
    if metric.type == "histogram":
        return tuple(f"{metric.name}{suffix}" for suffix in ("_bucket", "_count", "_sum"))
    return (metric.name, f"{metric.name}_count", f"{metric.name}_sum") if metric.type == "summary" else (metric.name,)


def _edge(place: Place, name: str, matcher: ql.Matcher, metrics: list[DeclaredMetric]) -> Iterator[Finding]:
    if str(matcher.op) != "MatchOp.Equal" or matcher.value == "+Inf":
        return
    edges = sorted({edge for metric in metrics for edge in metric.buckets})
    value = str(matcher.value)
    is_number = re.fullmatch(r"[0-9.]+(e[-+]?[0-9]+)?", value)
    if not is_number or float(value) not in edges:
        shown = ", ".join(f"{edge:g}" for edge in edges)
        yield finding(place, "unknown-bucket", f"{name} has no bucket edge {value}", f"use one of {shown}")
