"""Keeps the logs of a stack short, for as long as it runs: each is ``NAME.log``, and what it was before ``NAME.log.1``.

A log that has grown too long is copied and emptied, not renamed: the process that writes it has it open. It appends, so
its next line is the first of the emptied file; a line written between copying and emptying is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

LONGEST = 16 * 1024 * 1024
"""A component has at most twice this, and what it writes between two looks."""

LOOK_EVERY_S = 10.0


@contextlib.asynccontextmanager
async def kept_short(logs: Path) -> AsyncIterator[None]:
    """While inside, shorten what grows too long in a directory."""
    looking = asyncio.create_task(_look(logs))
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _look(logs: Path) -> None:
    while True:
        await asyncio.to_thread(shorten, logs)
        await asyncio.sleep(LOOK_EVERY_S)


def shorten(logs: Path) -> None:
    """Shorten every log in a directory that is too long now."""
    for log in logs.glob("*.log"):
        # Removed this moment, or the whole directory: nothing to shorten then.
        with contextlib.suppress(OSError):
            size = log.stat().st_size
            if size > LONGEST:
                _keep(log, size - LONGEST)
                os.truncate(log, 0)


def _keep(log: Path, since: int) -> None:
    """Copy a log's end. Where the disk has no room for both, it is the old lines that go."""
    kept = log.with_name(f"{log.name}.1")
    try:
        descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as target, log.open("rb") as source:
            source.seek(since)
            shutil.copyfileobj(source, target)
    except OSError:
        with contextlib.suppress(OSError):
            kept.unlink()
