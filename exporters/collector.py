"""What a collector is, and how long it may take."""

from __future__ import annotations

import asyncio
import math
import time
from types import TracebackType
from typing import ClassVar, Protocol, Self

from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.metric import Metric


class CollectError(Exception):
    """A collector could not read its source at all; ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.value)


class Deadline:
    """The one moment by which everything in a scrape must have been answered.

    Several callers may share a scrape; one who can wait longer extends the deadline, and every guard that is open at
    that moment moves with it.
    """

    __slots__ = ("_guards", "_last", "at")

    def __init__(self, seconds: float, *, most: float = 0.0) -> None:
        """``most`` is the number of seconds from now to which it may be extended, where that is more."""
        now = time.monotonic()
        self.at = now + seconds
        self._last = max(self.at, now + most)
        self._guards: dict[asyncio.Timeout, tuple[float, float]] = {}

    def remaining(self, *, spare: float = 0.0) -> float:
        """Seconds left, keeping ``spare`` seconds back; never negative."""
        return max(0.0, self.at - spare - time.monotonic())

    def at_most(self, *, spare: float = 0.0) -> float:
        """Seconds that may be left when it has been extended as far as can be: what a source is told as its limit."""
        return max(0.0, self._last - spare - time.monotonic())

    def extend(self, at: float) -> None:
        """End no sooner than ``at``, by the monotonic clock; a guard that has closed stays closed."""
        later = min(at, self._last)
        if later <= self.at:
            return
        self.at = later
        for timeout, (spare, limit) in self._guards.items():
            if not timeout.expired():
                timeout.reschedule(_loop_time(min(later - spare, limit)))

    def guard(self, *, spare: float = 0.0, limit: float | None = None) -> Guard:
        """Cancel the body ``spare`` seconds before the deadline, or after ``limit`` seconds when that is sooner.

        The body of ``async with`` ends with ``TimeoutError`` when it was cancelled by this guard.
        """
        own = self.remaining(spare=spare)
        if limit is None:
            return Guard(own, self._guards, (spare, math.inf))
        return Guard(min(limit, own), self._guards, (spare, time.monotonic() + limit))


class Guard:
    """A timeout that moves with its deadline; a class, since a dozen are opened in each scrape."""

    __slots__ = ("_bounds", "_guards", "_timeout")

    def __init__(
        self, seconds: float, guards: dict[asyncio.Timeout, tuple[float, float]], bounds: tuple[float, float]
    ) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._guards = guards
        self._bounds = bounds

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._guards[self._timeout] = self._bounds

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._guards[self._timeout]
        await self._timeout.__aexit__(kind, error, trace)


class Collector(Protocol):
    """Reads one system. Made once, started once, asked many times, closed once; it keeps its connections."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    """Every family that this collector may ever emit."""
    optional: ClassVar[bool]
    """Whether it runs only where ``--collect`` names it (or ``all``), because not everybody needs what it costs."""

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Name the flag without which this collector has nothing to read, or ``None``."""
        ...

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Build one inside the running event loop; reaches out to nobody yet.

        Connections come from ``sources``, which closes them, and hold the settings as well.
        """
        ...

    async def start(self) -> None:
        """Begin background work, if there is any."""
        ...

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Write fresh samples into ``readings``, in time.

        A collector with several targets bounds each of them with ``deadline.guard`` so that one that hangs does not
        take the others with it. Being cancelled must leave no half-read connection behind.

        Raises:
            CollectError: nothing could be read.
        """
        ...

    def lost(self, readings: Readings, reason: Reason) -> None:
        """Say what is known when ``collect`` failed or was late: usually ``x_up 0``.

        Where somebody cannot wait for a ``collect`` under way, ``readings`` hold a copy of what it has written until
        then, and its ``so_far``: what is there stays, what is missing is added.
        """
        ...

    async def close(self) -> None:
        """Give back what is its own; the sources are closed after it."""
        ...


def _loop_time(monotonic: float) -> float:
    return asyncio.get_running_loop().time() + (monotonic - time.monotonic())
