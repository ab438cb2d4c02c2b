"""One supervisor a run directory: a lock that the kernel lets go of with its holder, so that it is never stale."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Literal, Self

from monitor.errors import InputError

DOWN_S = 60.0
"""How long an `up` waits for a `down` that is at work."""


def at_work(run_dir: Path) -> tuple[str, int]:
    """Say who works on a run directory now: what it does, ``up`` or ``down``, and its pid; ``("", 0)``: nobody."""
    lock = RunLock(run_dir, "down")
    if lock.try_acquire():
        lock.release()
        return "", 0
    return lock.holder()


class RunLock:
    """Held for as long as a supervisor (or ``monitor down``) works on a run directory."""

    def __init__(self, run_dir: Path, role: Literal["up", "down"]) -> None:
        self._role = role
        self._path = run_dir / "supervisor.lock"
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
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{self._role} {os.getpid()}".encode())
        self._descriptor = descriptor
        return True

    def holder(self) -> tuple[str, int]:
        """Say who holds the lock: what it does, ``up`` or ``down``, and its pid. ``("", 0)`` when it cannot be told.

        Only meaningful right after ``try_acquire`` failed.
        """
        try:
            role, _, pid = self._path.read_text(encoding="ascii").partition(" ")
            return role, int(pid)
        except (OSError, ValueError):
            return "", 0

    def release(self) -> None:
        """Let go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Take the lock, waiting for a `down` to finish.

        Raises:
            InputError: a supervisor holds it, or a `down` that does not end.
        """
        deadline = time.monotonic() + DOWN_S
        while not self.try_acquire():
            role, pid = self.holder()
            if role != "up" and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise InputError(
                f"`monitor {role or 'up'}` (pid {pid or 'unknown'}) is at work in {self._path.parent}: "
                "see `monitor status`, or stop everything with `monitor down`"
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self.release()
