"""The clinic's days and the windows of a calendar, as instants in UTC. Pure.

Midnight is taken by the clocks of the zone first and turned to UTC then: where clocks change, a day has 23 or 25 hours.
A midnight that the clocks skip is the instant at which they jump.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from monitor import clock
from monitor.catalogue.model import Calendar
from monitor.errors import InputError

OLDEST, NEWEST = 2000, 2200
"""Years in which something was measured or may be: beyond them, time stamps end somewhere."""

_ONE_DAY = timedelta(days=1)
_DAYS = {"d": 1, "w": 7}
_MONTHS = {"M": 1, "Q": 3, "Y": 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From ``start`` to ``end``, both UTC; the end is not in it."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it really is."""
        return self.end - self.start


def days(start: datetime, end: datetime, time_zone: str) -> Iterator[tuple[str, Span]]:
    """Yield each whole day of a zone between two instants, by its date.

    The first one may be a piece: where ``start`` is no midnight (the zone was changed), days go on from there.
    """
    zone = ZoneInfo(time_zone)
    day, begin = start.astimezone(zone).date(), start.astimezone(UTC)
    while (after := midnight(day + _ONE_DAY, zone)) <= end:
        yield day.isoformat(), Span(start=begin, end=after)
        day, begin = day + _ONE_DAY, after


class Spanning(Protocol):
    """Anything that lasts from one instant to another."""

    @property
    def start(self) -> datetime:
        """When it begins."""
        ...

    @property
    def end(self) -> datetime:
        """When it ends."""
        ...


def holes(known: Sequence[Spanning], span: Span) -> Iterator[Span]:
    """What of a span is left out by others, which are in order and do not overlap."""
    start = span.start
    for one in known:
        if one.start > start:
            yield Span(start=start, end=min(one.start, span.end))
        start = max(start, one.end)
    if span.end > start:
        yield Span(start=start, end=span.end)


def instant(text: str, time_zone: str) -> datetime:
    """Read an instant: RFC 3339 (``2026-11-22T17:15:00Z``), or the beginning of a day of the zone (``2026-11-22``).

    Raises:
        InputError: it is neither.
    """
    try:
        if len(text) == len("2026-11-22"):
            at = midnight(date.fromisoformat(text), ZoneInfo(time_zone))
        else:
            at = clock.from_rfc3339(text).replace(microsecond=0)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{text[:40]!r} is no instant: write a day of {time_zone} (2026-11-22) or 2026-11-22T17:15:00Z"
        ) from error
    if not OLDEST <= at.year <= NEWEST:
        raise InputError(f"{text[:40]!r} is no instant of an SLO's life: write a year from {OLDEST} to {NEWEST}")
    return at


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a zone."""
    return _instant(datetime.combine(day, time()), zone)


def day_begun(at: datetime, time_zone: str) -> datetime:
    """When the day began in which an instant lies."""
    zone = ZoneInfo(time_zone)
    return midnight(at.astimezone(zone).date(), zone)


def window_at(calendar: Calendar, at: datetime) -> Span | None:
    """The window of a calendar in which an instant lies; ``None`` before the first one.

    Each window is counted from the first, so that months that begin on a 31st do not slip to the 28th for good.
    """
    zone = ZoneInfo(calendar.time_zone)
    if at < _instant(calendar.start, zone):
        return None
    number = max(0, _rough(calendar, at.astimezone(zone).replace(tzinfo=None)) - 1)
    while (end := _instant(_begins(calendar, number + 1), zone)) <= at:
        number += 1
    return Span(start=_instant(_begins(calendar, number), zone), end=end)


def _rough(calendar: Calendar, local: datetime) -> int:
    """The number of the window, or one more or less: clocks may have been changed, and months differ."""
    if calendar.unit in _DAYS:
        return (local - calendar.start).days // (_DAYS[calendar.unit] * calendar.count)
    between = (local.year - calendar.start.year) * 12 + local.month - calendar.start.month
    return between // (_MONTHS[calendar.unit] * calendar.count)


def _begins(calendar: Calendar, number: int) -> datetime:
    """When a window begins by the clocks; the first one is number 0."""
    if calendar.unit in _DAYS:
        return calendar.start + timedelta(days=_DAYS[calendar.unit] * calendar.count * number)
    month = calendar.start.month - 1 + _MONTHS[calendar.unit] * calendar.count * number
    year, month = calendar.start.year + month // 12, month % 12 + 1
    return calendar.start.replace(
        year=year, month=month, day=min(calendar.start.day, months.monthrange(year, month)[1])
    )


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Turn a time of the clocks to UTC; one that they skip is when they jump, one that they show twice the first."""
    aware = local.replace(tzinfo=zone)
    there = aware.astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) == local:
        return there
    # Skipped: by the offset after the jump it lies before the jump, and the other way round. Halve down to the second.
    low, high = round(aware.replace(fold=1).timestamp()), round(aware.timestamp())
    before = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if datetime.fromtimestamp(middle, zone).utcoffset() == before else (low, middle)
    return datetime.fromtimestamp(high, UTC)
