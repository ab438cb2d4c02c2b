"""The clinic's clock and hours, as the app has written them down: which slots are on offer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exporters.collector import CollectError
from exporters.reasons import Reason

_LONGEST_HORIZON = 400
"""Days; what is above that is no horizon but a mistake, and would cost us the time to count its slots."""
_SHORTEST_SLOT = 5


@dataclass(frozen=True, slots=True)
class Clinic:
    """When a practitioner can be booked."""

    zone: ZoneInfo
    opens: time
    closes: time
    weekdays: frozenset[int]
    slot: timedelta
    horizon: timedelta

    def is_open(self, instant: datetime) -> bool:
        """Tell whether the clinic is open at an instant."""
        local = instant.astimezone(self.zone)
        return local.isoweekday() in self.weekdays and self.opens <= local.time() < self.closes

    def starts(self, start: datetime, end: datetime) -> list[datetime]:
        """Return when each of one practitioner's slots begins, from ``start`` on and before ``end``, in UTC."""
        day, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        found: list[datetime] = []
        while day <= last:
            found += (slot for slot in self._on(day) if start <= slot < end)
            day += timedelta(days=1)
        return found

    def _on(self, day: date) -> list[datetime]:
        if day.isoweekday() not in self.weekdays:
            return []
        # In UTC: on the day that clocks change, steps in local time would repeat or skip an hour.
        begins = datetime.combine(day, self.opens, self.zone).astimezone(UTC)
        ends = datetime.combine(day, self.closes, self.zone).astimezone(UTC)
        return [begins + number * self.slot for number in range(int((ends - begins) / self.slot))]


def shifted(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the same time of day on the clinic's clock, some days later: 23 or 25 hours where clocks change."""
    return (instant.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


def parse(document: Mapping[str, Any]) -> Clinic:
    """Read what the app wrote.

    Raises:
        CollectError: it is not what the app writes.
    """
    try:
        minutes, days = int(document["slot_minutes"]), int(document["horizon_days"])
        if minutes < _SHORTEST_SLOT or not 0 < days <= _LONGEST_HORIZON:
            raise CollectError(Reason.MALFORMED)
        return Clinic(
            zone=ZoneInfo(document["time_zone"]),
            opens=time.fromisoformat(document["opens"]),
            closes=time.fromisoformat(document["closes"]),
            weekdays=frozenset(int(day) for day in document["weekdays"]),
            slot=timedelta(minutes=minutes),
            horizon=timedelta(days=days),
        )
    except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError) as error:
        raise CollectError(Reason.MALFORMED) from error
