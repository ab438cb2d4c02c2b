"""Erasing accounts in the real app: a patient's own, and every trace of synthetic ones."""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from tests.contract.app_api import PASSWORD, Answer, Person, working_day
from tests.contract.clinic import Clinic, Samples, clinic, until

PROBER = "0123456789abcdef"
BUSINESS = ("booking_attempts_total", "appointments_transitions_total", "users_registered_total")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    with clinic(folder, upkeep_interval="0.2", synthetic_lifetime="600", practitioners="5") as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(12)) as open_session:
        yield open_session


def proof(place: Clinic, email: str, *, prober: str = PROBER, at: int | None = None, secret: bytes = b"") -> str:
    moment = int(time.time()) if at is None else at
    key = secret or place.secret_file.read_bytes().strip()
    message = f"{prober} {moment} {email} {hashlib.sha256(PASSWORD.encode()).hexdigest()}"
    return f"{prober} {moment} " + hmac.new(key, message.encode(), hashlib.sha256).hexdigest()


async def register(person: Person, header: str | None) -> Answer:
    body = {"email": person.email, "password": PASSWORD, "name": person.name, "birthDate": person.birth_date}
    extra = {} if header is None else {"X_Synthetic": header}
    return await person.ask("POST", "/api/v1/auth/register", body=body, **extra)


async def synthetic(session: aiohttp.ClientSession, place: Clinic, *, prober: str = PROBER) -> Person:
    person = Person(session, place.edge)
    assert (await register(person, proof(place, person.email, prober=prober))).status == 201
    answer = await person.ask("POST", "/api/v1/auth/login", body={"email": person.email, "password": PASSWORD})
    person.token = answer.body["access_token"]
    return person


def of_synthetic(place: Clinic, prober: str = PROBER) -> list[dict[str, Any]]:
    return [one for rows in place.documents().values() for one in rows if one.get("synthetic") == prober]


def grow_old(place: Clinic, prober: str) -> None:
    """As if all that there is of a prober's patients had been made an hour ago."""
    with place.database() as data:
        for name in ("appointments", "users", "patients"):
            data[name].update_many(
                {"synthetic": prober}, [{"$set": {"created": {"$subtract": ["$created", 3_600_000]}}}]
            )


def business(counted: Samples) -> Samples:
    return {series: value for series, value in counted.items() if series[0] in BUSINESS}


async def test_a_patient_who_leaves_is_nobody_any_more(place: Clinic, session: aiohttp.ClientSession) -> None:
    person = await Person(session, place.edge).join()
    slots = await person.free("practitioner-01", working_day(1))
    kept = [(await person.book(slot)).body["id"] for slot in slots[:2]]
    before = business(place.counted())
    answers = [await person.ask("DELETE", "/api/v1/patients/me") for _ in range(2)]
    assert [answer.status for answer in answers] == [204, 204]
    found = place.documents()
    left = [one for one in found["appointments"] if one["_id"] in kept]
    assert [one["status"] for one in left] == ["cancelled", "cancelled"], "the practice's record stays"
    patient = left[0]["patient"]
    assert not [one for one in found["patients"] if one["_id"] == patient]
    assert not [one for one in found["users"] if one["patient"] == patient]
    assert set(slots[:2]) <= set(await person.free("practitioner-01", working_day(1)))
    login = await person.ask("POST", "/api/v1/auth/login", body={"email": person.email, "password": PASSWORD})
    assert (login.status, login.problem) == (401, "wrong-credentials")
    counted = business(place.counted())
    cancelled = ("appointments_transitions_total", frozenset({("status", "cancelled")}))
    assert counted[cancelled] - before[cancelled] == 2
    events = [line for line in place.log("app") if line.get("action") == "account_erased"]
    assert events
    assert not [line for line in events if patient in str(line)]


async def test_what_a_token_books_after_its_patient_left_is_given_back(
    place: Clinic, session: aiohttp.ClientSession
) -> None:
    person = await Person(session, place.edge).join()
    assert (await person.ask("DELETE", "/api/v1/patients/me")).status == 204
    slot = (await person.free("practitioner-02", working_day(1)))[0]
    booked = await person.book(slot)
    with place.database() as data:
        until(lambda: data["appointments"].find_one({"_id": booked.body.get("id")})["status"] == "cancelled")


async def test_who_comes_back_with_an_older_backup_is_erased_again(
    place: Clinic, session: aiohttp.ClientSession
) -> None:
    person = await Person(session, place.edge).join()
    booked = (await person.book((await person.free("practitioner-02", working_day(1)))[0])).body["id"]
    backup = place.documents()
    patient = next(one for one in backup["appointments"] if one["_id"] == booked)["patient"]
    assert (await person.ask("DELETE", "/api/v1/patients/me")).status == 204
    with place.database() as data:
        # Noted long before this restore, and as long as a backup may be kept.
        noted = data["erasures"].find_one({"_id": patient})
        assert noted["until"] - noted["at"] == timedelta(days=400)
        data["erasures"].update_one({"_id": patient}, {"$set": {"at": noted["at"] - timedelta(days=300)}})
        assert data["erasures"].index_information()["until"]["expireAfterSeconds"] == 0
        for name, own in (("users", "patient"), ("patients", "_id"), ("appointments", "patient")):
            for document in (one for one in backup[name] if one[own] == patient):
                data[name].replace_one({"_id": document["_id"]}, document, upsert=True)
        until(lambda: data["appointments"].find_one({"_id": booked})["status"] == "cancelled")
        assert data["users"].find_one({"patient": patient}) is None
        assert data["patients"].find_one({"_id": patient}) is None
        until(lambda: data["erasures"].find_one({"_id": patient}))


async def test_an_account_is_erased_only_by_who_holds_its_token(place: Clinic, session: aiohttp.ClientSession) -> None:
    nobody = Person(session, place.edge)
    answer = await nobody.ask("DELETE", "/api/v1/patients/me")
    assert (answer.status, answer.problem) == (401, "unauthenticated")


@pytest.mark.parametrize("fault", ["secret", "e-mail", "prober", "old", "future", "words", "empty"])
async def test_no_synthetic_patient_without_proof(place: Clinic, session: aiohttp.ClientSession, fault: str) -> None:
    person, now = Person(session, place.edge), int(time.time())
    right = proof(place, person.email)
    header = {
        "secret": proof(place, person.email, secret=b"x" * 48),
        "e-mail": proof(place, "somebody@example.org"),
        "prober": "f" * 16 + right[16:],
        "old": proof(place, person.email, at=now - 200),
        "future": proof(place, person.email, at=now + 200),
        "words": "let me in",
        "empty": "",
    }[fault]
    answer = await register(person, header)
    assert (answer.status, answer.problem) == (403, "forbidden")
    login = await person.ask("POST", "/api/v1/auth/login", body={"email": person.email, "password": PASSWORD})
    assert login.status == 401, "nobody was registered"


async def test_a_synthetic_patient_counts_nowhere_and_leaves_nothing(
    place: Clinic, session: aiohttp.ClientSession
) -> None:
    before, counted = place.documents(), business(place.counted())
    person = await synthetic(session, place)
    slots = await person.free("practitioner-03", working_day(2))
    booked = await person.book(slots[0])
    assert (await person.book(slots[0])).status == 409
    assert len(of_synthetic(place)) == 3
    assert (await person.cancel(booked.body["id"])).status == 200
    assert (await person.ask("DELETE", "/api/v1/patients/me")).status == 204
    assert {name: rows for name, rows in place.documents().items() if name != "erasures"} == {
        name: rows for name, rows in before.items() if name != "erasures"
    }
    assert business(place.counted()) == counted
    assert slots[0] in await person.free("practitioner-03", working_day(2))


async def test_the_next_synthetic_patient_of_a_prober_removes_the_last_one_and_no_other(
    place: Clinic, session: aiohttp.ClientSession
) -> None:
    other = "fedcba9876543210"
    somebody = await Person(session, place.edge).join()
    first, neighbour = await synthetic(session, place), await synthetic(session, place, prober=other)
    for person, practitioner in ((first, "practitioner-04"), (neighbour, "practitioner-05")):
        assert (await person.book((await person.free(practitioner, working_day(3)))[0])).status == 201
    second = await synthetic(session, place)
    assert len(of_synthetic(place)) == 2
    assert len(of_synthetic(place, other)) == 3
    for person in (second, neighbour):
        assert (await person.ask("DELETE", "/api/v1/patients/me")).status == 204
    assert of_synthetic(place) + of_synthetic(place, other) == []
    assert (await somebody.ask("GET", "/api/v1/appointments")).status == 200


async def test_a_proof_is_good_for_once(place: Clinic, session: aiohttp.ClientSession) -> None:
    prober = uuid.uuid4().hex[:16]
    person, eavesdropper = Person(session, place.edge), Person(session, place.edge)
    eavesdropper.email = person.email
    header = proof(place, person.email, prober=prober)
    assert (await register(person, header)).status == 201
    kept = of_synthetic(place, prober)
    answer = await register(eavesdropper, header)
    assert (answer.status, answer.problem) == (403, "forbidden")
    assert of_synthetic(place, prober) == kept, "nothing was erased, nobody else was registered"
    second = await synthetic(session, place, prober=prober)
    assert (await second.ask("DELETE", "/api/v1/patients/me")).status == 204
    assert (await register(eavesdropper, header)).status == 403, "nor when the account is gone"
    with place.database() as data:
        assert "until" in data["proofs"].index_information()


async def test_a_synthetic_patient_holds_a_few_appointments_and_no_more(
    place: Clinic, session: aiohttp.ClientSession
) -> None:
    person = await synthetic(session, place, prober=uuid.uuid4().hex[:16])
    slots = await person.free("practitioner-02", working_day(3))
    assert [(await person.book(slot)).status for slot in slots[:2]] == [201, 201]
    third = await person.book(slots[2], key="the-third-one")
    refused = await person.book(slots[3])
    assert (refused.status, refused.problem) == (403, "forbidden")
    again = await person.book(slots[2], key="the-third-one")
    assert (third.status, again.status, again.body["id"]) == (201, 201, third.body["id"])
    assert (await person.cancel(third.body["id"])).status == 200
    assert (await person.book(slots[3])).status == 201, "so many at a time"
    assert (await person.ask("DELETE", "/api/v1/patients/me")).status == 204


async def test_upkeep_removes_what_no_prober_comes_back_for(place: Clinic, session: aiohttp.ClientSession) -> None:
    before = place.counted()["synthetic_leftovers_total", frozenset()]
    prober = uuid.uuid4().hex[:16]
    person = await synthetic(session, place, prober=prober)
    slot = (await person.free("practitioner-05", working_day(2)))[0]
    assert (await person.book(slot)).status == 201
    assert len(of_synthetic(place, prober)) == 3, "it is young"
    grow_old(place, prober)
    until(lambda: place.counted()["synthetic_leftovers_total", frozenset()] > before)
    assert of_synthetic(place, prober) == []
    assert slot in await person.free("practitioner-05", working_day(2))
    # Its token lives on for some minutes: whatever it still books is marked too, and goes the same way.
    assert (await person.book(slot)).status == 201
    grow_old(place, prober)
    until(lambda: of_synthetic(place, prober) == [])
