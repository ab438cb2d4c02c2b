"""What tests of restores need: a server to restore into, and a history to restore, as a plugin that tests name."""

from __future__ import annotations

from collections.abc import Iterator

import pymongo
import pytest

from monitor import backup
from monitor.backup import scratch
from monitor.backup.oplog import point
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place, ReplicaSet
from tests.contract.oplog_restored import capture
from tests.ports import free_ports


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
