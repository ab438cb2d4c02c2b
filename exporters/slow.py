"""The slow clock: what costs its source something is read every so often, and shown with its age until too old."""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from typing import ClassVar

from exporters.collector import CollectError, Deadline
from exporters.readings import SERIES_CAP, Readings
from exporters.reasons import Reason
from exporters.tasks import end
from telemetry.logs import get_logger
from telemetry.metric import Metric

log = get_logger()

KEPT_INTERVALS = 3
"""After so many intervals without a fresh reading the families vanish: a stale value must not pass for a live one."""
_JITTER = 0.1
"""Share by which each interval varies, so that several exporters that start together do not stay together."""
_PAUSE_CHECK = 5.0
"""Seconds after which a source that was struggling is looked at again, where the interval is longer."""


class SlowCollector(ABC):
    """A collector with a clock of its own. Whoever derives from it reads; this keeps, ages, pauses and shows."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    optional: ClassVar[bool] = False

    def __init__(self, *, interval: float, limit: float) -> None:
        self.interval = interval
        self.cap = SERIES_CAP
        """The budget of series of each family; the scrape sets it before the start."""
        self._limit = min(limit, interval)
        self._kept: Readings | None = None
        self._kept_at = 0.0
        self._fault: Reason | None = None
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def read(self, readings: Readings, deadline: Deadline) -> None:
        """Read the source once.

        Raises:
            CollectError: nothing could be read.
        """

    def struggling(self) -> bool:
        """Tell whether the source has more important things to do; reading then waits until it has not."""
        return False

    async def start(self) -> None:
        """Start the clock; the first reading is due at once."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Show the last reading; only right after the start is there anything to wait for."""
        async with deadline.guard():
            await self._tried.wait()
        readings.paused = self._fault is Reason.BUSY  # also where there is nothing to show any more
        age = time.monotonic() - self._kept_at
        if self._kept is None or age > KEPT_INTERVALS * self.interval:
            raise CollectError(self._fault or Reason.TIMEOUT)
        readings.adopt(self._kept)
        readings.age = age
        readings.fault = None if readings.paused else self._fault

    def lost(self, readings: Readings, reason: Reason) -> None:  # noqa: B027  # silence is the right default
        """Say nothing: what is not known has no value that could stand for that."""

    async def close(self) -> None:
        """Stop the clock."""
        await end(self._task)

    async def _run(self) -> None:
        while True:
            if self.struggling():
                self._fault = Reason.BUSY
                self._tried.set()
                await asyncio.sleep(min(_PAUSE_CHECK, self.interval))
                continue
            self._fault = await self._read()
            self._tried.set()
            await asyncio.sleep(self.interval * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  # no secret

    async def _read(self) -> Reason | None:
        readings = Readings(self.metrics, cap=self.cap)
        deadline = Deadline(self._limit)
        try:
            async with deadline.guard():
                await self.read(readings, deadline)
        except TimeoutError:
            return Reason.TIMEOUT
        except CollectError as error:
            return error.reason
        except Exception as error:  # noqa: BLE001  # one answer that cannot be read must not stop the clock
            log.warning("exporters.collector_failed", collector=self.name, reason="error", error=error)
            return Reason.ERROR
        self._kept, self._kept_at = readings, time.monotonic()
        return readings.fault
