"""The time ahead: which of it is on offer, booked, held and free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from exporters.business import families as f
from exporters.business.cells import rounded
from exporters.business.moment import Moment, Staff
from exporters.business.query import Query
from exporters.business.reader import Reader
from exporters.readings import Readings

BUSY = ("pending", "booked", "arrived", "checked-in", "fulfilled")
"""The FHIR statuses in which an appointment keeps its time from others."""
_STATE = {"pending": "held", "fulfilled": "over"}
"""What a status means for its slots; every other busy one is ``booked``."""
_DAY = timedelta(days=1)


class Ahead(Query):
    """Appointments and slots by service and horizon.

    The server counts them by parts of the time ahead that do not overlap (the first day, the rest of the week, the rest
    of the month), so that each part can be rounded by itself and a horizon is a sum of them.
    """

    name: ClassVar[str] = "ahead"

    def __init__(self) -> None:
        self._staff = Staff()
        self._coming: Counter[tuple[str, int]] = Counter()
        self._slots: Counter[tuple[str, int, str]] = Counter()
        self._offered: list[int] | None = None
        """How many slots one practitioner has within each horizon."""
        self._is_open: bool | None = None

    async def ask(self, reader: Reader, at: Moment) -> None:
        """Group by practitioner, part and state."""
        rows = await reader.rows("appointments", _pipeline(at), "status_start")
        staff, clinic = at.staff, at.staff.clinic
        self._staff, self._coming, self._slots = staff, Counter(), Counter()
        for row in rows:
            key = row["_id"]
            service = staff.service(key.get("practitioner"))
            self._slots[service, key["part"], "held" if key["state"] == "held" else "booked"] += int(row["slots"])
            if key["state"] != "over":
                self._coming[service, key["part"]] += int(row["n"])
        self._is_open = clinic.is_open(at.now) if clinic else None
        ends = [at.days(days) for days in f.HORIZONS.values()]
        self._offered = (
            [len(clinic.starts(at.now, min(end, at.now + clinic.horizon))) for end in ends] if clinic else None
        )

    def write(self, readings: Readings, smallest: int) -> None:
        """Write every service and horizon, at zero too; slots only where the clinic's hours are known."""
        if self._is_open is not None:
            readings.add(f.OPEN, float(self._is_open))
        for service, practitioners in self._staff.by_service().items():
            coming = booked = held = 0
            for part, horizon in enumerate(f.HORIZONS):
                coming += rounded(self._coming[service, part], smallest)
                booked += rounded(self._slots[service, part, "booked"], smallest)
                held += rounded(self._slots[service, part, "held"], smallest)
                readings.add(f.UPCOMING, coming, service, horizon)
                if self._offered is None:
                    continue
                capacity = self._offered[part] * practitioners
                readings.add(f.CAPACITY, capacity, service, horizon)
                free = max(0, capacity - booked - held)
                for state, count in zip(f.SLOT_STATES, (booked, held, free), strict=True):
                    readings.add(f.SLOTS, count, service, horizon, state)


def _pipeline(at: Moment) -> list[dict[str, Any]]:
    ends = [at.days(days) for days in f.HORIZONS.values()]
    parts = [{"case": {"$lt": ["$start", end]}, "then": number} for number, end in enumerate(ends)]
    states = [{"case": {"$eq": ["$status", status]}, "then": state} for status, state in _STATE.items()]
    key = {
        "practitioner": "$practitioner",
        "part": {"$switch": {"branches": parts, "default": len(ends) - 1}},
        "state": {"$switch": {"branches": states, "default": "booked"}},
    }
    return [
        {"$match": {"status": {"$in": list(BUSY)}, "start": {"$gte": at.now, "$lt": ends[-1]}}},
        {"$group": {"_id": key, "n": {"$sum": 1}, "slots": {"$sum": _slots_taken(at)}}},
    ]


def _slots_taken(at: Moment) -> Mapping[str, Any] | int:
    """Count the slots that one appointment covers: one, unless it is longer; never more than a day holds."""
    if at.staff.clinic is None:
        return 1
    slot = at.staff.clinic.slot
    parts = {"$ceil": {"$divide": [{"$subtract": ["$end", "$start"]}, slot / timedelta(milliseconds=1)]}}
    bounded = {"$max": [1, {"$min": [parts, _DAY // slot]}]}
    taken = {"$cond": [{"$eq": [{"$type": "$end"}, "date"]}, bounded, 1]}
    # Beyond the last day that can be booked no slot is on offer, so that none there can be taken.
    return {"$cond": [{"$lt": ["$start", at.now + at.staff.clinic.horizon]}, taken, 0]}
