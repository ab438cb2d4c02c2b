"""Booking through the edge on real servers: nobody is booked twice, nothing readable is kept, outages are survived."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import pairwise

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.conftest import EmbeddedStack, running_stack
from tests.contract.app_api import PASSWORD, Answer, Person, appointments, database, working_day

pytestmark = pytest.mark.stack

AT_ONCE = 32
"""Enough for many to want the same slot at once; few enough for a busy machine to answer all in time."""
BUSY = {"$in": ["pending", "booked", "arrived", "checked-in", "fulfilled"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    yield from running_stack(tmp_path_factory.mktemp("app"), only=("edge",))


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(12)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as open_session:
        yield open_session


@pytest.fixture
async def patient(served: EmbeddedStack, session: aiohttp.ClientSession) -> Person:
    return await Person(session, served.layout.url("edge")).join()


async def test_a_storm_on_one_practitioner_books_each_slot_exactly_once(
    served: EmbeddedStack, session: aiohttp.ClientSession
) -> None:
    edge = served.layout.url("edge")
    people = await asyncio.gather(*(Person(session, edge).join() for _ in range(12)))
    slots = await people[0].free("practitioner-011", working_day(1))
    # Each wants each slot, in another order, so that no two fronts run in step.
    tries = [(person, slots[(start * 7 + step) % 48]) for start, person in enumerate(people) for step in range(48)]
    room = asyncio.Semaphore(AT_ONCE)

    async def attempt(person: Person, slot: str) -> Answer:
        async with room:
            return await person.book(slot)

    answers = await asyncio.gather(*(attempt(person, slot) for person, slot in tries))
    counted = Counter((answer.status, answer.problem) for answer in answers)
    assert len(slots) == 48
    assert counted[201, ""] == 48
    assert counted.total() == counted[201, ""] + counted[409, "slot-taken"] + counted[409, "patient-busy"]
    with database(served.layout) as client:
        kept = list(appointments(client).find({"practitioner": "practitioner-011", "status": BUSY}).sort("start"))
    assert len(kept) == 48
    assert all(one["end"] <= other["start"] for one, other in pairwise(kept))


async def test_a_repeated_key_gives_the_same_appointment_and_one_document(
    served: EmbeddedStack, patient: Person
) -> None:
    key = uuid.uuid4().hex
    slot = (await patient.free("practitioner-012", working_day(1)))[0]
    answers = await asyncio.gather(*(patient.book(slot, key=key) for _ in range(8)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    with database(served.layout) as client:
        assert appointments(client).count_documents({"idempotency_key": key}) == 1


async def test_a_key_cannot_be_used_for_another_slot(patient: Person) -> None:
    key = uuid.uuid4().hex
    first, second, *_ = await patient.free("practitioner-013", working_day(1))
    assert (await patient.book(first, key=key)).status == 201
    answer = await patient.book(second, key=key)
    assert (answer.status, answer.problem) == (422, "idempotency-key-reused")


async def test_a_booking_without_a_key_is_refused(patient: Person) -> None:
    answer = await patient.ask("POST", "/api/v1/appointments", body={"slot": [{"reference": "Slot/x"}]})
    assert (answer.status, answer.problem) == (400, "idempotency-key-missing")


async def test_a_patient_cannot_be_in_two_places(patient: Person) -> None:
    one = (await patient.free("practitioner-014", working_day(1)))[5]
    other = (await patient.free("practitioner-015", working_day(1)))[5]
    assert (await patient.book(one)).status == 201
    answer = await patient.book(other)
    assert (answer.status, answer.problem) == (409, "patient-busy")


async def test_cancelling_frees_the_time_for_somebody_else(
    served: EmbeddedStack, session: aiohttp.ClientSession, patient: Person
) -> None:
    somebody = await Person(session, served.layout.url("edge")).join()
    slot = (await patient.free("practitioner-016", working_day(1)))[3]
    booked = await patient.book(slot)
    assert slot not in await somebody.free("practitioner-016", working_day(1))
    assert (await somebody.book(slot)).problem == "slot-taken"
    cancelled = await patient.cancel(booked.body["id"])
    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    assert slot in await somebody.free("practitioner-016", working_day(1))
    assert (await somebody.book(slot)).status == 201


async def test_cancelling_twice_tells_the_present_state(patient: Person) -> None:
    booked = await patient.book((await patient.free("practitioner-017", working_day(1)))[3])
    answers = await asyncio.gather(*(patient.cancel(booked.body["id"]) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status == 409)
    assert (refused.problem, refused.body["appointment"]["status"]) == ("state-conflict", "cancelled")


async def test_somebody_elses_appointment_does_not_exist(
    served: EmbeddedStack, session: aiohttp.ClientSession, patient: Person
) -> None:
    stranger = await Person(session, served.layout.url("edge")).join()
    booked = await patient.book((await patient.free("practitioner-018", working_day(1)))[3])
    path = f"/api/v1/appointments/{booked.body['id']}"
    absent = await stranger.ask("GET", f"/api/v1/appointments/{'0' * 32}")
    for answer in (await stranger.ask("GET", path), await stranger.cancel(booked.body["id"])):
        assert (answer.status, answer.body) == (404, absent.body)
    own = await patient.ask("GET", path)
    assert own.body["participant"][0]["actor"]["display"] == patient.name
    listed = await stranger.ask("GET", "/api/v1/appointments")
    assert listed.body["entry"] == []


async def test_own_appointments_come_in_pages_without_gap_or_repetition(patient: Person) -> None:
    slots = await patient.free("practitioner-019", working_day(1)) + (
        await patient.free("practitioner-019", working_day(1) + timedelta(days=1))
    )
    booked = await asyncio.gather(*(patient.book(slot) for slot in slots[:60]))
    first = await patient.ask("GET", "/api/v1/appointments")
    second = await patient.ask("GET", first.body["link"][0]["url"])
    listed = [entry["resource"]["id"] for page in (first, second) for entry in page.body["entry"]]
    assert len(first.body["entry"]) == 50
    assert listed == [answer.body["id"] for answer in booked]
    assert second.body["link"] == []


async def test_a_known_email_gets_the_same_answer(served: EmbeddedStack, session: aiohttp.ClientSession) -> None:
    person = Person(session, served.layout.url("edge"))
    body = {"email": person.email, "password": PASSWORD, "name": person.name, "birthDate": person.birth_date}
    first = await person.ask("POST", "/api/v1/auth/register", body=body)
    again = await person.ask(
        "POST", "/api/v1/auth/register", body=body | {"email": person.email.upper(), "password": "somebody else's one"}
    )
    assert (first.status, first.body) == (again.status, again.body)
    wrong = await person.ask(
        "POST", "/api/v1/auth/login", body={"email": person.email, "password": "somebody else's one"}
    )
    unknown = await person.ask("POST", "/api/v1/auth/login", body={"email": "x@example.org", "password": PASSWORD})
    assert (wrong.status, wrong.body) == (unknown.status, unknown.body) == (401, wrong.body)


async def test_the_database_holds_nothing_readable_about_a_patient(
    served: EmbeddedStack, session: aiohttp.ClientSession
) -> None:
    person = Person(session, served.layout.url("edge"), email="zebrafinch@hospice.example", name="Zebulon Finchley")
    person.birth_date = "1937-11-05"
    await person.join()
    await person.book((await person.free("practitioner-020", working_day(1)))[0])
    with database(served.layout) as client:
        text = "".join(
            str(document)
            for name in client.list_database_names()
            if name in {"appointments", "encryption"}
            for collection in client[name].list_collection_names()
            for document in client[name][collection].find()
        )
        users = client["appointments"]["users"].count_documents({})
    assert users > 0
    for told in ("zebrafinch", "Zebulon", "Finchley", "1937-11-05", "hospice"):
        assert told.casefold() not in text.casefold()
    for log in served.layout.logs.glob("*.log"):
        assert "zebrafinch" not in log.read_text(errors="replace").casefold(), log.name


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "problem"),
    [
        ("GET", "/api/v1/appointments", None, 401, "unauthenticated"),
        ("GET", "/nothing/here", None, 404, "not-found"),
        ("DELETE", "/api/v1/slots", None, 405, "method-not-allowed"),
        ("GET", "/api/v1/slots", None, 400, "invalid-request"),
        ("GET", "/api/v1/slots?practitioner=nobody", None, 404, "not-found"),
        ("GET", "/api/v1/slots?practitioner=practitioner-001&from=today", None, 400, "invalid-request"),
        ("POST", "/api/v1/auth/login", ["no", "object"], 400, "invalid-request"),
        ("POST", "/api/v1/auth/login", {"email": "a@example.org"}, 400, "invalid-request"),
        (
            "POST",
            "/api/v1/auth/register",
            {"email": 5, "password": 5, "name": 5, "birthDate": 5},
            400,
            "invalid-request",
        ),
        ("POST", "/api/v1/auth/login", {"email": "x" * 20_000}, 413, "payload-too-large"),
    ],
)
async def test_every_error_is_a_problem_from_the_list(
    served: EmbeddedStack,
    session: aiohttp.ClientSession,
    method: str,
    path: str,
    body: object,
    status: int,
    problem: str,
) -> None:
    answer = await Person(session, served.layout.url("edge")).ask(method, path, body=body)
    assert (answer.status, answer.problem) == (status, problem)
    assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_redis_down_costs_the_cache_and_nothing_else(served: EmbeddedStack, patient: Person) -> None:
    served.client.hold("redis", 60)
    served.client.kill("redis")
    try:
        slots = await patient.free("practitioner-021", working_day(1))
        booked = await patient.book(slots[0])
        assert booked.status == 201
        assert slots[0] not in await patient.free("practitioner-021", working_day(1))
        assert (await patient.cancel(booked.body["id"])).status == 200
        assert (await patient.ask("GET", "/readyz")).body == {"status": "ready"}
        pages = [await metrics(patient.session, served, app) for app in ("app-1", "app-2")]
        assert any('cache_requests_total{cache="slots",outcome="error"} 0.0' not in page for page in pages)
    finally:
        served.client.release("redis")
        served.client.wait_for("redis", "healthy")


async def test_overlaps_are_looked_for_and_none_is_found(served: EmbeddedStack, session: aiohttp.ClientSession) -> None:
    for app in ("app-1", "app-2"):
        found: list[str] = []
        # For a minute nobody knows, where the last look fell into the time in which another test froze the primary.
        async with asyncio.timeout(150):
            while "app_ready 1.0" not in found or "appointments_overlapping nan" in found:  # another process
                await asyncio.sleep(0.2)
                found = (await metrics(session, served, app)).lower().splitlines()
        assert "appointments_overlapping 0.0" in found


async def test_the_page_shows_free_times_without_a_script(
    served: EmbeddedStack, session: aiohttp.ClientSession
) -> None:
    day = working_day(2)
    url = f"{served.layout.url('edge')}/?practitioner=practitioner-022&date={day:%Y-%m-%d}"
    async with session.get(url) as response:
        text = await response.text()
    assert response.status == 200
    assert "<script" not in text
    assert "48 free times" in text
    assert 'lang="en"' in text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_a_frozen_primary_fails_no_booking(served: EmbeddedStack, patient: Person) -> None:
    """SIGSTOP closes nothing and answers nothing: only deadlines notice."""
    with database(served.layout) as client:
        client.admin.command("ping")
        assert client.primary is not None
        port = client.primary[1]
    frozen = next(name for name in ("mongo-1", "mongo-2", "mongo-3") if served.layout.port(name) == port)
    slots = await patient.free("practitioner-023", working_day(1))
    pid = served.client.component(frozen).pid
    served.client.pause(frozen, 12)
    try:
        answers = []
        for slot in slots[:20]:
            answers.append(asyncio.create_task(patient.book(slot)))
            await asyncio.sleep(0.3)
        done = await asyncio.gather(*answers)
    finally:
        served.client.resume(frozen)
        served.client.wait_for(frozen, "healthy")
    assert served.client.component(frozen).pid == pid  # frozen, not killed
    assert Counter(answer.status for answer in done) == {201: 20}


async def test_who_asks_is_counted_as_active_and_not_kept(served: EmbeddedStack, patient: Person) -> None:
    assert (await patient.ask("GET", "/api/v1/appointments")).status == 200
    password = served.layout.redis_password("admin").read_text().strip()
    async with Redis(
        port=served.layout.port("redis"), username="admin", password=password, decode_responses=True
    ) as admin:
        async with asyncio.timeout(60):
            while len(await admin.keys("active:*")) < 2:  # noqa: ASYNC110  # Redis has nothing to wait on
                await asyncio.sleep(0.2)
        kept = {key: (await admin.pfcount(key), await admin.ttl(key)) for key in await admin.keys("active:*")}
    assert {str(key).split(":")[1] for key in kept} == {"minute", "hour"}
    assert all(count >= 1 and 0 < seconds <= 26 * 3_600 for count, seconds in kept.values())


async def metrics(session: aiohttp.ClientSession, served: EmbeddedStack, app: str) -> str:
    async with session.get(f"{served.layout.url(app + '-metrics')}/metrics") as response:
        return await response.text()
