"""What OpenSLO's rules say about objects that are valid but for one thing, in both modes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalogue.openslo import Mode, violations
from tests.unit import openslo_examples as examples
from tests.unit.openslo_examples import ANYTHING, GONE, Example, places, spoilt

STRICT, LENIENT = Mode.STRICT, Mode.LENIENT


def found(data: Any, mode: Mode) -> list[tuple[str, str]]:
    return [(one.path, one.code) for one in violations(data, mode)]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("example", examples.EVERY)
def test_a_valid_object_of_each_kind_breaks_no_rule(example: Example, mode: Mode) -> None:
    assert found(example(), mode) == []


SOURCE = "spec.ratioMetric.good.metricSource"

Row = tuple[Any, ...]

IN_BOTH: list[Row] = [
    (examples.slo, "apiVersion", GONE, "required"),
    (examples.slo, "apiVersion", "openslo/v2", "equal_to"),
    (examples.slo, "kind", GONE, "required"),
    (examples.slo, "kind", "Slo", "one_of"),
    (examples.slo, "kind", ["SLO"], "type"),
    (examples.slo, "colour", "red", "unknown_field"),
    (examples.slo, "spec", GONE, "required"),
    (examples.slo, "spec", [], "type"),
    (examples.slo, "metadata", GONE, "required"),
    (examples.slo, "metadata", {}, "required"),
    (examples.slo, "metadata", {"displayName": "x"}, "required", "metadata.name"),
    (examples.slo, "metadata.name", "", "required"),
    (examples.slo, "metadata.name", "two words", "string_dns_label"),
    (examples.slo, "metadata.name", "a" * 256, "string_dns_label"),
    (examples.slo, "metadata.name", 7, "type"),
    (examples.slo, "metadata.displayName", 7, "type"),
    (examples.slo, "metadata.labels", ["a"], "type"),
    (examples.slo, "metadata.labels", {"a" * 64: "x"}, "string_match_regexp", f"metadata.labels.{'a' * 57}..."),
    (examples.slo, "metadata.labels", {"net_": "x"}, "string_match_regexp", "metadata.labels.net_"),
    (examples.slo, "metadata.labels", {"net": 7}, "type", "metadata.labels.net"),
    (examples.slo, "metadata.labels", {"net": ["x", 7]}, "type", "metadata.labels.net[1]"),
    (examples.slo, "metadata.annotations", {"a b": "x"}, "string_match_regexp", "metadata.annotations.a b"),
    (examples.slo, "metadata.annotations", {"Shop/x": "x"}, "string_match_regexp", "metadata.annotations.Shop/x"),
    (examples.slo, "metadata.annotations", {"a/": "x"}, "string_match_regexp", "metadata.annotations.a/"),
    (examples.slo, "metadata.annotations", {"x": 7}, "type", "metadata.annotations.x"),
    (examples.slo, "spec.description", "a" * 1051, "string_max_length"),
    (examples.slo, "spec.service", GONE, "required"),
    (examples.slo, "spec.budgetingMethod", GONE, "required"),
    (examples.slo, "spec.budgetingMethod", "Sometimes", "one_of"),
    (examples.slo, "spec.timeWindow", [], "slice_length"),
    (examples.slo, "spec.timeWindow", "30d", "type"),
    (examples.slo, "spec.timeWindow[0].duration", GONE, "required"),
    (examples.slo, "spec.timeWindow[0].duration", "30", "string_match_regexp"),
    (examples.slo, "spec.timeWindow[0].duration", "-1d", "string_match_regexp"),
    (examples.slo, "spec.timeWindow[0].duration", "1d\n", "string_match_regexp"),
    (examples.slo, "spec.timeWindow[0].duration", "٣d", "string_match_regexp"),
    (examples.slo, "spec.timeWindow[0].isRolling", "yes", "type"),
    (examples.slo, "spec.timeWindow[0].isRolling", False, "mutually_exclusive", "spec.timeWindow[0]"),
    (examples.threshold_slo, "spec.timeWindow[0].isRolling", True, "mutually_exclusive", "spec.timeWindow[0]"),
    (examples.slo, "spec.objectives", GONE, "required"),
    (examples.slo, "spec.objectives", [], "slice_min_length"),
    (examples.slo, "spec.objectives[0]", "0.99", "type"),
    (examples.slo, "spec.objectives[0].target", GONE, "mutually_exclusive", "spec.objectives[0]"),
    (examples.slo, "spec.objectives[0].targetPercent", 99, "mutually_exclusive", "spec.objectives[0]"),
    (examples.slo, "spec.objectives[0].target", 1, "less_than"),
    (examples.slo, "spec.objectives[0].target", -0.1, "greater_than_or_equal_to"),
    (examples.slo, "spec.objectives[0].target", True, "type"),
    (examples.slo, "spec.objectives[0].target", "0.9", "type"),
    (examples.threshold_slo, "spec.objectives[0].targetPercent", 100, "less_than"),
    (examples.threshold_slo, "spec.objectives[0].op", GONE, "required"),
    (examples.threshold_slo, "spec.objectives[0].op", "less", "one_of"),
    (examples.threshold_slo, "spec.objectives[0].value", GONE, "required"),
    (examples.threshold_slo, "spec.objectives[0].value", "5", "type"),
    (examples.threshold_slo, "spec.objectives[0].timeSliceTarget", GONE, "required"),
    (examples.threshold_slo, "spec.objectives[0].timeSliceTarget", 0, "greater_than"),
    (examples.threshold_slo, "spec.objectives[0].timeSliceTarget", 1.1, "less_than_or_equal_to"),
    (examples.threshold_slo, "spec.objectives[0].timeSliceWindow", GONE, "required"),
    (examples.sliced_slo, "spec.objectives[0].timeSliceWindow", GONE, "required"),
    (examples.sliced_slo, "spec.objectives[0].timeSliceWindow", "soon", "string_match_regexp"),
    (examples.threshold_slo, "spec.timeWindow[0].calendar.startTime", "2026-02-30 00:00:00", "string_date_time"),
    (examples.threshold_slo, "spec.timeWindow[0].calendar.startTime", "2026-01-01", "string_date_time"),
    (examples.threshold_slo, "spec.timeWindow[0].calendar.startTime", GONE, "required"),
    *(
        (examples.threshold_slo, "spec.timeWindow[0].calendar.timeZone", zone, "string_time_zone")
        for zone in ("Mars/X", "Europe", "../etc/passwd", "/etc/localtime", "a" * 5000, "a\x00b")
    ),
    (examples.slo, "spec.indicator", GONE, "mutually_exclusive", "spec"),
    (examples.slo, "spec.indicatorRef", "answered", "mutually_exclusive", "spec"),
    (examples.composite_slo, "spec.indicatorRef", "answered", "mutually_exclusive", "spec"),
    (examples.composite_slo, "spec.objectives[0].indicatorRef", GONE, "mutually_exclusive", "spec.objectives[0]"),
    (examples.composite_slo, "spec.objectives[0].compositeWeight", 0, "greater_than"),
    (examples.composite_slo, "spec.objectives[1].indicator.metadata", {}, "required"),
    (examples.sliced_slo, "spec.indicatorRef", "my sli", "string_dns_label"),
    (examples.slo, "spec.indicator.metadata", GONE, "required"),
    (examples.slo, "spec.indicator.spec", {}, "mutually_exclusive"),
    (examples.sli, "spec", GONE, "mutually_exclusive"),
    (examples.sli, "spec.thresholdMetric", {"metricSource": {"spec": {"q": 1}}}, "mutually_exclusive", "spec"),
    (examples.sli, "spec.ratioMetric.total", GONE, "mutually_exclusive", "spec.ratioMetric"),
    (examples.sli, "spec.ratioMetric.good", GONE, "one_of_properties", "spec.ratioMetric"),
    (
        examples.sli,
        "spec.ratioMetric.bad",
        {"metricSource": {"spec": {"q": 1}}},
        "mutually_exclusive",
        "spec.ratioMetric",
    ),
    (examples.sli, "spec.ratioMetric.counter", "true", "type"),
    (examples.sli, "spec.ratioMetric.good", {}, "required", "spec.ratioMetric.good.metricSource.spec"),
    (examples.sli, "spec.ratioMetric.good.metricSource.spec", GONE, "required"),
    (examples.sli, "spec.ratioMetric.good.metricSource.spec", "query", "type"),
    (examples.sli, "spec.ratioMetric.good.metricSource.metricSourceRef", "a b", "string_dns_label"),
    (examples.raw_sli, "spec.ratioMetric.rawType", GONE, "required"),
    (examples.raw_sli, "spec.ratioMetric.rawType", "best", "one_of"),
    (
        examples.raw_sli,
        "spec.ratioMetric.good",
        {"metricSource": {"spec": {"q": 1}}},
        "mutually_exclusive",
        "spec.ratioMetric",
    ),
    (examples.service, "spec.description", "a" * 1051, "string_max_length"),
    (examples.service, "spec.owner", "x", "unknown_field"),
    (examples.data_source, "spec.type", GONE, "required"),
    (examples.data_source, "spec.connectionDetails", GONE, "required"),
    (examples.target, "spec.target", GONE, "required"),
    (examples.condition, "spec.severity", GONE, "required"),
    (examples.condition, "spec.condition", GONE, "required"),
    (examples.condition, "spec.condition.kind", "weather", "one_of"),
    (examples.condition, "spec.condition.op", "over", "one_of"),
    (examples.condition, "spec.condition.threshold", GONE, "required"),
    (examples.condition, "spec.condition.lookbackWindow", GONE, "required"),
    (examples.condition, "spec.condition.alertAfter", "5s", "string_match_regexp"),
    (examples.policy, "spec.conditions", GONE, "slice_length"),
    (examples.policy, "spec.conditions[0]", {}, "mutually_exclusive"),
    (examples.policy, "spec.conditions[0]", "burns", "type"),
    (examples.policy, "spec.conditions[0].kind", "SLO", "equal_to"),
    (examples.policy, "spec.conditions[0].conditionRef", "burns", "mutually_exclusive", "spec.conditions[0]"),
    (examples.policy, "spec.conditions[0].spec.severity", "", "required"),
    (examples.policy, "spec.notificationTargets", [], "slice_min_length"),
    (examples.policy, "spec.notificationTargets[0].targetRef", "", "required"),
    (examples.policy, "spec.notificationTargets[0].targetRef", "a b", "string_dns_label"),
    (examples.policy, "spec.alertWhenNoData", "no", "type"),
    (examples.slo, "spec.alertPolicies[0]", {}, "mutually_exclusive"),
    (examples.slo, "spec.alertPolicies[1].spec.conditions", [], "slice_length"),
]
"""What is spoilt where, and by which word it is refused: at its own path unless another is named."""


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("row", IN_BOTH, ids=lambda row: f"{row[1]}-{row[3]}")
def test_one_thing_that_is_wrong_is_one_violation(row: Row, mode: Mode) -> None:
    example, at, value, code, *elsewhere = row

    assert found(spoilt(example, at, value), mode) == [(*(elsewhere or [at]), code)]


@pytest.mark.parametrize(
    ("example", "at", "value", "path", "code"),
    [
        (examples.slo, "metadata.name", "Checkout", "metadata.name", "string_dns_label"),
        (examples.slo, "metadata.name", "a" * 64, "metadata.name", "string_dns_label"),
        (examples.slo, "metadata.displayName", "a" * 64, "metadata.displayName", "string_max_length"),
        (examples.sli, f"{SOURCE}.spec", {}, f"{SOURCE}.spec", "map_min_length"),
        (examples.sli, f"{SOURCE}.spec", None, f"{SOURCE}.spec", "required"),
        (examples.slo, "spec.timeWindow", GONE, "spec.timeWindow", "slice_length"),
        (examples.slo, "spec.timeWindow[0].isRolling", GONE, "spec.timeWindow[0]", "mutually_exclusive"),
        (examples.slo, "spec.objectives[0].op", "gt", "spec.objectives[0].op", "forbidden"),
        (examples.slo, "spec.objectives[0].value", 1, "spec.objectives[0].value", "forbidden"),
        (examples.sliced_slo, "spec.objectives[0].timeSliceWindow", 5, "spec.objectives[0].timeSliceWindow", "type"),
        (examples.condition, "spec.condition.kind", GONE, "spec.condition.kind", "required"),
        (examples.condition, "spec.condition.op", GONE, "spec.condition.op", "required"),
    ],
)
def test_what_go_sdk_refuses_and_the_specification_does_not(
    example: Example, at: str, value: Any, path: str, code: str
) -> None:
    assert found(spoilt(example, at, value), STRICT) == [(path, code)]
    assert found(spoilt(example, at, value), LENIENT) == []


def test_how_an_indicator_is_compared_is_not_asked_where_it_is_only_referred_to() -> None:
    assert found(spoilt(examples.sliced_slo, "spec.objectives[0].op", "less"), STRICT) == []


def test_a_name_is_valid_to_its_last_letter() -> None:
    assert found(spoilt(examples.slo, "metadata.name", "a" * 63), STRICT) == []
    assert found(spoilt(examples.slo, "metadata.annotations", {f"{'a.' * 126}a/{'b' * 63}": ""}), STRICT) == []
    assert found(spoilt(examples.slo, "metadata.annotations", {"openslo.com/folder": "./x"}), STRICT) == []
    too_long = f"{'a.' * 126}aa/b"
    assert found(spoilt(examples.slo, "metadata.annotations", {too_long: ""}), STRICT) == [
        (f"metadata.annotations.{too_long[:57]}...", "string_match_regexp")
    ]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    data = spoilt(examples.slo, "spec.objectives[0].target", 99)
    data["spec"] |= {"colour": "red", "budgetingMethod": "x", "timeWindow": [{"duration": "28"}]}
    data["metadata"]["name"] = "A B"

    assert set(found(data, STRICT)) == {
        ("metadata.name", "string_dns_label"),
        ("spec.colour", "unknown_field"),
        ("spec.budgetingMethod", "one_of"),
        ("spec.timeWindow[0]", "mutually_exclusive"),
        ("spec.timeWindow[0].duration", "string_match_regexp"),
        ("spec.objectives[0].target", "less_than"),
    }


@pytest.mark.parametrize(
    ("example", "path", "missing"),
    [
        (examples.sliced_slo, "spec.indicatorRef", ("SLI", "answered")),
        (examples.composite_slo, "spec.objectives[0].indicatorRef", ("SLI", "answered")),
        (examples.slo, "spec.alertPolicies[0].alertPolicyRef", ("AlertPolicy", "wake")),
        (examples.slo, "spec.alertPolicies[1].spec.conditions[0].conditionRef", ("AlertCondition", "burns")),
        (examples.policy, "spec.notificationTargets[0].targetRef", ("AlertNotificationTarget", "pager")),
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_what_an_object_refers_to_must_be_there(
    example: Example, path: str, missing: tuple[str, str], mode: Mode
) -> None:
    every = {(one()["kind"], one()["metadata"]["name"]) for one in examples.EVERY}

    assert violations(example(), mode, every) == ()
    (one,) = violations(example(), mode, every - {missing})
    assert (one.path, one.code, one.message) == (path, "reference", f"{missing[0]} {missing[1]!r} does not exist")


@given(data=st.data(), value=ANYTHING, mode=st.sampled_from(Mode), example=st.sampled_from(examples.EVERY))
def test_anything_anywhere_is_answered_with_violations_and_never_raises(
    data: st.DataObject, value: Any, mode: Mode, example: Example
) -> None:
    spoilt_object = spoilt(example, data.draw(st.sampled_from(places(example()))), value)

    for one in violations(spoilt_object, mode, set()):
        assert one.code
        assert one.message
        assert len(one.message) < 300


@given(ANYTHING)
def test_what_is_no_object_at_all_is_never_valid(value: Any) -> None:
    assert violations(value, STRICT, set())
    assert violations(value, LENIENT, set())
