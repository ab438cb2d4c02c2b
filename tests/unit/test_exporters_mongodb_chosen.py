"""Who gets series of its own, and what the rest adds up to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporters.mongodb.chosen import Chosen, Rest

A = "a:1"


def test_the_heaviest_are_chosen_and_never_more_than_the_limit() -> None:
    chosen: Chosen[str] = Chosen(2)
    assert chosen.update({"a": 1, "b": 3, "c": 2}) == {"b", "c"}


def test_everybody_is_chosen_while_there_is_room() -> None:
    assert Chosen[str](3).update({"a": 0, "b": 0}) == {"a", "b"}


def test_two_of_a_size_do_not_take_turns() -> None:
    chosen: Chosen[str] = Chosen(1)
    assert chosen.update({"a": 10, "b": 9}) == {"a"}
    assert chosen.update({"a": 10, "b": 11}) == {"a"}, "hardly heavier"
    assert chosen.update({"a": 10, "b": 13}) == {"b"}, "clearly heavier"
    assert chosen.update({"a": 13, "b": 13}) == {"b"}


def test_who_is_gone_makes_room() -> None:
    chosen: Chosen[str] = Chosen(2)
    chosen.update({"a": 9, "b": 8, "c": 1, "d": 2})
    assert chosen.update({"b": 8, "c": 1, "d": 2}) == {"b", "d"}


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 100)), max_size=8), st.integers(1, 4))
def test_nobody_outside_is_clearly_heavier_than_somebody_inside(rounds: list[dict[str, int]], limit: int) -> None:
    chosen: Chosen[str] = Chosen(limit)
    for weights in rounds:
        found = chosen.update(weights)
        assert len(found) == min(limit, len(weights))
        outside = [weight for name, weight in weights.items() if name not in found]
        assert max(outside, default=0) <= 1.2 * min((weights[name] for name in found), default=0) or not outside


def test_the_rest_is_zero_at_first_and_then_grows_by_what_they_did() -> None:
    rest: Rest[str] = Rest(1)
    rest.update({"a": [100], "b": [50]}, {"a"})
    assert rest.totals == [0]
    rest.update({"a": [200], "b": [53]}, {"a"})
    assert rest.totals == [3]


def test_the_rest_does_not_fall_when_somebody_gets_series_of_its_own_nor_leap_when_it_comes_back() -> None:
    rest: Rest[str] = Rest(1)
    rest.update({"a": [100], "b": [5000]}, {"a"})
    rest.update({"a": [100], "b": [5010]}, {"a"})
    rest.update({"a": [100], "b": [5100]}, {"b"})
    assert rest.totals == [10], "b has its own series now"
    rest.update({"a": [107], "b": [5100]}, {"a"})
    rest.update({"a": [107], "b": [5101]}, {"a"})
    assert rest.totals == [11]


def test_after_a_restart_of_the_server_the_rest_goes_on() -> None:
    rest: Rest[str] = Rest(1)
    rest.update({"a": [100]}, ())
    rest.update({"a": [110]}, ())
    rest.update({"a": [4]}, ())
    assert rest.totals == [14]


def test_who_is_born_meanwhile_counts_from_zero_and_who_was_only_unknown_does_not() -> None:
    for born, expected in ((True, [7]), (False, [0])):
        rest: Rest[str] = Rest(1)
        rest.update({"a": [1]}, ())
        rest.update({"a": [1], "b": [7]}, (), born=born)
        assert rest.totals == expected


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abc"), st.integers(0, 50).map(lambda one: [one])),
            st.sets(st.sampled_from("abc")),
        )
    )
)
def test_the_rest_never_falls(rounds: list[tuple[dict[str, list[int]], set[str]]]) -> None:
    rest, before = Rest[str](1), 0.0
    for counts, chosen in rounds:
        rest.update(counts, chosen)
        assert rest.totals[0] >= before
        before = rest.totals[0]
