"""One deadline for a whole request: however many operations it takes, it ends before the edge gives up on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound everything in this block; an outer, earlier deadline stays in force."""
    outer = _ends.get()
    ends = time.monotonic() + seconds
    token = _ends.set(ends if outer is None else min(outer, ends))
    try:
        yield
    finally:
        _ends.reset(token)


def remaining(default: float) -> float:
    """Return the seconds left, never negative; ``default`` where no deadline is set."""
    ends = _ends.get()
    return default if ends is None else max(0.0, ends - time.monotonic())
