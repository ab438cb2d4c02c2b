"""For tests that measure: a clock that does not count the time in which this process was kept from running.

Where all workers share two processors, or the machine stands still for a while, a scrape that may take 0.6 s takes two,
and nothing is wrong with it. What is waited for and what is computed count here as they do everywhere.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from unittest.mock import patch

import pytest

T = TypeVar("T")

SLICE = 0.01
"""Seconds that the loop waits at a time. When it wakes up much later, it was not waiting any more."""
LATE = 0.02
"""Seconds that may pass between two looks at the clock without any work; what is more was taken from us."""


class SteadyClock:
    """Goes on with the monotonic clock, and never goes further than this process came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clock, self._worked = time.monotonic, time.process_time
        self._now = self._seen = self._clock()
        self._work = self._worked()

    def __call__(self) -> float:
        with self._lock:
            seen, work = self._clock(), self._worked()
            self._now += min(seen - self._seen, work - self._work + LATE)
            self._seen, self._work = seen, work
            return self._now


@contextmanager
def steady(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let all that runs in ``loop``, its timeouts too, go by a steady clock."""
    clock, selector = SteadyClock(), getattr(loop, "_selector")  # noqa: B009  # asyncio's, which has no name for it
    select = selector.select

    def in_slices(timeout: float | None = None) -> list[Any]:
        ends = float("inf") if timeout is None else clock() + timeout
        while not (ready := select(max(0.0, min(SLICE, ends - clock())))) and clock() < ends:
            pass
        return list(ready)

    with patch.object(time, "monotonic", clock), patch.object(selector, "select", in_slices):
        yield


def undisturbed(attempt: Callable[[], T]) -> T:
    """Try anew, at most four times, what holds in time where the machine goes on: for other processes' time.

    A fault is there each time. ``attempt`` may leave nothing behind that makes the next one easier.
    """
    for _ in range(3):
        with suppress(AssertionError, pytest.fail.Exception):
            return attempt()
    return attempt()
