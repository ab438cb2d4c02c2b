"""The primary is killed during backups, captures and restores."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pymongo
import pytest

from monitor import backup
from monitor.backup.oplog import owner
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.progress import Progress
from monitor.backup.recovery import bases
from monitor.sources.mongodb import Client
from tests.conftest import EmbeddedStack, running_stack
from tests.contract.backup_server import Place, ReplicaSet
from tests.contract.oplog_restored import capture
from tests.proof.backup_faulty import MEMBERS, SEED, sound, spans_of, whole
from tests.proof.backup_watched import Ledger, await_true, numbers_of, tell

pytest_plugins = ("tests.contract.backup_fixtures", "tests.proof.backup_faulty_fixtures")
pytestmark = [pytest.mark.proof, pytest.mark.timeout(2700)]


def _kill_primary(replica_set: EmbeddedStack, backup_set: ReplicaSet) -> None:
    addresses = {replica_set.layout.address(name): name for name in MEMBERS}
    replica_set.client.kill(addresses[backup_set.primary()])


def _wait_for_three(backup_set: ReplicaSet) -> None:
    def states() -> Counter[str]:
        members = backup_set.admin.admin.command("replSetGetStatus")["members"]
        return Counter(member["stateStr"] for member in members)

    await_true(lambda: states() == {"PRIMARY": 1, "SECONDARY": 2}, 60, "the set is not whole again")


def test_an_election_during_backup_and_capture(
    replica_set: EmbeddedStack, backup_set: ReplicaSet, sealed: Place, ledger: Ledger
) -> None:
    depot, stop = bases.depot_of(sealed.settings), threading.Event()
    rounds: list[bool] = []

    def run() -> None:
        owner.run(
            sealed.settings,
            depot,
            lambda: bases.newest_recovery_point(sealed.settings),
            every_s=1,
            stop=stop,
            watch=lambda done: rounds.append(done is not None),
        )

    def struck(kill: Callable[[], None]) -> Callable[[Progress], None]:
        struck: list[str] = []

        def look(progress: Progress) -> None:
            if progress.step == "reading" and progress.done > progress.total / 3 and not struck:
                struck.append(progress.step)
                kill()

        return look

    capturing = threading.Thread(target=run)
    with ledger.writing():
        capturing.start()
        try:
            for _ in range(3):
                _wait_for_three(backup_set)
                shows = struck(lambda: _kill_primary(replica_set, backup_set))
                record = backup.take(sealed.settings, progress=shows, max_bytes_per_second=8e6)
                assert record.outcome == "passed", record.reason
                assert sound(sealed)
        finally:
            _wait_for_three(backup_set)
            stop.set()
            capturing.join()
        owed = set(ledger.acknowledged)
        capture(sealed)
    shelf = Shelf(depot, "rs0")
    terms = {shelf.header(name).term for name in shelf.names()}
    assert spans_of(depot) == 1
    assert len(terms) >= 4
    whole(sealed, owed)
    failed = rounds.count(False)
    tell(f"3 elections during backups: terms {sorted(terms)}, {failed} of {len(rounds)} rounds failed, no gap")


def test_an_election_during_a_restore(sealed: Place, ledger: Ledger, tmp_path: Path) -> None:
    capture(sealed)
    assert backup.take(sealed.settings).outcome == "passed"
    with ledger.writing(writers=4):
        time.sleep(5)
    capture(sealed)
    rng, exits = random.Random(f"{SEED}-restore"), list[int | None]()
    with contextlib.contextmanager(running_stack)(tmp_path / "target", only=MEMBERS) as stack:
        file = stack.layout.mongodb_password("admin")
        login = ("--username", "admin", "--password-file", str(file))
        command = ["restore", "--at", "latest", "--into", stack.layout.mongodb_uri, *login]
        client: Client = pymongo.MongoClient(
            stack.layout.mongodb_uri, username="admin", password=file.read_text().strip()
        )
        with client:
            there = ReplicaSet(client, "", stack.settings)
            for _ in range(3):
                _wait_for_three(there)
                for name in ("shop", "ledger", "monitor_restore"):
                    client.drop_database(name)
                process = sealed.spawn(*command)
                await_true(lambda: "shop" in client.list_database_names(), 60, "nothing is restored")
                time.sleep(rng.uniform(0, 1))
                _kill_primary(stack, there)
                _, told = process.communicate(timeout=180)
                exits.append(process.returncode)
                if process.returncode:
                    assert process.returncode == 3, told
                    again = sealed.spawn(*command)
                    _, told = again.communicate(timeout=180)
                    assert again.returncode == 0, told
                assert client.shop.orders.count_documents({}) == 4000
                assert numbers_of(client) >= set(ledger.acknowledged)
    tell(f"elections during restores: exit codes {exits}, and 0 with the same command again; every document is there")
