"""When a job is due, what was missed, and when somebody must be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.work.monthly import month_before
from monitor.work.schedule import Crontab, Every, Schedule, Start, overdue, start

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
HALF_HOURLY = Every(span=timedelta(minutes=30))


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("last", "at_first", "expected"),
    [
        (None, True, Start(at=NOW)),
        (None, False, Start(at=None)),
        (ago(10), True, Start(at=NOW + timedelta(minutes=20))),
        (ago(30), True, Start(at=NOW, missed_at=NOW)),
        (ago(600), False, Start(at=NOW, missed_at=ago(570))),
        # Noted while a clock was wrong: it must not put the next off.
        (ago(-600), True, Start(at=NOW)),
        (ago(-1), True, Start(at=NOW + timedelta(minutes=31))),
    ],
)
def test_what_was_missed_runs_once_at_start(last: datetime | None, at_first: bool, expected: Start) -> None:  # noqa: FBT001  # a parameter of the table
    assert start(HALF_HOURLY, last, NOW, at_first=at_first) == expected


@pytest.mark.parametrize(
    ("last", "watched", "late"),
    [
        *((ago(44), ago(500), False), (ago(46), ago(500), True), (None, ago(44), False), (None, ago(46), True)),
        (ago(-600), ago(46), True),
    ],
)
def test_overdue_after_half_an_interval_more(last: datetime | None, watched: datetime, late: bool) -> None:  # noqa: FBT001  # same
    assert overdue(HALF_HOURLY, last, watched, NOW) is late


def test_a_short_interval_still_leaves_time_for_another_try() -> None:
    assert Every(span=timedelta(minutes=1)).grace == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("15 3 1 * *", datetime(2026, 12, 1, 2, 15, tzinfo=UTC)),
        # Sunday is 0 and 7 to crontab, and 6 to the scheduler's library.
        ("0 20 * * 0", datetime(2026, 11, 22, 19, 0, tzinfo=UTC)),
        ("0 20 * * 7", datetime(2026, 11, 22, 19, 0, tzinfo=UTC)),
        ("0 20 * * 1-5", datetime(2026, 11, 23, 19, 0, tzinfo=UTC)),
        ("0 20 * * 2,4", datetime(2026, 11, 24, 19, 0, tzinfo=UTC)),
        ("0 20 * * */3", None),
    ],
)
def test_a_crontab_means_what_cron_means_in_the_clinics_time_zone(text: str, due: datetime | None) -> None:
    crontab = Crontab(text=text, time_zone="Europe/Berlin")
    if due is not None:
        assert crontab.after(NOW) == due
    assert crontab.trigger()


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "0 0 * * funday", "@daily"])
def test_what_is_no_crontab_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the sentence is the library's
        Crontab(text=text).trigger()


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 4 *"])
def test_a_day_that_no_year_has_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match="never comes round"):
        Crontab(text=text).after(NOW)


def test_the_report_is_due_when_the_month_has_ended_in_the_clinic() -> None:
    schedule: Schedule = Crontab(text="15 3 1 * *", time_zone="Europe/Berlin")
    assert not overdue(schedule, None, datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 12, 1, 3, tzinfo=UTC))
    assert overdue(schedule, None, datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    ("now", "month"),
    [
        (datetime(2026, 12, 1, 2, 15, tzinfo=UTC), "2026-11"),
        # In Berlin it is December already.
        (datetime(2026, 11, 30, 23, 30, tzinfo=UTC), "2026-11"),
        (datetime(2027, 1, 1, 3, 0, tzinfo=UTC), "2026-12"),
    ],
)
def test_the_report_is_of_the_month_before(now: datetime, month: str) -> None:
    assert month_before(now, "Europe/Berlin") == month
