"""Queries and limits that several panels share. Pure."""

from __future__ import annotations

from decimal import Decimal

from monitor.catalogue import promql
from monitor.catalogue.model import Catalogue, RatioSli, Slo
from monitor.render.dashboards_model import NEUTRAL, below

RATE = "$__rate_interval"
"""Grafana's own: at least four scrapes, whatever the zoom."""


def mean(histogram: str, matchers: str) -> str:
    """The mean of what a histogram observed."""
    return f"sum(rate({histogram}_sum{{{matchers}}}[{RATE}])) / sum(rate({histogram}_count{{{matchers}}}[{RATE}]))"


def quantile(share: float, histogram: str, matchers: str) -> str:
    """A quantile of what a histogram observed."""
    return f"histogram_quantile({share:g}, sum by (le) (rate({histogram}_bucket{{{matchers}}}[{RATE}])))"


def edge_of(slo: Slo | None) -> float | None:
    """The bucket edge (seconds) that a latency SLO counts good events at; ``None`` if it counts none."""
    if slo is None or not isinstance(slo.sli, RatioSli) or not slo.sli.good:
        return None
    for selector in promql.selectors(promql.parse(slo.sli.good)):
        for matcher in selector.matchers.matchers:
            if matcher.name == "le":
                return float(Decimal(matcher.value))
    return None


def latency_limit(catalogue: Catalogue, name: str) -> tuple[tuple[float | None, str], ...]:
    """Good below the bucket edge that a latency SLO is counted at."""
    edge = edge_of(catalogue.slo(name))
    return ((None, NEUTRAL),) if edge is None else below(edge)
