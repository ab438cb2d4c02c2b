"""What the long proofs of backups share: a ledger of acknowledged writes, `monitor work`, and restores to look into."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from pymongo.errors import PyMongoError

from monitor import clock
from monitor.backup import mongodump, scratch
from monitor.backup.oplog import point
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.recovery import bases, plan
from monitor.backup.recovery.plan import Plan
from monitor.backup.recovery.progress import Progress
from monitor.backup.recovery.run import Entries, restore_into
from monitor.settings import Settings
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place
from tests.contract.oplog_restored import NOBODY
from tests.ports import free_ports

LEDGER = "ledger"
"""The database that the ledger's writes go to."""


def tell(line: str) -> None:
    """What a proof measured, for whoever runs it."""
    sys.stderr.write(f"{line}\n")


@dataclass
class Ledger:
    """Writes to a database, and when each was acknowledged by a majority: known outside of the database only."""

    client: Client
    pause_s: float = 0.02
    acknowledged: dict[int, float] = field(default_factory=dict)
    """Unix time by number."""

    @contextmanager
    def writing(self, writers: int = 2) -> Iterator[None]:
        stop = threading.Event()
        threads = [threading.Thread(target=self._write, args=(stop, n, writers)) for n in range(writers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _write(self, stop: threading.Event, number: int, step: int) -> None:
        rng = random.Random(number)
        while not stop.wait(self.pause_s):
            try:
                self.client[LEDGER].writes.insert_one({"_id": number, "text": "x" * rng.randrange(400)})
            except PyMongoError:
                # Nobody knows what became of it: such a write is promised to nobody.
                pass
            else:
                self.acknowledged[number] = clock.now().timestamp()
            number += step

    def until(self, instant: float) -> set[int]:
        """What had been acknowledged before an instant."""
        return {number for number, at in self.acknowledged.copy().items() if at < instant}


@dataclass
class Worker:
    """`monitor work` as a process of its own, that can be killed; its page says how old the recovery point is."""

    place: Place

    def __post_init__(self) -> None:
        (port,) = free_ports("work").values()
        self.address = f"127.0.0.1:{port}"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.place.run_dir / "work.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "monitor", "--run-dir", str(self.place.run_dir), "work"],
                env=os.environ | {"MONITOR_WORK_LISTEN": self.address},
                stdout=log,
                stderr=log,
            )

    def kill_and_start(self) -> None:
        """As an accident, and whoever looks after processes, do it."""
        self.kill()
        self.process = self._start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Let it write its last slice; returns its exit code."""
        self.process.terminate()
        return self.process.wait(30)

    def recovery_point_age(self, copy: str = "local") -> float | None:
        """``dr_rpo_seconds`` as it is exported; ``None`` while the page does not answer or has no such figure."""
        with suppress(OSError), urllib.request.urlopen(f"http://{self.address}/metrics", timeout=5) as page:
            for family in text_string_to_metric_families(page.read().decode()):
                for sample in family.samples:
                    if sample.name == "dr_rpo_seconds" and sample.labels["copy"] == copy:
                        return float(sample.value)
        return None


def copied(settings: Settings, to: Path) -> Settings:
    """What of a store in a directory would be left if everything were lost now, as a store of its own."""
    shutil.copytree(settings.backups, to, copy_function=os.link, ignore=shutil.ignore_patterns(".*", "lease.json"))
    return replace(settings, backup_store=str(to))


@contextmanager
def restored_copy(settings: Settings, parent: Path, at: str = point.LATEST) -> Iterator[tuple[Client, Plan]]:
    """Restore into a scratch server, and give it."""
    found = bases.bases(settings, None)
    shelf = Shelf(bases.depot_of(settings), found[-1].replica_set)
    made = plan.make(found, shelf, point.parse_target(at))
    with (
        bases.staged(settings, made.base, lambda _: None, parent) as root,
        scratch.scratch_mongod(scratch.find_mongod(settings.mongod), parent) as copy,
    ):
        restore_into(
            copy,
            mongodump.read_dump(root),
            Entries(shelf, made.slices),
            Progress(copy, made.base.id, made.at, kept=False),
            begin=made.base.recovery_point,
            forget=lambda _: NOBODY,
            progress=lambda _: None,
        )
        yield copy, made


def numbers_of(client: Client) -> set[int]:
    """The ledger's writes that are there."""
    return {row["_id"] for row in client[LEDGER].writes.find({}, projection={"_id": 1})}


def await_true(holds: object, seconds: float, what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"after {seconds:.0f} s: {what}"
        time.sleep(0.05)
