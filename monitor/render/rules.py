"""Prometheus rule files: one per SLO, one of the SLOs' alerts, one per group of alerts written by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from monitor.catalogue import durations, promql, templates
from monitor.catalogue.model import AlertGroup, AlertRule, Catalogue, Environment, Slo, Window
from monitor.render import links
from monitor.render.yaml_text import Value, Written, document, field, inline
from monitor.slo import rules as slo_rules
from monitor.slo.alerts import alerts as slo_alerts
from monitor.slo.rules import Recording
from monitor.slo.stand_in import MOST_KEPT, StandIn, put_in

FOLDER = "rules/prometheus"
DEFAULT_TEAM = "sre"


def rule_files(catalogue: Catalogue) -> dict[str, str]:
    """The rule files of the alerts written by hand, by path."""
    return {group_file(group): _alert_group(group, catalogue.environment) for group in catalogue.alerts}


def slo_rule_files(slo: Slo, alerts: Iterable[AlertRule], environment: Environment) -> dict[str, str]:
    """The rule files of an SLO, by path; ``alerts`` are its own, complete."""
    return _slo_recordings(slo, environment) | {slo_alert_file(slo): _slo_alerts(slo, alerts, environment)}


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
    found = (put_in(group.name, slo) for group in _derived(slo, environment) if group.is_long == long)
    return (*found, _alerts_group(slo))


def group_file(group: AlertGroup) -> str:
    """The file of a group of alerts."""
    return f"{FOLDER}/alerts-{group.name}.yml"


def all_alerts(catalogue: Catalogue) -> Iterator[AlertRule]:
    """Every alert as it will be evaluated: the SLOs' own first, then those written by hand."""
    for slo in catalogue.slos:
        yield from complete_alerts(slo, catalogue.environment)
    for group in catalogue.alerts:
        yield from (complete(rule, catalogue.environment) for rule in group.rules)


def complete_alerts(slo: Slo, environment: Environment) -> Iterator[AlertRule]:
    """Every alert of an SLO as it will be evaluated, the most urgent first."""
    return (complete(rule, environment) for rule in slo_alerts(slo, environment))


def complete(rule: AlertRule, environment: Environment) -> AlertRule:
    """Add what every alert carries: its team, its links and its query; and hold it for two scrapes at least.

    A rule that is held at all must see its condition in two scrapes, whatever their interval; one that is not held
    (``for`` left out) is meant to fire at once.
    """
    annotations = {name: text for name, text in rule.annotations.items() if name != links.DASHBOARD_ANNOTATION}
    annotations |= {
        "dashboard_url": links.dashboard_url(rule, environment),
        "query": templates.escape(promql.one_line(rule.expr)),
        "runbook_url": links.runbook_url(rule, environment),
    }
    return AlertRule(
        name=rule.name,
        expr=rule.expr,
        hold=max(rule.hold, 2 * environment.scrape_interval) if rule.hold else rule.hold,
        keep_firing_for=rule.keep_firing_for,
        labels={"team": DEFAULT_TEAM} | rule.labels,
        annotations=annotations,
        place=rule.place,
    )


def _slo_recordings(slo: Slo, environment: Environment) -> dict[str, str]:
    files: dict[str, list[Value]] = {slo_file(slo): [], slo_long_file(slo): []}
    grid = _recordings(slo_rules.grid(slo, environment.evaluation_interval))
    for index, group in enumerate(_derived(slo, environment)):
        file = slo_long_file(slo) if group.is_long else slo_file(slo)
        rules = _put_in(group.rules, slo)
        files[file].append(_group(put_in(group.name, slo), group.interval, [rules] if index else [grid, rules]))
    return {file: document({"groups": groups}) for file, groups in files.items()}


def _slo_alerts(slo: Slo, alerts: Iterable[AlertRule], environment: Environment) -> str:
    return document({"groups": [_group(_alerts_group(slo), environment.evaluation_interval, map(_alert, alerts))]})


def _alerts_group(slo: Slo) -> str:
    return f"slo-{slo.name}-alerts"


def _alert_group(group: AlertGroup, environment: Environment) -> str:
    rules = (_alert(complete(rule, environment)) for rule in group.rules)
    return document({"groups": [_group(group.name, environment.evaluation_interval, rules)]})


def _group(name: str, interval: timedelta, rules: Iterable[Value]) -> Value:
    return {"name": name, "interval": durations.text(interval), "rules": list(rules)}


@dataclass(frozen=True, slots=True)
class _Derived:
    """A group's rules that are the same for all SLOs of a window but for their names, written for a stand-in."""

    name: str
    interval: timedelta
    is_long: bool
    rules: Written


def _derived(slo: Slo, environment: Environment) -> tuple[_Derived, ...]:
    return _derived_of(slo.window, environment.evaluation_interval, environment.rollup_interval)


@lru_cache(maxsize=MOST_KEPT)
def _derived_of(window: Window, step: timedelta, size: timedelta) -> tuple[_Derived, ...]:
    groups = slo_rules.derived(StandIn(window), step, size)
    return tuple(_Derived(group.name, group.interval, group.is_long, _recordings(group.rules)) for group in groups)


def _put_in(rules: Written, slo: Slo) -> Written:
    """Rules that were written for a stand-in, of this SLO. A name that is a label's whole value may need quotes."""
    any_slo = StandIn(slo.window)
    text = rules.replace(f": {inline(any_slo.name)}", f": {inline(slo.name)}")
    text = text.replace(f": {inline(any_slo.service)}", f": {inline(slo.service)}")
    return Written(put_in(text, slo))


def _recordings(rules: Iterable[Recording]) -> Written:
    return Written("\n".join(map(_recording, rules)))


def _recording(rule: Recording) -> str:
    labels = "".join([f"\n    {name}: {inline(value)}" for name, value in rule.labels.items()])
    return f"- record: {inline(rule.record)}\n  {field('expr', rule.expr)}\n  labels:{labels}"


def _alert(rule: AlertRule) -> Value:
    value: dict[str, Value] = {"alert": rule.name, "expr": rule.expr}
    if rule.hold:
        value["for"] = durations.text(rule.hold)
    if rule.keep_firing_for:
        value["keep_firing_for"] = durations.text(rule.keep_firing_for)
    return value | {"labels": dict(sorted(rule.labels.items())), "annotations": dict(sorted(rule.annotations.items()))}
