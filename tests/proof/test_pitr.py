"""Twenty random seconds under load, with changes of every kind and two failovers: each is restored exactly.

What was there is read at the instant itself, by a snapshot, while changes of collections wait. The capture runs as in
`monitor work` meanwhile, and its recovery point is looked at each half second: never older than 90 s, with no gap.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor import backup, clock
from monitor.backup.oplog import chain, owner
from monitor.backup.oplog.anchor import Memory
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.recovery import bases
from tests.conftest import EmbeddedStack, running_stack
from tests.contract.backup_server import Place, ReplicaSet
from tests.contract.oplog_load import CHANGES, Load, Seen
from tests.contract.oplog_restored import capture, restored

pytest_plugins = ("tests.contract.backup_fixtures",)
pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]

SECONDS = 20
WORST_S = 90.0
"""How old the newest recovery point may be at any moment."""


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Three members of this proof's own: it kills them."""
    yield from running_stack(tmp_path_factory.mktemp("replica-set"), only=("mongo-1", "mongo-2", "mongo-3"))


def primary_name(replica_set: EmbeddedStack, backup_set: ReplicaSet) -> str:
    addresses = {replica_set.layout.address(name): name for name in ("mongo-1", "mongo-2", "mongo-3")}
    return addresses[backup_set.primary()]


def tell(line: str) -> None:
    """What the proof measured, for whoever runs it."""
    sys.stderr.write(f"{line}\n")


def watch(place: Place, stop: threading.Event, ages: list[float]) -> None:
    with place.store() as store:
        while not stop.wait(0.5):
            anchor = Memory(store, str(place.backups)).anchor("rs0")
            if anchor is not None:
                ages.append((clock.now() - anchor.end.at).total_seconds())


def test_twenty_random_seconds(
    replica_set: EmbeddedStack, backup_set: ReplicaSet, place: Place, tmp_path: Path
) -> None:
    seed = time.time_ns()
    rng, load = random.Random(seed), Load(backup_set.admin, seed=seed)
    load.prepare()
    stop, looks = threading.Event(), list[Seen]()
    ages: list[float] = []
    depot = bases.depot_of(place.settings)
    settings = place.settings
    capturing = threading.Thread(
        target=lambda: owner.run(settings, depot, lambda: bases.newest_recovery_point(settings), every_s=5, stop=stop)
    )
    watching = threading.Thread(target=watch, args=(place, stop, ages))
    capturing.start()
    watching.start()
    try:
        with load.running():
            for number in range(SECONDS):
                time.sleep(rng.uniform(0.5, 5))
                if number in {0, 8}:
                    with load.ddl:
                        assert backup.take(settings).outcome == "passed"
                if number in {4, 13}:
                    # Between two looks, under load: the next one comes from another primary.
                    replica_set.client.kill(primary_name(replica_set, backup_set))
                    time.sleep(rng.uniform(0.1, 2))
                looks.append(load.look())
            time.sleep(1)
    finally:
        stop.set()
        capturing.join()
        watching.join()
    capture(place)
    assert set(load.done) == set(CHANGES), "each kind of change was made"
    shelf = Shelf(depot, "rs0")
    headers = [shelf.header(name) for name in shelf.names()]
    (span,) = chain.spans(headers)
    terms = {header.term for header in headers}
    tell(f"seed {seed}: {len(headers)} slices, {sum(h.count for h in headers)} entries, terms {sorted(terms)}")
    tell(f"recovery point at most {max(ages):.1f} s old; changes {dict(load.done)}")
    assert span.slices
    assert len(terms) >= 2
    assert max(ages) <= WORST_S
    operations = seconds = 0.0
    for number, seen in enumerate(looks):
        wrong, done = restored(place, seen)
        assert wrong == {}, f"seed {seed}, look {number}"
        operations += done.operations
        seconds += done.oplog_seconds
    tell(f"{len(looks)} instants equal; {operations:.0f} operations replayed in {seconds:.1f} s")
