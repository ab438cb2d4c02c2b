"""Queries and limits that several panels share, and what stands for Grafana's variables elsewhere. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from monitor.catalogue import promql
from monitor.catalogue.model import Catalogue, RatioSli, Slo
from monitor.render.dashboards_style import PLAIN, Steps, below
from monitor.slo import names

RATE = "$__rate_interval"
"""Grafana's own: at least four scrapes, whatever the zoom."""

ANYTHING = ".+"
"""What `All` stands for."""

BUILT_IN: Mapping[str, str] = {"__rate_interval": "1m", "__interval": "15s", "__interval_ms": "15000", "__range": "1h"}
"""What Grafana would put in for its own variables where 15 s are scraped and an hour is looked at."""

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_]\w*)(?::\w+)?\}|(?P<bare>[A-Za-z_]\w*))")
"""Not ``$1``: that is what label_replace found."""

_TEXTS = re.compile(r""" "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*` """, re.VERBOSE)
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*$")
_SPAN_NEXT = re.compile(r"\boffset\s+-?\s*$")


def variables(expr: str) -> Iterator[str]:
    """The names of the variables that a query holds."""
    for found in _VARIABLE.finditer(expr):
        yield found["braced"] or found["bare"]


def replaced(expr: str, values: Mapping[str, str] | None = None) -> str:
    """The query with each variable's value put in; one without a value is taken for a choice, and `All` is chosen."""
    known = {**BUILT_IN, **(values or {})}

    def value(found: re.Match[str]) -> str:
        name = found["braced"] or found["bare"]
        return known[name] if name in known else _stand_in(expr, found)

    return _VARIABLE.sub(value, expr)


def _stand_in(expr: str, found: re.Match[str]) -> str:
    """What may stand in a variable's place: in a text anything, a span in brackets, a label in a list of labels."""
    before, after = _TEXTS.sub("", expr[: found.start()]), expr[found.end() :].lstrip()
    if set(before) & set("\"'`"):
        return ANYTHING
    if before.rfind("[") > before.rfind("]") or _SPAN_NEXT.search(before):
        return "5m"
    if _LABELS.search(before):
        return "job"
    return "up" if after.startswith(("{", "[")) else "1"


def series_of(expr: str) -> frozenset[str]:
    """The names of the series that a query reads.

    Raises:
        ValueError: it is no PromQL.
    """
    return frozenset(str(selector.name) for selector in promql.selectors(promql.parse(replaced(expr))) if selector.name)


def mean(histogram: str, matchers: str, by: str = "") -> str:
    """The mean of what a histogram observed; nothing where it observed nothing."""
    group = f" by ({by})" if by else ""
    return (
        f"sum{group} (rate({histogram}_sum{{{matchers}}}[{RATE}]))"
        f" / (sum{group} (rate({histogram}_count{{{matchers}}}[{RATE}])) > 0)"
    )


def within_an_hour(counter: str, by: str) -> str:
    """How often something rare happened within the hour before: in a graph whose steps are longer, within a step.

    A step of a month's graph is longer than an hour, and what happened in the rest of it would be nowhere.
    """
    hour, step = (f"sum by ({by}) (increase({counter}[{window}]))" for window in ("1h", RATE))
    return f"{hour} > {step} or {step}"


def quantile(share: float, histogram: str, matchers: str, by: str = "") -> str:
    """A quantile of what a histogram observed."""
    group = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({group}) (rate({histogram}_bucket{{{matchers}}}[{RATE}])))"


def edge_of(slo: Slo | None) -> float | None:
    """The bucket edge (seconds) that a latency SLO counts good events at; ``None`` if it counts none."""
    if slo is None or not isinstance(slo.sli, RatioSli) or not slo.sli.good:
        return None
    for selector in promql.selectors(promql.parse(slo.sli.good)):
        for matcher in selector.matchers.matchers:
            if matcher.name == "le":
                return float(Decimal(matcher.value))
    return None


def latency_limit(catalogue: Catalogue, name: str) -> Steps:
    """Good below the bucket edge that a latency SLO is counted at."""
    edge = edge_of(catalogue.slo(name))
    return PLAIN if edge is None else below(edge)


def bad_share(catalogue: Catalogue, name: str) -> Steps:
    """Good below the share of failures that an objective allows."""
    slo = catalogue.slo(name)
    return PLAIN if slo is None else below(float(1 - slo.target))


CHOSEN_SLO = f'{names.SLO_LABEL}=~"$slo"'
