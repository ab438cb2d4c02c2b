"""Prometheus rule files: one per SLO, one of the SLOs' alerts, one per group of alerts written by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache

from monitor.catalogue import durations, promql, templates
from monitor.catalogue.model import AlertGroup, AlertRule, Catalogue, Environment, Slo, Window
from monitor.render import links
from monitor.render.pattern import Own, Pattern, YamlPattern, own_of
from monitor.render.yaml_text import Value, Written, document, field, inline
from monitor.slo import names, windows
from monitor.slo import rules as slo_rules
from monitor.slo.alerts import alerts as slo_alerts
from monitor.slo.edges import any_edge
from monitor.slo.rules import Recording
from monitor.slo.stand_in import MOST_KEPT, Owner, StandIn, stand_in

FOLDER = "rules/prometheus"
DEFAULT_TEAM = "sre"


def rule_files(catalogue: Catalogue) -> dict[str, str]:
    """The rule files of the alerts written by hand, by path."""
    return {group_file(group): _alert_group(group, catalogue.environment) for group in catalogue.alerts}


def slo_rule_files(slo: Slo, environment: Environment) -> dict[str, str]:
    """The rule files of an SLO, by path."""
    alerts = _slo_alerts(stand_in(slo), environment).of(own_of(slo, templates.escape))
    return _slo_recordings(slo, environment) | {slo_alert_file(slo): alerts}


def slo_file(slo: Owner) -> str:
    """The file of an SLO's recording rules."""
    return f"{FOLDER}/slo-{slo.name}.yml"


def slo_long_file(slo: Owner) -> str:
    """The file of an SLO's recording rules for days and longer: promtool tests a file's groups at one interval."""
    return f"{FOLDER}/slo-{slo.name}-long.yml"


def slo_sloth_file(slo: Owner) -> str:
    """The file of what an SLO's rules record under Sloth's names."""
    return f"{FOLDER}/slo-{slo.name}-sloth.yml"


def slo_alert_file(slo: Owner) -> str:
    """The file of an SLO's alerts."""
    return f"{FOLDER}/slo-{slo.name}-alerts.yml"


def rule_groups(slo: Slo, environment: Environment, *, long: bool) -> tuple[str, ...]:
    """An SLO's groups of one file or the other with its alerts, in the order that one feeds the next."""
    mine = own_of(slo)
    found = (group.name.of(mine) for group in _derived(slo, environment) if group.is_long == long)
    return (*found, _alerts_group(slo))


def group_file(group: AlertGroup) -> str:
    """The file of a group of alerts."""
    return f"{FOLDER}/alerts-{group.name}.yml"


def all_alerts(catalogue: Catalogue) -> Iterator[AlertRule]:
    """Every alert as it will be evaluated: the SLOs' own first, then those written by hand."""
    for slo in catalogue.slos:
        yield from complete_alerts(slo, catalogue.environment)
    yield from written_alerts(catalogue)


def written_alerts(catalogue: Catalogue) -> Iterator[AlertRule]:
    """Every alert that was written by hand, as it will be evaluated."""
    return (complete(rule, catalogue.environment) for group in catalogue.alerts for rule in group.rules)


def complete_alerts(slo: Slo, environment: Environment) -> Iterator[AlertRule]:
    """Every alert of an SLO as it will be evaluated, the most urgent first."""
    mine = own_of(slo, templates.escape)
    for frame in _frames(stand_in(slo), environment):
        texts = {name: text.of(mine) for name, text in frame.annotations.items()}
        yield replace(_labelled(frame, slo, mine), expr=frame.expr.of(mine), annotations=texts)


def labelled_alerts(slo: Slo, environment: Environment) -> Iterator[AlertRule]:
    """The same by their labels alone, for who needs no text of each: what they say and ask is any SLO's."""
    mine = own_of(slo, templates.escape)
    return (_labelled(frame, slo, mine) for frame in _frames(stand_in(slo), environment))


def _labelled(frame: _Frame, slo: Slo, mine: Own) -> AlertRule:
    labels = {name: text.of(mine) for name, text in frame.labels.items()}
    return replace(frame.rule, labels=labels, place=slo.place)


@dataclass(frozen=True, slots=True)
class _Frame:
    """An alert of any SLO of a window, complete but for what is the SLO's own."""

    rule: AlertRule
    expr: Pattern
    labels: dict[str, Pattern]
    annotations: dict[str, Pattern]


@lru_cache(maxsize=MOST_KEPT)
def _frames(slo: StandIn, environment: Environment) -> tuple[_Frame, ...]:
    rules = any_alerts(slo, environment)
    return tuple(
        _Frame(
            rule,
            Pattern(rule.expr),
            {name: Pattern(text) for name, text in rule.labels.items()},
            {name: Pattern(text) for name, text in rule.annotations.items()},
        )
        for rule in rules
    )


def any_alerts(slo: StandIn, environment: Environment) -> tuple[AlertRule, ...]:
    """Every alert of any SLO that this one stands for, with marks for what is its own."""
    return tuple(complete(rule, environment) for rule in slo_alerts(slo, environment))


def complete(rule: AlertRule, environment: Environment) -> AlertRule:
    """Add what every alert carries: its team, its links and its query; and hold it long enough.

    A rule that is held at all must see its condition in two scrapes, whatever their interval, and one of which an
    evaluation knows nothing yet; one that is not held (``for`` left out) is meant to fire at once. An SLO's alerts know
    how long they are held.
    """
    expr = any_edge(rule.expr)
    held = rule.hold and names.SLO_LABEL not in rule.labels
    shortest = windows.hold(environment.scrape_interval, environment.evaluation_interval)
    annotations = {name: text for name, text in rule.annotations.items() if name != links.DASHBOARD_ANNOTATION}
    annotations |= {
        "dashboard_url": links.dashboard_url(rule, environment),
        "query": templates.escape(promql.one_line(expr)),
        "runbook_url": links.runbook_url(rule, environment),
    }
    return AlertRule(
        name=rule.name,
        expr=expr,
        hold=max(rule.hold, shortest) if held else rule.hold,
        keep_firing_for=rule.keep_firing_for,
        labels={"team": DEFAULT_TEAM} | rule.labels,
        annotations=annotations,
        place=rule.place,
    )


def _slo_recordings(slo: Slo, environment: Environment) -> dict[str, str]:
    mine, step, size = own_of(slo), environment.evaluation_interval, environment.rollup_interval
    grid, *others = (group for group in _derived(slo, environment) if not group.is_long)
    first = [_recordings(slo_rules.grid(slo, environment)), grid.rules.items(mine)]
    groups = [_group(grid.name.of(mine), grid.interval, first)]
    groups += [_group(group.name.of(mine), group.interval, [group.rules.items(mine)]) for group in others]
    files = {
        slo_file(slo): document({"groups": groups}),
        slo_long_file(slo): _long_recordings(slo.window, step, size).of(mine),
    }
    if aliases := slo_rules.sloth_group(slo, environment):
        group = _group(aliases.name, aliases.interval, [_recordings(aliases.rules)])
        files[slo_sloth_file(slo)] = document({"groups": [group]})
    return files


@lru_cache(maxsize=MOST_KEPT)
def _long_recordings(window: Window, step: timedelta, size: timedelta) -> YamlPattern:
    groups = (group for group in slo_rules.derived(StandIn(window), step, size) if group.is_long)
    written = [_group(group.name, group.interval, [_recordings(group.rules)]) for group in groups]
    return YamlPattern(document({"groups": written}))


@lru_cache(maxsize=MOST_KEPT)
def _slo_alerts(slo: StandIn, environment: Environment) -> YamlPattern:
    rules = map(_alert, any_alerts(slo, environment))
    name = _alerts_group(slo)
    return YamlPattern(document({"groups": [_group(name, environment.evaluation_interval, rules)]}))


def _alerts_group(slo: Owner) -> str:
    return f"slo-{slo.name}-alerts"


def _alert_group(group: AlertGroup, environment: Environment) -> str:
    rules = (_alert(complete(rule, environment)) for rule in group.rules)
    return document({"groups": [_group(group.name, environment.evaluation_interval, rules)]})


def _group(name: str, interval: timedelta, rules: Iterable[Value]) -> Value:
    return {"name": name, "interval": durations.text(interval), "rules": list(rules)}


@dataclass(frozen=True, slots=True)
class _Derived:
    """A group's rules that are the same for all SLOs of a window but for their names, written for a stand-in."""

    name: Pattern
    interval: timedelta
    is_long: bool
    rules: YamlPattern


def _derived(slo: Slo, environment: Environment) -> tuple[_Derived, ...]:
    return _derived_of(slo.window, environment.evaluation_interval, environment.rollup_interval)


@lru_cache(maxsize=MOST_KEPT)
def _derived_of(window: Window, step: timedelta, size: timedelta) -> tuple[_Derived, ...]:
    groups = slo_rules.derived(StandIn(window), step, size)
    return tuple(
        _Derived(Pattern(group.name), group.interval, group.is_long, YamlPattern(_recordings(group.rules)))
        for group in groups
    )


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
