"""Joins promises with declared metrics, routes, runbooks and tests."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.catalogue.model import Catalogue
from monitor.check import (
    alert_queries,
    alert_texts,
    alerts,
    environments,
    histograms,
    inhibitions,
    parts,
    recovery,
    routes,
    runbook_pages,
    traffic,
)
from monitor.check.dashboards import dashboard_findings
from monitor.check.finding import Finding
from monitor.check.live import missing_jobs, missing_series
from monitor.check.live_slos import live_findings
from monitor.check.runbook_queries import runbook_queries
from monitor.check.series import unknown_series
from monitor.render.rules import all_alerts
from monitor.render.runbooks import elsewhere

__all__ = [
    "Finding",
    "dashboard_findings",
    "findings",
    "live_findings",
    "missing_jobs",
    "missing_series",
    "unknown_series",
    "warnings",
]


def warnings(catalogue: Catalogue) -> tuple[Finding, ...]:
    """What does not keep files from being generated, but will not work as it is written."""
    return (*unknown_series(catalogue), *histograms.too_old(catalogue))


def findings(
    catalogue: Catalogue,
    runbooks: Mapping[str, str] | None = None,
    dashboards: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Everything that cannot be true as it is written, sorted; pages and dashboards are by path, if there are any."""
    rules = tuple(all_alerts(catalogue))
    found = {
        *unknown_series(catalogue),
        *alerts.never_fires(catalogue),
        *alerts.untested(catalogue),
        *alerts.unsaid(catalogue),
        *alert_queries.unfit_conditions(catalogue),
        *alert_texts.unfit_texts(catalogue),
        *alerts.strange_tests(catalogue, rules),
        *alerts.beyond_retention(catalogue),
        *environments.unfit_environment(catalogue),
        *histograms.too_old(catalogue),
        *parts.no_part(catalogue),
        *traffic.unfit_for_traffic(catalogue),
        *traffic.odd_targets(catalogue),
        *traffic.unfit_for_intervals(catalogue),
        *inhibitions.unfit_inhibitions(catalogue, rules),
        *routes.unrouted(catalogue, rules),
        *routes.unreachable(catalogue, rules),
        *routes.unsupported(catalogue),
        *routes.unsendable(catalogue),
        *routes.always_muted(catalogue),
        *recovery.impossible_rpo(catalogue),
    }
    if runbooks is not None:
        found |= {*alerts.without_runbook(rules, runbooks, elsewhere(catalogue)), *runbook_queries(catalogue, runbooks)}
        found |= {*runbook_pages.unfit_pages(runbooks)}
    if dashboards is not None:
        found |= {*dashboard_findings(catalogue, dashboards, runbooks)}
    return tuple(sorted(found))
