"""Days on which nobody works, as people write them: one, or the first and the last of several. Pure."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

_LEAP_YEAR = 2000
"""Stands for any year: it has each day that there is."""
_DAY = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_FEBRUARY = 2
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holidays:
    """From a day to another, both included; of days that come each year, the first may be in the year before."""

    first: date
    last: date
    each_year: bool

    @property
    def over(self) -> date | None:
        """The last day there will be; ``None`` where they come each year."""
        return None if self.each_year else self.last


def parse(text: str) -> Holidays:
    """Read ``12-25``, ``12-24:01-01`` (each year), ``2027-03-29``, ``2027-07-19:2027-08-06``.

    Raises:
        ValueError: it is no such day, and no such days.
    """
    start, colon, end = text.partition(":")
    first, each_year = _day(start, text)
    last, other = _day(end, text) if colon else (first, each_year)
    if each_year is not other:
        raise ValueError(f"{text!r} has a year on one side alone: write it on both, or on neither")
    if each_year and last < first and (first.month, first.day) != (_FEBRUARY, 29):
        first = first.replace(year=_LEAP_YEAR - 1)
    if last < first:
        raise ValueError(f"{text!r} ends before it begins")
    if last - first > LONGEST:
        raise ValueError(f"{text!r} is longer than a year")
    return Holidays(first=first, last=last, each_year=each_year)


def _day(text: str, whole: str) -> tuple[date, bool]:
    if (match := _DAY.fullmatch(text)) is None:
        raise ValueError(f"{whole!r} is no day such as 12-25 or 2027-03-29, and no days such as 12-24:01-01")
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        return date(_LEAP_YEAR if year is None else year, month or 0, day or 0), year is None
    except ValueError as error:
        raise ValueError(f"{whole!r} is in no calendar: {error}") from error


def by_month(found: Holidays) -> Iterator[tuple[int | None, int, int, int]]:
    """Year (``None``: each), month, first and last day, month by month; -1 is the last day of any February."""
    day = found.first
    while day <= found.last:
        over = day.replace(day=calendar.monthrange(day.year, day.month)[1])
        end = min(found.last, over)
        february = found.each_year and day.month == _FEBRUARY and end == over and day != end
        yield None if found.each_year else day.year, day.month, day.day, -1 if february else end.day
        if end == date.max:
            return
        day = end + timedelta(days=1)
