"""Reaps what components leave behind.

A component that is killed may have children of its own (``work`` runs scratch mongods). They would go to process 1, and
in a container that is often a program that never reaps. So the supervisor adopts them (Linux's child subreaper).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import AsyncIterator, Callable

_PR_SET_CHILD_SUBREAPER = 36
_EVERY_S = 2.0


@contextlib.asynccontextmanager
async def adopt(own: Callable[[], set[int]]) -> AsyncIterator[None]:
    """While inside, reap dead descendants, except ``own()``: the children that somebody else waits for."""
    _set_subreaper(enabled=True)
    reaping = asyncio.create_task(_reap(own))
    try:
        yield
    finally:
        reaping.cancel()
        await asyncio.gather(reaping, return_exceptions=True)
        _set_subreaper(enabled=False)


async def _reap(own: Callable[[], set[int]]) -> None:
    before: int | None = None
    while True:
        await asyncio.sleep(_EVERY_S)
        dead = _peek()
        # Dead for a whole round: nobody else was about to reap it.
        while dead is not None and dead == before and dead not in own():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(dead, os.WNOHANG)  # noqa: ASYNC222  # WNOHANG: it does not wait
            before = dead = _peek()
        before = dead


def _peek() -> int | None:
    """Return a dead child's pid without reaping it."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def _set_subreaper(*, enabled: bool) -> None:
    # A kernel that refuses changes nothing but who reaps.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(enabled), 0, 0, 0)
