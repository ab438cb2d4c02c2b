"""What is made up of an SLI's counters, beside the first one."""

from __future__ import annotations

import pytest

from monitor.catalogue.load import load
from monitor.catalogue.model import RatioSli, Slo
from monitor.render.slo_tests import slo_tests
from monitor.render.slo_tests_series import others_gain

SELECTED = {
    "bad beside the total": (RatioSli(bad='sum(a{x="1"}) + sum(b)', total="sum(a)"), (1, 0)),
    "bad of the total": (RatioSli(bad='sum(a{x="1"}) + sum(b)', total="sum(a) + sum(b)"), (1, 1)),
    "good of the total": (RatioSli(good='sum(a{x="1"}) + sum(b)', total="sum(a) + sum(b)"), (0, 1)),
    "the same again": (RatioSli(bad="sum(b) + sum(b)", total="sum(a)"), (0, 0)),
    "counted by two": (RatioSli(bad='sum(a) + sum(b{x="1"}) + sum(b)', total="sum(a)"), (3, 0)),
}


@pytest.fixture(scope="module")
def availability() -> Slo:
    return next(slo for slo in load(None, "compose").slos if slo.name == "availability")


@pytest.mark.parametrize("kind", SELECTED)
def test_what_other_counters_gain_is_told_as_the_rules_count_it(kind: str) -> None:
    sli, gained = SELECTED[kind]

    assert others_gain(sli) == gained


@pytest.mark.parametrize("what", ["every counter is reset", "every counter goes on", "a target was away for long"])
def test_every_counter_is_made_up_where_counters_are_in_trouble(availability: Slo, what: str) -> None:
    text = slo_tests(availability, load(None, "compose").environment)["rules/tests/slo-availability.yml"]
    (made,) = (test for test in text.split("  - name: ") if what in test)

    assert "haproxy_backend_http_responses_total{" in made
    assert "haproxy_backend_responses_denied_total{" in made
