"""Each business figure is the documents in the database, counted; no query of them scans a collection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient

from app.mongodb import ensure_indexes
from app.schedule import make_clinic
from exporters.business import families as f
from exporters.business.collector import BusinessCollector
from exporters.business.reader import choose
from exporters.collector import CollectError, Deadline
from exporters.mongodb.source import Mongodb
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.redis.source import Redis
from exporters.settings import Settings
from tests.conftest import EmbeddedStack
from tests.contract.business_documents import Document, Practice, expected, practice, third_next

pytestmark = pytest.mark.stack

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 6, 17, 9, 40, 12, 345_000, tzinfo=UTC)
Samples = dict[tuple[str, ...], float]


@dataclass(frozen=True)
class Place:
    """The collection that the app would fill, and what the exporters read it with."""

    data: Any
    settings: Settings


@pytest.fixture(scope="module")
def place(replica_set: EmbeddedStack) -> Iterator[Place]:
    layout = replica_set.layout
    admin: pymongo.MongoClient[Document] = pymongo.MongoClient(
        layout.mongodb_uri,
        username="admin",
        password=layout.mongodb_password("admin").read_text().strip(),
        tz_aware=True,
        w=3,
    )
    settings = Settings(
        mongodb_uri=layout.mongodb_uri,
        mongodb_username="exporters",
        mongodb_password_file=layout.mongodb_password("exporters"),
    )
    with admin:
        yield Place(admin["appointments"], settings)
        admin.drop_database("appointments")


async def prepare(place: Place, held: Practice | None = None) -> None:
    """Make the database as the app does, and put documents in."""
    for name in ("appointments", "patients", "practitioners", "clinic", "users", "erasures"):
        place.data[name].drop()
    theirs = place.data.client
    credentials = {"username": "admin", "password": theirs.options._options["password"]}
    async with AsyncMongoClient[Document](place.settings.mongodb_uri, **credentials, w=3) as client:
        await ensure_indexes(client["appointments"])
    if held is None:
        return
    unordered = {"ordered": False}
    place.data["appointments"].insert_many(held.appointments, **unordered)
    place.data["patients"].insert_many(held.patients, **unordered)
    place.data["practitioners"].insert_many(held.practitioners)
    place.data["clinic"].insert_one({"_id": "schedule", **held.clinic.hours()})


@asynccontextmanager
async def collecting(
    place: Place, now: datetime, *, smallest_cell: int = 1, redis: Redis | None = None
) -> AsyncIterator[BusinessCollector]:
    source = Mongodb.open(place.settings)
    services = tuple(place.settings.services.split(","))
    collector = BusinessCollector(
        source,
        redis,
        database="appointments",
        interval=30,
        smallest_cell=smallest_cell,
        services=services,
        clock=lambda: now,
    )
    try:
        yield collector
    finally:
        await source.close()


async def read(collector: BusinessCollector) -> Readings:
    readings = Readings(collector.metrics)
    await collector.read(readings, Deadline(10))
    return readings


async def figures(place: Place, now: datetime, **options: Any) -> Readings:
    async with collecting(place, now, **options) as collector:
        return await read(collector)


def samples(readings: Readings, name: str) -> Samples:
    return dict(zip(*readings.series[name], strict=True))


COUNTED = (
    "appointments",
    "appointments_due_last_day",
    "appointments_waitlist_length",
    "appointments_made_last_day",
    "appointments_made_by_lead_time",
    "appointments_made_by_hour",
    "appointments_made_by_weekday",
    "appointments_cancelled_last_day",
    "appointments_upcoming",
    "patients",
    "patients_registered",
    "practitioners",
)


@pytest.mark.parametrize(
    ("seed", "zone", "now"),
    [
        (1, "UTC", NOW),
        (2, BERLIN, NOW),
        (3, BERLIN, datetime(2026, 3, 28, 13, 15, tzinfo=UTC)),  # clocks go forward in the night to come
        (4, BERLIN, datetime(2026, 3, 29, 11, 0, 0, 1_000, tzinfo=UTC)),  # they did this morning
        (5, BERLIN, datetime(2026, 10, 24, 20, 30, tzinfo=UTC)),  # they go back in the night to come
        (6, BERLIN, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # the hour that comes twice, for the first time
        (7, "America/St_Johns", datetime(2026, 11, 1, 23, 59, 59, 999_000, tzinfo=UTC)),
        (8, "Pacific/Apia", datetime(2026, 12, 31, 10, 0, tzinfo=UTC)),
    ],
)
async def test_every_figure_is_the_documents_counted_one_by_one(
    place: Place, seed: int, zone: str, now: datetime
) -> None:
    held = practice(seed, make_clinic(12, zone, 90), now)
    await prepare(place, held)
    readings = await figures(place, now)
    wanted = expected(held)
    assert readings.partial == []
    for name in COUNTED:
        shown = samples(readings, name)
        assert {key: value for key, value in shown.items() if value} == dict(wanted.get(name, {})), name
    _assert_slots(readings, held, wanted["appointment_slots"])
    assert samples(readings, "appointments_third_next_available_seconds") == {
        (service,): pytest.approx(seconds) for service, seconds in third_next(held).items()
    }


def _assert_slots(readings: Readings, held: Practice, wanted: Mapping[tuple[str, ...], int]) -> None:
    shown, capacity = samples(readings, "appointment_slots"), samples(readings, "appointment_slots_capacity")
    taken = {key: value for key, value in shown.items() if value and key[2] != "free"}
    assert taken == dict(wanted)
    staff = samples(readings, "practitioners")
    for (service, horizon), slots in capacity.items():
        until = held.local(f.HORIZONS[horizon])
        each = list(held.clinic.slots_between("anybody", held.now, until + timedelta(days=1)))
        assert slots == staff[(service,)] * sum(held.now <= one.start < until for one in each)
        used = shown[service, horizon, "booked"] + shown[service, horizon, "held"]
        assert shown[service, horizon, "free"] == max(0, slots - used)


async def test_small_counts_are_rounded_and_totals_are_sums_of_rounded_ones(place: Place) -> None:
    held = practice(9, make_clinic(5, BERLIN, 90), NOW, count=300)
    await prepare(place, held)
    exact, shown = await figures(place, NOW), await figures(place, NOW, smallest_cell=5)
    people = [name for name in COUNTED if name != "practitioners"]
    assert [value for name in people for value in samples(shown, name).values() if value % 5] == []
    for name in set(people) - {"appointments_upcoming", "patients_registered"}:
        true = samples(exact, name)
        assert all(abs(value - true[key]) <= 2 for key, value in samples(shown, name).items()), name
    week, day = samples(shown, "patients_registered")["7d",], samples(shown, "patients_registered")["1d",]
    true = samples(exact, "patients_registered")
    assert abs(week - day - (true["7d",] - true["1d",])) <= 2, "the six days between are rounded by themselves"


async def test_lead_times_are_counted_once_each_from_the_start_on(place: Place) -> None:
    clinic = make_clinic(5, "UTC", 90)
    held = practice(10, clinic, NOW + timedelta(minutes=30))
    await prepare(place, held)
    async with collecting(place, NOW) as collector:
        first = await read(collector)
        steps = [await read_at(collector, NOW + timedelta(minutes=minutes)) for minutes in (10, 10, 20, 31.5)]
    counts = [samples(one, "appointment_lead_time_seconds")["_count",] for one in (first, *steps)]
    counted = [
        one
        for one in held.appointments
        if isinstance(one.get("created"), datetime)
        and isinstance(one.get("start"), datetime)
        and NOW - timedelta(seconds=90) <= one["created"] < NOW + timedelta(minutes=30)
    ]
    last = samples(steps[-1], "appointment_lead_time_seconds")
    seconds = [max(0, (one["start"] - one["created"]).total_seconds()) for one in counted]
    assert counts[0] == 0
    assert counts[1] == counts[2] <= counts[3] <= counts[4] == len(counted) > 0
    assert last["_bucket", "259200.0"] == sum(second <= 259_200 for second in seconds)
    assert last["_sum",] == pytest.approx(sum(seconds))


async def read_at(collector: BusinessCollector, now: datetime) -> Readings:
    collector._clock = lambda: now
    for turn in collector._turns:
        turn._rests_until = 0
    return await read(collector)


async def test_an_empty_database_has_figures_of_zero(place: Place) -> None:
    await prepare(place)
    readings = await figures(place, NOW)
    assert readings.partial == []
    assert set(samples(readings, "appointments").values()) == {0}
    assert samples(readings, "patients") == {(): 0}
    assert samples(readings, "appointments_upcoming")["cardiology", "7d"] == 0
    assert samples(readings, "appointment_slots_capacity") == {}, "nobody has said when the clinic is open"
    assert samples(readings, "appointments_third_next_available_seconds") == {}


async def test_a_missing_index_costs_its_figures_and_never_a_scan(place: Place) -> None:
    await prepare(place, practice(11, make_clinic(5, "UTC", 90), NOW, count=50))
    place.data["appointments"].drop_index("created_start")
    readings = await figures(place, NOW)
    assert readings.partial == [Reason.ERROR] * 2
    assert samples(readings, "appointments_made_last_day") == {}
    assert sum(samples(readings, "appointments").values()) > 0


async def test_hours_that_are_not_ours_cost_what_needs_them(place: Place) -> None:
    await prepare(place, practice(12, make_clinic(5, "UTC", 90), NOW, count=50))
    place.data["clinic"].update_one({"_id": "schedule"}, {"$set": {"time_zone": "Mars/Olympus", "slot_minutes": 0}})
    readings = await figures(place, NOW)
    assert readings.partial == [Reason.MALFORMED]
    assert samples(readings, "appointment_slots_capacity") == {}
    assert sum(samples(readings, "appointments_made_by_hour").values()) > 0


async def test_a_secondary_is_asked(place: Place) -> None:
    source = Mongodb.open(place.settings)
    try:
        member = await choose(source, Deadline(5))
        hello = await member.run({"hello": 1}, Deadline(5))
    finally:
        await source.close()
    assert hello["secondary"] is True


async def test_nobody_there_is_told(place: Place) -> None:
    source = Mongodb.open(Settings(mongodb_uri="mongodb://127.0.0.1:9"))
    try:
        with pytest.raises(CollectError) as caught:
            await choose(source, Deadline(2))
    finally:
        await source.close()
    assert caught.value.reason is Reason.REFUSED
