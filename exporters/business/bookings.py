"""What patients do: bookings by service, hour, weekday and lead time, and cancellations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from exporters.business import families as f
from exporters.business.cells import cumulative, rounded, stepped
from exporters.business.moment import Moment
from exporters.business.query import Query
from exporters.business.reader import Reader
from exporters.readings import Readings

_APPOINTMENTS = "appointments"
_BY_CREATED = "created_start"
_USAGE_DAYS, _LEAD_DAYS = 28, 30
"""Four whole weeks, so that each weekday is in it equally often; and a month."""
SETTLED = timedelta(seconds=300)
"""Bookings younger than this are counted in a later turn: they may not have reached the secondary that is asked, or be
those of a synthetic patient whom his prober left behind and the app has not removed yet (two minutes, and a pause)."""
_CODES = {"patient": "pat", "clinic": "prov"}
"""FHIR's appointment-cancellation-reason: codes that begin so say who cancelled (pat, pat-crs; prov, prov-dna)."""

_LEAD: Mapping[str, Any] = {
    "$cond": [
        {"$eq": [{"$type": "$start"}, "date"]},
        {"$max": [0, {"$divide": [{"$subtract": ["$start", "$created"]}, 1000]}]},
        None,
    ]
}
_CLASSES: Mapping[str, Any] = {
    "$switch": {
        "branches": [
            {"case": {"$eq": ["$$lead", None]}, "then": None},
            *({"case": {"$lte": ["$$lead", edge]}, "then": number} for number, edge in enumerate(f.LEAD_EDGES)),
        ],
        "default": len(f.LEAD_EDGES),
    }
}
_LEAD_CLASS: Mapping[str, Any] = {"$let": {"vars": {"lead": _LEAD}, "in": _CLASSES}}
"""The number of a lead time's class in ``LEADS``; its upper edge belongs to it, as in a histogram."""


def made(since: datetime, until: datetime) -> dict[str, Any]:
    """Match what was booked from ``since`` on and before ``until``."""
    return {"$match": {"created": {"$gte": since, "$lt": until}}}


class Made(Query):
    """Bookings of the last day, by service."""

    name: ClassVar[str] = "made"

    def __init__(self) -> None:
        self._counts: Mapping[str, int] = {}

    async def ask(self, reader: Reader, at: Moment) -> None:
        """Group by practitioner on the server, and by service here."""
        group = {"$group": {"_id": "$practitioner", "n": {"$sum": 1}}}
        rows = await reader.rows(_APPOINTMENTS, [made(at.days(-1), at.now), group], _BY_CREATED)
        counts: Counter[str] = Counter()
        for row in rows:
            counts[at.staff.service(row["_id"])] += int(row["n"])
        self._counts = {service: counts[service] for service in at.staff.services}

    def write(self, readings: Readings, smallest: int) -> None:
        """Write every service, at zero too."""
        for service, count in self._counts.items():
            readings.add(f.MADE_LAST_DAY, rounded(count, smallest), service)


class Usage(Query):
    """When patients book, and how far ahead, over the last weeks."""

    name: ClassVar[str] = "usage"
    slow: ClassVar[bool] = True

    def __init__(self) -> None:
        self._hours: Counter[int] = Counter()
        self._weekdays: Counter[int] = Counter()
        self._leads: Counter[int] = Counter()

    async def ask(self, reader: Reader, at: Moment) -> None:
        """Group once by everything: at most 25 x 7 x 12 rows, however many bookings there are."""
        local = {"date": "$created", "timezone": at.zone.key}
        recent = {"$gte": ["$created", at.days(-_USAGE_DAYS)]}
        key = {
            "hour": {"$cond": [recent, {"$hour": local}, None]},
            "weekday": {"$cond": [recent, {"$isoDayOfWeek": local}, None]},
            "lead": _LEAD_CLASS,
        }
        group = {"$group": {"_id": key, "n": {"$sum": 1}}}
        rows = await reader.rows(_APPOINTMENTS, [made(at.days(-_LEAD_DAYS), at.now), group], _BY_CREATED)
        self._hours, self._weekdays, self._leads = Counter(), Counter(), Counter()
        for row in rows:
            count = int(row["n"])
            if row["_id"]["hour"] is not None:
                self._hours[row["_id"]["hour"]] += count
                self._weekdays[row["_id"]["weekday"]] += count
            if row["_id"]["lead"] is not None:
                self._leads[row["_id"]["lead"]] += count

    def write(self, readings: Readings, smallest: int) -> None:
        """Write every hour, weekday and class, at zero too."""
        for hour, name in enumerate(f.HOURS):
            readings.add(f.MADE_BY_HOUR, rounded(self._hours[hour], smallest), name)
        for number, name in enumerate(f.WEEKDAYS, start=1):
            readings.add(f.MADE_BY_WEEKDAY, rounded(self._weekdays[number], smallest), name)
        for number, name in enumerate(f.LEADS):
            readings.add(f.MADE_BY_LEAD, rounded(self._leads[number], smallest), name)


class LeadTimes(Query):
    """The histogram: each booking once, from the first turn on; a turn reads only what is new."""

    name: ClassVar[str] = "lead_times"

    def __init__(self) -> None:
        self._counted_to: datetime | None = None
        self._cells = [0] * (len(f.LEAD_EDGES) + 1)
        self._sum = 0.0

    async def ask(self, reader: Reader, at: Moment) -> None:
        """Count what was booked since the last turn, up to what a secondary surely has by now."""
        until = at.now - SETTLED - reader.behind
        if self._counted_to is None or until <= self._counted_to:
            self._counted_to = self._counted_to or until
            return
        # The sum repeats the expression: a stage that adds a field would have whole documents read for it.
        group = {"$group": {"_id": _LEAD_CLASS, "n": {"$sum": 1}, "sum": {"$sum": _LEAD}}}
        rows = await reader.rows(_APPOINTMENTS, [made(self._counted_to, until), group], _BY_CREATED)
        cells, total = self._cells.copy(), self._sum
        for row in rows:
            if row["_id"] is not None:
                cells[row["_id"]] += int(row["n"])
                total += float(row["sum"])
        # Only now, and all at once: what is counted again after a failure must not be counted twice.
        self._cells, self._sum, self._counted_to = cells, total, until

    def write(self, readings: Readings, smallest: int) -> None:
        """Write buckets that never fall, since rounding keeps the order of counts."""
        totals = cumulative(self._cells, smallest)
        readings.histogram(f.LEAD_TIME, totals, stepped(self._sum, smallest, f.DAY))


class Cancelled(Query):
    """Cancellations of the last day."""

    name: ClassVar[str] = "cancelled"

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    async def ask(self, reader: Reader, at: Moment) -> None:
        """Group by who and how early; the last entry of the history that says cancelled is the moment."""
        since = at.days(-1)
        match = {"$match": {"status": "cancelled", "history.at": {"$gte": since, "$lt": at.now}}}
        entries = {"$cond": [{"$isArray": "$history"}, "$history", []]}
        mine = {"$and": [{"$eq": ["$$this.status", "cancelled"]}, {"$eq": [{"$type": "$$this.at"}, "date"]}]}
        last = {"$max": {"$map": {"input": {"$filter": {"input": entries, "cond": mine}}, "in": "$$this.at"}}}
        within = {"$and": [{"$gte": ["$at", since]}, {"$lt": ["$at", at.now]}]}
        group = {"$group": {"_id": {"by": _by(), "notice": _notice(), "counts": within}, "n": {"$sum": 1}}}
        rows = await reader.rows(_APPOINTMENTS, [match, {"$set": {"at": last}}, group], "cancelled_at")
        self._counts = Counter()
        for row in rows:
            if row["_id"]["counts"]:
                self._counts[row["_id"]["by"], row["_id"]["notice"]] += int(row["n"])

    def write(self, readings: Readings, smallest: int) -> None:
        """Write every pair, at zero too."""
        for by in f.CANCELLED_BY:
            for notice in f.NOTICES:
                readings.add(f.CANCELLED_LAST_DAY, rounded(self._counts[by, notice], smallest), by, notice)


def _by() -> dict[str, Any]:
    code = {"$cond": [{"$eq": [{"$type": "$cancelationReason"}, "string"]}, "$cancelationReason", ""]}
    branches = [
        {"case": {"$in": [{"$arrayElemAt": [{"$split": [code, "-"]}, 0]}, [word]]}, "then": who}
        for who, word in _CODES.items()
    ]
    return {"$switch": {"branches": branches, "default": "other"}}


def _notice() -> dict[str, Any]:
    dated = {"$eq": [{"$type": "$start"}, "date"]}
    early = {"$gte": [{"$subtract": ["$start", "$at"]}, int(1000 * f.DAY)]}
    return {
        "$cond": [
            {"$and": [dated, {"$eq": [{"$type": "$at"}, "date"]}]},
            {"$cond": [early, "ge24h", "lt24h"]},
            "unknown",
        ]
    }
