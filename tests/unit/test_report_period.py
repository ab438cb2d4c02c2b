"""Periods are what people mean by them, in the clinic's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.compliance.period import parse
from monitor.errors import InputError

NOW = datetime(2026, 11, 22, 18, 5, 31, 400_000, tzinfo=UTC)
ZONE = "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("95s", timedelta(seconds=95)),
        ("90m", timedelta(minutes=90)),
        ("1h", timedelta(hours=1)),
        ("30d", timedelta(days=30)),
        ("4w", timedelta(weeks=4)),
    ],
)
def test_a_span_ends_now(text: str, length: timedelta) -> None:
    period = parse(text, now=NOW, time_zone=ZONE)
    assert period.until == period.end == NOW.replace(microsecond=0)
    assert period.length == length
    assert not period.running
    assert not period.calendar


@pytest.mark.parametrize(
    ("text", "start", "hours"),
    [
        ("2026-07", datetime(2026, 6, 30, 22, tzinfo=UTC), 31 * 24),
        ("2026-03", datetime(2026, 2, 28, 23, tzinfo=UTC), 31 * 24 - 1),  # clocks go forward
        ("2026-10", datetime(2026, 9, 30, 22, tzinfo=UTC), 31 * 24 + 1),  # clocks go back
        ("2025-12", datetime(2025, 11, 30, 23, tzinfo=UTC), 31 * 24),  # ends in the next year
    ],
)
def test_a_month_is_the_clinics_and_knows_when_clocks_change(text: str, start: datetime, hours: int) -> None:
    period = parse(text, now=NOW, time_zone=ZONE)
    assert period.start == start
    assert period.length == timedelta(hours=hours)
    assert period.until == period.end


def test_a_running_month_goes_up_to_the_last_whole_step() -> None:
    period = parse("2026-11", now=NOW, time_zone=ZONE)
    assert period.running
    assert period.until == datetime(2026, 11, 22, 18, 5, tzinfo=UTC)
    assert period.end == datetime(2026, 11, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "30", "d", "0d", "-1h", "1.5h", "30 d", "2026", "2026-13", "2026-00", "10s", "401d", "99999999d", "2027-01"],
)
def test_what_is_no_period_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match=r"period|begun"):
        parse(text, now=NOW, time_zone=ZONE)
