"""What a collector is, and how long it may take."""

from __future__ import annotations

import asyncio
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

    Several callers may share a scrape; the most impatient one tightens the deadline for all, and every guard that is
    open at that moment moves with it.
    """

    __slots__ = ("_guards", "at")

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds
        self._guards: dict[asyncio.Timeout, float] = {}

    def remaining(self, *, spare: float = 0.0) -> float:
        """Seconds left, keeping ``spare`` seconds back; never negative."""
        return max(0.0, self.at - spare - time.monotonic())

    def tighten(self, seconds: float) -> None:
        """End no later than ``seconds`` from now."""
        earlier = time.monotonic() + seconds
        if earlier >= self.at:
            return
        self.at = earlier
        for timeout, spare in self._guards.items():
            moved, own = _loop_time(earlier - spare), timeout.when()
            if own is None or moved < own:  # one with a limit of its own may be to end sooner still
                timeout.reschedule(moved)

    def guard(self, *, spare: float = 0.0, limit: float | None = None) -> Guard:
        """Cancel the body ``spare`` seconds before the deadline, or after ``limit`` seconds when that is sooner.

        The body of ``async with`` ends with ``TimeoutError`` when it was cancelled by this guard.
        """
        own = self.remaining(spare=spare)
        return Guard(own if limit is None else min(limit, own), self._guards, spare)


class Guard:
    """A timeout that moves with its deadline; a class, since a dozen are opened in each scrape."""

    __slots__ = ("_guards", "_spare", "_timeout")

    def __init__(self, seconds: float, guards: dict[asyncio.Timeout, float], spare: float) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._guards = guards
        self._spare = spare

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._guards[self._timeout] = self._spare

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
        """Say what is known when ``collect`` failed or was late: usually ``x_up 0``."""
        ...

    async def close(self) -> None:
        """Give back what is its own; the sources are closed after it."""
        ...


def _loop_time(monotonic: float) -> float:
    return asyncio.get_running_loop().time() + (monotonic - time.monotonic())
