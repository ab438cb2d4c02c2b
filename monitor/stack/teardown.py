"""Ends a stack whatever state it is in: a supervisor that runs, one that hangs, one that was killed in the middle."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM, Signals
from typing import Literal

from monitor.errors import Unavailable
from monitor.stack.lock import RunLock, lock_file, named
from monitor.stack.procfs import Process, alive, find_marked, find_open, send, start_time

SUPERVISOR_S = 90.0
"""How long a supervisor may take to stop everything in order."""

LEFTOVER_S = 20.0
"""How long a leftover may take to end by itself: a database server writes a checkpoint."""

SIGNED_WITHIN_S = 1.0
"""Whoever takes the lock signs it at once, if it can at all."""

_LOOK_EVERY_S = 0.05
_QUIET_LOOKS = 3
"""A child just forked shows its marker only once its program is loaded: nothing must be seen this often in a row."""


def tear_down(run_dir: Path, *, progress: Callable[[str], None] = lambda _: None) -> bool:
    """Stop a stack and remove what is left of it. Returns whether there was anything to stop.

    Raises:
        Unavailable: something could not be ended.
    """
    forgotten = end_forgotten(run_dir, progress=progress)
    if not run_dir.is_dir():
        # Somebody deleted it. What ran there runs on.
        return end_leftovers(run_dir, progress=progress) + forgotten > 0
    lock = RunLock(run_dir, "down")
    met = _end_supervisor(lock, progress)
    if met == "followed":
        # It makes away with leftovers first, as whoever holds the lock does; what runs from now on is its own.
        return True
    try:
        leftovers = end_leftovers(run_dir, progress=progress)
        (run_dir / "control.sock").unlink(missing_ok=True)
    finally:
        lock.release()
    return met == "ended" or leftovers + forgotten > 0


def end_forgotten(run_dir: Path, *, progress: Callable[[str], None] = lambda _: None) -> int:
    """End supervisors whose run directory was deleted under them; returns how many there were.

    They would start again whatever is ended, and no lock tells of them any more.
    """
    found = find_open(lock_file(run_dir), deleted=True)
    if found:
        progress(f"stopping a stack whose directory {run_dir} was deleted")
        _end(set(found), within_s=SUPERVISOR_S)
    return len(found)


def end_leftovers(run_dir: Path, *, progress: Callable[[str], None] = lambda _: None) -> int:
    """End every process that carries the stack's marker; returns how many there were.

    Raises:
        Unavailable: a process does not even end when killed.
    """
    deadline = time.monotonic() + LEFTOVER_S + 10
    seen: set[Process] = set()
    quiet = 0
    while quiet < _QUIET_LOOKS:
        found = set(find_marked(run_dir))
        quiet = 0 if found else quiet + 1
        if found - seen:
            progress("ending leftovers: " + ", ".join(sorted(process.name for process in found - seen)))
        seen |= found
        _end(found)
        if time.monotonic() >= deadline:
            names = ", ".join(f"{process.name} (pid {process.pid})" for process in found)
            raise Unavailable(f"could not end {names}, left over in {run_dir}: end them by hand")
        time.sleep(_LOOK_EVERY_S if seen else 0)
    return len(seen)


def _end(processes: set[Process], *, within_s: float = LEFTOVER_S) -> None:
    """Thaw, ask, wait, kill."""
    for signum in (SIGTERM, SIGCONT):
        _send_all(processes, signum)
    _wait_for_end(processes, within_s=within_s)
    _send_all(processes, SIGKILL)


def _wait_for_end(processes: set[Process], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while any(alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)


def _send_all(processes: set[Process], signum: Signals) -> None:
    for process in processes:
        send(process, signum)


def _acquired(lock: RunLock) -> bool:
    """Take the lock. A full disk has no room for its file: then nobody holds it, and going on is worth more."""
    try:
        return lock.try_acquire()
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        return True


def _end_supervisor(lock: RunLock, progress: Callable[[str], None]) -> Literal["none", "ended", "followed"]:
    """Stop the running supervisor, if any, and take its lock; ``followed``: an `up` that waited for it has it now."""
    begun = time.monotonic()
    deadline = begun + SUPERVISOR_S
    asked: Process | None = None
    killed = False
    while not _acquired(lock):
        role, pid = lock.holder()
        if not role and time.monotonic() - begun > SIGNED_WITHIN_S:
            role, pid = lock.unsigned_holder()
        started = start_time(pid)
        if role == "up" and asked is not None and asked.pid != pid and not alive(asked):
            return "followed"
        # Another `down` is left to its work: it lets go when it is done.
        if role in {"up", "stopping"} and started is not None and asked is None:
            progress("stopping the stack")
            asked = Process(pid=pid, started=started, name="supervisor")
            for signum in (SIGTERM, SIGCONT):
                send(asked, signum)
        if time.monotonic() >= deadline:
            if asked is None or killed or not alive(asked):
                raise Unavailable(f"{named(role, pid)} does not let go of the stack: end it by hand")
            progress(f"the supervisor did not stop within {SUPERVISOR_S:.0f} s: killing it")
            send(asked, SIGKILL)
            killed, deadline = True, time.monotonic() + 5
        time.sleep(_LOOK_EVERY_S)
    if asked is None:
        return "none"
    _see_off(asked)
    return "ended"


def _see_off(supervisor: Process) -> None:
    """Wait for the very end: it let go of its lock a moment before."""
    _wait_for_end({supervisor}, within_s=10)
    send(supervisor, SIGKILL)
    # Where the caller itself had started it, it stays a zombie until somebody asks.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(supervisor.pid, os.WNOHANG)
