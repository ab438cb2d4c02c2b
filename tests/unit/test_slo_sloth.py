"""What is recorded under Sloth's names: only where asked for, cheap, and no SLO counted twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml

from monitor.catalogue import promql
from monitor.catalogue.load import load
from monitor.catalogue.model import AlertGroup, AlertRule, Catalogue, Place
from monitor.check import findings, warnings
from monitor.render import outputs
from monitor.slo import names

SLOTHS = {
    *(f"slo:sli_error:ratio_rate{window}" for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")),
    "slo:objective:ratio",
    "slo:error_budget:ratio",
    "slo:time_period:days",
    "slo:current_burn_rate:ratio",
    "slo:period_burn_rate:ratio",
    "slo:period_error_budget_remaining:ratio",
    "sloth_slo_info",
}
"""Sloth 0.16's recorded series (pkg/common/conventions and its plugins for SLIs and metadata)."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(None, "compose", environment_overrides={"sloth_names": True})


@pytest.fixture(scope="module")
def recorded(catalogue: Catalogue) -> list[dict[str, Any]]:
    texts = (text for path, text in outputs(catalogue).items() if path.startswith("rules/prometheus/slo-"))
    groups = (group for text in texts for group in yaml.load(text, yaml.CSafeLoader)["groups"])
    return [rule | {"interval": group["interval"]} for group in groups for rule in group["rules"] if "record" in rule]


def test_nothing_is_recorded_under_sloths_names_unless_it_is_asked_for() -> None:
    files = outputs(load(None, "compose"))

    assert not any("sloth" in path or "sloth" in text for path, text in files.items() if path.startswith("rules/"))


def test_each_slo_has_every_series_of_sloth_once_with_its_labels(
    catalogue: Catalogue, recorded: list[dict[str, Any]]
) -> None:
    for slo in catalogue.slos:
        found = [rule for rule in recorded if rule["labels"].get("sloth_slo") == slo.name]
        assert Counter(rule["record"] for rule in found) == Counter(SLOTHS)
        for rule in found:
            assert rule["labels"]["sloth_id"] == f"{slo.service}-{slo.name}"
            assert rule["labels"]["sloth_service"] == slo.service
            if rule["record"].startswith("slo:sli_error:"):
                assert rule["record"].endswith(rule["labels"]["sloth_window"])


def test_the_objective_stays_one_series_so_that_sums_over_it_do_not_double(
    catalogue: Catalogue, recorded: list[dict[str, Any]]
) -> None:
    objectives = [rule["labels"]["slo"] for rule in recorded if rule["record"] == names.OBJECTIVE]

    assert sorted(objectives) == sorted(slo.name for slo in catalogue.slos)


def test_they_are_read_from_what_is_recorded_and_cost_next_to_nothing(recorded: list[dict[str, Any]]) -> None:
    read = 0.0
    aliases = [rule for rule in recorded if rule["labels"].get("sloth_slo") == "availability"]
    for rule in aliases:
        selectors = list(promql.selectors(promql.parse(rule["expr"])))
        assert all(str(selector.name) in names.RECORDED for selector in selectors)
        assert "[" not in rule["expr"]
        assert rule["interval"] == ("15s" if rule["record"] == names.OBJECTIVE else "1m")
        read += len(selectors) * (timedelta(hours=1) / timedelta(minutes=1))
    assert read == 660


def test_alerts_may_read_them_where_they_are_recorded_and_are_found_where_not(catalogue: Catalogue) -> None:
    expr = 'slo:period_error_budget_remaining:ratio{sloth_slo="availability"} * on (sloth_id) slo:objective:ratio < 0'
    rule = AlertRule(name="Mine", expr=expr, labels={"severity": "info"}, place=Place(file="alerts/mine.yaml"))
    theirs = replace(catalogue, alerts=(*catalogue.alerts, AlertGroup(name="mine", rules=(rule,))))

    assert [finding.code for finding in findings(theirs)] == ["no-test"]
    ours = replace(theirs, environment=replace(catalogue.environment, sloth_names=False))
    assert [finding.code for finding in warnings(ours)] == ["unknown-metric"]
