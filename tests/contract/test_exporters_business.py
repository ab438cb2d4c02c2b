"""Each business figure is the documents in the database, counted; no query of them scans a collection."""

from __future__ import annotations

import random
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from prometheus_client import CollectorRegistry
from pymongo import AsyncMongoClient
from redis.asyncio import Redis as RedisClient

from app.activity import Activity
from app.appointments import Appointments
from app.clock import now
from app.metrics import Metrics
from app.mongodb import Database, connect, ensure_indexes
from app.schedule import make_clinic
from app.settings import Settings as AppSettings
from exporters.business import families as f
from exporters.business.bookings import SETTLED
from exporters.business.collector import BusinessCollector
from exporters.business.reader import Reader, choose
from exporters.collector import CollectError, Deadline
from exporters.mongodb.source import Mongodb
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.redis.source import Redis
from exporters.settings import Settings
from monitor.stack import programs
from tests.conftest import EmbeddedStack
from tests.contract.business_documents import Document, Practice, expected, many, practice, third_next
from tests.contract.business_plans import explained

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
    if held.appointments:
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
        steps = [await read_at(collector, NOW + timedelta(minutes=minutes)) for minutes in (10, 10, 20, 36)]
    counts = [samples(one, "appointment_lead_time_seconds")["_count",] for one in (first, *steps)]
    counted = [
        one
        for one in held.appointments
        if isinstance(one.get("created"), datetime)
        and isinstance(one.get("start"), datetime)
        and NOW - SETTLED <= one["created"] < NOW + timedelta(minutes=30)
    ]
    last = samples(steps[-1], "appointment_lead_time_seconds")
    seconds = [max(0, (one["start"] - one["created"]).total_seconds()) for one in counted]
    assert counts[0] == 0
    assert counts[1] == counts[2] <= counts[3] <= counts[4] == len(counted) > 0
    assert last["_bucket", "259200.0"] == sum(second <= 259_200 for second in seconds)
    assert last["_sum",] == pytest.approx(sum(seconds))


async def read_at(collector: BusinessCollector, at: datetime) -> Readings:
    collector._clock = lambda: at
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
        member, _ = await choose(source, Deadline(5), NOW)
        hello = await member.run({"hello": 1}, Deadline(5))
    finally:
        await source.close()
    assert hello["secondary"] is True


async def commands_of_a_turn(place: Place, at: datetime, monkeypatch: pytest.MonkeyPatch) -> list[Document]:
    asked: list[Document] = []
    ask = Reader._run

    async def noting(reader: Reader, command: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(dict(command))
        return await ask(reader, command)

    monkeypatch.setattr(Reader, "_run", noting)
    async with collecting(place, at) as collector:
        await read_at(collector, at - timedelta(minutes=20))
        asked.clear()
        await read_at(collector, at)
    return asked


async def test_nobody_there_is_told(place: Place) -> None:
    source = Mongodb.open(Settings(mongodb_uri="mongodb://127.0.0.1:9"))
    try:
        with pytest.raises(CollectError) as caught:
            await choose(source, Deadline(2), NOW)
    finally:
        await source.close()
    assert caught.value.reason is Reason.REFUSED


async def test_the_third_free_slot_is_found_behind_weeks_that_are_full(place: Place) -> None:
    clinic = make_clinic(6, BERLIN, 90)
    held = practice(13, clinic, NOW, count=0)
    full = {clinic.practitioners[0].id: 3, clinic.practitioners[1].id: 20, clinic.practitioners[2].id: 95}
    for practitioner, days in full.items():
        taken = list(clinic.slots_between(practitioner, NOW, NOW + timedelta(days=days)))
        free = set(random.Random(days).sample(taken[:60], 2))  # the two that somebody has just cancelled
        held.appointments.extend(_booked(one.start, practitioner) for one in taken if one not in free)
    await prepare(place, held)
    readings = await figures(place, NOW)
    shown = samples(readings, "appointments_third_next_available_seconds")
    assert shown == {(service,): pytest.approx(seconds) for service, seconds in third_next(held).items()}
    assert shown["cardiology",] == 90 * 86_400, "there is none before the last day that can be booked"


def _booked(start: datetime, practitioner: str) -> Document:
    end, unique = start + timedelta(minutes=15), uuid.uuid4().hex
    guards = {"cells": [unique], "patient_cells": [unique], "patient": unique, "idempotency_key": unique}
    return {"_id": unique, "status": "booked", "practitioner": practitioner, "start": start, "end": end, **guards}


async def test_what_the_app_books_and_cancels_is_counted(place: Place, replica_set: EmbeddedStack) -> None:
    clinic = make_clinic(5, BERLIN, 90)
    await prepare(place, practice(14, clinic, now(), count=0))
    settings = AppSettings(
        mongodb_uri=replica_set.layout.mongodb_uri, mongodb_password_file=replica_set.layout.mongodb_password("app")
    )
    metrics = Metrics(CollectorRegistry(), version="0")
    async with connect(settings, metrics) as client:
        book = Appointments(Database(client, settings, metrics))
        free = clinic.slots_between(clinic.practitioners[2].id, now() + timedelta(days=3), now() + timedelta(days=20))
        for number, slot in zip(range(7), free, strict=False):
            booking = await book.book(uuid.uuid4().hex, slot, uuid.uuid4().hex)
            assert booking.appointment is not None
            if number < 3:
                await book.cancel(booking.appointment["patient"], booking.appointment["_id"])
    await _replicated(place, 7)
    readings = await figures(place, now() + timedelta(seconds=1))
    assert samples(readings, "appointments_made_last_day")["cardiology",] == 7
    cancelled = samples(readings, "appointments_cancelled_last_day")
    assert {key: value for key, value in cancelled.items() if value} == {("patient", "ge24h"): 3}
    assert samples(readings, "appointment_slots")["cardiology", "30d", "booked"] == 4
    assert samples(readings, "appointments_upcoming")["cardiology", "1d"] == 0


async def _replicated(place: Place, count: int) -> None:
    """Wait until every member has what was written with w=majority."""
    place.data["practitioners"].update_one({"_id": "practitioner-98"}, {"$set": {"seen": count}})  # with w=3


async def test_active_patients_are_estimated_and_nobody_is_kept(place: Place, tmp_path: Path) -> None:
    await prepare(place)
    patients = [uuid.uuid4().hex for _ in range(300)]
    with redis_server(tmp_path) as address:
        client, redis = RedisClient.from_url(address), Redis.open(Settings(redis_uri=address))
        try:
            for instance, some in ((1, patients[:200]), (2, patients[100:])):  # two apps, with a hundred in common
                activity = Activity(client, b"the key that both have" + b"x" * 32)
                for patient in some * 2:
                    activity.seen(patient)
                await activity.write()
                assert activity._seen == set(), instance
            readings = await figures(place, now(), redis=redis)
            later = await figures(place, now() + timedelta(minutes=30), redis=redis)
            kept = [str(await client.dump(key)) + str(await client.ttl(key)) for key in await client.keys()]
        finally:
            await redis.close()
            await client.aclose()
    shown = samples(readings, "active_users")
    assert shown == {(window,): pytest.approx(300, rel=0.05) for window in f.ACTIVE}
    assert samples(later, "active_users")["5m",] == 0
    assert samples(later, "active_users")["1h",] == shown["1h",]
    assert len(kept) in {2, 3}
    assert not [text for text in kept if any(patient in text for patient in patients) or text.endswith("-1")]


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    socket = directory / "redis.sock"
    command = (programs.locate("redis-server"), "--port", "0", "--unixsocket", str(socket), "--save", "")
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 60
        while not socket.exists():
            assert time.monotonic() < ends
            time.sleep(0.02)
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait(60)


async def test_redis_that_is_gone_costs_active_users_only(place: Place, tmp_path: Path) -> None:
    await prepare(place)
    redis = Redis.open(Settings(redis_uri=f"unix://{tmp_path}/nobody.sock"))
    readings = await figures(place, NOW, redis=redis)
    assert readings.partial == [Reason.REFUSED]
    assert samples(readings, "active_users") == {}
    assert samples(readings, "patients") == {(): 0}


async def test_figures_wait_while_mongodb_has_more_work_than_it_can_do(place: Place) -> None:
    async with collecting(place, NOW) as collector:
        assert not collector.struggling()
        for member in collector._source.members:
            member.busy = True
        assert collector.struggling()


async def test_every_query_is_read_from_its_index_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic = make_clinic(40, BERLIN, 90)
    held = practice(15, clinic, NOW, count=0)
    held.appointments.extend(many(10_000, clinic, NOW))
    await prepare(place, held)
    asked = await commands_of_a_turn(place, NOW, monkeypatch)
    plans = [explained(place.data, command) for command in asked if "hint" in command]
    assert len(plans) > 25
    assert [one for one in plans if "COLLSCAN" in one.stages] == []
    # A cancellation's moment is in its history; and an index cannot tell "no time yet" from a time that is null.
    fetching = [one for one in plans if "FETCH" in one.stages]
    assert {one.hint for one in fetching} <= {"cancelled_at", "status_start"}
    assert sum(one.documents for one in plans) < 500, "of 10,000"
    assert all(one.keys <= 1.5 * one.matched + 50 for one in plans)
