"""The rules of OpenSLO v1's seven kinds, in two modes. SLO's are in ``slo``. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from monitor.catalogue.openslo.rules import slo
from monitor.catalogue.openslo.rules.alerts import alert_condition, alert_notification_target, alert_policy
from monitor.catalogue.openslo.rules.containers import Field, mapping
from monitor.catalogue.openslo.rules.fields import API_VERSION, Mode, description, metadata
from monitor.catalogue.openslo.rules.indicators import indicator
from monitor.catalogue.openslo.rules.scalars import anything, equal_to, one_of, text
from monitor.catalogue.openslo.rules.violation import Rule, Violation, called

KINDS = ("DataSource", "SLO", "SLI", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "Service")


def violations(data: Any, mode: Mode) -> Iterator[Violation]:
    """Everything that is wrong with one object by itself; what it refers to is another question."""
    if not isinstance(data, dict):
        yield Violation("", "type", f"must be an OpenSLO object (a mapping), not {called(data)}")
        return
    kind = data.get("kind")
    rules = _rules(mode)
    yield from rules.get(kind if isinstance(kind, str) else "", _OF_NO_KIND)(data, "")


@cache
def _rules(mode: Mode) -> Mapping[str, Rule]:
    specs = {
        "Service": Field(mapping({"description": description()}), assumed={}),
        "DataSource": Field(_data_source(), assumed={}),
        "SLI": Field(indicator(mode), assumed={}),
        "SLO": Field(slo.slo(mode), required=True),
        "AlertPolicy": Field(alert_policy(mode), assumed={}),
        "AlertCondition": Field(alert_condition(mode), assumed={}),
        "AlertNotificationTarget": Field(alert_notification_target(), assumed={}),
    }
    frame = {"apiVersion": _API_VERSION, "kind": Field(text(), required=True), "metadata": metadata(mode)}
    return {kind: mapping({**frame, "spec": spec}) for kind, spec in specs.items()}


_API_VERSION = Field(text(equal_to(API_VERSION)), required=True)

_OF_NO_KIND = mapping(
    {
        "apiVersion": _API_VERSION,
        "kind": Field(text(one_of(*KINDS)), required=True),
        "metadata": Field(anything),
        "spec": Field(anything),
    }
)
"""Of an object whose kind nobody knows, nothing more can be said."""


def _data_source() -> Rule:
    return mapping(
        {
            "description": description(),
            "type": Field(text(), required=True),
            "connectionDetails": Field(anything, required=True),
        }
    )
