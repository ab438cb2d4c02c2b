"""Every series that the catalogue reads is one that somebody declares: metric, labels and bucket edges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

import promql_parser as ql

from monitor.catalogue import promql
from monitor.catalogue.model import Catalogue, DeclaredMetric, Place, RatioSli
from monitor.check.finding import Finding, finding
from monitor.render.carried import OF_ALERTS, TARGET_LABELS, series_of
from monitor.slo import names, rules, sloth

MOST_GUESSES = 20
"""For how many unknown names a near one is looked for: who has more of them has mistyped none, but declared nothing."""


_ON_TARGETS = ", or list what Prometheus adds in the environment's target_labels"


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
    found: set[Finding] = set()
    for use in uses(catalogue):
        expr = promql.parse(use.query)
        native = {selector.prettify() for selector in promql.native_selectors(expr)}
        for selector in promql.selectors(expr):
            found.update(declared.problems(use.place, selector, is_native=selector.prettify() in native))
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
        self._histograms: dict[str, list[DeclaredMetric]] = {}
        self._meant: dict[str, list[str]] = {}
        self._on_targets = TARGET_LABELS | set(catalogue.environment.target_labels)
        for metric in catalogue.metrics:
            for name in series_of(metric):
                self._metrics.setdefault(name, []).append(metric)
            if metric.type == "histogram":
                self._histograms.setdefault(metric.name, []).append(metric)
        for name, labels in names.RECORDED.items():
            recorded = DeclaredMetric(name=name, type="gauge", help="", producer="rules", labels=labels)
            self._metrics[name] = [recorded]
        if catalogue.environment.sloth_names:
            self._add_sloth_names(catalogue)

    def _add_sloth_names(self, catalogue: Catalogue) -> None:
        groups = (rules.sloth_group(slo, catalogue.environment) for slo in catalogue.slos)
        made = {rule.record: (*rule.labels,) for group in groups if group for rule in group.rules}
        for name, labels in {**made, names.OBJECTIVE: sloth.LABELS}.items():
            recorded = DeclaredMetric(name=name, type="gauge", help="", producer="rules", labels=labels)
            self._metrics.setdefault(name, []).append(recorded)

    def types(self, name: str) -> frozenset[str]:
        """The types that a series' metric is declared with; nothing where nobody declares it."""
        return frozenset(metric.type for metric in self._metrics.get(name, ()))

    def problems(self, place: Place, selector: ql.VectorSelector, *, is_native: bool = False) -> Iterator[Finding]:
        """What is wrong with one selector; a native histogram is one series, by the histogram's bare name."""
        name = str(selector.name or "")
        known_as, kind = (self._histograms, "histogram") if is_native else (self._metrics, "metric")
        if name not in known_as:
            yield finding(
                place,
                "unknown-metric",
                f"nobody declares the {kind} {name or selector.prettify()}",
                self._hint(name, known_as),
            )
            return
        if name in OF_ALERTS:
            return
        metrics = known_as[name]
        labels = {label for metric in metrics for label in metric.labels}
        known = labels | self._on_targets | {f"exported_{label}" for label in labels & self._on_targets}
        known |= {"le"} if name.endswith("_bucket") else set()
        for matcher in selector.matchers.matchers:
            if matcher.name not in known:
                message = f"{name} has no label {matcher.name}"
                yield finding(place, "unknown-label", message, f"use one of {', '.join(sorted(known))}{_ON_TARGETS}")
            elif matcher.name == "le":
                yield from _edge(place, name, matcher, metrics)

    def _hint(self, name: str, known: Iterable[str]) -> str:
        if name not in self._meant and len(self._meant) < MOST_GUESSES:
            self._meant[name] = get_close_matches(name, known, n=1, cutoff=0.8)
        close = self._meant.get(name)
        meant = f"did you mean {close[0]}? Else " if close else ""
        return f"{meant}declare it in metrics/*.json, or correct the name"


def _edge(place: Place, name: str, matcher: ql.Matcher, metrics: list[DeclaredMetric]) -> Iterator[Finding]:
    if str(matcher.op) != "MatchOp.Equal" or matcher.value == "+Inf":
        return
    edges = sorted({edge for metric in metrics for edge in metric.buckets})
    value = str(matcher.value)
    is_number = re.fullmatch(r"[0-9.]+(e[-+]?[0-9]+)?", value)
    if not is_number or float(value) not in edges:
        shown = ", ".join(f"{edge:g}" for edge in edges)
        yield finding(place, "unknown-bucket", f"{name} has no bucket edge {value}", f"use one of {shown}")
