"""The arithmetic of budgets, for any counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.compliance.tally import Tally

DAY = timedelta(days=1)
counts = st.floats(0, 1e9)
targets = st.floats(0.5, 0.99999)
spans = st.timedeltas(timedelta(0), 30 * DAY)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    total = draw(counts)
    return Tally(total=total, bad=total * draw(st.floats(0, 1)), covered=draw(spans))


@given(tallies(), targets)
def test_what_is_left_and_what_is_spent_are_the_whole_budget(tally: Tally, target: float) -> None:
    left, spent = tally.remaining(target, 30 * DAY), tally.consumed(target, 30 * DAY)
    if tally.achieved is None:
        assert left is spent is None
    else:
        assert left is not None
        assert spent is not None
        assert left + spent == pytest.approx(1)


@given(tallies(), st.floats(0, 1e9), targets)
def test_more_failures_never_raise_compliance(tally: Tally, more: float, target: float) -> None:
    worse = tally + Tally(bad=more)
    if tally.achieved is None or worse.achieved is None:
        return
    assert worse.achieved <= tally.achieved
    left, before = worse.remaining(target, 30 * DAY), tally.remaining(target, 30 * DAY)
    assert left is not None
    assert before is not None
    assert left <= before
    assert worse.bounds(30 * DAY).low <= tally.bounds(30 * DAY).low


@given(st.lists(tallies(), max_size=20))
def test_days_add_up_to_their_sum_in_any_order(days: list[Tally]) -> None:
    whole, backwards = sum(days, Tally()), sum(reversed(days), Tally())
    assert whole.total == pytest.approx(sum(day.total for day in days))
    assert whole.bad == pytest.approx(backwards.bad)
    assert whole.covered == backwards.covered


@given(tallies(), tallies())
def test_whatever_unmeasured_time_was_like_the_truth_lies_within_the_bounds(seen: Tally, unseen: Tally) -> None:
    # Unmeasured time had the traffic of the time that was measured: that is what the bounds suppose.
    span = 30 * DAY
    if seen.achieved is None or not seen.covered or unseen.achieved is None:
        return
    share = seen.coverage(span)
    truth = seen.achieved * share + unseen.achieved * (1 - share)
    bounds = seen.bounds(span)
    assert bounds.low - 1e-9 <= truth <= bounds.high + 1e-9


def test_nothing_measured_is_nothing_known() -> None:
    assert Tally().achieved is None
    assert Tally().remaining(0.99, DAY) is None
    assert Tally().coverage(timedelta(0)) == 0
    assert (Tally().bounds(DAY).low, Tally().bounds(DAY).high) == (0, 1)


def test_half_a_measured_window_at_the_allowed_rate_has_spent_half_the_budget() -> None:
    tally = Tally(total=1000, bad=10, covered=15 * DAY)
    assert tally.remaining(0.99, 30 * DAY) == pytest.approx(0.5)
