"""How long the steps take, as functions within a process and as commands of their own, on one processor."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from monitor.catalogue.load import load
from monitor.check import findings
from monitor.cli import uncollected
from monitor.cli.generate import everything

T = TypeVar("T")

_ON_ONE_PROCESSOR = """
import os
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
from monitor.cli import main
main(prog_name="monitor")
"""

ENVIRONMENT = "compose"
ROUNDS = 3
"""How often each command is run; the quickest counts: whoever else uses the machine only ever adds time."""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of a clock, and of a processor."""

    wall: float
    cpu: float

    def beyond(self, other: Took) -> Took:
        """What is left without that."""
        return Took(self.wall - other.wall, self.cpu - other.cpu)


def within(root: Path) -> tuple[dict[str, float], dict[str, str]]:
    """Processor seconds of each step in this process, which has read none of these SLOs before, and what came of it."""
    seconds: dict[str, float] = {}

    def timed(step: str, do: Callable[[], T]) -> T:
        before = time.process_time()
        done = do()
        seconds[step] = time.process_time() - before
        return done

    with uncollected():  # as the commands do
        catalogue = timed("load", lambda: load(root, ENVIRONMENT))
        timed("check", lambda: findings(catalogue))
        return seconds, timed("generate", lambda: everything(catalogue, root / "nothing"))


def command(*arguments: str | Path, place: Path, hash_seed: int = 0) -> Took:
    """Run ``monitor`` in a place, on one processor.

    Raises:
        subprocess.CalledProcessError: it did not end well.
    """
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed)}
    line = [sys.executable, "-c", _ON_ONE_PROCESSOR, *map(str, arguments)]
    before, began = os.times(), time.monotonic()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, env=environment, cwd=place)
    wall, after = time.monotonic() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(wall, used)


def quickest(run: Callable[[], Took]) -> Took:
    """The quickest of some rounds, by the clock."""
    return min((run() for _ in range(ROUNDS)), key=lambda took: took.wall)


def digest(root: Path) -> str:
    """One word for the names and the bytes of all files in a place."""
    found = hashlib.sha256()
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        found.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()
