"""``monitor restore``: stock mongodump directories, a target that is in use, and going on with what was broken off."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import Int64, decode_all, encode
from bson.binary import Binary
from bson.timestamp import Timestamp
from pymongo.errors import WriteConcernError
from pymongo.monitoring import CommandListener, CommandStartedEvent
from pymongo.write_concern import WriteConcern

from monitor import backup
from monitor.backup import dumpformat, restore, scratch
from monitor.backup.keys import Keyset
from monitor.backup.opening import open_store
from monitor.backup.oplog import apply, point
from monitor.backup.recovery import run
from monitor.sources import mongodb, signing_keys
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place, ReplicaSet
from tests.contract.oplog_restored import capture
from tests.contract.telemetry_receivers import free_ports

pytest_plugins = ("tests.contract.backup_fixtures",)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, backup_set: ReplicaSet) -> Iterator[tuple[str, Client]]:
    """A server with nobody's data and no passwords, by an address."""
    import subprocess  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("target")
    port = free_ports("target")["target"]
    mongod = scratch.find_mongod(backup_set.settings.mongod)
    command = [str(mongod), "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1"]
    process = subprocess.Popen([*command, "--logpath", str(folder / "log")], stdout=subprocess.DEVNULL)
    client: Client = pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/", directConnection=True)
    try:
        client.admin.command("ping")
        yield f"mongodb://127.0.0.1:{port}/", client
    finally:
        client.close()
        process.kill()
        process.wait()


@pytest.fixture
def empty(target: tuple[str, Client]) -> tuple[str, Client]:
    for name in target[1].list_database_names():
        if name not in {"admin", "config", "local"}:
            target[1].drop_database(name)
    # What a restore that is broken off here keeps of users and roles.
    for name in ("tempusers", "temproles"):
        target[1].admin.drop_collection(name)
    return target


@pytest.fixture
def history(backup_set: ReplicaSet, place: Place) -> Iterator[str]:
    """A captured history; returns its last good point, after which everything was deleted."""
    backup_set.drop_all()
    capture(place)
    shop = backup_set.admin.shop
    shop.orders.insert_many([{"_id": n, "n": 0} for n in range(200)])
    shop.orders.create_index("n")
    assert backup.take(place.settings).outcome == "passed"
    for number in range(3):
        shop.orders.update_many({}, {"$inc": {"n": 1}})
        shop[f"made{number}"].insert_many([{"_id": n} for n in range(20)])
        shop[f"made{number}"].rename(f"kept{number}")
        capture(place)
    last = backup_set.admin.local["oplog.rs"].find_one({"ns": "shop.$cmd"}, sort=[("$natural", -1)])
    assert last is not None
    shop.orders.delete_many({})
    capture(place)
    yield point.text(point.of(last["ts"]))
    backup_set.drop_all()


def whole(client: Client) -> None:
    assert client.shop.orders.count_documents({"n": 3}) == 200
    assert sorted(client.shop.list_collection_names()) == ["kept0", "kept1", "kept2", "orders"]
    assert [client.shop[f"kept{n}"].count_documents({}) for n in range(3)] == [20, 20, 20]
    assert "n_1" in client.shop.orders.index_information()


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


def test_what_was_broken_off_anywhere_is_gone_on_with(
    history: str, place: Place, empty: tuple[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, client = empty
    steps = _count_steps(monkeypatch, lambda: place.monitor("restore", "--at", history, "--into", uri).exit_code)
    assert steps > 10
    # All of them would take half a minute; which ones are looked at changes from run to run.
    for breaks_at in random.Random().sample(range(1, steps + 1), 6):
        for name in client.list_database_names():
            if name not in {"admin", "config", "local"}:
                client.drop_database(name)
        with monkeypatch.context() as broken:
            _break(broken, breaks_at)
            with pytest.raises(_BrokenOff):
                place.monitor("restore", "--at", history, "--into", uri)
        done = place.monitor("restore", "--at", history, "--into", uri)
        assert done.exit_code == 0, (breaks_at, done.output)
        assert "went on" in done.output
        whole(client)


def test_one_that_was_killed_before_its_first_note_is_begun_again(
    history: str, place: Place, empty: tuple[str, Client]
) -> None:
    uri, client = empty
    client.monitor_restore.create_collection("progress")
    done = place.monitor("restore", "--at", history, "--into", uri)
    assert done.exit_code == 0, done.output
    whole(client)


def test_another_restore_does_not_go_on_with_it(
    history: str, place: Place, empty: tuple[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        _break(broken, 4)
        with pytest.raises(_BrokenOff):
            place.monitor("restore", "--at", history, "--into", empty[0])
    other = place.monitor("restore", "--at", "latest", "--into", empty[0])
    assert (other.exit_code, "was broken off" in other.output) == (2, True)


def test_another_dump_of_the_same_name_does_not_go_on_with_it(
    place: Place, empty: tuple[str, Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monday, tuesday = (dump_directory(tmp_path / day / "dump", zipped=False) for day in ("monday", "tuesday"))
    with monkeypatch.context() as broken:
        _break(broken, 4)
        with pytest.raises(_BrokenOff):
            place.monitor("restore", "--dump", str(monday), "--into", empty[0])
    other = place.monitor("restore", "--dump", str(tuesday), "--into", empty[0])
    assert (other.exit_code, "was broken off" in other.output) == (2, True)
    done = place.monitor("restore", "--dump", str(monday), "--into", empty[0])
    assert (done.exit_code, "went on where it was broken off" in done.output) == (0, True)


def test_a_dump_may_hold_how_far_another_restore_was(place: Place, empty: tuple[str, Client], tmp_path: Path) -> None:
    """It was taken while somebody restored into the set, or of one that was left half restored."""
    dump = dump_directory(tmp_path / "dump", zipped=False)
    (dump / "monitor_restore").mkdir()
    for file in (dump / "shop").glob("orders.*"):
        (dump / "monitor_restore" / file.name.replace("orders", "progress")).write_bytes(
            file.read_bytes().replace(b'"orders"', b'"progress"')
        )
    done = place.monitor("restore", "--dump", str(dump), "--into", empty[0])
    assert done.exit_code == 0, done.output
    assert "monitor_restore" not in empty[1].list_database_names()


class _BrokenOff(BaseException):
    """Not an error that anybody handles."""


PLACES: tuple[tuple[Any, str], ...] = (
    (restore, "_create"),
    (restore, "_insert"),
    (apply.Applier, "_run"),
    (run, "build_indexes"),
)


def _count_steps(monkeypatch: pytest.MonkeyPatch, do: Callable[[], int]) -> int:
    count = [0]
    with monkeypatch.context() as counting:
        _wrap(counting, lambda: count.__setitem__(0, count[0] + 1))
        assert do() == 0
    return count[0]


def _break(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Break off right after a step was taken, before anything could be noted of it."""
    left = [number]

    def after() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise _BrokenOff

    _wrap(monkeypatch, after)


def _wrap(monkeypatch: pytest.MonkeyPatch, after: Callable[[], None]) -> None:
    for place, name in PLACES:
        original = getattr(place, name)

        def call(*arguments: Any, original: Any = original, **named: Any) -> Any:
            result = original(*arguments, **named)
            after()
            return result

        monkeypatch.setattr(place, name, call)


# --- directories of the stock mongodump, made here byte for byte as it writes them


def dump_directory(root: Path, *, zipped: bool) -> Path:
    """What ``mongodump --oplog`` leaves of a database under load, with its oplog."""

    def write(name: str, content: bytes) -> None:
        plain = name == "oplog.bson" or not zipped
        file = root / (name if plain else f"{name}.gz")
        file.parent.mkdir(parents=True, exist_ok=True)
        # Of two members, as Go writes a stream that was flushed; and the oplog is packed under its own name.
        half = len(content) // 2
        packed = gzip.compress(content[:half]) + gzip.compress(content[half:])
        file.write_bytes(packed if zipped else content)

    by_id = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
    write("prelude.json", dumpformat.prelude("6.0.5", "100.9.4"))
    for name, kind, options, indexes in (
        ("orders", "collection", {}, [by_id, {"v": 2, "key": {"n": 1}, "name": "n_1", "unique": True}]),
        ("few", "view", {"viewOn": "orders", "pipeline": [{"$match": {"n": {"$lt": 3}}}]}, []),
    ):
        described = dumpformat.metadata(name=name, kind=kind, uuid="ab" * 16, options=options, indexes=indexes)
        write(f"shop/{name}.metadata.json", described)
    rows = [{"_id": n, "n": n, "text": "before"} for n in range(5)]
    # Read over a while: one moved on while it was read, and stands there twice.
    write("shop/orders.bson", b"".join(map(encode, [*rows, {"_id": 2, "n": 2, "text": "twice"}])))
    ui, at = Binary(b"\x01" * 16, 4), iter(range(1, 100))

    def entry(op: str, ns: str, o: dict[str, Any], **more: Any) -> bytes:
        return encode(
            {"op": op, "ns": ns, "ui": ui, "o": o, "ts": Timestamp(9, next(at)), "t": Int64(1), "v": Int64(2), **more}
        )

    oplog = [
        entry("n", "", {"msg": "periodic noop"}),
        entry("i", "shop.orders", {"_id": 3, "n": 3, "text": "known"}),
        entry("u", "shop.orders", {"$v": 2, "diff": {"u": {"text": "gone before it was read"}}}, o2={"_id": 77}),
        entry("d", "shop.orders", {"_id": 77}),
        entry("u", "shop.orders", {"$v": 2, "diff": {"u": {"text": "after"}}}, o2={"_id": 2}),
        entry("i", "shop.dropped", {"_id": 1}),
        entry("c", "shop.$cmd", {"drop": "dropped"}),
        entry("c", "shop.$cmd", {"create": "new", "idIndex": {**by_id, "ns": "shop.new"}}),
        entry("c", "shop.$cmd", {"createIndexes": "new", "v": 2, "key": {"x": 1}, "name": "x_1"}),
        entry("i", "shop.new", {"_id": 1, "x": 1}),
        entry("c", "shop.$cmd", {"renameCollection": "shop.new", "to": "shop.renamed", "stayTemp": False}),
    ]
    write("oplog.bson", b"".join(oplog))
    return root


@pytest.mark.parametrize("zipped", [False, True])
def test_a_stock_dump_is_restored_and_its_oplog_replayed(
    place: Place, empty: tuple[str, Client], tmp_path: Path, *, zipped: bool
) -> None:
    uri, client = empty
    dump = dump_directory(tmp_path / "dump", zipped=zipped)
    told = place.monitor("restore", "--dump", str(dump), "--dry-run")
    assert (told.exit_code, "2 collections, and an oplog" in told.output) == (0, True)
    done = place.monitor("restore", "--dump", str(dump), "--into", uri)
    assert done.exit_code == 0, done.output
    shop = client.shop
    rows = [(row["_id"], row["text"]) for row in shop.orders.find(sort=[("_id", 1)])]
    assert rows == [(0, "before"), (1, "before"), (2, "after"), (3, "known"), (4, "before")]
    assert sorted(shop.list_collection_names()) == ["few", "orders", "renamed", "system.views"]
    assert "x_1" in shop.renamed.index_information()
    assert shop.orders.index_information()["n_1"]["unique"] is True
    assert shop.few.count_documents({}) == 3


def test_a_dump_that_was_cut_off_says_where(place: Place, empty: tuple[str, Client], tmp_path: Path) -> None:
    for zipped in (False, True):
        dump = dump_directory(tmp_path / f"dump{zipped}", zipped=zipped)
        file = dump / "shop" / ("orders.bson.gz" if zipped else "orders.bson")
        file.write_bytes(file.read_bytes()[:-7])
        failed = place.monitor("restore", "--dump", str(dump))
        assert (failed.exit_code, str(file) in failed.output) == (2, True)


def test_a_dump_without_an_oplog_may_hold_a_document_twice(place: Place, tmp_path: Path) -> None:
    """As mongodump leaves it, which reads over a while; mongorestore takes it too."""
    dump = dump_directory(tmp_path / "dump", zipped=False)
    (dump / "oplog.bson").unlink()
    done = place.monitor("restore", "--dump", str(dump))
    assert (done.exit_code, "5 documents" in done.output) == (0, True), done.output


def test_an_oplog_that_is_none_is_refused(place: Place, tmp_path: Path) -> None:
    dump = dump_directory(tmp_path / "dump", zipped=False)
    (dump / "oplog.bson").write_bytes((dump / "shop" / "orders.bson").read_bytes())
    failed = place.monitor("restore", "--dump", str(dump))
    assert (failed.exit_code, "no entry of one" in failed.output) == (1, True), failed.output


def test_what_is_no_dump_is_refused(place: Place, tmp_path: Path) -> None:
    refused = place.monitor("restore", "--dump", str(tmp_path))
    assert (refused.exit_code, "is no mongodump directory" in refused.output) == (2, True)
    neither = place.monitor("restore")
    assert (neither.exit_code, "--at TIME, or --dump DIR" in neither.output) == (2, True)


def test_our_own_backup_is_a_stock_dump(history: str, place: Place, empty: tuple[str, Client]) -> None:
    (listed,) = backup.list_backups(backup.open_store(place.settings))
    dump = place.run_dir / "exported"
    assert place.monitor("backup", "export", listed.id, "--out", str(dump)).exit_code == 0
    assert place.monitor("restore", "--dump", str(dump), "--into", empty[0]).exit_code == 0
    ours = decode_all((dump / "shop" / "orders.bson").read_bytes())
    assert list(empty[1].shop.orders.find(sort=[("_id", 1)])) == ours


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
