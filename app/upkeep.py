"""What is done at start and each minute after: indexes, data key, practitioners, overlaps, unfinished erasures.

Again and again, because a database can be emptied or restored under a running app; without the unique indexes bookings
could double, so the app is not ready before these are there. All others are built while it serves.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from pymongo import UpdateOne
from pymongo.read_preferences import SecondaryPreferred

from app.clock import now
from app.deadline import within
from app.encryption import FieldEncryption
from app.erasure import Erasure
from app.metrics import Metrics
from app.mongodb import BUSY_STATUSES, Database, Document, ensure_guards, ensure_indexes
from app.readiness import Readiness
from app.schedule import Clinic
from telemetry.logs import get_logger

log = get_logger()

_FIRST_RETRY = 0.5
_LONGEST_RETRY = 5.0
_CHECK_DEADLINE = 30.0
_CHECK_SHARE = 50
"""The pause after a look for overlaps is at least this many times its length: at most 2 % of one server's time."""


class Leftovers:
    """Erases what was left behind: by a process that died in the middle, by a prober that never came back."""

    def __init__(self, erasure: Erasure, metrics: Metrics, synthetic_lifetime: timedelta) -> None:
        self._erasure = erasure
        self._metrics = metrics
        self._lifetime = synthetic_lifetime

    async def erase(self) -> None:
        """Erase; what fails is tried again in the next round."""
        # First, and for itself: this one is owed to people who asked for it.
        await self._tried(self._erasure.finish)
        await self._tried(self._expire)

    async def _expire(self) -> None:
        if count := await self._erasure.expired(self._lifetime):
            self._metrics.synthetic_leftovers.inc(count)
            log.warning("app.synthetic_expired", count=count)

    async def _tried(self, job: Callable[[], Awaitable[None]]) -> None:
        try:
            with within(_CHECK_DEADLINE):
                await job()
        except Exception as error:  # noqa: BLE001  # whatever it is: serve on, and try again
            log.warning("app.job_failed", job="erasure", error=error)


class Upkeep:
    """The app's own recurring work."""

    def __init__(
        self,
        database: Database,
        encryption: FieldEncryption,
        clinic: Clinic,
        metrics: Metrics,
        readiness: Readiness,
        leftovers: Leftovers,
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._clinic = clinic
        self._metrics = metrics
        self._readiness = readiness
        self._leftovers = leftovers

    async def run(self, interval: float) -> None:
        """Prepare until it works, then keep things so, every ``interval`` seconds, until cancelled."""
        began = time.monotonic()
        await self._prepare_until_done()
        self._readiness.started()
        log.info("app.ready", seconds=round(time.monotonic() - began, 3))
        # Side by side, because an index of a large collection may take hours, and erasing waits for nothing.
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(interval))
            group.create_task(self._keep_indexed(interval))
            group.create_task(self._watch_for_overlaps(interval))

    async def _keep(self, interval: float) -> None:
        while True:
            await self._leftovers.erase()
            await asyncio.sleep(interval)
            await self._prepare_once()

    async def _keep_indexed(self, interval: float) -> None:
        while True:
            try:
                await ensure_indexes(self._database.data)
            except Exception as error:  # noqa: BLE001  # whatever it is: serve on, and try again
                log.warning("app.job_failed", job="indexes", error=error)
            await asyncio.sleep(interval)

    async def _watch_for_overlaps(self, interval: float) -> None:
        while True:
            started = time.monotonic()
            await self._look_for_overlaps()
            await asyncio.sleep(max(interval, _CHECK_SHARE * (time.monotonic() - started)))

    async def _prepare_until_done(self) -> None:
        pause = _FIRST_RETRY
        while not await self._prepare_once():
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_RETRY)

    async def _prepare_once(self) -> bool:
        try:
            await ensure_guards(self._database.data)
            await self._encryption.prepare()
            await self._seed()
        except Exception as error:  # noqa: BLE001  # whatever it is: serve on, and try again
            log.warning("app.store_unavailable", system="mongodb", error=error)
            return False
        return True

    async def _seed(self) -> None:
        practitioners = [
            UpdateOne({"_id": one.id}, {"$setOnInsert": {"name": one.name, "specialty": one.specialty}}, upsert=True)
            for one in self._clinic.practitioners
        ]
        present = await self._database.data["practitioners"].count_documents({})
        if present < len(practitioners):
            await self._database.data["practitioners"].bulk_write(practitioners, ordered=False)
        schedule = {"_id": "schedule", **self._clinic.hours()}
        if await self._database.data["clinic"].find_one({"_id": "schedule"}) != schedule:
            await self._database.data["clinic"].replace_one({"_id": "schedule"}, schedule, upsert=True)

    async def _look_for_overlaps(self) -> None:
        try:
            with within(_CHECK_DEADLINE):
                count = sum([await self._overlaps(owner) for owner in ("practitioner", "patient")])
        except Exception as error:  # noqa: BLE001  # whatever it is: unknown now, which is not 0
            self._metrics.overlapping.value = math.nan
            log.warning("app.job_failed", job="overlap_check", error=error)
            return
        self._metrics.overlapping.value = count
        self._metrics.overlap_checked.set(now().timestamp())
        if count:
            log.error("app.appointments_overlapping", count=count)

    async def _overlaps(self, owner: str) -> int:
        """Count appointments that begin before an earlier one of the same owner has ended.

        By their times, not by the cells that the index guards: a check that shared the guard's arithmetic would share
        its mistakes.
        """
        pipeline: list[Document] = [
            {"$match": {"status": {"$in": list(BUSY_STATUSES)}}},
            {
                "$setWindowFields": {
                    "partitionBy": f"${owner}",
                    "sortBy": {"start": 1},
                    "output": {"before": {"$max": "$end", "window": {"documents": ["unbounded", -1]}}},
                }
            },
            {"$match": {"$expr": {"$gt": ["$before", "$start"]}}},
            {"$count": "found"},
        ]
        appointments = self._database.data.get_collection("appointments", read_preference=SecondaryPreferred())

        async def count() -> list[Document]:
            return await (await appointments.aggregate(pipeline, allowDiskUse=True)).to_list()

        found = await self._database.run("aggregate", count)
        return int(found[0]["found"]) if found else 0
