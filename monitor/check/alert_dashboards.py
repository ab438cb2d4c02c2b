"""To which dashboard an alert sends people. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.catalogue.model import AlertRule, Catalogue
from monitor.render.links import DASHBOARD_ANNOTATION, SERVICE_DASHBOARD, SLO_DASHBOARD
from monitor.render.rules import all_alerts
from monitor.slo import names


def dashboards_of(catalogue: Catalogue) -> Iterator[tuple[AlertRule, str]]:
    """Each alert as it is evaluated, with the uid that its author gave it, or the one it is given."""
    named = {
        (rule.name, rule.place): rule.annotations[DASHBOARD_ANNOTATION]
        for group in catalogue.alerts
        for rule in group.rules
        if DASHBOARD_ANNOTATION in rule.annotations
    }
    for rule in all_alerts(catalogue):
        default = SLO_DASHBOARD if names.SLO_LABEL in rule.labels else SERVICE_DASHBOARD
        yield rule, named.get((rule.name, rule.place), default)
