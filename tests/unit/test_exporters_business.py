"""Business figures point at nobody, and are gone when they are old."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from exporters.business import BusinessCollector, Figures, pipeline
from exporters.collector import CollectError, Deadline
from exporters.readings import Readings
from exporters.reasons import Reason

BOOKED = {
    "count": 7,
    "made_last_day": 3,
    "changed_last_day": 0,
    "upcoming_1d": 2,
    "upcoming_7d": 6,
    "booked_7d": 5_400_000,
}
CANCELLED = {"count": 2, "made_last_day": 1, "changed_last_day": 1}


async def collect(*, smallest_cell: int = 0, age: float = 0, fault: Reason | None = None) -> Readings:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(connect=False)
    collector = BusinessCollector(client, database="appointments", interval=30, smallest_cell=smallest_cell)
    groups = {"booked": BOOKED, "cancelled": CANCELLED}
    collector._figures = Figures(groups, 40, 0, 0.01, time.monotonic() - age)
    collector._fault = fault
    collector._tried.set()
    readings = Readings(collector.metrics)
    try:
        await collector.collect(readings, Deadline(1))
    finally:
        await collector.close()
    return readings


def samples(readings: Readings, name: str) -> dict[tuple[str, ...], float]:
    return dict(zip(*readings.series[name], strict=True))


async def test_every_status_is_shown_even_at_zero() -> None:
    readings = await collect()
    shown = samples(readings, "appointments")
    assert shown["booked",] == 7
    assert shown["noshow",] == 0
    assert len(shown) == 10
    assert samples(readings, "appointments_booked_last_day") == {(): 4}
    assert samples(readings, "appointments_cancelled_last_day") == {(): 1}
    assert samples(readings, "appointments_booked_time_seconds")["7d",] == 5_400


async def test_small_cells_are_left_out_where_that_is_asked_for() -> None:
    readings = await collect(smallest_cell=5)
    assert ("cancelled",) not in samples(readings, "appointments")
    assert samples(readings, "appointments")["noshow",] == 0
    assert samples(readings, "appointments_upcoming") == {("7d",): 6, ("30d",): 0}
    assert ("1d",) not in samples(readings, "appointments_booked_time_seconds")
    assert samples(readings, "appointments_cancelled_last_day") == {}


async def test_figures_carry_their_age_and_a_missed_turn_is_told() -> None:
    readings = await collect(age=45, fault=Reason.TIMEOUT)
    assert 45 <= samples(readings, "business_metric_age_seconds")[()] < 50
    assert samples(readings, "patients") == {(): 40}
    assert readings.fault is Reason.TIMEOUT


async def test_after_three_missed_turns_they_are_gone() -> None:
    with pytest.raises(CollectError) as caught:
        await collect(age=91, fault=Reason.REFUSED)
    assert caught.value.reason is Reason.REFUSED


def test_the_aggregation_returns_numbers_by_status_and_nothing_else() -> None:
    match, group = pipeline(datetime(2026, 11, 22, tzinfo=UTC))
    assert "free text" not in match["$match"]["status"]["$in"]
    sums = {name: value for name, value in group["$group"].items() if name != "_id"}
    assert group["$group"]["_id"] == "$status"
    assert all(set(value) == {"$sum"} for value in sums.values())
