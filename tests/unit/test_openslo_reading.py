"""OpenSLO's objects as our SLOs: objectives, windows, slices and annotations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.catalogue import openslo
from monitor.catalogue.model import Budgeting, Calendar, RatioSli, Slo, ThresholdSli, Window
from monitor.catalogue.strict_yaml import Document
from monitor.errors import Fault
from tests.unit import openslo_examples as examples
from tests.unit.openslo_examples import ANYTHING, Example, places, spoilt

Change = Callable[[dict[str, Any]], object]


def read(*objects: dict[str, Any]) -> tuple[tuple[Slo, ...], tuple[Fault, ...]]:
    others = (examples.sli(), examples.policy(), examples.condition(), examples.target())
    return openslo.read(tuple(Document(file="slos/a.yaml", data=data) for data in (*objects, *others)))


def changed(example: Callable[[], dict[str, Any]], change: Change) -> dict[str, Any]:
    found = example()
    change(found)
    return found


def sound(*objects: dict[str, Any]) -> tuple[Slo, ...]:
    slos, faults = read(*objects)
    assert faults == ()
    return slos


def refused(*objects: dict[str, Any]) -> list[tuple[str, str]]:
    return [(fault.path, fault.message) for fault in read(*objects)[1]]


def objectives(*written: dict[str, Any]) -> Change:
    return lambda slo: slo["spec"].update(objectives=[{"target": 0.9} | one for one in written])


def test_an_only_objective_has_the_slos_own_name() -> None:
    (slo,) = sound(examples.slo())

    assert (slo.name, slo.display_name, slo.target) == ("checkout", "Checkout", Decimal("0.99"))
    assert (slo.description, slo.team, slo.impact) == ("People can pay.", "sre", "No sales.")


def test_several_objectives_are_slos_of_their_own_named_after_them() -> None:
    several = objectives(
        {"displayName": "Within 1 s"},
        {"target": 0.5},
        {"displayName": "Überhaupt!", "target": 0.75},
        {"displayName": "速"},
    )

    slos = sound(changed(examples.slo, several))

    assert [(slo.name, slo.display_name, slo.target) for slo in slos] == [
        ("checkout-2", "Checkout (2)", Decimal("0.5")),
        ("checkout-4", "Checkout (速)", Decimal("0.9")),
        ("checkout-uberhaupt", "Checkout (Überhaupt!)", Decimal("0.75")),
        ("checkout-within-1-s", "Checkout (Within 1 s)", Decimal("0.9")),
    ]
    assert {slo.service for slo in slos} == {"shop"}


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ([{"displayName": "Good"}, {"displayName": "good?"}], "spec.objectives[1].displayName"),
        ([{"displayName": "2"}, {}], "spec.objectives[1].displayName"),
        ([{"displayName": "a" * 60}, {}], "spec.objectives[0].displayName"),
        ([{"displayName": "x"}, {"displayName": "x alerts"}], "spec.objectives[1].displayName"),
        ([{"displayName": "x"}, {"displayName": "x sloth"}], "spec.objectives[1].displayName"),
    ],
)
def test_a_name_that_is_taken_or_too_long_is_told_at_the_objective(written: list[dict[str, Any]], path: str) -> None:
    assert [found for found, _ in refused(changed(examples.slo, objectives(*written)))] == [path]


def test_an_objective_may_not_take_the_name_of_another_slo() -> None:
    several = changed(examples.slo, objectives({"displayName": "Fast"}, {}))
    other = changed(examples.slo, lambda slo: slo["metadata"].update(name="checkout-fast"))

    assert [path for path, _ in refused(several, other)] == ["metadata.name"]


def test_a_calendar_window_keeps_its_unit_start_and_zone() -> None:
    (slo,) = sound(examples.threshold_slo())

    start = datetime(2026, 1, 1)  # noqa: DTZ001  # by the clocks of the zone
    assert slo.window == Window(
        duration=timedelta(days=30), calendar=Calendar(unit="M", count=1, start=start, time_zone="Europe/Berlin")
    )
    assert slo.sli == ThresholdSli(query="sum(requests_total)", op="lt", value=Decimal(5))
    assert (slo.target, slo.events) == (Decimal("0.995"), "minutes")


@pytest.mark.parametrize(
    ("written", "unit", "count", "days"),
    [("2w", "w", 2, 14), ("1Q", "Q", 1, 90), ("3M", "M", 3, 90), ("1Y", "Y", 1, 365), ("7d", "d", 7, 7)],
)
def test_each_unit_of_a_calendar_has_a_nominal_length(written: str, unit: str, count: int, days: int) -> None:
    (slo,) = sound(changed(examples.threshold_slo, lambda slo: slo["spec"]["timeWindow"][0].update(duration=written)))

    assert slo.window.calendar is not None
    assert (slo.window.calendar.unit, slo.window.calendar.count) == (unit, count)
    assert slo.window.duration == timedelta(days=days)


@pytest.mark.parametrize("written", ["90m", "24h", "0M", f"{'9' * 5000}d", "99999Y"])
def test_a_span_that_no_calendar_has_is_refused(written: str) -> None:
    slo = changed(examples.threshold_slo, lambda slo: slo["spec"]["timeWindow"][0].update(duration=written))

    ((path, message),) = refused(slo)

    assert path == "spec.timeWindow[0].duration"
    assert len(message) < 200


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_calendar_that_begins_where_times_end_is_refused(year: str) -> None:
    begin = {"startTime": f"{year}-01-01 00:00:00", "timeZone": "Europe/Berlin"}
    slo = changed(examples.threshold_slo, lambda slo: slo["spec"]["timeWindow"][0].update(calendar=begin))

    assert [path for path, _ in refused(slo)] == ["spec.timeWindow[0].calendar.startTime"]


def test_a_window_without_a_calendar_rolls_as_the_specification_says() -> None:
    (slo,) = sound(changed(examples.slo, lambda slo: slo["spec"]["timeWindow"][0].pop("isRolling")))

    assert slo.window == Window(duration=timedelta(days=28))


def test_a_window_is_needed_here() -> None:
    ((path, _),) = refused(changed(examples.slo, lambda slo: slo["spec"].pop("timeWindow")))

    assert path == "spec.timeWindow"


def test_a_ratio_by_slices_knows_how_long_they_are_and_what_they_must_reach() -> None:
    (averaged,) = sound(examples.sliced_slo())
    assert averaged.budgeting is Budgeting.RATIO_TIMESLICES
    assert isinstance(averaged.sli, RatioSli)
    assert (averaged.sli.slice, averaged.sli.slice_target) == (timedelta(minutes=1), None)

    judging = changed(examples.sliced_slo, lambda slo: slo["spec"].update(budgetingMethod="Timeslices"))
    judging["spec"]["objectives"][0] |= {"timeSliceTarget": 0.95, "timeSliceWindow": 5}
    (judged,) = sound(judging)
    assert judged.sli == RatioSli(
        good=averaged.sli.good, total=averaged.sli.total, slice=timedelta(minutes=5), slice_target=Decimal("0.95")
    )
    assert judged.events == "minutes"


@pytest.mark.parametrize("size", ["0m", "5w", f"{'9' * 400}d", 1e300, 99_999])
def test_a_slice_that_does_not_fit_the_window_is_refused(size: Any) -> None:
    slo = changed(examples.sliced_slo, lambda slo: slo["spec"]["objectives"][0].update(timeSliceWindow=size))

    ((path, _),) = refused(slo)

    assert path == "spec.objectives[0].timeSliceWindow"


def test_events_are_counted_whole_where_nothing_is_sliced() -> None:
    (slo,) = sound(examples.slo())

    assert isinstance(slo.sli, RatioSli)
    assert (slo.sli.slice, slo.sli.slice_target) == (None, None)


@pytest.mark.parametrize(("written", "read_as"), [("120", Decimal(120)), ("0.5", Decimal("0.5")), (None, None)])
def test_an_slo_may_say_how_much_traffic_to_expect(written: str | None, read_as: Decimal | None) -> None:
    annotations = {"expected_requests_per_hour": written} if written else {}
    (slo,) = sound(changed(examples.slo, lambda slo: slo["metadata"].update(annotations=annotations)))

    assert slo.expected_requests_per_hour == read_as


@pytest.mark.parametrize("written", ["0", "-1", "many", "1e9", "NaN", "", "9" * 5000, 120])
def test_traffic_that_nobody_can_expect_is_refused(written: Any) -> None:
    annotations = {"expected_requests_per_hour": written}
    ((path, _),) = refused(changed(examples.slo, lambda slo: slo["metadata"].update(annotations=annotations)))

    assert path == "metadata.annotations.expected_requests_per_hour"


def raw(slo: dict[str, Any]) -> None:
    slo["spec"]["indicator"]["spec"] = examples.raw_sli()["spec"]


@pytest.mark.parametrize(
    ("slo", "path", "says"),
    [
        (examples.composite_slo(), "spec.objectives", "write one SLO for each of the indicators"),
        (changed(examples.slo, raw), "spec.indicator.spec.ratioMetric.raw", "count good or bad, and total"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_a_way_out(slo: dict[str, Any], path: str, says: str) -> None:
    ((found, message),) = refused(slo)

    assert found == path
    assert says in message


def test_a_fault_in_an_indicator_that_stands_apart_is_told_once_where_it_stands() -> None:
    sli = changed(examples.sli, lambda sli: sli["metadata"].update(name="own"))
    sli["spec"]["ratioMetric"]["good"]["metricSource"]["spec"]["query"] = "rate(a[5m])"
    slos = [examples.sliced_slo(), examples.sliced_slo()]
    for name, slo in zip(("a", "b"), slos, strict=True):
        slo["metadata"]["name"] = name
        slo["spec"]["indicatorRef"] = "own"

    assert {path for path, _ in refused(*slos, sli)} == {"spec.ratioMetric.good.metricSource.spec.query"}


def test_a_threshold_that_is_referred_to_must_be_compared_all_the_same() -> None:
    sli = changed(examples.sli, lambda sli: sli["metadata"].update(name="own"))
    sli["spec"] = examples.threshold_slo()["spec"]["indicator"]["spec"]
    slo = examples.threshold_slo()
    del slo["spec"]["indicator"]
    slo["spec"] |= {"indicatorRef": "own"}
    (kept,) = sound(slo, sli)
    assert isinstance(kept.sli, ThresholdSli)

    del slo["spec"]["objectives"][0]["op"], slo["spec"]["objectives"][0]["value"]
    assert [path for path, _ in refused(slo, sli)] == ["spec.objectives[0].op", "spec.objectives[0].value"]


def test_a_field_too_many_hides_nothing_of_what_the_others_say() -> None:
    slo = examples.slo()
    slo["spec"]["indicator"]["spec"]["colour"] = "red"
    slo["spec"]["indicator"]["spec"]["ratioMetric"]["total"]["metricSource"]["spec"]["query"] = "rate(a[5m])"

    assert [path for path, _ in refused(slo)] == [
        "spec.indicator.spec.colour",
        "spec.indicator.spec.ratioMetric.total.metricSource.spec.query",
    ]


@settings(max_examples=500, deadline=None)
@given(data=st.data(), value=ANYTHING, example=st.sampled_from(examples.EVERY))
def test_anything_anywhere_is_read_or_refused_and_never_raises(
    data: st.DataObject, value: Any, example: Example
) -> None:
    slos, faults = read(spoilt(example, data.draw(st.sampled_from(places(example()))), value))

    assert all(fault.message and len(fault.message) < 400 for fault in faults)
    assert all(0 <= slo.target < 1 for slo in slos)
