"""A verdict is given only where unmeasured time could not change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.compliance.measured import Measured, runs, settled
from monitor.slo.verdict import Verdict, bounds, judge

share = st.floats(0, 1)


@pytest.mark.parametrize(
    ("achieved", "coverage", "objective", "expected"),
    [
        (1.0, 1.0, 0.9995, Verdict.MET),
        (0.9995, 1.0, 0.9995, Verdict.MET),
        (0.9994, 1.0, 0.9995, Verdict.MISSED),
        (1.0, 0.0002, 0.9995, Verdict.INSUFFICIENT),  # ten minutes of thirty days
        (1.0, 0.99, 0.9995, Verdict.INSUFFICIENT),
        (1.0, 0.9996, 0.9995, Verdict.MET),  # a gap too short to matter
        (0.5, 0.99, 0.9995, Verdict.MISSED),  # what is missing could not have saved it
        (None, 1.0, 0.99, Verdict.INSUFFICIENT),
        (1.0, None, 0.99, Verdict.INSUFFICIENT),
        (1.0, 0.0, 0.99, Verdict.INSUFFICIENT),
    ],
)
def test_verdicts(achieved: float | None, coverage: float | None, objective: float, expected: Verdict) -> None:
    assert judge(achieved, coverage, objective) is expected


@given(share, share)
def test_bounds_hold_whatever_the_rest_was(achieved: float, coverage: float) -> None:
    found = bounds(achieved, coverage)
    assert 0 <= found.low <= found.high <= 1 + 1e-9
    for rest in (0.0, 0.5, 1.0):
        whole = achieved * coverage + rest * (1 - coverage)
        assert found.low - 1e-9 <= whole <= found.high + 1e-9


@given(share, share, st.floats(0, 0.9999))
def test_more_failures_never_turn_missed_into_met(achieved: float, coverage: float, objective: float) -> None:
    better, worse = judge(achieved, coverage, objective), judge(achieved / 2, coverage, objective)
    assert not (better is Verdict.MISSED and worse is Verdict.MET)


def measured(failed: Sequence[float], total: Sequence[float], *, covered: str = "", dark: str = "") -> Measured:
    cells = len(total)
    flags = [(text or default * cells).ljust(cells, ".") for text, default in ((covered, "x"), (dark, "."))]
    known, down = (tuple(flag == "x" for flag in text) for text in flags)
    return Measured(failed=tuple(failed), total=tuple(total), covered=known, dark=down)


def test_a_dark_minute_fails_at_the_traffic_of_the_others() -> None:
    # Nine minutes of 100 requests, one in which the probe failed and nobody got through.
    cells = measured([0] * 10, [100] * 9 + [0], dark=".........x")
    assert cells.achieved() == pytest.approx(0.9)
    assert cells.coverage == 1


def test_a_dark_minute_weighs_what_the_hour_before_it_did_not_the_mean_of_day_and_night() -> None:
    # Two hours of a day's traffic, two of a night's, then a minute of darkness, which is the night's.
    cells = measured([0] * 241, [100] * 120 + [4] * 120 + [0], dark="." * 240 + "x")
    assert cells.failures() == pytest.approx(4)


def test_a_long_darkness_weighs_the_same_to_its_end() -> None:
    cells = measured([0] * 660, [100] * 60 + [0] * 600, dark="." * 60 + "x" * 600)
    assert cells.missed[60:] == pytest.approx([100] * 600)
    assert cells.achieved() == pytest.approx(1 / 11)


def test_a_dark_minute_after_an_idle_hour_weighs_one_event_for_each_evaluation() -> None:
    quiet = measured([0] * 61, [0] * 61, dark="." * 60 + "x")
    assert quiet.failures() == 1
    assert replace(quiet, least=4).failures() == 4


def test_a_period_that_begins_dark_weighs_it_by_what_came_after() -> None:
    assert measured([0, 0, 0], [0, 50, 50], dark="x..").failures() == 50


def test_an_hour_of_nothing_but_darkness_achieves_nothing() -> None:
    assert measured([0, 0], [0, 0], dark="xx").achieved() == 0


def test_no_event_is_no_achievement() -> None:
    assert measured([0, 0], [0, 0]).achieved() is None


def test_an_uncovered_minute_is_missing_from_the_coverage_only() -> None:
    cells = measured([1, 0], [100, 0], covered="x.")
    assert cells.coverage == 0.5
    assert cells.achieved() == pytest.approx(0.99)


def test_scrapes_at_different_moments_are_no_failures() -> None:
    # The total is scraped a moment later than the good ones: what one cell has too much, the next has too little.
    total = [100.0, 100.0, 100.0, 100.0]
    good = [80.0, 118.0, 90.0, 112.0]
    assert sum(settled([all_ - one for one, all_ in zip(good, total, strict=True)])) == 0


def test_what_is_never_put_right_has_failed() -> None:
    assert settled([0, 60, 0, 0]) == (0, 60, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=40))
def test_failures_by_cell_add_up_to_the_difference(pairs: list[tuple[int, int]]) -> None:
    good = [float(first) for first, _ in pairs]
    total = [float(first + second) for first, second in pairs]
    failed = settled([all_ - one for one, all_ in zip(good, total, strict=True)])
    assert all(cell >= 0 for cell in failed)
    assert sum(failed) == pytest.approx(sum(total) - sum(good))


def test_a_single_good_minute_does_not_split_an_incident() -> None:
    flags = [True, False, True, False, False, True]
    assert list(runs(flags, pause=1)) == [(0, 3), (5, 6)]
    assert list(runs(flags)) == [(0, 1), (2, 3), (5, 6)]


@given(share, share, st.floats(1, 100), st.floats(0, 1), share)
def test_bounds_hold_whatever_traffic_nobody_saw(
    achieved: float, coverage: float, peak: float, busy: float, rest: float
) -> None:
    """Unmeasured time had any traffic up to that of the busiest measured time, and failed as it liked."""
    found, unseen = bounds(achieved, coverage, peak), (1 - coverage) * peak * busy
    if coverage + unseen > 0:
        whole = (achieved * coverage + rest * unseen) / (coverage + unseen)
        assert found.low - 1e-9 <= whole <= found.high + 1e-9


def test_an_hour_nobody_saw_in_a_busy_day_may_have_failed_more_than_a_mean_hour() -> None:
    assert judge(1.0, 0.9996, 0.9995) is Verdict.MET
    assert judge(1.0, 0.9996, 0.9995, 1.6) is Verdict.INSUFFICIENT


def test_the_busiest_cell_is_told_against_the_mean() -> None:
    assert measured([0] * 4, [10, 30, 10, 10]).peak == pytest.approx(2)
    assert measured([0] * 4, [0] * 4).peak == 1


def test_a_cell_that_has_the_events_of_a_gap_is_not_the_busiest() -> None:
    assert measured([0] * 4, [10, 0, 70, 10], covered="x.xx").peak == 1
    assert measured([0] * 4, [10, 0, 10, 30], covered="x.xx").peak == pytest.approx(1.8)
