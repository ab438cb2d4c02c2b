"""What the catalogue takes as a crontab, the scheduler takes too, and it comes round."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalogue import crontab
from monitor.work.schedule import Crontab

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)

numbers = st.integers(min_value=0, max_value=62).map(str)
words = st.sampled_from(["*", "mon", "sun", "sat", "Wed", "jan", "DEC", "last", "L", "?", "05", ""]) | numbers
ranges = st.tuples(words, words).map("-".join)
items = words | ranges | st.tuples(words | ranges, numbers).map("/".join)
parts = st.lists(items, min_size=1, max_size=3).map(",".join)


@given(st.lists(parts, min_size=5, max_size=5).map(" ".join))
def test_whatever_is_taken_the_scheduler_takes_and_it_comes_round(text: str) -> None:
    try:
        crontab.check(text)
    except ValueError:
        return

    assert Crontab(text=text).after(NOW) > NOW


@pytest.mark.parametrize(
    "text",
    [
        "0 3 * * 1",
        "*/5 * * * *",
        "15 3 1 * *",
        "0 0 29 2 *",
        "0 8-18/2 * * mon-fri",
        "30 4 1,15 jan,jul *",
        "0 0 31 4,7 *",
        "0 3 * * 0",
        "0 3 * * 7",
        "0 3 * * sat-sun",
        "0 3 * * */2",
    ],
)
def test_what_people_write_is_taken(text: str) -> None:
    crontab.check(text)

    assert Crontab(text=text).after(NOW) > NOW


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("99 3 * * *", "'99' for its minute: it must be from 0 to 59"),
        ("0 3 * *", "five fields"),
        ("0 3 * * 0-6", "from 1 .Monday. to 7"),
        ("0 3 5-1 * *", "forwards"),
        ("0 3 * * 1-5/2", "a step stands after . only"),
        ("0 */24 * * *", "a step must be from 1 to 23"),
        ("0 3 31 2,4 *", "never comes"),
        ("0 three * * *", "'three' for its hour"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        crontab.check(text)
