"""One scrape: all collectors side by side within one time budget, shared by everybody who asks at that moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from exporters import own
from exporters.collector import CollectError, Collector, Deadline
from exporters.own import Own
from exporters.page import Flavour, Page
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.sources import Sources
from telemetry.logs import get_logger

log = get_logger()

Snapshot = tuple[Readings, ...]
"""The result of one scrape: the exporters' own readings, and then each collector's."""

MARGIN = 0.5
"""Seconds of Prometheus's own timeout that are left for rendering, the network, and a busy machine."""
_HARD = 0.05
"""A collector that does not end when it is cancelled is left behind this long after the deadline."""


def budget(own_limit: float, header: str | None) -> float:
    """Return the seconds that a scrape may take.

    ``header`` is what Prometheus sends as ``X-Prometheus-Scrape-Timeout-Seconds``; nonsense there is ignored.
    """
    try:
        asked = float(header) if header else own_limit + MARGIN
    except ValueError:
        asked = own_limit + MARGIN
    if not 0 < asked < float("inf"):
        return own_limit
    return min(own_limit, max(asked - MARGIN, asked / 2))


@dataclass(frozen=True, slots=True)
class _Result:
    readings: Readings
    seconds: float
    reason: Reason | None
    error: BaseException | None = None


class _Flight:
    """A scrape under way."""

    def __init__(self, deadline: Deadline, task: asyncio.Task[Snapshot]) -> None:
        self.deadline = deadline
        self.task = task


class Scraper:
    """Asks the collectors, and writes the page of what they said in time."""

    def __init__(self, collectors: Sequence[Collector], sources: Sources) -> None:
        self._sources = sources
        self._collectors = tuple(collectors)
        self._limit = sources.settings.scrape_budget
        self._own = Own(tuple(collector.name for collector in self._collectors))
        self._page = Page((*own.METRICS, *(metric for one in self._collectors for metric in one.metrics)))
        self._flight: _Flight | None = None
        self._running: dict[str, asyncio.Task[_Result]] = {}
        self._down: set[str] = set()

    async def start(self) -> None:
        """Let the collectors begin their background work."""
        for collector in self._collectors:
            await collector.start()

    async def close(self) -> None:
        """Let the collectors give everything back."""
        await asyncio.gather(*(collector.close() for collector in self._collectors))
        await self._sources.close()

    async def scrape(self, header: str | None) -> Snapshot:
        """Return what could be read, all or a part, within what ``header`` leaves."""
        seconds = budget(self._limit, header)
        flight = self._flight
        if flight is None or flight.task.done():
            deadline = Deadline(seconds)
            flight = self._flight = _Flight(deadline, asyncio.create_task(self._scrape(deadline, seconds)))
        else:
            self._own.shared += 1
            flight.deadline.tighten(seconds)
        # A caller who hangs up must not take the scrape away from the others.
        return await asyncio.shield(flight.task)

    def render(self, snapshot: Snapshot, flavour: Flavour) -> bytes:
        """Write the page of a scrape."""
        return self._page.render(snapshot, flavour)

    async def _scrape(self, deadline: Deadline, seconds: float) -> Snapshot:
        self._own.scrapes += 1
        results = await self._ask_all(deadline)
        summary = Readings(own.METRICS)
        summary.add(own.BUDGET, seconds)
        for collector, result in zip(self._collectors, results, strict=True):
            self._note(collector.name, result)
            summary.add(own.SUCCESS, int(result.reason is None), collector.name)
            summary.add(own.DURATION, result.seconds, collector.name)
            summary.add(own.AGE, result.readings.age, collector.name)
            summary.add(own.PAUSED, int(result.readings.paused), collector.name)
        self._own.bills(self._sources.bills(), summary)
        self._own.write(summary)
        return (summary, *(result.readings for result in results))

    async def _ask_all(self, deadline: Deadline) -> list[_Result]:
        started = time.monotonic()
        for collector in self._collectors:
            # One that is still stuck in an earlier scrape is not asked a second time.
            stuck = self._running.get(collector.name)
            if stuck is None or stuck.done():
                task = asyncio.create_task(self._ask(collector, deadline), name=collector.name)
                self._running[collector.name] = task
        tasks = [self._running[collector.name] for collector in self._collectors]
        await self._wait(tasks, deadline)
        results = []
        for collector, task in zip(self._collectors, tasks, strict=True):
            if task.done():
                del self._running[collector.name]
                results.append(task.result())
            else:
                results.append(_lost(collector, Reason.TIMEOUT, time.monotonic() - started))
        return results

    @staticmethod
    async def _wait(tasks: Sequence[asyncio.Task[_Result]], deadline: Deadline) -> None:
        """Wait for all tasks, but not much past the deadline, which may move closer meanwhile."""
        pending: set[asyncio.Task[_Result]] = set(tasks)
        while pending and (left := deadline.remaining(spare=-_HARD)) > 0:
            _, pending = await asyncio.wait(pending, timeout=min(left, MARGIN / 2))

    async def _ask(self, collector: Collector, deadline: Deadline) -> _Result:
        """Ask one collector; whatever happens in there ends here, as a result."""
        started = time.monotonic()
        readings = Readings(collector.metrics)
        try:
            async with deadline.guard():
                await collector.collect(readings, deadline)
        except TimeoutError:
            return _lost(collector, Reason.TIMEOUT, time.monotonic() - started)
        except CollectError as error:
            return _lost(collector, error.reason, time.monotonic() - started, error.__cause__)
        except Exception as error:  # noqa: BLE001  # one broken collector must not take the page from the others
            return _lost(collector, Reason.ERROR, time.monotonic() - started, error)
        return _Result(readings, time.monotonic() - started, readings.fault)

    def _note(self, name: str, result: _Result) -> None:
        """Count failures; log only when a collector changes between well and unwell."""
        self._own.dropped(result.readings)
        for reason in result.readings.partial:
            self._own.failed(name, reason)
        if result.reason is not None:
            self._own.failed(name, result.reason)
            if name not in self._down:
                self._down.add(name)
                log.warning(
                    "exporters.collector_failed",
                    collector=name,
                    reason=result.reason.value,
                    error=result.error,
                    seconds=result.seconds,
                )
        elif name in self._down:
            self._down.discard(name)
            log.info("exporters.collector_recovered", collector=name)


def _lost(collector: Collector, reason: Reason, seconds: float, error: BaseException | None = None) -> _Result:
    readings = Readings(collector.metrics)
    collector.lost(readings, reason)
    return _Result(readings, seconds, reason, error)
