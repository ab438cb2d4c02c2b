"""A catalogue with one thing changed, and what `monitor check` then finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from monitor.catalogue.model import (
    AlertCase,
    AlertGroup,
    AlertRule,
    AlertTest,
    Catalogue,
    ExpectedAlert,
    Place,
    Slo,
)
from monitor.check import findings

PLACE = Place(file="alerts/mine.yaml", line=7)


def changed(catalogue: Catalogue, name: str, change: Callable[[Slo], Slo]) -> Catalogue:
    slos = tuple(change(slo) if slo.name == name else slo for slo in catalogue.slos)
    return replace(catalogue, slos=slos)


def with_alert(catalogue: Catalogue, expr: str, **labels: str) -> Catalogue:
    annotations = {"summary": "s", "impact": "i", "action": "a"}
    rule = AlertRule(
        name="Mine", expr=expr, labels={"severity": "warning"} | labels, annotations=annotations, place=PLACE
    )
    tests = dict(catalogue.alert_tests)
    silent = AlertCase(alertname="Mine", eval_time=timedelta(minutes=1))
    firing = replace(silent, exp_alerts=(ExpectedAlert(),))
    tests["mine.test.yaml"] = (AlertTest(interval=timedelta(minutes=1), alert_rule_test=(silent, firing)),)
    return replace(catalogue, alerts=(*catalogue.alerts, AlertGroup(name="mine", rules=(rule,))), alert_tests=tests)


def codes(catalogue: Catalogue, runbooks: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(finding.code, finding.message) for finding in findings(catalogue, runbooks)]
