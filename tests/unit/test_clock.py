from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import clock


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_what_is_written_is_read_back_to_the_millisecond(instant: datetime) -> None:
    text = clock.to_rfc3339(instant)
    assert text.endswith("Z")
    assert abs(clock.from_rfc3339(text) - instant) < timedelta(milliseconds=1)


def test_another_zone_is_written_in_utc() -> None:
    zurich = timezone(timedelta(hours=1))
    assert clock.to_rfc3339(datetime(2026, 11, 22, 18, 15, tzinfo=zurich)) == "2026-11-22T17:15:00Z"


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="names no offset"):
        clock.from_rfc3339("2026-11-22T17:15:00")


def test_an_identifier_sorts_by_time_and_says_what_it_names() -> None:
    name = clock.new_id("full", datetime(2026, 11, 22, 17, 15, tzinfo=UTC))
    assert re.fullmatch(r"20261122T171500Z-full-[0-9a-f]{4}", name)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=12.4), "12 s"),
        (timedelta(minutes=4, seconds=30), "4 min 30 s"),
        (timedelta(days=2, hours=1, minutes=5), "2 d 1 h"),
        (timedelta(hours=3), "3 h"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(span: timedelta, said: str) -> None:
    assert clock.humanize(span) == said
