"""The least-privilege roles, with authentication on: what each may, and what each may not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import Timestamp
from click.testing import CliRunner
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from monitor.backup import take
from monitor.cli import main
from monitor.settings import Settings
from monitor.sources import mongodb_roles, signing_keys
from monitor.sources.mongodb import UNAUTHORIZED, Client
from tests.contract.backup_server import ReplicaSet, write_place
from tests.contract.oplog_restored import capture

pytest_plugins = ("tests.contract.backup_fixtures",)

PASSWORD = "a-password-of-this-test"
USERS = ("monitor-backup", "monitor-capture", "monitor-verify", "monitor-restore")


@pytest.fixture(scope="module")
def made(backup_set: ReplicaSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """The set with all roles and users, made by the command."""
    folder = tmp_path_factory.mktemp("passwords")
    for user in USERS:
        (folder / user).write_text(PASSWORD)
    (folder / "admin").write_text(backup_set.password)
    uri = backup_set.settings.mongodb_uri
    arguments = ("backup", "roles", "--apply", "--mongodb", uri, "--password-file", str(folder / "admin"))
    for expected in ("created", "updated"):
        result = CliRunner().invoke(main, [*arguments, "--users", str(folder), "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
        told = json.loads(result.stdout)
        assert {told[user] for user in USERS} == {expected}
        # The stack that this set is of has made them already: it runs by the same roles.
        assert {told[role.name] for role in mongodb_roles.ROLES} == {"updated"}
    backup_set.admin.shop.orders.insert_many([{"_id": number} for number in range(10)])
    backup_set.admin.shop.create_collection("temperatures", timeseries={"timeField": "at"})
    yield backup_set
    backup_set.drop_all()
    for user in USERS:
        backup_set.admin.admin.command("dropUser", user)


@pytest.fixture
def as_user(made: ReplicaSet) -> Iterator[Callable[[str], Client]]:
    clients: list[Client] = []

    def connected(user: str) -> Client:
        clients.append(pymongo.MongoClient(made.settings.mongodb_uri, username=user, password=PASSWORD))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


DEEDS: dict[str, Callable[[Client], Any]] = {
    "read": lambda client: client.shop.orders.find_one(),
    "read buckets": lambda client: client.shop["system.buckets.temperatures"].find_one(),
    "list": lambda client: [*client.shop.list_collections(), *client.shop.orders.list_indexes()],
    "databases": lambda client: client.list_database_names(),
    "oplog": lambda client: client.local["oplog.rs"].find_one({"ts": {"$gte": Timestamp(0, 1)}}),
    "transactions": lambda client: client.config["transactions"].find_one(),
    "users": lambda client: client.admin["system.users"].find_one(),
    "status": lambda client: client.admin.command("replSetGetStatus"),
    "parameters": lambda client: client.admin.command({"getParameter": "*"}),
    "operations": lambda client: client.admin.aggregate([{"$currentOp": {"allUsers": True}}]).to_list(),
    "insert": lambda client: client.small.things.insert_one({"_id": 1}),
    "remove": lambda client: client.small.things.delete_many({}),
    "drop": lambda client: client.small.drop_collection("things"),
    "index": lambda client: client.small.things.create_index("name"),
    "make user": lambda client: client.admin.command("createUser", "somebody", pwd="x", roles=[]),
    "unmake user": lambda client: client.admin.command("dropUser", "somebody"),
    "set parameter": lambda client: client.admin.command({"setParameter": 1, "logLevel": 0}),
    "step down": lambda client: client.admin.command({"replSetStepDown": 1}),
    "stop": lambda client: client.admin.command({"shutdown": 1}),
}
READING = {"read", "read buckets", "list", "databases"}
MAY = {
    "monitor-backup": READING | {"users", "status", "parameters", "transactions"},
    "monitor-capture": {"oplog", "transactions", "status"},
    "monitor-verify": READING | {"oplog", "status", "transactions", "parameters"},
    "monitor-restore": (READING - {"read buckets"})
    | {"users", "insert", "remove", "drop", "index", "make user", "unmake user", "parameters"},
}
FREE = {"databases"}
"""MongoDB answers everybody, with the databases that he may read."""


def allows(deed: Callable[[Client], Any], client: Client) -> bool:
    try:
        deed(client)
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        return False
    return True


@pytest.mark.parametrize("user", USERS)
def test_each_role_may_what_it_needs_and_nothing_else(as_user: Callable[[str], Client], user: str) -> None:
    client = as_user(user)
    allowed = set()
    for name, deed in DEEDS.items():
        if allows(deed, client):
            allowed.add(name)
    assert allowed - FREE == MAY[user] - FREE


def test_a_full_backup_is_made_with_its_role_alone(made: ReplicaSet, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    settings = replace(
        Settings(run_dir=tmp_path / "run"),
        mongodb_uri=made.settings.mongodb_uri,
        backup_username="monitor-backup",
        backup_password_file=tmp_path / "password",
    )
    record = take(settings)
    assert (record.outcome, record.reason) == ("passed", "")
    assert record.documents >= 10


@pytest.fixture
def clinic(made: ReplicaSet) -> Iterator[ReplicaSet]:
    yield made
    for name in ("appointments", "fresh"):
        made.admin.drop_database(name)
    made.admin.admin.command("dropUser", "temporary")
    made.admin.admin.command("dropRole", "temporary")


def test_capture_and_restore_into_a_server_in_use_are_done_with_their_roles_alone(
    clinic: ReplicaSet, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    settings = replace(
        Settings(run_dir=tmp_path / "run"),
        mongodb_uri=clinic.settings.mongodb_uri,
        backup_username="monitor-backup",
        backup_password_file=tmp_path / "password",
        capture_username="monitor-capture",
        capture_password_file=tmp_path / "password",
        erasure_signing_key_file=tmp_path / "private",
        erasure_verification_key_file=tmp_path / "public",
    )
    signing_keys.make(tmp_path / "private", tmp_path / "public")
    place = write_place(settings)
    data = clinic.admin
    gone, stays = "a" * 32, "b" * 32
    data.appointments.patients.insert_many([{"_id": gone}, {"_id": stays}])
    data.appointments.users.insert_one({"_id": "u", "patient": gone})
    data.shop.create_collection("known", validator={"n": {"$gte": 0}}, collation={"locale": "de"})
    data.shop.create_collection("few", viewOn="known", pipeline=[])
    assert take(settings).outcome == "passed"
    capture(place)
    _write_all_that_a_replay_may_meet(data)
    capture(place)
    subject = ("--database", "appointments", "--collection", "patients", "--id", gone)
    assert place.monitor("backup", "erasure", "add", *subject, "--by", "dpo", "--why", "asked").exit_code == 0
    hosts = clinic.settings.mongodb_uri.removeprefix("mongodb://").partition("/")[0]
    login = ("--username", "monitor-restore", "--password-file", str(tmp_path / "password"))
    dropping = ("--overwrite", "--confirm", hosts, "--i-mean-production")
    done = place.monitor(
        "restore", "--at", "latest", "--into", clinic.settings.mongodb_uri, *login, *dropping, "--json"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["erasures"]["application"]["patients"] == 1
    assert [row["_id"] for row in data.appointments.patients.find()] == [stays]
    assert data.shop.known.count_documents({}) == 21
    assert data.shop.known.index_information()["by_n"]["expireAfterSeconds"] == 6000
    assert {"renamed", "log", "few", "orders", "temperatures"} <= set(data.shop.list_collection_names())
    assert "dropped" not in data.shop.list_collection_names()
    assert data.shop.log.options()["capped"]
    assert {"few", "series"} <= set(data.fresh.list_collection_names())
    assert "gone" not in data.fresh.list_collection_names()
    assert data.fresh.series.count_documents({}) == 1
    assert data.fresh.series.options()["timeseries"]["granularity"] == "minutes"
    assert data.admin.command("usersInfo", "temporary")["users"][0]["roles"] == []


def _write_all_that_a_replay_may_meet(data: Client) -> None:
    data.shop.known.insert_many([{"_id": n, "n": n} for n in range(20)])
    data.shop.known.update_many({"n": {"$lt": 5}}, {"$inc": {"n": 100}})
    data.shop.known.create_index("n", name="by_n", expireAfterSeconds=5000)
    data.shop.command({"collMod": "known", "validationLevel": "moderate"})
    data.shop.command({"collMod": "known", "index": {"name": "by_n", "expireAfterSeconds": 6000}})
    data.shop.created.insert_one({"_id": 1})
    data.shop.created.rename("renamed")
    data.shop.dropped.insert_one({"_id": 1})
    data.shop.drop_collection("dropped")
    data.shop.log.insert_one({"_id": 1})
    data.shop.command({"convertToCapped": "log", "size": 4096})
    data.other.things.insert_one({"_id": 1})
    data.drop_database("other")
    data.fresh.command({"create": "few", "viewOn": "things", "pipeline": []})
    for name in ("series", "gone"):
        data.fresh.create_collection(name, timeseries={"timeField": "t", "granularity": "seconds"})
        data.fresh[name].insert_one({"t": datetime(2026, 1, 1, tzinfo=UTC)})
    data.fresh.series.create_index("t")
    data.fresh.command({"collMod": "series", "timeseries": {"granularity": "minutes"}})
    data.fresh.drop_collection("gone")
    data.admin.command("createRole", "temporary", privileges=[], roles=[])
    data.admin.command("createUser", "temporary", pwd="temporary", roles=["temporary"])
    data.admin.command("updateUser", "temporary", roles=[])
    with data.start_session() as session, session.start_transaction():
        data.shop.known.insert_one({"_id": "in a transaction", "n": 1}, session=session)
    data.shop.get_collection("orders", write_concern=WriteConcern("majority")).insert_one({"_id": "last"})


def test_what_is_printed_can_be_pasted(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["backup", "roles", "--print", "--json"], catch_exceptions=False)
    assert json.loads(told.stdout)["mongodb"].keys() == {
        "monitorBackup",
        "monitorCapture",
        "monitorVerify",
        "monitorRestore",
    }
    (tmp_path / "monitor-backup").write_text(PASSWORD)
    told = CliRunner().invoke(main, ["backup", "roles", "--print", "--users", str(tmp_path)], catch_exceptions=False)
    assert "-@all +sync +psync +replconf +info" in told.stdout
    assert PASSWORD not in told.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--print", "--apply"),
        ("--apply",),
        ("--apply", "--mongodb", "mongodb://admin:secret@127.0.0.1/"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["backup", "roles", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "secret" not in result.stderr
