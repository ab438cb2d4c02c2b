"""Slots are computed: from working hours, in the clinic's zone, on a grid of five minutes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schedule import CELL, SLOT, Slot, cells, make_clinic

BERLIN = make_clinic(200, "Europe/Berlin", 90)
MONDAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_working_day_offers_slots_from_seven_to_seven_local_time() -> None:
    slots = list(BERLIN.slots_on("practitioner-001", MONDAY))
    assert len(slots) == 48
    assert slots[0].start == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert slots[-1].end == datetime(2026, 11, 23, 18, tzinfo=UTC)
    assert all(one.end == other.start for one, other in pairwise(slots))


def test_nobody_works_at_the_weekend() -> None:
    assert list(BERLIN.slots_on("practitioner-001", MONDAY - timedelta(days=1))) == []


def test_summer_time_moves_the_day_and_not_its_length() -> None:
    winter, summer = (list(BERLIN.slots_on("practitioner-001", day)) for day in (date(2026, 3, 27), date(2026, 3, 30)))
    assert (winter[0].start.hour, summer[0].start.hour) == (6, 5)
    assert len(winter) == len(summer)


def test_a_period_takes_only_slots_that_lie_within_it() -> None:
    start = datetime(2026, 11, 23, 8, 1, tzinfo=UTC)
    found = list(BERLIN.slots_between("practitioner-001", start, start + timedelta(hours=1)))
    assert [slot.start.minute for slot in found] == [15, 30, 45]


@pytest.mark.parametrize(
    "slot",
    [
        "practitioner-001-20261123T0610Z",  # off the grid
        "practitioner-001-20261123T0545Z",  # before opening
        "practitioner-001-20261122T0800Z",  # a Sunday
        "practitioner-001-20261120T1130Z",  # past
        "practitioner-001-20270601T0800Z",  # beyond the horizon
        "practitioner-001-20261399T0800Z",
        "practitioner-999-20261123T0800Z",
        "practitioner-01-20261123T0800Z",
        "practitioner-000-20261123T0800Z",
        "",
        "x" * 500,
    ],
)
def test_only_what_the_schedule_offers_can_be_booked(slot: str) -> None:
    assert BERLIN.bookable(slot, NOW) is None


@given(st.integers(0, 47), st.integers(1, 200))
def test_the_id_of_each_offered_slot_leads_back_to_it(number: int, practitioner: int) -> None:
    slot = list(BERLIN.slots_on(f"practitioner-{practitioner:03}", MONDAY))[number]
    assert BERLIN.bookable(slot.id, NOW) == slot


@given(st.integers(0, 200), st.integers(1, 24), st.integers(0, 200), st.integers(1, 24))
def test_two_times_share_a_cell_exactly_when_they_overlap(a: int, a_length: int, b: int, b_length: int) -> None:
    base = datetime(2026, 11, 23, 6, tzinfo=UTC)
    one, other = (
        Slot(base + start * CELL, base + (start + length) * CELL, "practitioner-001")
        for start, length in ((a, a_length), (b, b_length))
    )
    overlap = one.start < other.end and other.start < one.end
    shared = set(cells("x", one.start, one.end)) & set(cells("x", other.start, other.end))
    assert bool(shared) == overlap


def test_a_slot_claims_three_cells_and_names_nobody() -> None:
    start = datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert cells("p1", start, start + SLOT) == ["p1|202611230600", "p1|202611230605", "p1|202611230610"]
