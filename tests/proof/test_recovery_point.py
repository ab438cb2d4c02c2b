"""A quarter of an hour of writing, with a failover and a killed `monitor work`: what would be lost is what is said.

``dr_rpo_seconds`` is read from the worker's own page each second. At random moments what the store holds is set aside,
as if everything else were lost then, and restored: every write that was acknowledged before the age that the gauge
told must be there. A copy in another place that is not brought up to date tells its own, larger age meanwhile.

``PROOF_RPO_MINUTES`` (15) and ``PROOF_RPO_SEED`` change how long, and which moments.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from monitor import backup, clock
from monitor.backup import offsite
from monitor.backup.listing import list_backups
from monitor.backup.opening import open_store
from monitor.work import capturing
from tests.conftest import EmbeddedStack, running_stack
from tests.contract.backup_server import Place, ReplicaSet
from tests.proof.backup_watched import LEDGER, Ledger, Worker, await_true, copied, numbers_of, restored_copy, tell

pytest_plugins = ("tests.contract.backup_fixtures",)
pytestmark = [pytest.mark.proof, pytest.mark.timeout(2400)]

MINUTES = float(os.environ.get("PROOF_RPO_MINUTES", "15"))
SEED = int(os.environ.get("PROOF_RPO_SEED", str(time.time_ns())))
RESTORES = 8
WORST_S = 90.0
"""With `capture_every: 30s`, as recovery.yaml says."""
STARTS_WITHIN_S = 20.0
"""`monitor work`, on a busy machine."""


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Three members of this proof's own: it kills one."""
    yield from running_stack(tmp_path_factory.mktemp("replica-set"), only=("mongo-1", "mongo-2", "mongo-3"))


class Ages:
    """How old the newest recovery point is, each second: as the page says it, and where it is silent as it is."""

    def __init__(self, place: Place, worker: Worker) -> None:
        self.told: list[float] = []
        self.known: list[float] = []
        self._place = place
        self._worker = worker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(1):
            if (told := self._worker.recovery_point_age()) is not None:
                self.told.append(told)
            with self._place.store() as store:
                found = capturing.captured(self._place.settings, store)
            reached = capturing.reached(found, list_backups(self._place.home))
            if reached is not None:
                self.known.append((clock.now() - reached).total_seconds())


def test_what_the_gauge_says_is_what_would_be_lost(
    replica_set: EmbeddedStack, backup_set: ReplicaSet, place: Place, tmp_path: Path
) -> None:
    rng, ledger = random.Random(SEED), Ledger(backup_set.admin)
    place = place.changed(backup_compression="zstd")
    # Not in the worker's settings: it would keep the copy young.
    there = open_store(replace(place.settings, offsite_store=str(tmp_path / "offsite")).offsite)
    backup_set.admin.drop_database(LEDGER)
    backup_set.admin[LEDGER].writes.insert_one({"_id": -1})
    assert backup.take(place.settings).outcome == "passed"
    seconds = MINUTES * 60
    moments = sorted(rng.uniform(0.1, 1) * seconds for _ in range(RESTORES))
    accidents = {
        "worker killed": rng.uniform(0.2, 0.4) * seconds,
        "primary killed": rng.uniform(0.5, 0.7) * seconds,
    }
    done: list[str] = []
    worker, missing, spans = Worker(place), dict[int, int](), list[tuple[float, int]]()
    try:
        await_true(lambda: worker.recovery_point_age() is not None, STARTS_WITHIN_S, "no recovery point is told")
        with ledger.writing(), Ages(place, worker) as ages:
            begun = time.monotonic()
            backup.copy(place.home, there)
            at_copy = offsite.newest_recovery_point(there)
            for number, moment in enumerate(moments):
                for name, when in accidents.items():
                    if name not in done and when < moment:
                        time.sleep(max(0.0, begun + when - time.monotonic()))
                        _befall(name, worker, replica_set, backup_set)
                        done.append(name)
                time.sleep(max(0.0, begun + moment - time.monotonic()))
                missing[number] = _lose_everything(place, worker, ledger, tmp_path / f"left-{number}", spans)
            time.sleep(max(0.0, begun + seconds - time.monotonic()))
            lagging = offsite.newest_recovery_point(there)
            own_age = worker.recovery_point_age()
            backup.copy(place.home, there)
            caught_up = offsite.newest_recovery_point(there)
        assert worker.stop() == 0
    finally:
        worker.kill()
    assert at_copy is not None
    assert lagging == at_copy
    assert caught_up is not None
    assert own_age is not None
    now = clock.now().timestamp()
    age, young = now - lagging.time, now - caught_up.time
    tell(f"seed {SEED}, {MINUTES:g} min: {len(ledger.acknowledged)} writes acknowledged; {', '.join(done)}")
    worst, silent = max(ages.told), max(ages.known)
    tell(f"gauge: {len(ages.told)} readings, at most {worst:.1f} s; also while the page is silent: {silent:.1f} s")
    tell("restores (age told, acknowledged writes owed): " + ", ".join(f"{a:.0f} s, {n}" for a, n in spans))
    tell(f"a copy that is not renewed: {age:.0f} s old, beside {own_age:.0f} s; renewed: {young:.0f} s")
    assert set(done) == set(accidents)
    assert worst <= WORST_S
    assert silent <= WORST_S
    assert missing == dict.fromkeys(range(RESTORES), 0)
    assert age > seconds > own_age
    assert young <= WORST_S


def _befall(name: str, worker: Worker, replica_set: EmbeddedStack, backup_set: ReplicaSet) -> None:
    if name == "worker killed":
        worker.kill_and_start()
        return
    addresses = {replica_set.layout.address(member): member for member in ("mongo-1", "mongo-2", "mongo-3")}
    replica_set.client.kill(addresses[backup_set.primary()])


def _lose_everything(place: Place, worker: Worker, ledger: Ledger, left: Path, spans: list[tuple[float, int]]) -> int:
    """Set aside what is in the store, restore it, and return how many acknowledged writes are missing."""
    # Right after the worker was killed its page is silent for some seconds.
    await_true(lambda: worker.recovery_point_age() is not None, STARTS_WITHIN_S, "the page does not tell an age")
    told = worker.recovery_point_age()
    assert told is not None
    instant = clock.now().timestamp()
    owed = ledger.until(instant - told)
    with restored_copy(copied(place.settings, left), left.parent) as (copy, _):
        found = numbers_of(copy)
    spans.append((told, len(owed)))
    return len(owed - found)
