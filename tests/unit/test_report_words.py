"""Figures as people read them: a miss is never rounded into a hit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.render import report_words as words


def plain(text: str) -> str:
    return text.replace(words.NARROW_SPACE, " ")


@pytest.mark.parametrize(
    ("ratio", "digits", "said"),
    [
        (1.0, 2, "100 %"),
        (0.99999, 2, "99.99 %"),
        (0.9995, 3, "99.95 %"),
        (0.29, 2, "29 %"),
        (0.0, 2, "0 %"),
        (0.0002, 1, "under 0.1 %"),
        (-0.5, 0, "\N{MINUS SIGN}50 %"),
        (None, 2, "unknown"),
    ],
)
def test_percentages(ratio: float | None, digits: int, said: str) -> None:
    assert plain(words.percent(ratio, digits)) == said


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 5))
def test_only_all_is_all(ratio: float, digits: int) -> None:
    assert plain(words.percent(ratio, digits)) != "100 %"


@pytest.mark.parametrize(("objective", "digits"), [(0.99, 2), (0.995, 2), (0.9995, 3), (0.99999, 4)])
def test_digits_show_the_difference_to_the_objective(objective: float, digits: int) -> None:
    assert words.digits_for(objective) == digits


@pytest.mark.parametrize(
    ("number", "said"),
    [(21.6, "21.6 min"), (0.75, "45 s"), (0, "0 min"), (216, "3.6 h"), (-1.5, "\N{MINUS SIGN}1.5 min"), (4320, "3 d")],
)
def test_minutes_come_in_the_unit_a_person_would_use(number: float, said: str) -> None:
    assert plain(words.minutes(number)) == said


def test_other_figures() -> None:
    assert plain(words.count(10_562_760)) == "10 562 760"
    assert plain(words.bytes_(1_834_000)) == "1.75 MiB"
    assert plain(words.seconds(0.0062)) == "6.2 ms"
    assert words.listing(["A", "B", "C"]) == "A, B and C"
    assert words.listing(["A"]) == "A"
    assert plain(words.share_of(0.28, "a budget")) == "28 % of a budget"
    assert words.share_of(33.3, "a budget") == "33 times a budget"
    assert plain(words.left(0.9, sure=False)) == "at most 90 % left"
    assert words.left(-3, sure=True) == "overspent"
