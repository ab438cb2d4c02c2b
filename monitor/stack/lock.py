"""One supervisor a run directory: a lock that the kernel lets go of with its holder, so that it is never stale."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Literal, Self

from monitor.errors import InputError
from monitor.stack.procfs import find_open

Role = Literal["up", "stopping", "down"]
"""``stopping``: an ``up`` whose stack ends, by itself or because it was told to."""

DOWN_S = 120.0
"""How long an `up` waits for a stack that is being stopped."""

_SIGNATURE = 32
"""Always as long: it is written over the last one, so that a full disk, which would not let it grow, still takes it."""


def at_work(run_dir: Path) -> tuple[str, int]:
    """Say who works on a run directory now: its role and its pid; ``("", 0)``: nobody."""
    if not run_dir.is_dir():
        return "", 0
    lock = RunLock(run_dir, "down")
    if lock.try_acquire():
        lock.release()
        return "", 0
    return lock.holder()


def lock_file(run_dir: Path) -> Path:
    """Where the lock is, also while its directory does not exist."""
    return run_dir / "supervisor.lock"


def named(role: str, pid: int) -> str:
    """Say for people who holds the lock."""
    return f"`monitor {'down' if role == 'down' else 'up'}` (pid {pid or 'unknown'})"


class RunLock:
    """Held for as long as a supervisor (or ``monitor down``) works on a run directory."""

    def __init__(self, run_dir: Path, role: Literal["up", "down"]) -> None:
        self._role: Role = role
        self._path = lock_file(run_dir)
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in {errno.EAGAIN, errno.EACCES}:
                raise
            return False
        self._descriptor = descriptor
        self.sign(self._role)
        return True

    def sign(self, role: Role) -> None:
        """Say what the holder does now. Only a courtesy: on a full disk the lock holds without it."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, f"{role} {os.getpid()}".ljust(_SIGNATURE).encode(), 0)

    def holder(self) -> tuple[str, int]:
        """Say who holds the lock: its role and its pid. ``("", 0)`` when it cannot be told.

        Only meaningful right after ``try_acquire`` failed.
        """
        with contextlib.suppress(OSError, ValueError):
            role, pid = self._path.read_text(encoding="ascii").split()
            return role, int(pid)
        return "", 0

    def unsigned_holder(self) -> tuple[str, int]:
        """Say who holds a lock that bears no signature for long: a supervisor whose disk was full, and its pid."""
        return next((("up", process.pid) for process in find_open(self._path)), ("", 0))

    def release(self) -> None:
        """Let go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Take the lock, waiting for a stack that is being stopped.

        Raises:
            InputError: a supervisor holds it, or one that does not end.
        """
        deadline = time.monotonic() + DOWN_S
        while not self.try_acquire():
            role, pid = self.holder()
            if role != "up" and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise InputError(
                f"{named(role, pid)} is at work in {self._path.parent}: "
                "see `monitor status`, or stop everything with `monitor down`"
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self.release()
