"""Sealed days stand in for what Prometheus has forgotten, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.compliance.counting import Grid
from monitor.compliance.filling import filled
from monitor.compliance.measured import Measured
from monitor.store_history import SealedDay, Stretch

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def grid(days: float = 4, *, width: timedelta = 5 * MINUTE, off: timedelta = timedelta(0)) -> Grid:
    return Grid.over(START + off, START + off + days * DAY, width)


def live(cells: Grid, *, since: timedelta = timedelta(0)) -> Measured:
    """100 events a cell, one of them failed, from when on Prometheus remembers."""
    known = tuple(edge >= START + since for edge in cells.edges[:-1])
    return Measured(
        failed=tuple(1.0 * one for one in known),
        total=tuple(100.0 * one for one in known),
        covered=known,
        dark=(False,) * cells.cells,
    )


def day(number: int, *stretches: Stretch) -> SealedDay:
    start = START + number * DAY
    whole = Stretch(start=start, end=start + DAY, state="measured", total=28_800.0, failed=288.0)
    return SealedDay(
        slo="answers",
        day=f"{start:%Y-%m-%d}",
        start=start,
        end=start + DAY,
        stretches=stretches or (whole,),
        objective=0.99,
        sli="",
        sealed_at=START + 30 * DAY,
        reason="the day is over",
    )


def test_what_prometheus_knows_is_told_as_prometheus_tells_it() -> None:
    known = live(grid())
    assert filled(known, grid(), [day(number) for number in range(4)]) is known


def test_a_day_that_is_forgotten_in_part_is_told_by_its_seal() -> None:
    told = filled(live(grid(), since=1.5 * DAY), grid(), [day(0), day(1), day(2)])
    assert told.coverage == 1
    assert sum(told.total) == pytest.approx(4 * 28_800)
    assert sum(told.failed) == pytest.approx(4 * 288)


def test_gaps_that_finer_cells_see_better_are_not_forgotten_time() -> None:
    # Every hour two minutes are missing, which cells of five minutes do not see.
    cells = grid(2, width=MINUTE)
    known = live(cells)
    covered = tuple(number % 60 not in {7, 8} for number in range(cells.cells))
    fine = replace(known, covered=covered)
    assert filled(fine, cells, [day(0), day(1)]) is fine


def test_a_day_of_which_the_samples_tell_more_is_left_to_them() -> None:
    start = START
    poor = day(
        0,
        Stretch(start=start, end=start + 6 * HOUR, state="measured", total=10.0),
        Stretch(start=start + 6 * HOUR, end=start + DAY, state="unknown"),
    )
    known = live(grid())
    assert filled(known, grid(), [poor]) is known


def test_dark_failing_and_unknown_time_stands_where_it_was() -> None:
    start, at = START, [START + hours * HOUR for hours in (0, 2, 3, 4, 24)]
    told = filled(
        live(grid(), since=2 * DAY),
        grid(),
        [
            day(
                0,
                Stretch(start=at[0], end=at[1], state="measured", total=2400.0, failed=0.0),
                Stretch(start=at[1], end=at[2], state="failing", total=1200.0, failed=600.0),
                Stretch(start=at[2], end=at[3], state="dark", missed=1200.0),
                Stretch(start=at[3], end=at[4], state="unknown"),
            )
        ],
    )
    cells = grid()
    assert [cells.edges[cell] - start for cell, dark in enumerate(told.dark) if dark] == [
        3 * HOUR + number * 5 * MINUTE for number in range(12)
    ]
    assert told.failures(slice(0, 288)) == pytest.approx(600 + 1200)
    assert told.events(slice(0, 288)) == pytest.approx(2400 + 1200 + 1200)
    assert sum(told.covered[:288]) == 48
    assert [number for number, bad in enumerate(told.bad(0.99)) if bad] == list(range(24, 48))


@given(
    st.integers(0, 10_000).map(lambda s: timedelta(seconds=s)),
    st.sampled_from((1, 5, 7, 15, 61)),
    st.lists(st.integers(1, 200), max_size=6),
)
def test_no_event_is_lost_or_told_twice_wherever_the_edges_lie(off: timedelta, width: int, cuts: list[int]) -> None:
    cells = grid(4, width=width * MINUTE, off=off - 3 * HOUR)
    stretches, begin = [], START + DAY
    for number, cut in enumerate(cuts):
        end = begin + cut * MINUTE
        state = ("measured", "failing", "dark", "unknown")[number % 4]
        if state == "unknown":
            stretches.append(Stretch(start=begin, end=end, state="unknown"))
        else:
            stretches.append(Stretch(start=begin, end=end, state=state, total=1.0 * cut, failed=0.5))  # type: ignore[arg-type]
        begin = end
    stretches.append(Stretch(start=begin, end=START + 2 * DAY, state="measured", total=1e4, failed=7.0))
    nothing = live(cells, since=30 * DAY)
    told = filled(nothing, cells, [day(1, *stretches), day(2)])
    assert sum(told.total) == pytest.approx(sum(one.total for one in stretches) + 28_800)
    assert sum(told.failed) == pytest.approx(sum(one.failed for one in stretches) + 288)


def test_total_less_good_below_zero_in_a_sealed_day_is_settled_with_its_neighbours() -> None:
    start = START
    early = day(0, Stretch(start=start, end=start + DAY, state="measured", total=1000.0, failed=5.0))
    late = day(1, Stretch(start=start + DAY, end=start + 2 * DAY, state="measured", total=1000.0, failed=-5.0))
    told = filled(live(grid(2), since=9 * DAY), grid(2), [early, late])
    assert sum(told.failed) == pytest.approx(0, abs=1e-9)
    assert min(told.failed) >= 0
