"""Alertmanager's time intervals: when a route is muted, or is active alone. Pure."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = tuple(name.lower() for name in calendar.month_name)
"""``""`` and twelve names: a month's number is its place."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00)")
MINUTES_A_DAY = 24 * 60

LOCAL = "Local"
"""Alertmanager's name for the time zone of its machine; here it is that of ours."""

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """One entry of a time interval: each part that is given must hold. Numbers are ranges, both ends included."""

    times: Spans = ()
    """Minutes of the day; here the end does not belong to it."""
    weekdays: Spans = ()
    """0 is Sunday, as Alertmanager counts."""
    days_of_month: Spans = ()
    """Negative ones count from the month's end: -1 is its last day."""
    months: Spans = ()
    years: Spans = ()
    location: str = "UTC"

    def contains(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        local = at.astimezone(_zone(self.location))
        last = calendar.monthrange(local.year, local.month)[1]
        minute = local.hour * 60 + local.minute
        return (
            (not self.times or any(start <= minute < end for start, end in self.times))
            and _within(self.weekdays, local.isoweekday() % 7)
            and (not self.days_of_month or any(_in_month(span, local.day, last) for span in self.days_of_month))
            and _within(self.months, local.month)
            and _within(self.years, local.year)
        )


def contains(intervals: tuple[Interval, ...], at: datetime) -> bool:
    """Whether an instant lies in any entry of a time interval."""
    return any(interval.contains(at) for interval in intervals)


def minutes(text: str) -> int:
    """``08:30`` as minutes of the day; ``24:00`` is its end.

    Raises:
        ValueError: it is no such time.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time of day such as 08:30")
    hours, rest = (int(part) for part in found.groups() if part is not None)
    return hours * 60 + rest


def span(text: str, names: tuple[str, ...] = ()) -> tuple[int, int]:
    """``monday:friday``, ``1:7`` or a single one of them.

    Raises:
        ValueError: it is no such range, or ends before it begins.
    """
    ends = [_number(part.strip().lower(), names) for part in text.split(":")]
    if len(ends) > 2 or (len(ends) == 2 and ends[1] < ends[0] and not (ends[0] > 0 > ends[1])):  # noqa: PLR2004  # two ends
        raise ValueError(f"{text!r} is not a range such as monday:friday, or ends before it begins")
    return ends[0], ends[-1]


def _number(text: str, names: tuple[str, ...]) -> int:
    if text and text in names:
        return names.index(text)
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a number nor one of {', '.join(filter(None, names)) or 'any names'}"
        ) from None


def _within(spans: Spans, value: int) -> bool:
    return not spans or any(low <= value <= high for low, high in spans)


def _in_month(days: tuple[int, int], day: int, last: int) -> bool:
    low, high = (end if end > 0 else last + end + 1 for end in days)
    return low <= day <= high


@lru_cache(maxsize=64)
def _zone(location: str) -> ZoneInfo | None:
    return None if location == LOCAL else ZoneInfo(location)


STEP = timedelta(minutes=15)
LOOKED_AHEAD = timedelta(days=366)


def some_instants(start: datetime, named: Iterable[Interval] = ()) -> tuple[datetime, ...]:
    """Instants by which to judge whether something is ever so.

    Each quarter of an hour for five weeks, then each five hours of a year, so that every hour of every weekday is met
    in each month. The same of the years that intervals name.
    """
    fine = timedelta(days=35)
    near = tuple(start + STEP * number for number in range(fine // STEP))
    coarse = timedelta(hours=5)
    far = (start + fine + coarse * number for number in range((LOOKED_AHEAD - fine) // coarse))
    years = {year for one in named for span in one.years for year in span if MINYEAR < year < MAXYEAR}
    firsts = (datetime(year, 1, 1, tzinfo=UTC) for year in sorted(years))
    return (*near, *far, *(first + coarse * number for first in firsts for number in range(LOOKED_AHEAD // coarse)))
