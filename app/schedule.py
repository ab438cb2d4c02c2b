"""When practitioners work, and which slots that gives. Pure: slots are computed, never stored: nothing can drift."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CELL = timedelta(minutes=5)
"""The grid of the database's guard against double booking; each appointment claims the cells that it covers."""
SLOT = timedelta(minutes=15)
DAY_STARTS = time(7)
DAY_ENDS = time(19)
_WORKING_DAYS = range(5)  # Monday to Friday

_PRACTITIONER_ID = re.compile(r"practitioner-\d{2,4}")
_SLOT_ID = re.compile(r"(practitioner-\d{2,4})-(\d{8}T\d{4}Z)")

SPECIALTIES = ("General practice", "Paediatrics", "Cardiology", "Dermatology", "Physiotherapy")


@dataclass(frozen=True, slots=True)
class Practitioner:
    """Somebody who sees patients; synthetic, and named by role."""

    id: str
    name: str
    specialty: str


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A time that one practitioner offers."""

    start: datetime
    end: datetime
    practitioner: str

    @property
    def id(self) -> str:
        """Opaque to clients: ``practitioner-01-20261122T0800Z``."""
        return f"{self.practitioner}-{self.start.astimezone(UTC):%Y%m%dT%H%MZ}"


@dataclass(frozen=True, slots=True)
class Clinic:
    """Who works here, in which time zone, and how far ahead appointments can be made."""

    practitioners: tuple[Practitioner, ...]
    zone: ZoneInfo
    horizon: timedelta

    def practitioner(self, practitioner_id: str) -> Practitioner | None:
        """Find a practitioner; ids are numbered from 1, so this is an index."""
        if not _PRACTITIONER_ID.fullmatch(practitioner_id):
            return None
        number = int(practitioner_id.rpartition("-")[2])
        if not 1 <= number <= len(self.practitioners):
            return None
        found = self.practitioners[number - 1]
        return found if found.id == practitioner_id else None

    def slots_on(self, practitioner: str, day: date) -> Iterator[Slot]:
        """All slots of one of the clinic's days, free or not."""
        if day.weekday() not in _WORKING_DAYS:
            return
        # Steps are taken in UTC: on the day that clocks change, local arithmetic would repeat or skip an hour.
        start = datetime.combine(day, DAY_STARTS, self.zone).astimezone(UTC)
        end = datetime.combine(day, DAY_ENDS, self.zone).astimezone(UTC)
        while start + SLOT <= end:
            yield Slot(start, start + SLOT, practitioner)
            start += SLOT

    def hours(self) -> dict[str, object]:
        """All that is needed to compute the slots on offer, for those who read the database and do not know us."""
        return {
            "time_zone": self.zone.key,
            "opens": DAY_STARTS.isoformat("minutes"),
            "closes": DAY_ENDS.isoformat("minutes"),
            "weekdays": [day + 1 for day in _WORKING_DAYS],
            "slot_minutes": SLOT // timedelta(minutes=1),
            "horizon_days": self.horizon.days,
        }

    def slots_between(self, practitioner: str, start: datetime, end: datetime) -> Iterator[Slot]:
        """All slots that lie within a period, free or not, in order."""
        for day in self.days_between(start, end):
            yield from (slot for slot in self.slots_on(practitioner, day) if start <= slot.start and slot.end <= end)

    def days_between(self, start: datetime, end: datetime) -> Iterator[date]:
        """The clinic's days that a period touches."""
        day, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        while day <= last:
            yield day
            day += timedelta(days=1)

    def bookable(self, slot_id: str, now: datetime) -> Slot | None:
        """Find the slot of this id if it is one that the schedule offers, begins later, and lies within the horizon."""
        parts = _SLOT_ID.fullmatch(slot_id)
        if parts is None or self.practitioner(parts[1]) is None:
            return None
        try:
            start = datetime.strptime(parts[2], "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
        except ValueError:
            return None
        if not now < start <= now + self.horizon:
            return None
        offered = self.slots_on(parts[1], start.astimezone(self.zone).date())
        return next((slot for slot in offered if slot.start == start), None)


def make_clinic(practitioners: int, time_zone: str, horizon_days: int) -> Clinic:
    """Staff a synthetic clinic: ``Practitioner 01`` and so on, specialties in turn."""
    width = max(2, len(str(practitioners)))
    staff = tuple(
        Practitioner(
            id=f"practitioner-{number:0{width}}",
            name=f"Practitioner {number:0{width}}",
            specialty=SPECIALTIES[(number - 1) % len(SPECIALTIES)],
        )
        for number in range(1, practitioners + 1)
    )
    return Clinic(staff, ZoneInfo(time_zone), timedelta(days=horizon_days))


def cells(owner: str, start: datetime, end: datetime) -> list[str]:
    """The 5-minute cells that ``owner`` (an opaque id, since index keys appear in error texts) is busy in."""
    found = []
    while start < end:
        found.append(f"{owner}|{start.astimezone(UTC):%Y%m%d%H%M}")
        start += CELL
    return found
