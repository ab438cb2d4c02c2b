"""Where an alert's links lead, and what the dashboards are called. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote_plus

from monitor.catalogue import promql
from monitor.catalogue.alerting import RUNBOOK
from monitor.catalogue.model import AlertRule, Environment
from monitor.slo import names

SLO_DASHBOARD = "slo"
SERVICE_DASHBOARD = "service"
BUSINESS_DASHBOARD = "business"
MONGODB_DASHBOARD = "mongodb"
REDIS_DASHBOARD = "redis"
HOSTS_DASHBOARD = "hosts"
RECOVERY_DASHBOARD = "recovery"
DRILLS_DASHBOARD = "drills"
ALERTING_DASHBOARD = "alerting"
MONITORING_DASHBOARD = "monitoring"
DASHBOARDS = (
    SLO_DASHBOARD,
    SERVICE_DASHBOARD,
    BUSINESS_DASHBOARD,
    MONGODB_DASHBOARD,
    REDIS_DASHBOARD,
    HOSTS_DASHBOARD,
    RECOVERY_DASHBOARD,
    DRILLS_DASHBOARD,
    ALERTING_DASHBOARD,
    MONITORING_DASHBOARD,
)
"""The uid of each dashboard, which is its file's name as well; the first is the home."""

DASHBOARD_ANNOTATION = "dashboard"
"""In the catalogue an alert names its dashboard by this annotation; rendered rules carry the address instead."""

_AN_HOUR_BEFORE = '{{ with query "(time() - 3600) * 1000" }}{{ . | first | value | printf "%.0f" }}{{ end }}'
"""One hour before the evaluation, in milliseconds: what led to the alert is in view however late the link is opened."""

_VARIABLES = {
    DRILLS_DASHBOARD: ("drill", ("dr_",)),
    HOSTS_DASHBOARD: ("instance", ("node_", "container_")),
    MONITORING_DASHBOARD: ("job", ("up", "process_")),
    REDIS_DASHBOARD: ("instance", ("redis_",)),
}
"""Which variable of a dashboard an alert fills in with its label of that name, and how the metrics begin that mean the
same by it: of any others, the dashboard would find nothing under such a value."""


def runbook_url(alert: AlertRule, environment: Environment) -> str:
    """The page that says what to do: the one that the alert's author named, or ours."""
    return alert.annotations.get(RUNBOOK) or f"{environment.runbook_url.rstrip('/')}/{alert.name}"


def dashboard_of(alert: AlertRule) -> str:
    """The uid of the dashboard that shows what an alert is about."""
    slo = alert.labels.get(names.SLO_LABEL, "")
    return alert.annotations.get(DASHBOARD_ANNOTATION) or (SLO_DASHBOARD if slo else SERVICE_DASHBOARD)


def dashboard_url(alert: AlertRule, environment: Environment) -> str:
    """The dashboard, beginning an hour before the alert; the console's page where no Grafana is known."""
    slo = alert.labels.get(names.SLO_LABEL, "")
    if environment.grafana_url:
        variable = f"&var-slo={slo}" if slo else _variable(alert)
        return f"{environment.grafana_url.rstrip('/')}/d/{dashboard_of(alert)}?from={_AN_HOUR_BEFORE}&to=now{variable}"
    anchor = f"#slo-{slo}" if slo else ""
    return f"{environment.console_url.rstrip('/')}/?from={_AN_HOUR_BEFORE}{anchor}"


def with_labels(address: str, labels: Mapping[str, str]) -> str:
    """The address of a dashboard as Prometheus makes it of the labels of an alert that fires."""

    def filled(variable: re.Match[str]) -> str:
        value = labels.get(variable[1])
        return f"&var-{variable[1]}={quote_plus(value)}" if value else ""

    return _FILLED.sub(filled, address)


def _variable(alert: AlertRule) -> str:
    """What fills in the dashboard's variable, as a template that ends its address; empty where nothing does."""
    name, begins = _VARIABLES.get(dashboard_of(alert), ("", ()))
    read = (str(selector.name) for selector in promql.selectors(promql.parse(alert.expr))) if name else ()
    same = name and all(metric.startswith(begins) for metric in read)
    return f"{{{{ with $labels.{name} }}}}&var-{name}={{{{ . | urlquery }}}}{{{{ end }}}}" if same else ""


_FILLED = re.compile(r"\{\{ with \$labels\.(\w+) \}\}&var-\1=\{\{ \. \| urlquery \}\}\{\{ end \}\}")
