"""The rules of alert policies, their conditions and whom they notify. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.catalogue.openslo.rules.containers import Field, each, mapping
from monitor.catalogue.openslo.rules.fields import Mode, description, duration, name, operator, written_inside
from monitor.catalogue.openslo.rules.scalars import anything, number, one_of, text, true_or_false
from monitor.catalogue.openslo.rules.violation import Rule, Violation, given

CONDITION_KINDS = ("burnrate",)


def alert_policy(mode: Mode) -> Rule:
    """``spec`` of kind AlertPolicy."""
    condition = referred_or_inside("conditionRef", "AlertCondition", alert_condition(mode), mode)
    target = referred_or_inside("targetRef", "AlertNotificationTarget", alert_notification_target(), mode)
    return mapping(
        {
            "description": description(),
            "alertWhenNoData": Field(true_or_false),
            "alertWhenBreaching": Field(true_or_false),
            "alertWhenResolved": Field(true_or_false),
            "conditions": Field(each(condition, least=1, most=1), assumed=[]),
            "notificationTargets": Field(each(target, least=1), assumed=[]),
        }
    )


def alert_condition(mode: Mode) -> Rule:
    """``spec`` of kind AlertCondition. By the specification ``kind`` defaults, and it knows of no ``op``."""
    strict = mode is Mode.STRICT
    condition = mapping(
        {
            "kind": Field(text(one_of(*CONDITION_KINDS)), required=strict, omit_empty=True),
            "op": Field(operator, required=strict, omit_empty=True),
            "threshold": Field(number(), required=True),
            "lookbackWindow": Field(duration, required=True),
            "alertAfter": Field(duration, omit_empty=True),
        }
    )
    return mapping(
        {
            "description": description(),
            "severity": Field(text(), required=True),
            "condition": Field(condition, required=True),
        }
    )


def alert_notification_target() -> Rule:
    """``spec`` of kind AlertNotificationTarget."""
    return mapping({"description": description(), "target": Field(text(), required=True)})


def referred_or_inside(reference: str, kind: str, rule: Rule, mode: Mode) -> Rule:
    """Where an object is either referred to by name or written inside."""
    inside = written_inside(kind, rule, mode)
    written = mapping(inside)

    def either(value: Any, path: str) -> Iterator[Violation]:
        found = given(value, reference, *inside)
        if found != [reference]:
            has = f"and has {' and '.join(found)}" if found else "and has none"
            yield Violation(path, "mutually_exclusive", f"needs {reference}, or else kind, metadata and spec, {has}")

    referring = mapping({reference: Field(_reference(mode)), **dict.fromkeys(inside, Field(anything))}, either)

    def check(value: Any, path: str) -> Iterator[Violation]:
        is_inside = isinstance(value, dict) and given(value, *inside) and not given(value, reference)
        yield from (written if is_inside else referring)(value, path)

    return check


def _reference(mode: Mode) -> Rule:
    named = name(mode)

    def check(value: Any, path: str) -> Iterator[Violation]:
        if value == "":
            yield Violation(path, "required", "is missing")
        else:
            yield from named(value, path)

    return check
