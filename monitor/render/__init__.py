"""Pure: catalogue in, text out: rules, Alertmanager's configuration, dashboards, runbooks, reports."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render import notifications
from monitor.render.alert_tests import alert_tests
from monitor.render.alertmanager import PATH as ALERTMANAGER_PATH
from monitor.render.alertmanager import alertmanager_config
from monitor.render.dashboards import dashboards
from monitor.render.rules import rule_files, slo_rule_files
from monitor.render.scrape import scrape_config
from monitor.render.slo_tests import slo_tests

__all__ = ["outputs", "scrape_config"]


def outputs(catalogue: Catalogue) -> dict[str, str]:
    """Everything that is derived from a catalogue: relative path -> text, sorted by path."""
    environment = catalogue.environment
    files = rule_files(catalogue) | alert_tests(catalogue)
    files[ALERTMANAGER_PATH] = alertmanager_config(catalogue)
    files[notifications.PATH] = notifications.notification_templates(environment)
    for slo in catalogue.slos:
        files |= slo_rule_files(slo, environment) | slo_tests(slo, environment)
    files |= dashboards(catalogue)
    return dict(sorted(files.items()))
