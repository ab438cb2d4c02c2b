"""Business figures: how many appointments, patients and practitioners there are. Counts only, and nobody's name.

They are aggregated in MongoDB, which costs a scan of the collection, so they have a slow clock of their own (30 s);
after three missed turns they are gone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import pymongo
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError, PyMongoError

from exporters.collector import CollectError, Deadline
from exporters.mongodb.member import reason
from exporters.readings import Readings
from exporters.settings import Settings, SettingsError, read_password
from exporters.slow import SlowCollector
from exporters.sources import Sources
from telemetry.metric import Metric

STATUSES = (
    "proposed",
    "pending",
    "booked",
    "arrived",
    "checked-in",
    "fulfilled",
    "cancelled",
    "noshow",
    "waitlist",
    "entered-in-error",
)
"""HL7 FHIR R4's; whatever else a document says is not counted, so that no free text becomes a label."""
_COMING = ("pending", "booked", "arrived", "checked-in")
HORIZONS = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}

APPOINTMENTS = Metric(name="appointments", type="gauge", help="Appointments by FHIR status.", labels=("status",))
UPCOMING = Metric(
    name="appointments_upcoming",
    type="gauge",
    help="Appointments that will begin within the horizon; each horizon includes the shorter ones.",
    labels=("horizon",),
)
BOOKED_TIME = Metric(
    name="appointments_booked_time_seconds",
    type="gauge",
    unit="seconds",
    help="Practitioners' time that is booked within the horizon; over the time on offer it is their utilisation.",
    labels=("horizon",),
)
BOOKED_LAST_DAY = Metric(
    name="appointments_booked_last_day",
    type="gauge",
    help="Appointments made in the last 24 hours, whatever became of them.",
)
CANCELLED_LAST_DAY = Metric(
    name="appointments_cancelled_last_day", type="gauge", help="Appointments cancelled in the last 24 hours."
)
PATIENTS = Metric(name="patients", type="gauge", help="Registered patients.")
PRACTITIONERS = Metric(name="practitioners", type="gauge", help="Practitioners on record.")
QUERY_SECONDS = Metric(
    name="business_query_duration_seconds",
    type="gauge",
    unit="seconds",
    help="How long the database took for the business figures.",
)

_QUERY_LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of one turn; ``groups`` are the aggregation's rows by status."""

    groups: Mapping[str, Mapping[str, Any]]
    patients: int
    practitioners: int
    seconds: float


class BusinessCollector(SlowCollector):
    """Keeps the figures fresh in the background, and shows the last ones with their age."""

    name: ClassVar[str] = "business"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = (
        APPOINTMENTS,
        UPCOMING,
        BOOKED_TIME,
        BOOKED_LAST_DAY,
        CANCELLED_LAST_DAY,
        PATIENTS,
        PRACTITIONERS,
        QUERY_SECONDS,
    )

    def __init__(
        self, client: AsyncMongoClient[dict[str, Any]], *, database: str, interval: float, smallest_cell: int
    ) -> None:
        super().__init__(interval=interval, limit=_QUERY_LIMIT)
        self._client = client
        self._database = client.get_database(database, read_preference=ReadPreference.SECONDARY_PREFERRED)
        self._smallest_cell = smallest_cell

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """The figures are in MongoDB."""
        return None if settings.mongodb_uri else "--mongodb"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Prepare a client for the whole set; reads go to a secondary where there is one."""
        try:
            client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
                sources.settings.mongodb_uri,
                username=sources.settings.mongodb_username,
                password=read_password(sources.settings.mongodb_password_file),
                authSource="admin",
                appname="exporters",
                maxPoolSize=2,
                tz_aware=True,
            )
        except (ConfigurationError, ValueError) as error:
            raise SettingsError(f"mongodb_uri is not usable: {error}") from error
        return cls(
            client,
            database=sources.settings.database,
            interval=sources.settings.business_interval,
            smallest_cell=sources.settings.smallest_cell,
        )

    async def read(self, readings: Readings, deadline: Deadline) -> None:
        """Aggregate once, and write what came of it."""
        try:
            with pymongo.timeout(max(0.001, deadline.remaining())):
                figures = await read(self._database)
        except PyMongoError as error:
            raise CollectError(reason(error)) from error
        self._write(figures, readings)

    async def close(self) -> None:
        """Stop the clock, close the client."""
        await super().close()
        await self._client.close()

    def _write(self, figures: Figures, readings: Readings) -> None:
        groups = figures.groups
        for status in STATUSES:
            self._count(readings, APPOINTMENTS, int(groups.get(status, {}).get("count", 0)), status)
        for horizon in HORIZONS:
            coming = [groups.get(status, {}) for status in _COMING]
            count = sum(int(group.get(f"upcoming_{horizon}", 0)) for group in coming)
            if self._count(readings, UPCOMING, count, horizon):
                booked = sum(int(group.get(f"booked_{horizon}", 0)) for group in coming)
                readings.add(BOOKED_TIME, booked / 1000, horizon)
        self._count(readings, BOOKED_LAST_DAY, sum(int(group["made_last_day"]) for group in groups.values()))
        self._count(readings, CANCELLED_LAST_DAY, int(groups.get("cancelled", {}).get("changed_last_day", 0)))
        self._count(readings, PATIENTS, figures.patients)
        self._count(readings, PRACTITIONERS, figures.practitioners)
        readings.add(QUERY_SECONDS, figures.seconds)

    def _count(self, readings: Readings, metric: Metric, count: int, *labels: str) -> bool:
        """Add a count unless it is so small that it could point at somebody."""
        if 0 < count < self._smallest_cell:
            return False
        readings.add(metric, count, *labels)
        return True


async def read(database: AsyncDatabase[dict[str, Any]]) -> Figures:
    """Aggregate once over the appointments, and take the other collections' sizes from their metadata.

    Raises:
        PyMongoError: the database did not answer.
    """
    started = time.monotonic()
    cursor = await database["appointments"].aggregate(pipeline(datetime.now(UTC)))  # noqa: TID251  # the one reading of the clock here
    groups = {str(row["_id"]): row async for row in cursor}
    patients = await database["patients"].estimated_document_count()
    practitioners = await database["practitioners"].estimated_document_count()
    return Figures(groups, patients, practitioners, time.monotonic() - started)


def pipeline(now: datetime) -> list[dict[str, Any]]:
    """Build the aggregation: one pass, one row per status, nothing but numbers in it."""
    day_ago = now - timedelta(days=1)
    sums: dict[str, Any] = {"count": {"$sum": 1}, "made_last_day": _sum_if({"$gte": ["$created", day_ago]}, 1)}
    sums["changed_last_day"] = _sum_if({"$gte": [{"$last": "$history.at"}, day_ago]}, 1)
    for name, horizon in HORIZONS.items():
        coming = {"$and": [{"$gte": ["$start", now]}, {"$lt": ["$start", now + horizon]}]}
        sums[f"upcoming_{name}"] = _sum_if(coming, 1)
        sums[f"booked_{name}"] = _sum_if(coming, {"$subtract": ["$end", "$start"]})
    return [{"$match": {"status": {"$in": list(STATUSES)}}}, {"$group": {"_id": "$status", **sums}}]


def _sum_if(condition: dict[str, Any], value: object) -> dict[str, Any]:
    return {"$sum": {"$cond": [condition, value, 0]}}
