"""The periods that a report may be about: the last so long, or a calendar month of the clinic. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.errors import InputError

SHORTEST = timedelta(minutes=1)
"""Below this, a period holds too few samples to be judged."""

STEP = timedelta(minutes=5)
"""A running month is read up to the last whole step, so that its cells do not depend on the second it is asked for."""

LONGEST = timedelta(days=400)
"""As long as Prometheus keeps samples by default here."""

_ROLLING = re.compile(r"([1-9]\d{0,7})([smhdw])")
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From ``start`` to ``end`` (both UTC). ``until`` is where time stands: earlier than ``end`` in a running month."""

    text: str
    """As it was asked for: ``30d``, ``2026-11``."""
    start: datetime
    end: datetime
    until: datetime
    calendar: bool = False

    @property
    def length(self) -> timedelta:
        """The whole period; a month has 28 to 31 days, and an hour more or less where clocks change."""
        return self.end - self.start

    @property
    def elapsed(self) -> timedelta:
        """How much of it is over."""
        return self.until - self.start

    @property
    def running(self) -> bool:
        """Whether it is a month that has not ended."""
        return self.until < self.end


def parse(text: str, *, now: datetime, time_zone: str) -> Period:
    """Read a period: ``90m``, ``1h``, ``30d``, ``4w`` back from ``now``, or the calendar month ``2026-11`` in a zone.

    Raises:
        InputError: it is neither, too short or too long, or a month that has not begun.
    """
    until = now.astimezone(UTC).replace(microsecond=0)
    if match := _ROLLING.fullmatch(text):
        length = int(match[1]) * _UNITS[match[2]]
        if not SHORTEST <= length <= LONGEST:
            raise InputError(f"period {text!r} is out of range: from 1m to {LONGEST.days}d can be reported on")
        return Period(text=text, start=until - length, end=until, until=until)
    if match := _MONTH.fullmatch(text):
        return _month(text, int(match[1]), int(match[2]), until, ZoneInfo(time_zone))
    raise InputError(f"{text!r} is no period: write a span back from now (1h, 30d) or a calendar month (2026-11)")


def _month(text: str, year: int, month: int, now: datetime, zone: ZoneInfo) -> Period:
    if not 1970 <= year < 9999:  # noqa: PLR2004  # the years that time stamps can name
        raise InputError(f"{text!r} is no period: {year} is out of range")
    # Midnight is taken in the zone first and turned to UTC then: the offset differs where clocks change inside a month.
    start = datetime(year, month, 1, tzinfo=zone).astimezone(UTC)
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone).astimezone(UTC)
    if start + STEP > now:
        raise InputError(f"{text} has not begun ({zone.key}): there is nothing to report yet")
    steps = (min(after, now) - start) // STEP
    return Period(text=text, start=start, end=after, until=start + steps * STEP, calendar=True)
