"""Ends a stack whatever state it is in: a supervisor that runs, one that hangs, one that was killed in the middle."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM, Signals

from monitor.errors import Unavailable
from monitor.stack.lock import RunLock
from monitor.stack.procfs import Process, alive, find_marked, send, start_time

SUPERVISOR_S = 90.0
"""How long a supervisor may take to stop everything in order."""

LEFTOVER_S = 20.0
"""How long a leftover may take to end by itself: a database server writes a checkpoint."""

_LOOK_EVERY_S = 0.05
_QUIET_LOOKS = 3
"""A child just forked shows its marker only once its program is loaded: nothing must be seen this often in a row."""


def tear_down(run_dir: Path, *, progress: Callable[[str], None] = lambda _: None) -> bool:
    """Stop a stack and remove what is left of it. Returns whether there was anything to stop.

    Raises:
        Unavailable: something could not be ended.
    """
    run_dir = run_dir.absolute()
    if not run_dir.is_dir():
        return False
    lock = RunLock(run_dir, "down")
    supervisor = _end_supervisor(lock, progress)
    try:
        leftovers = end_leftovers(run_dir, progress=progress)
        (run_dir / "control.sock").unlink(missing_ok=True)
    finally:
        lock.release()
    return supervisor or leftovers > 0


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


def _end(processes: set[Process]) -> None:
    """Thaw, ask, wait, kill."""
    for signum in (SIGTERM, SIGCONT):
        _send_all(processes, signum)
    _wait_for_end(processes, within_s=LEFTOVER_S)
    _send_all(processes, SIGKILL)


def _wait_for_end(processes: set[Process], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while any(alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)


def _send_all(processes: set[Process], signum: Signals) -> None:
    for process in processes:
        send(process, signum)


def _end_supervisor(lock: RunLock, progress: Callable[[str], None]) -> bool:
    """Stop the running supervisor, if any, and take its lock. Returns whether there was one."""
    deadline = time.monotonic() + SUPERVISOR_S
    asked: Process | None = None
    while not lock.try_acquire():
        role, pid = lock.holder()
        started = start_time(pid)
        # Another `down` is left to its work: it lets go when it is done.
        if role == "up" and started is not None and (asked is None or asked.pid != pid):
            progress("stopping the stack")
            asked = Process(pid=pid, started=started, name="supervisor")
            for signum in (SIGTERM, SIGCONT):
                send(asked, signum)
        if time.monotonic() >= deadline:
            if asked is None or not alive(asked):
                raise Unavailable(f"`monitor {role}` (pid {pid}) does not let go of the stack: end it by hand")
            progress(f"the supervisor did not stop within {SUPERVISOR_S:.0f} s: killing it")
            send(asked, SIGKILL)
            deadline = time.monotonic() + 5
            asked = None
        time.sleep(_LOOK_EVERY_S)
    if asked is not None:
        # It let go of its lock a moment before its end.
        _wait_for_end({asked}, within_s=10)
        send(asked, SIGKILL)
        # Where the caller itself had started it, it stays a zombie until somebody asks.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(asked.pid, os.WNOHANG)
    return asked is not None
