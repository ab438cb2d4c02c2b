"""Free slots: what the schedule offers minus what is booked, with the booked part kept in Redis for some seconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from app.cache import SlotCache
from app.clock import to_rfc3339
from app.mongodb import BUSY_STATUSES, Database
from app.schedule import Clinic, Slot


class FreeSlots:
    """Answers which times can be booked. It may be some seconds old; then booking one answers 409."""

    def __init__(self, clinic: Clinic, database: Database, cache: SlotCache) -> None:
        self._clinic = clinic
        self._database = database
        self._cache = cache

    async def find(self, practitioner: str, start: datetime, end: datetime, *, now: datetime) -> list[Slot]:
        """Find the free slots of a practitioner within a period, in order.

        Raises:
            DatabaseUnavailable: MongoDB gave no answer in time.
        """
        start, end = max(start, now), min(end, now + self._clinic.horizon)
        days = list(self._clinic.days_between(start, end)) if start < end else []
        if not days:
            return []
        busy = await self._cache.get(practitioner, days)
        missing = [day for day in days if day not in busy]
        if missing:
            read = await self._read(practitioner, missing)
            await self._cache.put(practitioner, read)
            busy |= read
        taken = frozenset().union(*busy.values())
        offered = self._clinic.slots_between(practitioner, start, end)
        return [slot for slot in offered if to_rfc3339(slot.start) not in taken]

    async def changed(self, slot: Slot) -> None:
        """A booking or cancellation changed this slot."""
        await self._cache.forget(slot.practitioner, [slot.start.astimezone(self._clinic.zone).date()])

    async def _read(self, practitioner: str, days: list[date]) -> dict[date, frozenset[str]]:
        first = datetime.combine(days[0], time(), self._clinic.zone).astimezone(UTC)
        last = datetime.combine(days[-1] + timedelta(days=1), time(), self._clinic.zone).astimezone(UTC)
        query = {
            "practitioner": practitioner,
            "start": {"$gte": first, "$lt": last},
            "status": {"$in": list(BUSY_STATUSES)},
        }
        booked = await self._database.run(
            "find", lambda: self._database.data["appointments"].find(query, {"_id": 0, "start": 1}).to_list()
        )
        starts: dict[date, set[str]] = {day: set() for day in days}
        for row in booked:
            day = row["start"].astimezone(self._clinic.zone).date()
            if day in starts:
                starts[day].add(to_rfc3339(row["start"]))
        return {day: frozenset(found) for day, found in starts.items()}
