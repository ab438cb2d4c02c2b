"""``python -m app check`` and ``erase`` on the real app's data: silent where all is well, and telling what is not."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from bson import Binary
from click.testing import CliRunner, Result

from app.__main__ import main
from app.clock import now
from app.ledger import Entry, Writer, instant
from tests.contract.app_api import Person, working_day
from tests.contract.clinic import Clinic, clinic, until

ABSENT = "f" * 32
CANARY = "Canary Birdsong"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    # Upkeep would repair, or hold against the data, what these tests break.
    with clinic(tmp_path_factory.mktemp("clinic"), upkeep_interval="3600", practitioners="5") as running:
        yield running


@pytest.fixture(scope="module")
async def booked(place: Clinic) -> AsyncIterator[list[str]]:
    """Three patients with two appointments each, one of them cancelled."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(12)) as session:
        found = []
        people = [await Person(session, place.edge).join() for _ in range(3)]
        for number, person in enumerate(people, start=1):
            slots = await person.free(f"practitioner-0{number}", working_day(2))
            found += [(await person.book(slot)).body["id"] for slot in slots[: 2 * number : number]]
        assert (await people[-1].cancel(found[-1])).status == 200
        yield found


@pytest.fixture
def data(place: Clinic, booked: list[str]) -> Iterator[Any]:
    """The app's database, put back to what it was after each test."""
    names = ("appointments", "users", "patients", "practitioners", "erasures")
    with place.database() as database:
        before = {name: list(database[name].find()) for name in names}
        vault = list(database.client["encryption"]["__keyVault"].find())
        indexes = database["appointments"].index_information()["practitioner_cells"]
        yield database
        for name, rows in before.items():
            database[name].delete_many({})
            if rows:
                database[name].insert_many(rows)
        database.client["encryption"]["__keyVault"].delete_many({})
        database.client["encryption"]["__keyVault"].insert_many(vault)
        options = {key: indexes[key] for key in ("unique", "partialFilterExpression")}
        database["appointments"].create_index(indexes["key"], name="practitioner_cells", **options)


def run(place: Clinic, *arguments: str, key: Path | None = None) -> Result:
    uri = f"mongodb://127.0.0.1:{place.ports['mongod']}/?replicaSet=rs0"
    environment = {"APP_FIELD_KEY_FILE": str(key or place.folder / "field-key")}
    return CliRunner().invoke(main, [*arguments, "--mongodb", uri], env=environment, catch_exceptions=False)


def failed(result: Result) -> dict[str, list[str]]:
    checks = json.loads(result.stdout)["checks"]
    assert (result.exit_code == 1) == any(check["outcome"] == "failed" for check in checks)
    return {check["name"]: check["findings"] for check in checks if check["outcome"] == "failed"}


def check(place: Clinic, *arguments: str, key: Path | None = None) -> dict[str, list[str]]:
    return failed(run(place, "check", "--json", *arguments, key=key))


def test_all_is_well(place: Clinic, data: Any) -> None:
    result = run(place, "check", "--json")
    checks = {one["name"]: one for one in json.loads(result.stdout)["checks"]}
    assert (result.exit_code, {one["outcome"] for one in checks.values()}) == (0, {"passed"})
    assert {name: one["checked"] for name, one in checks.items()} == {
        "guards": 4,
        "double-booking": 5,
        "references": 6,
        "accounts": 6,
        "login-keys": 3,
        "statuses": 6,
        "slots": 6,
        "patient-fields": 6,
    }


def test_two_appointments_at_one_time(place: Clinic, data: Any, booked: list[str]) -> None:
    data["appointments"].drop_index("practitioner_cells")
    other = data["appointments"].find_one({"_id": booked[2]})
    again = {"_id": "a" * 32, "idempotency_key": "x", "patient": other["patient"], "patient_cells": ["x"]}
    data["appointments"].insert_one(data["appointments"].find_one({"_id": booked[0]}) | again)
    found = check(place)
    assert found["guards"] == ["appointments.practitioner_cells"]
    # The practitioner is held twice, and the patient has another appointment at that time.
    assert set(found["double-booking"]) >= {"a" * 32, booked[0]}
    assert set(found["double-booking"]) <= {"a" * 32, booked[0], booked[2]}


def test_a_cancelled_appointment_takes_nobodys_time(place: Clinic, data: Any, booked: list[str]) -> None:
    cancelled = data["appointments"].find_one({"_id": booked[-1]})
    again = {"_id": "a" * 32, "idempotency_key": "x", "status": "booked", "history": [{"status": "booked"}]}
    data["appointments"].insert_one(cancelled | again)
    assert check(place) == {}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"patient": ABSENT}, "references"),
        ({"practitioner": "practitioner-77"}, "references"),
        ({"status": "lost"}, "statuses"),
        ({"status": "fulfilled"}, "statuses"),
        ({"slot": "practitioner-01-20200101T0800Z"}, "slots"),
        ({"cells": []}, "slots"),
        ({"start": "yesterday"}, "slots"),
    ],
)
def test_an_appointment_that_cannot_be(
    place: Clinic, data: Any, booked: list[str], change: dict[str, Any], where: str
) -> None:
    data["appointments"].update_one({"_id": booked[0]}, {"$set": change})
    assert check(place)[where] == [booked[0]]


def test_whose_account_was_erased_is_no_lost_patient(place: Clinic, data: Any, booked: list[str]) -> None:
    patient = data["appointments"].find_one({"_id": booked[0]})["patient"]
    data["patients"].delete_one({"_id": patient})
    found = check(place)
    assert len(found["references"]) == 2
    assert len(found["accounts"]) == 1, "his user is still there"
    data["users"].delete_one({"patient": patient})
    data["erasures"].insert_one({"_id": patient, "at": now(), "until": now() + timedelta(days=400)})
    assert check(place) == {}


def test_two_users_of_one_address(place: Clinic, data: Any) -> None:
    users = list(data["users"].find().sort("_id"))
    data["users"].drop_index("email")
    data["users"].update_one({"_id": users[0]["_id"]}, {"$set": {"email": users[1]["email"]}})
    assert check(place)["login-keys"] == [users[0]["_id"], users[1]["_id"]]
    data["users"].update_one({"_id": users[0]["_id"]}, {"$set": {"email": users[0]["email"]}})
    data["users"].create_index("email", name="email", unique=True)


def test_an_empty_collection_is_no_good_one(place: Clinic, data: Any) -> None:
    data["practitioners"].delete_many({})
    assert check(place)["references"] == ["practitioners"]
    assert check(place, "--database", "elsewhere").keys() >= {"references", "guards"}


def test_fields_that_cannot_be_opened(place: Clinic, data: Any, tmp_path: Path) -> None:
    patients = [row["_id"] for row in data["patients"].find().sort("_id")]
    name = data["patients"].find_one({"_id": patients[1]})["name"]
    damaged = Binary(name[:-1] + bytes([name[-1] ^ 1]), 6)
    data["patients"].update_one({"_id": patients[1]}, {"$set": {"name": damaged}})
    data["patients"].update_one({"_id": patients[2]}, {"$set": {"name": CANARY}})
    result = run(place, "check", "--json")
    assert failed(result) == {"patient-fields": patients[1:3]}
    assert CANARY not in result.output
    wrong = tmp_path / "key"
    wrong.write_bytes(secrets.token_bytes(96))
    assert len(check(place, key=wrong)["patient-fields"]) == 6


def test_the_key_vault_is_missing(place: Clinic, data: Any) -> None:
    data.client["encryption"]["__keyVault"].delete_many({})
    assert len(check(place)["patient-fields"]) == 6


def test_without_a_key_the_fields_are_not_called_good(place: Clinic, data: Any) -> None:
    result = run(place, "check", "--json", key=Path("/nonexistent"))
    assert (result.exit_code, result.stdout) == (2, "")
    uri = f"mongodb://127.0.0.1:{place.ports['mongod']}/"
    result = CliRunner().invoke(main, ["check", "--json", "--mongodb", uri], env={"APP_FIELD_KEY_FILE": ""})
    assert {one["outcome"] for one in json.loads(result.stdout)["checks"]} == {"passed", "skipped"}


def test_acknowledged_bookings_up_to_a_time(place: Clinic, data: Any, booked: list[str], tmp_path: Path) -> None:
    start = now()
    writer = Writer(tmp_path / "ledger", start)
    for seconds, appointment in enumerate((booked[0], booked[-1], ABSENT)):
        at = instant(start + timedelta(seconds=seconds))
        told = {"op": "book", "outcome": "ok", "status": 201, "latency_s": 0.1, "backend": "bookings"}
        writer.write(Entry(at=at, sent_at=at, appointment=appointment, **told))  # type: ignore[arg-type]  # a table
    writer.close()
    ledger = ("--ledger", str(tmp_path / "ledger"))
    assert check(place, *ledger) == {"acknowledged": [ABSENT]}
    assert check(place, *ledger, "--until", instant(start + timedelta(seconds=1))) == {}
    (tmp_path / "ledger" / "broken.jsonl").write_text("{}\n")
    result = run(place, "check", *ledger)
    assert (result.exit_code, "broken.jsonl:1" in result.stderr) == (2, True)


def test_an_id_that_is_no_id_is_not_shown(place: Clinic, data: Any, booked: list[str]) -> None:
    row = data["appointments"].find_one({"_id": booked[0]})
    data["appointments"].delete_one({"_id": booked[0]})
    data["appointments"].insert_one(row | {"_id": CANARY, "status": CANARY})
    result = run(place, "check")
    assert result.exit_code == 1
    assert "sha256:" in result.stdout
    assert CANARY not in result.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--mongodb", "mongodb://user:secret@127.0.0.1/"), 2),
        (("--mongodb", "nonsense"), 2),
        (("--mongodb", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"), 3),
        (("--mongodb", "mongodb://127.0.0.1:1/", "--until", "noon"), 2),
        (("--mongodb", "mongodb://127.0.0.1:1/", "--ledger", "nowhere"), 2),
        (("--mongodb", "mongodb://127.0.0.1:1/", "--username", "u"), 2),
    ],
)
def test_wrong_use_and_nobody_there(arguments: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.tools._SELECTION_MS", 100)
    result = CliRunner().invoke(main, ["check", *arguments], env={"APP_FIELD_KEY_FILE": ""})
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("app: check: ")
    assert "secret" not in result.stderr


def test_patients_who_came_back_are_erased(place: Clinic, data: Any, booked: list[str], tmp_path: Path) -> None:
    patient = data["appointments"].find_one({"_id": booked[0]})["patient"]
    file = tmp_path / "patients"
    file.write_text(f"{patient}\n{ABSENT}\n")
    result = run(place, "erase", "--json", "--patients", str(file))
    assert json.loads(result.stdout) == {"asked": 2, "patients": 1, "users": 1, "cancelled": 2}
    assert data["patients"].find_one({"_id": patient}) is None
    assert {row["status"] for row in data["appointments"].find({"patient": patient})} == {"cancelled"}
    until(lambda: data["erasures"].find_one({"_id": ABSENT}))
    assert check(place) == {}
    again = run(place, "erase", "--json", "--patients", str(file))
    assert json.loads(again.stdout) == {"asked": 2, "patients": 0, "users": 0, "cancelled": 0}
    file.write_text("Canary Birdsong\n")
    refused = run(place, "erase", "--patients", str(file))
    assert (refused.exit_code, "Canary" in refused.output) == (2, False)
