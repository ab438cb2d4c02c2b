"""Prometheus rule files: one per SLO, one of the SLOs' alerts, one per group of alerts written by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from monitor.catalogue import durations, promql, templates
from monitor.catalogue.model import AlertGroup, AlertRule, Catalogue, Environment, Slo
from monitor.render import links
from monitor.render.yaml_text import Value, document
from monitor.slo import names
from monitor.slo import rules as slo_rules
from monitor.slo.alerts import alerts as slo_alerts
from monitor.slo.rules import Recording

FOLDER = "rules/prometheus"
DEFAULT_TEAM = "sre"


def rule_files(catalogue: Catalogue) -> dict[str, str]:
    """Every rule file, by path."""
    environment = catalogue.environment
    files: dict[str, str] = {}
    for slo in catalogue.slos:
        files |= _slo_recordings(slo, environment) | {slo_alert_file(slo): _slo_alerts(slo, environment)}
    return files | {group_file(group): _alert_group(group, environment) for group in catalogue.alerts}


def slo_file(slo: Slo) -> str:
    """The file of an SLO's recording rules."""
    return f"{FOLDER}/slo-{slo.name}.yml"


def slo_long_file(slo: Slo) -> str:
    """The file of an SLO's recording rules for days and longer: promtool tests a file's groups at one interval."""
    return f"{FOLDER}/slo-{slo.name}-long.yml"


def slo_alert_file(slo: Slo) -> str:
    """The file of an SLO's alerts."""
    return f"{FOLDER}/slo-{slo.name}-alerts.yml"


def rule_groups(slo: Slo, environment: Environment, *, long: bool) -> tuple[str, ...]:
    """An SLO's groups of one file or the other with its alerts, in the order that one feeds the next."""
    groups = slo_rules.groups(slo, environment)
    return (*(group.name for group in groups if group.is_long == long), _alerts_group(slo))


def group_file(group: AlertGroup) -> str:
    """The file of a group of alerts."""
    return f"{FOLDER}/alerts-{group.name}.yml"


def all_alerts(catalogue: Catalogue) -> Iterator[AlertRule]:
    """Every alert as it will be evaluated: the SLOs' own first, then those written by hand."""
    for slo in catalogue.slos:
        yield from (complete(rule, catalogue.environment) for rule in slo_alerts(slo, catalogue.environment))
    for group in catalogue.alerts:
        yield from (complete(rule, catalogue.environment) for rule in group.rules)


def complete(rule: AlertRule, environment: Environment) -> AlertRule:
    """Add what every alert carries: its team, its links and its query; and hold it for two scrapes at least.

    A rule that is held at all must see its condition in two scrapes, whatever their interval; one that is not held
    (``for`` left out) is meant to fire at once. An SLO's alerts know how long they are held.
    """
    held = rule.hold and names.SLO_LABEL not in rule.labels
    annotations = {name: text for name, text in rule.annotations.items() if name != links.DASHBOARD_ANNOTATION}
    annotations |= {
        "dashboard_url": links.dashboard_url(rule, environment),
        "query": templates.escape(promql.one_line(rule.expr)),
        "runbook_url": links.runbook_url(rule, environment),
    }
    return AlertRule(
        name=rule.name,
        expr=rule.expr,
        hold=max(rule.hold, 2 * environment.scrape_interval) if held else rule.hold,
        keep_firing_for=rule.keep_firing_for,
        labels={"team": DEFAULT_TEAM} | rule.labels,
        annotations=annotations,
        place=rule.place,
    )


def _slo_recordings(slo: Slo, environment: Environment) -> dict[str, str]:
    files: dict[str, list[Value]] = {slo_file(slo): [], slo_long_file(slo): []}
    for group in slo_rules.groups(slo, environment):
        file = slo_long_file(slo) if group.is_long else slo_file(slo)
        files[file].append(_group(group.name, group.interval, map(_recording, group.rules)))
    return {file: document({"groups": groups}) for file, groups in files.items()}


def _slo_alerts(slo: Slo, environment: Environment) -> str:
    rules = (_alert(complete(rule, environment)) for rule in slo_alerts(slo, environment))
    return document({"groups": [_group(_alerts_group(slo), environment.evaluation_interval, rules)]})


def _alerts_group(slo: Slo) -> str:
    return f"slo-{slo.name}-alerts"


def _alert_group(group: AlertGroup, environment: Environment) -> str:
    rules = (_alert(complete(rule, environment)) for rule in group.rules)
    return document({"groups": [_group(group.name, environment.evaluation_interval, rules)]})


def _group(name: str, interval: timedelta, rules: Iterable[Value]) -> Value:
    return {"name": name, "interval": durations.text(interval), "rules": list(rules)}


def _recording(rule: Recording) -> Value:
    return {"record": rule.record, "expr": rule.expr, "labels": rule.labels}


def _alert(rule: AlertRule) -> Value:
    value: dict[str, Value] = {"alert": rule.name, "expr": rule.expr}
    if rule.hold:
        value["for"] = durations.text(rule.hold)
    if rule.keep_firing_for:
        value["keep_firing_for"] = durations.text(rule.keep_firing_for)
    return value | {"labels": dict(sorted(rule.labels.items())), "annotations": dict(sorted(rule.annotations.items()))}
