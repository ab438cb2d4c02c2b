"""Alerts as Prometheus's own rule groups (``alerts/*.yaml``), and what is asked of them beyond Prometheus's rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from monitor.catalogue import durations, naming, promql, templates
from monitor.catalogue.model import (
    HOLIDAYS_LABEL,
    REPEAT_LABEL,
    URGENCY_LABEL,
    AlertGroup,
    AlertRule,
    Attention,
    Place,
    Severity,
)
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import keep, parts
from monitor.errors import Fault

SUMMARY = "summary"
"""What every message begins with. That a person who is woken is told impact and action too is for ``check`` to ask."""

RUNBOOK = "runbook_url"
"""Where an alert's page is, if it is none of ours; else the address is added when rules are rendered, as others are."""

LONGEST_REPEAT = timedelta(hours=120)
"""What Alertmanager told is forgotten then (its ``--data.retention``), and told again: more cannot be kept."""

_Identity = tuple[str, frozenset[tuple[str, str]]]
"""An alert's name and the labels that it is given: several of a name are told apart by these."""

_ALERT_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alerting rule as written."""

    alert: str
    expr: str
    for_: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group as written."""

    name: str
    rules: list[object]
    """Of :class:`Rule`; each is read by itself, so that a fault in one does not hide those of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """One file as written."""

    groups: list[object]
    """Of :class:`Group`, each read by itself."""


def read(documents: tuple[Document, ...]) -> tuple[tuple[AlertGroup, ...], tuple[Fault, ...]]:
    """Turn the files of ``alerts/`` into alert groups, sorted by name, with everything that is wrong with them."""
    faults: list[Fault] = []
    groups: list[AlertGroup] = []
    names: set[str] = set()
    seen: dict[_Identity, Place] = {}
    for document in documents:
        if isinstance(document.data, dict) and {"apiVersion", "kind"} <= document.data.keys():
            message = f"is a Kubernetes object ({document.data['kind']}): write what is below its spec, from groups: on"
            faults.append(document.fault("kubernetes", message))
            continue
        file, wrong = parts(document, Groups, keep)
        faults += wrong
        for index, data in enumerate(file.get("groups", ())):
            place = f"groups[{index}]"
            group, wrong = parts(document, Group, keep, path=place, data=data)
            faults += wrong
            name = group.get("name", "")
            if "name" in group and not naming.fits_a_file_name(name):
                faults.append(document.fault("wrong-value", naming.FILE_NAME_RULE, f"{place}.name"))
            if name in names:
                faults.append(document.fault("duplicate", f"group {name} is given twice", f"{place}.name"))
            names |= {name} if name else set()
            rules = []
            for here, rule in _rules(group.get("rules", ()), document, place, faults):
                faults += _twice(rule, document, here, seen)
                rules.append(rule)
            groups.append(AlertGroup(name=name, rules=tuple(rules)))
    return tuple(sorted(groups, key=lambda group: group.name)), tuple(faults)


def _rules(
    rules: Iterable[object], document: Document, place: str, faults: list[Fault]
) -> Iterator[tuple[str, AlertRule]]:
    """Build the rules that can be built, each with its path; what is wrong with any is added to ``faults``."""
    for number, data in enumerate(rules):
        here = f"{place}.rules[{number}]"
        if isinstance(data, dict) and "record" in data:
            message = (
                "is a recording rule, and alerts stand here: leave it in a rule file of your own, "
                "and declare what it records in metrics/*.json"
            )
            faults.append(document.fault("recording-rule", message, f"{here}.record"))
            continue
        rule, wrong = parts(document, Rule, keep, path=here, data=data)
        faults += [*wrong, *_faults(rule, document, here)]
        if {field.name for field in fields(Rule)} <= rule.keys():
            yield here, _rule(Rule(**rule), Place(file=document.file, line=document.line(f"{here}.alert")))


def _rule(rule: Rule, place: Place) -> AlertRule:
    return AlertRule(
        name=rule.alert,
        expr=promql.one_line(rule.expr),
        hold=rule.for_,
        keep_firing_for=rule.keep_firing_for,
        labels=rule.labels,
        annotations={name: " ".join(text.split()) for name, text in rule.annotations.items()},
        place=place,
    )


def _faults(rule: Mapping[str, Any], document: Document, here: str) -> Iterator[Fault]:
    """Say what is wrong with the fields that could be read."""
    if "alert" in rule and not _ALERT_NAME.fullmatch(rule["alert"]):
        yield document.fault("wrong-value", "must be CamelCase letters and digits, at most 100", f"{here}.alert")
    if "expr" in rule:
        try:
            promql.parse(rule["expr"])
        except ValueError as error:
            yield document.fault("promql", str(error), f"{here}.expr")
    if "labels" in rule and rule["labels"].get("severity") not in set(Severity):
        message = f"must be one of {', '.join(Severity)}"
        yield document.fault("wrong-value", message, f"{here}.labels.severity")
    yield from _odd_urgency(rule.get("labels", {}), document, f"{here}.labels.{URGENCY_LABEL}")
    yield from _odd_holidays(rule.get("labels", {}), document, f"{here}.labels.{HOLIDAYS_LABEL}")
    yield from _odd_repeat(rule.get("labels", {}), document, f"{here}.labels.{REPEAT_LABEL}")
    if "annotations" in rule and not rule["annotations"].get(SUMMARY, "").strip():
        yield document.fault("missing-field", "is missing", f"{here}.annotations.{SUMMARY}")
    if not rule.get("annotations", {}).get(RUNBOOK, "http://").startswith(("http://", "https://")):
        message = "must be an address such as https://wiki.example/runbooks, or be left out for a page of ours"
        yield document.fault("wrong-value", message, f"{here}.annotations.{RUNBOOK}")
    for kind in ("labels", "annotations"):
        yield from _refused_by_prometheus(rule.get(kind, {}), document, f"{here}.{kind}")


def _odd_urgency(labels: Mapping[str, str], document: Document, here: str) -> Iterator[Fault]:
    if URGENCY_LABEL not in labels:
        return
    if labels[URGENCY_LABEL] != Attention.WORKING_HOURS:
        message = f"must be {Attention.WORKING_HOURS}, or be left out where people must hear at once"
        yield document.fault("wrong-value", message, here)
    elif labels.get("severity") in set(Severity) - {Severity.CRITICAL}:
        yield document.fault("wrong-value", "is for severity critical: a milder one wakes nobody anyway", here)


def _odd_holidays(labels: Mapping[str, str], document: Document, here: str) -> Iterator[Fault]:
    if HOLIDAYS_LABEL not in labels:
        return
    severity, milder = labels.get("severity"), labels[HOLIDAYS_LABEL]
    if milder not in {Severity.WARNING, Severity.NONE} or severity not in {Severity.CRITICAL, Severity.WARNING}:
        message = "must be warning or none, beside severity critical or warning: what it is on holidays"
        yield document.fault("wrong-value", message, here)
    elif milder == severity:
        yield document.fault("wrong-value", f"is {severity} on other days as well: leave it out", here)
    elif URGENCY_LABEL in labels:
        yield document.fault("wrong-value", "is of no use: working hours keep holidays anyway", here)


def _odd_repeat(labels: Mapping[str, str], document: Document, here: str) -> Iterator[Fault]:
    if REPEAT_LABEL not in labels:
        return
    try:
        span = durations.parse(labels[REPEAT_LABEL])
    except ValueError as error:
        yield document.fault("wrong-value", str(error), here)
        return
    if not timedelta(0) < span <= LONGEST_REPEAT:
        message = f"must be more than nothing and at most {durations.text(LONGEST_REPEAT)}: then Alertmanager forgets"
        yield document.fault("wrong-value", message, here)


def _refused_by_prometheus(texts: Mapping[str, str], document: Document, here: str) -> Iterator[Fault]:
    """Say which labels or annotations would keep Prometheus from loading the file."""
    for name, text in texts.items():
        if not naming.is_label(name) or name == "__name__":
            yield document.fault("wrong-name", naming.LABEL_RULE, f"{here}.{name}")
        elif name == "alertname" and here.endswith("labels"):
            yield document.fault("wrong-name", "is the alert's own name, which Prometheus gives it", f"{here}.{name}")
        try:
            templates.check(text)
        except ValueError as error:
            yield document.fault("template", str(error), f"{here}.{name}")


def _twice(rule: AlertRule, document: Document, here: str, seen: dict[_Identity, Place]) -> Iterator[Fault]:
    key = (rule.name, frozenset(rule.labels.items()))
    if key in seen:
        where = f"{seen[key].file}:{seen[key].line}"
        message = f"alert {rule.name} with these labels is already given in {where}"
        yield document.fault("duplicate", message, f"{here}.alert")
    seen.setdefault(key, rule.place)
