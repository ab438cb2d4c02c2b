"""The undo list, on disk before anything is harmed, so that whoever comes next can put right what a killed drill left.

Everything harmed is also held for a limited time only, so the stack repairs itself even if nobody comes.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.errors import MonitorError, Unsafe
from monitor.stack.client import StackClient

LOCK = "drill.lock"
LIST = "drill-undo.json"


@contextmanager
def only_one(state_dir: Path, drill: str) -> Iterator[None]:
    """Be the only drill on this state directory. The kernel lets go of the lock with its holder.

    Raises:
        Unsafe: another drill is running.
    """
    descriptor = os.open(state_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another drill"
            raise Unsafe(f"drill {drill}: {holder} is running; wait until it is over") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{drill} (pid {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def running(state_dir: Path) -> str:
    """Name the drill that is running now, without getting in its way; empty where none is."""
    try:
        inode = (state_dir / LOCK).stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii")
        if any(f":{inode} " in row for row in locks.splitlines() if " FLOCK " in row):
            return (state_dir / LOCK).read_text(encoding="utf-8").partition(" ")[0]
    except OSError:
        return ""
    return ""


def write(state_dir: Path, components: tuple[str, ...]) -> None:
    """Write down, durably, which components must be released."""
    target = state_dir / LIST
    draft = target.with_suffix(".tmp")
    with draft.open("w", encoding="utf-8") as stream:
        json.dump([{"do": "release", "component": component} for component in components], stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(target)


def replay(state_dir: Path, stack: StackClient) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Undo what is on the list and forget it; returns what was released, and a sentence for each that failed.

    Releasing what is not held does nothing, so replaying twice is harmless. The list stays while anything failed.
    """
    released: list[str] = []
    failures: list[str] = []
    for component in _read(state_dir / LIST):
        try:
            stack.release(component)
            released.append(component)
        except MonitorError as error:
            failures.append(f"{component} could not be released: {error}")
    if not failures:
        (state_dir / LIST).unlink(missing_ok=True)
    return tuple(released), tuple(failures)


def _read(file: Path) -> tuple[str, ...]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    return tuple(str(row["component"]) for row in rows)
