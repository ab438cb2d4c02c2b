"""What all parts share: a replica set of three with the app before it, its contents, and ``monitor``'s commands."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo

from monitor.errors import InputError
from monitor.settings import Settings
from monitor.settings import load as load_settings
from monitor.sources.mongodb import Client
from monitor.stack.components import Choices
from monitor.stack.derived import Promises
from monitor.stack.launch import start_detached
from monitor.stack.layout import Layout
from monitor.stack.run import Plan
from monitor.stack.teardown import tear_down
from monitor.store import Store

DOCUMENT = 1000
"""About so many bytes, as an appointment with its history has."""
WORDS = textwrap.wrap(random.Random(1).randbytes(15_000).hex(), 10)
DATABASE = "bench"
UNLIMITED = ("--max-mb-per-second", "100000")
PARTS = ("mongo-1", "mongo-2", "mongo-3", "redis", "app-1")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed, how long its process lived, and the most memory it held."""

    body: dict[str, Any]
    seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Bench:
    """A set with an app, and a place for backups."""

    layout: Layout
    settings: Settings
    admin: Client

    def monitor(self, *arguments: str, **settings: str) -> Ran:
        """Run ``monitor`` as a process of its own.

        Raises:
            RuntimeError: it failed.
        """
        out = self.layout.run_dir / "out.json"
        environ = os.environ | {f"MONITOR_{name.upper()}": value for name, value in settings.items()}
        command = [sys.executable, "-m", "monitor", "--run-dir", str(self.layout.run_dir), *arguments, "--json"]
        begun = time.monotonic()
        with out.open("wb") as file, (self.layout.run_dir / "errors").open("wb") as errors:
            process = subprocess.Popen(command, stdout=file, stderr=errors, env=environ)
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told = (self.layout.run_dir / "errors").read_text(errors="replace")[-500:]
            raise RuntimeError(f"monitor {' '.join(arguments)} ended with {process.returncode}: {told}")
        return Ran(json.loads(out.read_bytes()), seconds, usage.ru_maxrss * 1024 / 1e6)

    def secondary(self) -> Client:
        """A client of a secondary, as backups read."""
        hello = self.admin.admin.command("hello")
        name = next(host for host in hello["hosts"] if host != hello["primary"])
        password = self.layout.mongodb_password("admin").read_text().strip()
        return pymongo.MongoClient(
            f"mongodb://{name}/",
            username="admin",
            password=password,
            directConnection=True,
            readPreference="secondaryPreferred",
        )

    def fill(self, megabytes: float, *, collections: int = 1) -> int:
        """Replace the contents; returns how many bytes of documents there are."""
        self.admin.drop_database(DATABASE)
        rng, each = random.Random(2), max(1, int(megabytes * 1e6 / DOCUMENT / collections))
        for number in range(collections):
            collection = self.admin[DATABASE][f"c{number}"]
            for first in range(0, each, 2000):
                collection.insert_many([_document(n, rng) for n in range(first, min(first + 2000, each))])
            if collections == 1:
                for key in ("customer", "at", "status"):
                    collection.create_index(key)
        return int(self.admin[DATABASE].command("dbStats")["dataSize"])


def _document(number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "_id": number,
        "customer": rng.randrange(100_000),
        "at": rng.randrange(10**9),
        "status": rng.choice(("booked", "arrived", "cancelled")),
        "text": " ".join(rng.choices(WORDS, k=(DOCUMENT - 100) // 11)),
    }


@contextmanager
def started(run_dir: Path) -> Iterator[Bench]:
    """Start the set and the app, on ports that are free."""
    layout = _start(run_dir)
    try:
        settings = load_settings(environ={}, flags={"run_dir": run_dir})
        Store.migrate(settings.state).close()
        password = layout.mongodb_password("admin").read_text().strip()
        admin: Client = pymongo.MongoClient(layout.mongodb_uri, username="admin", password=password)
        with admin:
            yield Bench(layout, settings, admin)
    finally:
        tear_down(run_dir)


def _start(run_dir: Path) -> Layout:
    for last in (False, False, False, True):
        layout = Layout(run_dir=run_dir, port_offset=random.SystemRandom().randrange(1000, 20_000))
        plan = Plan(layout=layout, choices=Choices(only=PARTS), promises=Promises(), while_pid=os.getpid())
        try:
            start_detached(plan)
        except InputError as error:
            if last or "is held by" not in str(error):
                raise
        else:
            return layout
    raise AssertionError("unreachable")


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]
