"""The third next available appointment: the standard measure of how soon patients are seen.

The first and second free slot are often there by chance (somebody has just cancelled); the third says how long one
really waits. As the Institute for Healthcare Improvement defines it, it is found for each practitioner, and averaged.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any, ClassVar

from exporters.business import families as f
from exporters.business.clinic import Clinic
from exporters.business.moment import Moment
from exporters.business.query import Query
from exporters.business.reader import Reader
from exporters.business.slots import BUSY
from exporters.readings import Readings

_THIRD = 3
_STEPS = (1, 7, 30)
"""Days to look ahead: the next only for practitioners who had no third free slot within the one before."""
_AT_ONCE = 20_000
"""Slots that one answer may speak of, so that no answer grows with the clinic."""
_LONGEST = timedelta(hours=12)
"""Appointments that began longer ago than this do not last into the time ahead."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_START, _END = ({"$toLong": "$start"}, {"$cond": [{"$eq": [{"$type": "$end"}, "date"]}, {"$toLong": "$end"}, None]})


class ThirdNext(Query):
    """The mean over a service's practitioners."""

    name: ClassVar[str] = "third_next"
    slow: ClassVar[bool] = True

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    async def ask(self, reader: Reader, at: Moment) -> None:
        """Look further ahead until everybody's third free slot is found, or the last day that can be booked is over."""
        self._seconds = {}
        clinic = at.staff.clinic
        if clinic is None:
            return
        found = await _search(reader, at, clinic)
        waits: defaultdict[str, list[float]] = defaultdict(list)
        for practitioner, service in at.staff.service_of.items():
            waits[service].append(found.get(practitioner, clinic.horizon.total_seconds()))
        self._seconds = {service: fmean(all_waits) for service, all_waits in waits.items()}

    def write(self, readings: Readings, smallest: int) -> None:  # noqa: ARG002  # says nothing about patients
        """Write each service that somebody works in."""
        for service, seconds in self._seconds.items():
            readings.add(f.THIRD_NEXT, seconds, service)


async def _search(reader: Reader, at: Moment, clinic: Clinic) -> dict[str, float]:
    """Return the seconds until the third free slot, by practitioner."""
    found: dict[str, float] = {}
    now = _milliseconds(at.now)
    slot, last = clinic.slot // timedelta(milliseconds=1), at.now + clinic.horizon
    # A slot that begins at this very moment cannot be booked any more.
    offered = [start for start in map(_milliseconds, clinic.starts(at.now, last)) if start > now]
    for until in (*(min(at.days(days), last) for days in _STEPS), last):
        starts = offered[: bisect_left(offered, _milliseconds(until))]
        missing = [practitioner for practitioner in at.staff.service_of if practitioner not in found]
        if len(starts) < _THIRD:
            continue
        everybody = len(missing) == len(at.staff.service_of)
        for some in _batches(missing, max(1, _AT_ONCE // len(starts))):
            rows = await reader.rows(
                "appointments", _busy(some, at.now, until), "status_start" if everybody else "practitioner_start"
            )
            busy = {row["_id"]: row["busy"] for row in rows}
            for practitioner in some:
                third = _third_free(starts, slot, busy.get(practitioner, ()))
                if third is not None:
                    found[practitioner] = (third - now) / 1000
    return found


def _busy(practitioners: Sequence[str], now: datetime, until: datetime) -> list[dict[str, Any]]:
    match = {
        "practitioner": {"$in": list(practitioners)},
        "status": {"$in": list(BUSY)},
        "start": {"$gte": now - _LONGEST, "$lt": until},
    }
    group = {"_id": "$practitioner", "n": {"$sum": 1}, "busy": {"$push": {"from": _START, "to": _END}}}
    return [{"$match": match}, {"$group": group}]


def _third_free(starts: Sequence[int], slot: int, busy: Iterable[Mapping[str, int | None]]) -> int | None:
    """Return the third of ``starts`` whose slot nothing overlaps; all times in milliseconds."""
    taken: set[int] = set()
    for one in busy:
        begins, ends = one["from"], one["to"]
        if begins is not None:
            first = bisect_right(starts, begins - slot)
            taken.update(starts[first : bisect_left(starts, begins + slot if ends is None else ends)])
    count = 0
    for start in starts:
        count += start not in taken
        if count == _THIRD:
            return start
    return None


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _batches(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
