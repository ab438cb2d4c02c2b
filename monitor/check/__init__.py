"""Joins promises with declared metrics, routes, runbooks and tests."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.catalogue.model import Catalogue
from monitor.check import alerts, parts, recovery, routes, traffic
from monitor.check.dashboards import dashboard_findings
from monitor.check.finding import Finding
from monitor.check.live import missing_series
from monitor.check.live_slos import live_findings
from monitor.check.runbook_queries import runbook_queries
from monitor.check.series import unknown_series

__all__ = ["Finding", "dashboard_findings", "findings", "live_findings", "missing_series", "unknown_series"]


def findings(
    catalogue: Catalogue,
    runbooks: Mapping[str, str] | None = None,
    dashboards: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Everything that cannot be true as it is written, sorted; pages and dashboards are by path, if there are any."""
    found = {
        *unknown_series(catalogue),
        *alerts.never_fires(catalogue),
        *alerts.untested(catalogue),
        *alerts.beyond_retention(catalogue),
        *parts.no_part(catalogue),
        *traffic.unfit_for_traffic(catalogue),
        *traffic.odd_targets(catalogue),
        *traffic.unfit_for_intervals(catalogue),
        *routes.unrouted(catalogue),
        *routes.unreachable(catalogue),
        *routes.unsupported(catalogue),
        *recovery.impossible_rpo(catalogue),
    }
    if runbooks is not None:
        found |= {*alerts.without_runbook(catalogue, runbooks), *runbook_queries(catalogue, runbooks)}
    if dashboards is not None:
        found |= {*dashboard_findings(catalogue, dashboards, runbooks)}
    return tuple(sorted(found))
