"""What is made once for a window and filled in for each SLO is what would have been made for that SLO alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import yaml

from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, Slo
from monitor.render import outputs
from monitor.render.pattern import Own, Pattern, YamlPattern
from monitor.render.rules import complete, complete_alerts, slo_rule_files
from monitor.render.slo_tests import slo_tests
from monitor.render.slo_tests_alerts import alert_tests
from monitor.render.yaml_text import document
from monitor.slo import rules as slo_rules
from monitor.slo.alerts import alerts
from monitor.slo.stand_in import EVENTS, NAME

WORDS = (
    "Users can't pay",
    'It says "no"',
    "a: b",
    "{{ x }} and }}",
    r"back\slash",
    "tab\there",
    "⟨slo⟩ ⟪events⟫",
    "12",
    "yes",
    "#",
    "two\nlines",
)
NAMES = ("on", "123", "1e5", "0", "y", "a-b")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(None, "compose")


@pytest.fixture(params=WORDS)
def slo(request: pytest.FixtureRequest, catalogue: Catalogue) -> Slo:
    index, words = WORDS.index(request.param), request.param
    model = catalogue.slos[index % len(catalogue.slos)]
    return replace(
        model,
        name=NAMES[index % len(NAMES)],
        service=NAMES[-index % len(NAMES)],
        display_name=words,
        description=words,
        impact=words if index % 2 else "",
        events=words,
        team=words,
        pages=bool(index % 3),
        target=Decimal("0.9") + Decimal(index) / 150,
    )


def test_alerts_are_those_of_the_slo_alone(slo: Slo, catalogue: Catalogue) -> None:
    environment = catalogue.environment
    expected = [complete(rule, environment) for rule in alerts(slo, environment)]

    assert list(complete_alerts(slo, environment)) == expected

    (group,) = files(slo, catalogue)[f"rules/prometheus/slo-{slo.name}-alerts.yml"]["groups"]
    assert [(rule["alert"], rule["expr"]) for rule in group["rules"]] == [(rule.name, rule.expr) for rule in expected]
    assert [rule["labels"] for rule in group["rules"]] == [rule.labels for rule in expected]
    assert [rule["annotations"] for rule in group["rules"]] == [rule.annotations for rule in expected]


def test_tests_of_alerts_are_those_of_the_slo_alone(slo: Slo, catalogue: Catalogue) -> None:
    expected = yaml.load(document({"tests": list(alert_tests(slo, catalogue.environment))}), yaml.CSafeLoader)

    assert files(slo, catalogue)[f"rules/tests/slo-{slo.name}-alerts.yml"]["tests"] == expected["tests"]


def test_recordings_are_those_of_the_slo_alone(slo: Slo, catalogue: Catalogue) -> None:
    made = files(slo, catalogue)
    found = [
        (group["name"], rule["record"], rule["expr"], rule["labels"])
        for kind in ("", "-long")
        for group in made[f"rules/prometheus/slo-{slo.name}{kind}.yml"]["groups"]
        for rule in group["rules"]
    ]

    assert found == [
        (group.name, rule.record, rule.expr, rule.labels)
        for group in slo_rules.groups(slo, catalogue.environment)
        for rule in group.rules
    ]


def test_no_mark_is_left(catalogue: Catalogue) -> None:
    assert not [path for path, text in outputs(catalogue).items() if any(mark in text for mark in "⟨⟩⟪⟫")]


def test_a_mark_that_nobody_knows_is_an_error(catalogue: Catalogue) -> None:
    with pytest.raises(KeyError, match="⟨nobody⟩"):
        Pattern("a ⟨nobody⟩").of(Own(catalogue.slos[0]))


def test_a_text_is_in_quotes_where_what_is_put_in_needs_them(catalogue: Catalogue) -> None:
    pattern = YamlPattern(document([{"name": f"slo-{NAME}", "text": f"is {EVENTS}", "more": f"{NAME}: {NAME}"}]))
    own = Own(replace(catalogue.slos[0], name="x", events='it\'s "so"'))

    lines = ["- name: slo-x", "  text: 'is it''s \"so\"'", '  more: "x: x"']
    assert pattern.of(own).splitlines()[1:] == lines


def files(slo: Slo, catalogue: Catalogue) -> dict[str, Any]:
    made = slo_rule_files(slo, catalogue.environment) | slo_tests(slo, catalogue.environment)
    return {path: yaml.load(text, yaml.CSafeLoader) for path, text in made.items()}
