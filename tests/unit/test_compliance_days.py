"""Days of 23, 24 and 25 hours, and windows of a calendar that follow one another without gap or overlap."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalogue.model import Calendar
from monitor.compliance.days import Span, day_begun, days, midnight, window_at

ZONES = (
    "Europe/Berlin",
    "UTC",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "Africa/Cairo",
    "Asia/Kathmandu",
)
HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local_times(first: str, last: str) -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime.fromisoformat(first), datetime.fromisoformat(last))


def month(start: str = "2026-01-01 00:00:00", *, zone: str = "Europe/Berlin", count: int = 1) -> Calendar:
    return Calendar(unit="M", count=count, start=datetime.fromisoformat(start), time_zone=zone)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_has_as_many_hours_as_its_clocks_show(day: str, hours: int) -> None:
    start = midnight(date.fromisoformat(day), ZoneInfo("Europe/Berlin"))
    ((name, span),) = days(start, start + 26 * HOUR, "Europe/Berlin")
    assert name == day
    assert span.length == hours * HOUR


def test_a_midnight_that_clocks_skip_is_when_they_jump() -> None:
    # In Beirut, clocks jump from 00:00 to 01:00.
    begun = midnight(date(2026, 3, 29), ZoneInfo("Asia/Beirut"))
    assert begun == utc("2026-03-28 22:00:00")
    assert day_begun(begun, "Asia/Beirut") == begun
    assert day_begun(begun - timedelta(seconds=1), "Asia/Beirut") == utc("2026-03-27 22:00:00")


@given(st.sampled_from(ZONES), st.dates(date(2024, 1, 1), date(2032, 12, 1)))
def test_days_follow_one_another_without_gap_or_overlap(zone: str, first: date) -> None:
    start = midnight(first, ZoneInfo(zone))
    found = [span for _, span in days(start, start + timedelta(days=200), zone)]
    assert len(found) >= 199
    assert found[0].start == start
    assert all(one.end == after.start for one, after in itertools.pairwise(found))
    assert {span.length for span in found} <= {h * HOUR / 2 for h in (46, 47, 48, 49, 50)}


def test_where_the_zone_was_changed_days_go_on_from_where_they_ended() -> None:
    found = list(days(utc("2026-06-01 22:00:00"), utc("2026-06-04 00:00:00"), "UTC"))
    assert [span.length / HOUR for _, span in found] == [2, 24, 24]


def test_a_month_has_its_real_length_and_begins_at_the_zone_s_midnight() -> None:
    assert window_at(month(), utc("2026-03-15 12:00:00")) == Span(
        start=utc("2026-02-28 23:00:00"), end=utc("2026-03-31 22:00:00")
    )
    february = window_at(month(), utc("2028-02-29 12:00:00"))
    assert february is not None
    assert february.length == timedelta(days=29)


def test_months_that_begin_on_a_31st_stay_there_where_there_is_one() -> None:
    starts = [window_at(month("2026-01-31 00:00:00", zone="UTC"), utc(f"2026-{m:02}-15")) for m in (3, 4, 5)]
    assert [span.start.date().isoformat() for span in starts if span] == ["2026-02-28", "2026-03-31", "2026-04-30"]


def test_before_the_first_window_there_is_none() -> None:
    assert window_at(month(), utc("2025-12-31 22:59:59")) is None
    assert window_at(month(), utc("2025-12-31 23:00:00")) is not None


@given(
    st.sampled_from(("d", "w", "M", "Q", "Y")),
    st.integers(1, 5),
    local_times("2020-01-01", "2024-01-01"),
    st.sampled_from(ZONES),
    local_times("2024-01-03", "2034-01-01"),
)
def test_every_instant_lies_in_one_window_and_the_next_begins_where_it_ends(
    unit: str, count: int, start: datetime, zone: str, at: datetime
) -> None:
    calendar = Calendar(unit=unit, count=count, start=start.replace(microsecond=0), time_zone=zone)  # type: ignore[arg-type]
    instant = at.replace(tzinfo=UTC)
    found = window_at(calendar, instant)
    assert found is not None
    assert found.start <= instant < found.end
    after = window_at(calendar, found.end)
    assert after is not None
    assert after.start == found.end
