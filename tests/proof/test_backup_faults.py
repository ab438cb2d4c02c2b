"""Backups, captures, prunings, restores and `monitor work` are killed at fifty random moments.

Whatever happens: nothing half is listed as good, the oplog's chain has no gap that is not said, and the next run of
the same command succeeds.

``PROOF_FAULTS_SEED`` with ``PROOF_FAULTS_FIRST`` take a proof up again at a trial; ``PROOF_FAULTS_TRIALS`` (50) is how
often is killed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from monitor import backup
from monitor.backup.scratch import PREFIX
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place
from tests.contract.exporters_replset import Server
from tests.contract.oplog_restored import capture
from tests.ports import free_ports
from tests.proof.backup_faulty import SEED, sound, spans_of, whole
from tests.proof.backup_watched import Ledger, Worker, await_true, tell

pytest_plugins = ("tests.contract.backup_fixtures", "tests.proof.backup_faulty_fixtures")
pytestmark = [pytest.mark.proof, pytest.mark.timeout(2700)]

TRIALS = int(os.environ.get("PROOF_FAULTS_TRIALS", "50"))
FIRST = int(os.environ.get("PROOF_FAULTS_FIRST", "0"))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Server]:
    """A server of no set, to restore into."""
    folder = tmp_path / "alone"
    folder.mkdir()
    server = Server(folder, free_ports("alone")["alone"], ())
    server.start()
    yield server
    server.end()


@dataclass
class Killing:
    """What is killed, trial by trial, and how long each takes when it is not."""

    place: Place
    ledger: Ledger
    alone: Server
    took: dict[str, float] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    unharmed: Counter[str] = field(default_factory=Counter)

    def command(self, kind: str) -> list[str]:
        return {
            "backup": ["backup", "run", "--max-mb-per-second", "16"],
            "capture": ["backup", "capture", "--once"],
            "prune": ["backup", "prune", "--keep", "1"],
            "restore": ["restore", "--at", "latest", "--into", f"mongodb://{self.alone.name}/"],
        }[kind]

    def prepare(self, kind: str) -> None:
        if kind == "prune":
            for _ in range(2):
                assert backup.take(self.place.settings).outcome == "passed"
                capture(self.place)
        if kind == "restore":
            empty(self.alone.client(None))

    def run(self, kind: str) -> None:
        """Unharmed, and it has to succeed."""
        begun = time.monotonic()
        with self.place.spawn(*self.command(kind)) as process:
            _, told = process.communicate(timeout=120)
        assert process.returncode == 0, (kind, told)
        assert "gap" not in told
        self.took[kind] = time.monotonic() - begun

    def kill(self, kind: str, rng: random.Random) -> float:
        """Kill it, most often within what it does once Python has started."""
        after_s = rng.uniform(0.35, 1.0) * self.took[kind]
        process = self.place.spawn(*self.command(kind))
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            self.killed[kind] += 1
        else:
            self.unharmed[kind] += 1
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return after_s

    def look(self, kind: str) -> None:
        """After each: nothing half is good, nothing is missing, no server is left, and the same command succeeds."""
        before = sound(self.place)
        assert before
        assert spans_of(self.place.home.depot) == 1
        if kind == "restore" and self.is_restored():
            # It was killed when nothing was left to do: the next one needs an empty server again.
            empty(self.alone.client(None))
        self.run(kind)
        if kind == "backup":
            assert len(sound(self.place)) == len(before) + 1
        assert spans_of(self.place.home.depot) == 1
        assert not list(self.place.backups.glob(".tmp-*"))
        if kind == "restore":
            assert self.is_restored()
        assert scratch_servers(self.place.run_dir) == []

    def is_restored(self) -> bool:
        """Whether a restore has ended; then everything has to be there."""
        with self.alone.client(None) as there:
            names = there.list_database_names()
            if "shop" not in names or "monitor_restore" in names:
                return False
            assert there.shop.orders.count_documents({}) == 4000
            assert "text_1" in there.shop.orders.index_information()
            return True


def empty(client: Client) -> None:
    with client:
        for name in client.list_database_names():
            if name not in {"admin", "config", "local"}:
                client.drop_database(name)


def scratch_servers(below: Path) -> list[str]:
    """Scratch mongods that still run there."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if PREFIX in words and str(below) in words and "mongod" in words:
            found.append(words)
    return found


def killed_worker(sealed: Place, rng: random.Random, folder: Path) -> float:
    """`monitor work` in a new place makes a backup first thing, and captures: it is killed, and started again."""
    folder.mkdir()
    run_dir = folder / "run"
    place = replace(sealed, run_dir=run_dir, settings=replace(sealed.settings, run_dir=run_dir)).changed()
    worker = Worker(place)
    try:
        after_s = rng.uniform(1.5, 6)
        time.sleep(after_s)
        worker.kill_and_start()
        sound(place)
        await_true(lambda: sound(place), 60, "no backup is made after the worker was started again")
        await_true(lambda: (worker.recovery_point_age() or 999) < 60, 60, "nothing is captured")
        assert spans_of(place.home.depot) == 1
        assert worker.stop() == 0
        assert spans_of(place.home.depot) == 1
        assert scratch_servers(run_dir) == []
    finally:
        worker.kill()
    shutil.rmtree(folder)
    return after_s


def test_killed_at_fifty_moments(sealed: Place, ledger: Ledger, alone: Server, tmp_path: Path) -> None:
    killing = Killing(sealed, ledger, alone)
    kinds = ("backup", "capture", "prune", "restore", "work")
    begun = time.monotonic()
    with ledger.writing():
        for kind in ("backup", "capture", "prune", "restore"):
            killing.prepare(kind)
            killing.run(kind)
        for trial in range(FIRST, TRIALS):
            rng, kind = random.Random(f"{SEED}-{trial}"), kinds[trial % len(kinds)]
            where = f"PROOF_FAULTS_SEED={SEED} PROOF_FAULTS_FIRST={trial}: {kind}"
            try:
                if kind == "work":
                    killed_worker(sealed, rng, tmp_path / f"work-{trial}")
                    killing.killed[kind] += 1
                    continue
                killing.prepare(kind)
                killing.kill(kind, rng)
                killing.look(kind)
            except BaseException:
                tell(where)
                raise
    owed = set(ledger.acknowledged)
    capture(sealed)
    whole(sealed, owed)
    assert backup.verify(sealed.settings, sealed.home.newest()).outcome == "passed"
    took = time.monotonic() - begun
    tell(f"seed {SEED}: killed {dict(killing.killed)}, ended before {dict(killing.unharmed)}, in {took:.0f} s")
    tell(f"{len(owed)} acknowledged writes, all there after a restore; a history without a gap")
    assert sum(killing.killed.values()) >= 0.7 * (TRIALS - FIRST)
