"""A restore to an instant is what was read live at that instant, whatever happened around it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pymongo.client_session import ClientSession

from monitor import backup
from monitor.backup import mongodump, scratch
from monitor.backup.oplog import point
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.recovery import bases, plan
from monitor.backup.recovery.progress import Progress
from monitor.backup.recovery.run import Entries, restore_into
from tests.contract.backup_server import Place, ReplicaSet
from tests.contract.oplog_load import Load
from tests.contract.oplog_restored import NOBODY, capture, restored

pytest_plugins = ("tests.contract.backup_fixtures",)


@pytest.fixture
def load(backup_set: ReplicaSet) -> Iterator[Load]:
    load = Load(backup_set.admin, seed=time.time_ns())
    load.clean()
    yield load
    load.clean()


def test_two_instants_are_as_they_were_read_live(load: Load, place: Place) -> None:
    load.prepare()
    looks = []
    with load.running():
        with load.ddl:
            assert backup.take(place.settings).outcome == "passed"
        for _ in range(2):
            time.sleep(1.5)
            capture(place)
            looks.append(load.look())
        time.sleep(0.3)
    capture(place)
    assert [restored(place, seen)[0] for seen in looks] == [{}, {}], f"seed {load.seed}"


@pytest.fixture
def roomy(backup_set: ReplicaSet) -> Iterator[ReplicaSet]:
    """A set whose members hold a transaction of several entries for sure: their own cache is the smallest there is."""
    resize = {"setParameter": 1, "wiredTigerEngineRuntimeConfig": "cache_size=1G"}
    backup_set.on_each_member(resize)
    yield backup_set
    backup_set.on_each_member(resize | {"wiredTigerEngineRuntimeConfig": "cache_size=256M"})


def test_a_transaction_that_began_before_the_backup_is_whole(roomy: ReplicaSet, place: Place) -> None:
    backup_set = roomy
    bank = backup_set.admin.clinic
    backup_set.admin.drop_database("clinic")
    bank.create_collection("large")
    capture(place)
    assert backup.take(place.settings).outcome == "passed"

    def write(session: ClientSession) -> None:
        for number in range(3):
            bank.large.insert_one({"_id": number, "text": "x" * 6_000_000}, session=session)

    with backup_set.admin.start_session() as session:
        session.with_transaction(write)
    capture(place)
    first = backup_set.admin.local["oplog.rs"].find_one({"o.partialTxn": True}, sort=[("$natural", -1)])
    assert first is not None
    last = backup_set.admin.local["oplog.rs"].find_one({"prevOpTime.ts": first["ts"]})
    assert last is not None
    # As if the backup's recovery point lay between the transaction's entries: where one is prepared it may.
    (base,) = bases.bases(place.settings, None)
    between = replace(base, recovery_point=point.of(first["ts"]))
    shelf = Shelf(bases.depot_of(place.settings), base.replica_set)
    made = plan.make((between,), shelf, point.parse_target(point.text(point.of(last["ts"]))))
    with scratch.scratch_mongod(scratch.find_mongod(place.settings.mongod), place.run_dir) as copy:
        copy.clinic.create_collection("large")
        kept = Progress(copy, base.id, made.at, kept=False)
        nothing: tuple[mongodump.Dumped, ...] = ()
        restore_into(
            copy,
            nothing,
            Entries(shelf, made.slices),
            kept,
            begin=between.recovery_point,
            forget=lambda _: NOBODY,
            progress=lambda _: None,
        )
        assert copy.clinic.large.count_documents({}) == 3
    backup_set.admin.drop_database("clinic")
