"""``monitor restore``: plans, a scratch server, a target that is in use, and who must be forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import WriteConcernError
from pymongo.monitoring import CommandListener, CommandStartedEvent
from pymongo.write_concern import WriteConcern

from monitor import backup
from monitor.backup.keys import Keyset
from monitor.backup.opening import open_store
from monitor.backup.oplog import point
from monitor.sources import mongodb, signing_keys
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place, ReplicaSet
from tests.contract.dump_directory import dump_directory
from tests.contract.oplog_restored import capture, whole

pytest_plugins = ("tests.contract.backup_fixtures", "tests.contract.restore_fixtures")


def test_a_plan_is_printed_and_nothing_is_done(history: str, place: Place) -> None:
    told = place.monitor("restore", "--at", history, "--dry-run")
    assert told.exit_code == 0
    assert re.search(r"base    \S+-full-\S+, .*\n  oplog   \d slices, \d+ entries", told.output)
    plan = json.loads(place.monitor("restore", "--at", history, "--dry-run", "--json").stdout)
    assert (plan["at"], plan["missing"]) == (history, [])
    assert plan["slices"]


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("2001-01-01T00:00:00Z", "before the oldest backup"),
        ("2037-01-01T00:00:00Z", "after the newest slice"),
        ("2037-01-01T00:00:00.5Z", "after the newest slice"),
        ("noon", "is no time"),
    ],
)
def test_what_cannot_be_reached_is_refused_in_a_sentence(history: str, place: Place, when: str, why: str) -> None:
    refused = place.monitor("restore", "--at", when)
    assert (refused.exit_code, why in refused.output) == (2, True)
    assert refused.output.count("\n") == 1


def test_slices_are_sealed_as_backups_are(backup_set: ReplicaSet, place: Place, tmp_path: Path) -> None:
    keyset = tmp_path / "keyset.json"
    Keyset.create().write(keyset)
    place = place.changed(backup_keyset_file=keyset)
    backup_set.drop_all()
    assert backup.take(place.settings).outcome == "passed"
    lasting = backup_set.admin.shop.get_collection("orders", write_concern=WriteConcern("majority"))
    lasting.insert_one({"canary": "somebody's name"})
    capture(place)
    done = place.monitor("restore", "--at", "latest", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["oplog_operations"] >= 1
    slices = sorted(place.backups.rglob("*.slice"))
    assert slices
    assert not any(b'"replica_set"' in slice_.read_bytes() for slice_ in slices)
    file = slices[-1]
    content = file.read_bytes()
    file.write_bytes(content[:-20] + bytes(20))
    damaged = place.monitor("restore", "--at", "latest")
    assert (damaged.exit_code, file.name in damaged.output) == (2, True)
    backup_set.drop_all()


def test_an_instant_is_that_of_the_servers_clock(history: str, backup_set: ReplicaSet, place: Place) -> None:
    until = {"ts": {"$lte": point.bson(point.parse(history))}}
    # Other tests wrote dates into the same oplog that Python cannot say.
    oplog = list(backup_set.admin.local["oplog.rs"].find(until, {"ts": 1, "wall": 1}))
    # Between two entries of one second: the first is in it, the second is not.
    pairs = [(a, b) for a, b in pairwise(oplog) if a["wall"] < b["wall"] and a["ts"].time == b["ts"].time]
    first, _ = pairs[-1]
    when = first["wall"].isoformat(timespec="milliseconds") + "Z"
    plan = json.loads(place.monitor("restore", "--at", when, "--dry-run", "--json").stdout)
    assert plan["at"] == point.text(point.of(first["ts"]))


def test_a_backup_is_restored_as_it_was_taken_when_its_slices_are_gone(history: str, place: Place) -> None:
    """Its instant is between two seconds that the clock can say, and none of them is reached any more."""
    (listed,) = backup.list_backups(backup.open_store(place.settings))
    for slice_ in place.backups.rglob("*.slice"):
        slice_.unlink()
    plan = json.loads(place.monitor("restore", "--at", listed.id, "--dry-run", "--json").stdout)
    assert (plan["base"], plan["slices"], plan["at"]) == (listed.id, [], plan["base_recovery_point"])
    unknown = place.monitor("restore", "--at", "20260101T000000Z-full-0000")
    assert (unknown.exit_code, "no restore can begin with" in unknown.output) == (2, True)


def test_without_a_target_a_scratch_server_proves_it(history: str, place: Place) -> None:
    done = place.monitor("restore", "--at", history, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["documents"] >= 200
    assert told["oplog_operations"] > 600


def test_an_empty_server_is_restored_into_and_a_full_one_is_not(
    history: str, place: Place, empty: tuple[str, Client]
) -> None:
    uri, client = empty
    done = place.monitor("restore", "--at", history, "--into", uri)
    assert done.exit_code == 0, done.output
    whole(client)
    again = place.monitor("restore", "--at", history, "--into", uri)
    assert (again.exit_code, "is not empty (shop.kept0, shop.kept1, shop.kept2 ...)" in again.output) == (2, True)
    hosts = uri.removeprefix("mongodb://").removesuffix("/")
    client.stray.things.insert_one({})
    over = place.monitor("restore", "--at", history, "--into", uri, "--overwrite", "--confirm", hosts)
    assert over.exit_code == 0, over.output
    whole(client)
    assert "stray" not in client.list_database_names()


class _Heard(CommandListener):
    """What was told to servers to write, and how durably."""

    WRITES = frozenset({"applyOps", "create", "createIndexes", "insert", "update", "renameCollection"})

    def __init__(self) -> None:
        self.concerns: list[tuple[str, object]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in self.WRITES:
            self.concerns.append((event.command_name, event.command.get("writeConcern")))

    def succeeded(self, event: object) -> None:
        """Nobody asks."""

    def failed(self, event: object) -> None:
        """Nobody asks."""


def test_no_failover_takes_back_what_was_restored(
    history: str, place: Place, empty: tuple[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = _Heard()
    monkeypatch.setattr(pymongo, "MongoClient", partial(pymongo.MongoClient, event_listeners=[heard]))
    done = place.monitor("restore", "--at", history, "--into", empty[0])
    assert done.exit_code == 0, done.output
    assert {name for name, _ in heard.concerns} >= {"applyOps", "create", "createIndexes", "insert", "renameCollection"}
    assert [one for one in heard.concerns if one[1] != {"w": "majority"}] == []


def test_a_command_that_is_not_as_durable_as_was_asked_is_told_from_one_that_is(backup_set: ReplicaSet) -> None:
    client: Client
    for most in (1, 50):
        client = pymongo.MongoClient(
            backup_set.settings.mongodb_uri, username="admin", password=backup_set.password, w=most
        )
        with client, nullcontext() if most == 1 else pytest.raises(WriteConcernError):
            mongodb.write(client, "shop", {"create": f"held-by-{most}"})
    backup_set.drop_all()


@pytest.fixture
def clinic(backup_set: ReplicaSet, target: tuple[str, Client]) -> Iterator[ReplicaSet]:
    """Nothing but what a test writes into the app's database, here and in the target; gone afterwards."""
    backup_set.drop_all()
    yield backup_set
    backup_set.admin.drop_database("appointments")
    target[1].drop_database("appointments")


def test_a_build_of_indexes_takes_as_long_as_there_is_data(empty: tuple[str, Client]) -> None:
    """Answers that should come soon have a deadline, and a build of gigabytes takes longer than that."""
    empty[1].shop.orders.insert_many([{"_id": n, "cells": list(range(n, n + 20))} for n in range(20_000)])
    with pymongo.MongoClient[dict[str, Any]](empty[0], directConnection=True, socketTimeoutMS=20) as hasty:
        mongodb.build_indexes(hasty, "shop", "orders", [{"key": {"cells": 1}, "name": "cells_1"}])
    assert "cells_1" in empty[1].shop.orders.index_information()


def test_no_restore_brings_back_who_was_erased(
    clinic: ReplicaSet, place: Place, empty: tuple[str, Client], tmp_path: Path
) -> None:
    uri, client = empty
    gone, stays = "a" * 32, "b" * 32
    signing_keys.make(tmp_path / "private", tmp_path / "public")
    place = place.changed(
        erasure_signing_key_file=tmp_path / "private", erasure_verification_key_file=tmp_path / "public"
    )
    clinic.admin.appointments.patients.insert_many([{"_id": gone}, {"_id": stays}])
    clinic.admin.appointments.users.insert_one({"_id": "u", "patient": gone})
    assert backup.take(place.settings).outcome == "passed"
    subject = ("--database", "appointments", "--collection", "patients", "--id", gone)
    assert place.monitor("backup", "erasure", "add", *subject, "--by", "dpo", "--why", "asked").exit_code == 0
    assert (
        place.monitor(
            "backup", "export", backup.list_backups(open_store(place.settings))[0].id, "--out", str(tmp_path / "dump")
        ).exit_code
        == 0
    )
    ways = (("--at", "latest"), ("--at", "latest", "--into", uri), ("--dump", str(tmp_path / "dump"), "--into", uri))
    for way in ways:
        client.drop_database("appointments")
        done = place.monitor("restore", *way, "--json")
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)["erasures"]
        assert (told["erasures"], told["removed"], told["application"]["users"]) == (1, 1, 1)
        if "--into" in way:
            assert [row["_id"] for row in client.appointments.patients.find()] == [stays]
            assert client.appointments.users.find_one() is None
    client.drop_database("appointments")
    # A list that cannot be trusted ends the restore before it begins.
    (place.backups / "erasures" / "00000001.json").unlink()
    for way in ways:
        refused = place.monitor("restore", *way)
        assert (refused.exit_code, "it was cut off" in refused.output) == (2, True), refused.output
        assert "appointments" not in client.list_database_names()


def test_a_login_in_the_address_is_refused(place: Place, tmp_path: Path) -> None:
    dump = dump_directory(tmp_path / "dump", zipped=False)
    refused = place.monitor("restore", "--dump", str(dump), "--into", "mongodb://me:secret@127.0.0.1:1/")
    assert (refused.exit_code, "--password-file" in refused.output, "secret" in refused.output) == (2, True, False)


def test_what_is_backed_up_is_not_restored_into(history: str, place: Place, backup_set: ReplicaSet) -> None:
    port = backup_set.primary().rpartition(":")[2]
    secret = place.run_dir / "admin"
    secret.write_text(backup_set.password)
    uri = ""
    for host in ("127.0.0.1", "localhost"):
        uri = f"mongodb://{host}:{port}/?directConnection=true"
        refused = place.monitor(
            "restore", "--at", history, "--into", uri, "--username", "admin", "--password-file", str(secret)
        )
        assert (refused.exit_code, "--i-mean-production" in refused.output) == (2, True), refused.output
    stranger = place.monitor("restore", "--at", history, "--into", uri, "--i-mean-production")
    assert (stranger.exit_code, "with the role monitorRestore" in stranger.output) == (3, True)
