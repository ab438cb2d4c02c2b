"""Tasks that run beside the scrapes: each has an owner, and the owner ends it."""

from __future__ import annotations

import asyncio
import contextlib


async def end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, where there is one, and wait until it has put its things away."""
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
