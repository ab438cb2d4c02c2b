"""``monitor backup run`` against a real replica set with authentication."""

from __future__ import annotations

import itertools
import json
import random
import resource
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo.client_session import ClientSession

from monitor import backup, clock
from monitor.backup import mongodump, restore, scratch
from monitor.backup.progress import Progress
from monitor.backup.storage import LocalStore
from monitor.errors import Unsafe
from tests.contract.backup_server import Place, ReplicaSet, faults_of, small_disk

pytest_plugins = ("tests.contract.backup_fixtures",)

ACCOUNTS = 50
BALANCE = 1000


@contextmanager
def transfers(replica_set: ReplicaSet) -> Iterator[None]:
    """Move money between two collections, each time in a transaction: the sum over both never changes."""
    bank = replica_set.admin.bank
    for name in ("checking", "savings"):
        bank[name].insert_many([{"_id": n, "balance": BALANCE} for n in range(ACCOUNTS)])
    stop = threading.Event()

    def move(session: ClientSession) -> None:
        amount, account = random.randint(1, 100), random.randrange(ACCOUNTS)
        bank.checking.update_one({"_id": account}, {"$inc": {"balance": -amount}}, session=session)
        bank.savings.update_one({"_id": account}, {"$inc": {"balance": amount}}, session=session)

    def write() -> None:
        with replica_set.admin.start_session() as session:
            while not stop.is_set():
                session.with_transaction(move)

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_a_backup_under_load_is_what_was_there_at_one_instant(documents: ReplicaSet, place: Place) -> None:
    with transfers(documents):
        deadline = time.monotonic() + 60
        while not documents.admin.bank.savings.find_one({"balance": {"$ne": BALANCE}}):
            assert time.monotonic() < deadline
        record = backup.take(place.settings, max_bytes_per_second=5e6)
        verdict = backup.verify(place.settings, record.id)
    assert (record.outcome, verdict.outcome, verdict.faults) == ("passed", "passed", ())
    assert verdict.documents == record.documents >= 2000 + 2 * ACCOUNTS
    assert verdict.restore_seconds is not None
    assert verdict.restore_seconds > 0

    mongod = scratch.find_mongod(place.settings.mongod)
    with scratch.scratch_mongod(mongod, place.run_dir) as copy:
        restore.load(copy, mongodump.read_dump(place.backups / record.id / "dump"))
        checking, savings = (
            {row["_id"]: row["balance"] for row in copy.bank[name].find()} for name in ("checking", "savings")
        )
    assert {account: checking[account] + savings[account] for account in range(ACCOUNTS)} == dict.fromkeys(
        range(ACCOUNTS), 2 * BALANCE
    )
    assert any(balance != BALANCE for balance in savings.values())


def test_run_and_verify_tell_and_record_what_they_did(documents: ReplicaSet, place: Place) -> None:
    primary = documents.primary()
    ran = place.monitor("backup", "run", "--json")
    taken = json.loads(ran.stdout)
    assert (ran.exit_code, taken["outcome"], taken["type"]) == (0, "passed", "full")
    # Unless another was elected meanwhile, which a machine that stands still for two seconds brings about.
    assert taken["source"] != primary or documents.primary() != primary
    assert clock.from_rfc3339(taken["recovery_point"]) <= clock.from_rfc3339(taken["finished_at"])

    verified = place.monitor("backup", "verify", "--json")
    verdict = json.loads(verified.stdout)
    assert (verified.exit_code, verdict["outcome"], verdict["backup"]) == (0, "passed", taken["id"])
    assert verdict["documents"] == taken["documents"]
    assert verdict["restore_seconds"] > 0

    rows = json.loads(place.monitor("backup", "list", "--json").stdout)
    assert [(row["id"], row["state"], row["verified"]) for row in rows] == [(taken["id"], "complete", "passed")]
    assert rows[0]["bytes"] == sum(f.stat().st_size for f in (place.backups / taken["id"] / "dump").rglob("*.*"))
    with place.store() as store:
        assert [record.body for record in store.records("backup")] == [taken]
        assert [record.body for record in store.records("verification")] == [verdict]


def test_people_read_sentences(documents: ReplicaSet, place: Place) -> None:
    run, verify, listed = (place.monitor("backup", word) for word in ("run", "verify", "list"))
    assert "taken from 127.0.0.1" in run.stdout
    assert "every collection equal to what was backed up" in verify.stdout
    assert "passed" in listed.stdout
    assert all(place.secret not in result.output for result in (run, verify, listed))


def test_a_backup_is_readable_by_its_owner_only(documents: ReplicaSet, place: Place) -> None:
    record = backup.take(place.settings)
    for path in (place.backups, *(place.backups / record.id).rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_only_one_run_writes_to_a_store(documents: ReplicaSet, place: Place) -> None:
    with LocalStore(place.backups).exclusive("backup run"):
        second = place.monitor("backup", "run")
    assert second.exit_code == 2
    assert "pid" in second.stderr
    with place.store() as store:
        assert store.records("backup") == ()
    assert place.monitor("backup", "run").exit_code == 0


def test_a_state_file_is_not_needed(documents: ReplicaSet, place: Place) -> None:
    place.settings.state.unlink()
    ran = place.monitor("backup", "run")
    assert ran.exit_code == 0
    assert "will not be recorded" in ran.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "terminate"])
def test_a_killed_run_leaves_complete_backups_only(
    documents: ReplicaSet, place: Place, signal_number: signal.Signals
) -> None:
    kept = backup.take(place.settings)
    trials = 5 if signal_number == signal.SIGKILL else 2
    for trial in range(trials):
        run = place.spawn("backup", "run", "--max-mb-per-second", "4")
        _wait_for(lambda: bool(list(place.backups.glob(".tmp-*"))), run)
        # Anywhere between its first file and its last; unthrottled reading takes no time at all.
        time.sleep(2.2 * trial / trials * random.random())
        run.send_signal(signal_number)
        run.communicate()
        assert all(row.state == "complete" for row in backup.list_backups(place.home))
        assert faults_of(place.home, kept.id) == []
        left = list(place.backups.glob(".tmp-*"))
        assert signal_number == signal.SIGKILL or not left
    assert backup.take(place.settings).outcome == "passed"
    assert not list(place.backups.glob(".tmp-*"))


def test_a_full_disk_is_told_and_nothing_is_left(documents: ReplicaSet, place: Place, tmp_path: Path) -> None:
    # Many tiny collections: their pages fill the disk, although the documents themselves would fit.
    documents.drop_all()
    for number in range(60):
        documents.admin.small[f"c{number}"].insert_one({"_id": number})
    store = tmp_path / "disk"
    store.mkdir()
    with small_disk(store, "160k"):
        ran = place.monitor("backup", "run", "--store", str(store), "--json")
        left = sorted(path.name for path in store.iterdir())
    told = json.loads(ran.stdout)
    assert (ran.exit_code, told["outcome"]) == (1, "failed")
    assert "cannot write" in told["reason"]
    assert left == [".lock"]
    with place.store() as state:
        assert [record.body["outcome"] for record in state.records("backup")] == ["failed"]


def test_a_file_that_cannot_grow_is_told_and_nothing_is_left(documents: ReplicaSet, place: Place) -> None:
    """The same as on a full disk, where nobody may mount one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        record = backup.take(place.settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert record.outcome == "failed"
    assert "cannot write" in record.reason
    assert [path.name for path in place.backups.iterdir()] == [".lock"]


def test_a_disk_that_is_too_small_is_not_filled(documents: ReplicaSet, place: Place, tmp_path: Path) -> None:
    store = tmp_path / "disk"
    store.mkdir()
    with small_disk(store, "1m"):
        ran = place.monitor("backup", "run", "--store", str(store))
    assert ran.exit_code == 1
    assert "MB left" in ran.stderr


def test_a_collection_made_during_the_run_makes_it_start_over(documents: ReplicaSet, place: Place) -> None:
    made: list[str] = []

    def interfere(_: Progress) -> None:
        if not made:
            documents.admin.shop.create_collection("late")
            made.append("late")

    record = backup.take(place.settings, progress=interfere)
    assert record.outcome == "passed"
    assert (place.backups / record.id / "dump/shop/late.metadata.json").exists()
    assert backup.verify(place.settings, record.id).outcome == "passed"


def test_collections_that_never_stop_changing_are_told(documents: ReplicaSet, place: Place) -> None:
    made = itertools.count()

    def interfere(_: Progress) -> None:
        documents.admin.shop.create_collection(f"restless-{next(made)}")

    record = backup.take(place.settings, progress=interfere)
    assert record.outcome == "failed"
    assert "shop.restless-" in record.reason
    assert backup.list_backups(place.home) == ()


def test_a_member_that_dies_while_it_is_read_is_replaced_by_another(
    documents: ReplicaSet, place: Place, replica_set: Any
) -> None:
    killed: list[str] = []

    def kill(progress: Progress) -> None:
        if progress.step == "reading" and not killed:
            killed.append(documents.read_by_a_backup())
            component = _component(replica_set, killed[0])
            replica_set.client.hold(component, 60)
            replica_set.client.kill(component)

    record = backup.take(place.settings, progress=kill, max_bytes_per_second=8e6)
    replica_set.client.release(_component(replica_set, killed[0]))
    replica_set.client.wait_until_healthy()
    assert (record.outcome, record.reason) == ("passed", "")
    assert record.source not in killed
    assert backup.verify(place.settings, record.id).outcome == "passed"


def _component(replica_set: Any, address: str) -> str:
    return next(str(each.name) for each in replica_set.client.status() if each.address == address)


def test_a_snapshot_that_the_server_lost_is_told(documents: ReplicaSet, place: Place) -> None:
    window = "minSnapshotHistoryWindowInSeconds"
    documents.on_each_member({"setParameter": 1, window: 0})

    def stall(progress: Progress) -> None:
        if progress.step == "reading":
            for number in range(3):
                documents.admin.shop.ticks.update_one({"_id": 0}, {"$set": {"n": number}}, upsert=True)
                time.sleep(0.4)

    documents.admin.shop.create_collection("ticks")
    try:
        record = backup.take(place.settings, progress=stall)
    finally:
        documents.on_each_member({"setParameter": 1, window: 300})
    assert record.outcome == "failed"
    assert window in record.reason


def test_a_wrong_password_is_one_clear_sentence(place: Place, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong-secret-word")
    place = place.changed(backup_password_file=tmp_path / "password")
    ran = place.monitor("backup", "run")
    assert ran.exit_code == 3
    assert "refused the user or password" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "wrong-secret-word" not in ran.output
    with place.store() as store:
        (record,) = store.records("backup")
    assert (record.body["outcome"], "wrong-secret-word" in json.dumps(record.body)) == ("failed", False)


def test_an_absent_server_is_one_clear_sentence(place: Place) -> None:
    ran = place.changed(mongodb_uri="mongodb://127.0.0.1:1/?replicaSet=rs0").monitor("backup", "run")
    assert ran.exit_code == 3
    assert "127.0.0.1:1 does not answer" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_taking_a_backup_from_a_second_thread_is_refused_too(documents: ReplicaSet, place: Place) -> None:
    with LocalStore(place.backups).exclusive("backup prune"), pytest.raises(Unsafe, match="backup prune"):
        backup.take(place.settings)


def _wait_for(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
