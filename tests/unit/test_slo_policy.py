"""The error budget policy: what is spent decides, the past only holds a state, and unknown is an answer of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.slo import policy
from monitor.slo.policy import State, state

SHARES = st.floats(min_value=0, max_value=3)


@pytest.mark.parametrize(
    ("spent", "expected"),
    [
        (0.0, State.OPEN),
        (0.499, State.OPEN),
        (0.5, State.NOTIFY),
        (0.75, State.CAUTION),
        (0.999, State.CAUTION),
        (1.0, State.FROZEN),
        (40.0, State.FROZEN),
    ],
)
def test_what_is_spent_decides(spent: float, expected: State) -> None:
    assert state((), spent, 1.0) is expected


def test_a_budget_that_hovers_around_a_step_does_not_flap() -> None:
    past = [0.9, 1.01]
    for spent in (0.99, 1.0, 0.96, 0.99):
        past.append(spent)
        assert state(past[:-1], spent, 1.0) is State.FROZEN
    assert state(past, 0.94, 1.0) is State.CAUTION
    assert state([*past, 0.94], 0.99, 1.0) is State.CAUTION


def test_a_budget_that_is_given_back_at_once_leaves_every_state_behind() -> None:
    assert state([1.5], 0.1, 1.0) is State.OPEN
    assert state([1.5], 0.72, 1.0) is State.CAUTION
    assert state([1.5], 0.69, 1.0) is State.NOTIFY


@pytest.mark.parametrize(("spent", "coverage"), [(None, 1.0), (0.1, None), (0.0, 0.0), (0.99, 0.5), (0.6, 0.899)])
def test_what_was_hardly_measured_is_neither_open_nor_frozen(spent: float | None, coverage: float | None) -> None:
    assert state([1.5], spent, coverage) is State.UNKNOWN
    assert policy.allowed(State.UNKNOWN) is None


def test_a_budget_that_is_surely_spent_is_frozen_whatever_the_rest_was() -> None:
    assert state((), 1.2, 0.1) is State.FROZEN


@given(past=st.lists(SHARES, max_size=20), spent=SHARES)
def test_the_past_can_hold_a_state_but_never_relax_one(past: list[float], spent: float) -> None:
    order = [step.state for step in policy.STEPS]
    now, fresh = order.index(state(past, spent, 1.0)), order.index(state((), spent, 1.0))
    assert fresh <= now
    assert now == fresh or spent >= policy.STEPS[now].at - policy.HYSTERESIS


def test_every_state_says_what_it_asks_of_people() -> None:
    assert len({policy.meaning(one) for one in State}) == len(State)
    assert policy.SOURCE.startswith("https://")


@given(past=st.lists(SHARES, max_size=20), spent=SHARES)
def test_what_the_past_cannot_change_is_not_asked_about_the_past(past: list[float], spent: float) -> None:
    assert policy.depends_on_past(spent) or state(past, spent, 1.0) is state((), spent, 1.0)


def test_alerts_and_gate_begin_and_end_at_the_same_shares() -> None:
    for step in policy.WARNINGS:
        for left, told in ((policy.begins(step), ()), (policy.ends(step), (1.0,))):
            spent = 1 - float(left) + 1e-12
            order = [one.state for one in policy.STEPS]
            assert order.index(state(told, spent, 1.0)) >= order.index(step.state)
            assert order.index(state(told, spent - 1e-6, 1.0)) < order.index(step.state)
