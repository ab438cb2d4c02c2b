"""Alerts as Prometheus's own rule groups (``alerts/*.yaml``), and what is asked of them beyond Prometheus's rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from monitor.catalogue import promql
from monitor.catalogue.model import AlertGroup, AlertRule, Place, Severity
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import keep, structure
from monitor.errors import Fault

REQUIRED_ANNOTATIONS = ("summary", "impact", "action")
"""What a person who is woken needs first. Links and the query are added when rules are rendered."""

_ALERT_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")


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
    rules: list[Rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """One file as written."""

    groups: list[Group]


def read(documents: tuple[Document, ...]) -> tuple[tuple[AlertGroup, ...], tuple[Fault, ...]]:
    """Turn the files of ``alerts/`` into alert groups, sorted by name, with everything that is wrong with them."""
    faults: list[Fault] = []
    groups: dict[str, AlertGroup] = {}
    for document in documents:
        found, wrong = structure(document, Groups, keep)
        faults += wrong
        if found is None:
            continue
        for index, group in enumerate(found.groups):
            place = f"groups[{index}]"
            if group.name in groups:
                faults.append(document.fault("duplicate", f"group {group.name} is given twice", f"{place}.name"))
            faults += _faults(group, document, place)
            groups[group.name] = _group(group, document, place)
    faults += _twice(groups.values())
    return tuple(groups[name] for name in sorted(groups)), tuple(faults)


def _group(group: Group, document: Document, place: str) -> AlertGroup:
    rules = tuple(
        AlertRule(
            name=rule.alert,
            expr=" ".join(rule.expr.split()),
            hold=rule.for_,
            keep_firing_for=rule.keep_firing_for,
            labels=rule.labels,
            annotations={name: " ".join(text.split()) for name, text in rule.annotations.items()},
            place=Place(file=document.file, line=document.line(f"{place}.rules[{number}].alert")),
        )
        for number, rule in enumerate(group.rules)
    )
    return AlertGroup(name=group.name, rules=rules)


def _faults(group: Group, document: Document, place: str) -> Iterator[Fault]:
    for number, rule in enumerate(group.rules):
        here = f"{place}.rules[{number}]"
        if not _ALERT_NAME.fullmatch(rule.alert):
            yield document.fault("wrong-value", "must be CamelCase letters and digits", f"{here}.alert")
        try:
            promql.parse(rule.expr)
        except ValueError as error:
            yield document.fault("promql", str(error), f"{here}.expr")
        if rule.labels.get("severity") not in set(Severity):
            message = f"must be one of {', '.join(Severity)}"
            yield document.fault("wrong-value", message, f"{here}.labels.severity")
        for name in REQUIRED_ANNOTATIONS:
            if not rule.annotations.get(name, "").strip():
                yield document.fault("missing-field", "is missing", f"{here}.annotations.{name}")


def _twice(groups: Iterable[AlertGroup]) -> Iterator[Fault]:
    seen: dict[tuple[str, str], Place] = {}
    for group in groups:
        for rule in group.rules:
            key = (rule.name, rule.labels.get("severity", ""))
            if key in seen:
                where = f"{seen[key].file}:{seen[key].line}"
                message = f"alert {rule.name} with this severity is already given in {where}"
                yield Fault(file=rule.place.file, line=rule.place.line, code="duplicate", message=message)
            seen.setdefault(key, rule.place)
