"""One scrape: all collectors side by side within one time budget, shared by everybody who asks at that moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakSet

from exporters import own
from exporters.budget import Allowance
from exporters.collector import CollectError, Collector, Deadline
from exporters.flight import Flight
from exporters.own import Own
from exporters.page import Flavour, Page
from exporters.process import Process
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.slow import SlowCollector
from exporters.sources import Sources
from telemetry.logs import get_logger

log = get_logger()

Snapshot = tuple[Readings, ...]
"""The result of one scrape: what is said about the scrape itself, and then each collector's readings."""


@dataclass(slots=True)
class Result:
    """How one collector fared in one scrape."""

    readings: Readings
    seconds: float
    reason: Reason | None
    error: BaseException | None = None
    noted: bool = False
    """Whether it has been seen to: two scrapes may wait for one answer."""
    counted: bool = False
    """Whether the failure was counted before, when somebody else could not wait for it."""

    @property
    def series(self) -> dict[str, int]:
        """The number of series by family; counted when somebody asks, which is not at each scrape."""
        return {name: len(keys) for name, (keys, _) in self.readings.series.items() if keys}


@dataclass(frozen=True, slots=True)
class LastScrape:
    """What the last whole scrape said, for people who look at the other pages."""

    at: float
    results: Mapping[str, Result]
    """By collector."""


class Scraper:
    """Asks the collectors of one target, and writes the page of what they said in time."""

    def __init__(self, collectors: Sequence[Collector], sources: Sources, process: Process | None = None) -> None:
        """``process`` speaks of the process itself; only one target's page does."""
        settings = sources.settings
        self.last: LastScrape | None = None
        self.budget = settings.series_budget
        self.collectors = tuple(collectors)
        self._sources = sources
        self._limit = settings.scrape_budget
        self._process = process
        self._own = Own(tuple(collector.name for collector in self.collectors))
        self._page = Page((*own.METRICS, *(metric for one in self.collectors for metric in one.metrics)))
        self._flights: dict[frozenset[str], Flight[Snapshot]] = {}
        self._running: dict[str, asyncio.Task[Result]] = {}
        self._stuck: dict[str, asyncio.Task[Result]] = {}
        """Those that were given up by all who waited, and that do not end."""
        self._given_up: WeakSet[asyncio.Task[Result]] = WeakSet()
        """Those that somebody could not wait for: that was counted, once."""
        self._down: set[str] = set()
        self._started: asyncio.Task[None] | None = None

    @property
    def names(self) -> frozenset[str]:
        """The names of its collectors."""
        return frozenset(collector.name for collector in self.collectors)

    async def start(self) -> None:
        """Let the collectors begin their background work; the first scrape does so too, and nothing is done twice."""
        if self._started is None:
            self._started = asyncio.create_task(self._start())
        await asyncio.shield(self._started)

    async def close(self) -> None:
        """Finish the scrapes under way, and let the collectors give everything back."""
        await asyncio.gather(*(flight.result() for flight in self._flights.values()), return_exceptions=True)
        for task in (*self._running.values(), *self._stuck.values()):
            task.cancel()
        if self._started is not None:
            await asyncio.gather(*(collector.close() for collector in self.collectors))
        await self._sources.close()

    async def scrape(self, header: str | None, only: frozenset[str] = frozenset()) -> Snapshot:
        """Return what could be read, all or a part, within what ``header`` leaves; ``only`` asks some collectors."""
        allowance = Allowance.of(self._limit, header)
        flight = self._flights.get(only)
        if flight is None:
            flight = self._flights[only] = self._flight(allowance, only)
        else:
            self._own.shared += 1
            flight.tighten(allowance.collecting)
        return await flight.result()

    def render(self, snapshot: Snapshot, flavour: Flavour) -> bytes:
        """Write the page of a scrape."""
        return self._page.render(snapshot, flavour)

    async def _start(self) -> None:
        for collector in self.collectors:
            if isinstance(collector, SlowCollector):
                collector.cap = self.budget
            await collector.start()

    def _flight(self, allowance: Allowance, only: frozenset[str]) -> Flight[Snapshot]:
        self._own.scrapes += 1
        started = time.monotonic()
        deadline = Deadline(allowance.collecting)
        chosen = [one for one in self.collectors if one.name in only] if only else self.collectors
        tasks = [self._asked(collector, deadline) for collector in chosen]

        def report() -> Snapshot:
            del self._flights[only]
            results = [
                self._result(collector, task, time.monotonic() - started)
                for collector, task in zip(chosen, tasks, strict=True)
            ]
            return self._report(chosen, results, allowance, only)

        return Flight(deadline, tasks, report)

    def _report(
        self, chosen: Sequence[Collector], results: Sequence[Result], allowance: Allowance, only: frozenset[str]
    ) -> Snapshot:
        summary = Readings(own.METRICS)
        summary.add(own.BUDGET, allowance.seconds)
        for collector, result in zip(chosen, results, strict=True):
            self._note(collector.name, result)
        names = [(collector.name,) for collector in chosen]
        summary.extend(own.SUCCESS, names, [int(result.reason is None) for result in results])
        summary.extend(own.DURATION, names, [result.seconds for result in results])
        summary.extend(own.AGE, names, [result.readings.age for result in results])
        summary.extend(own.PAUSED, names, [int(result.readings.paused) for result in results])
        if not only:
            self.last = LastScrape(time.time(), {one.name: found for one, found in zip(chosen, results, strict=True)})
        # Also on a page of some collectors: whoever asks for each in a job of its own never sees the whole one.
        self._own.bills(self._sources.bills(), summary)
        self._own.write(summary, self._page.duplicates, only)
        if self._process is not None:
            self._process.write(summary)
        return (summary, *(result.readings for result in results))

    def _asked(self, collector: Collector, deadline: Deadline) -> asyncio.Task[Result]:
        """Return the task that asks, shared with the scrapes under way."""
        task = self._running.get(collector.name)
        if task is None:
            stuck = self._stuck.get(collector.name)
            task = asyncio.create_task(self._ask(collector, deadline, stuck), name=collector.name)
            self._running[collector.name] = task
            task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Result]) -> None:
        """Keep no result longer than those who wait for it do."""
        for tasks in (self._running, self._stuck):
            if tasks.get(task.get_name()) is task:
                del tasks[task.get_name()]

    def _result(self, collector: Collector, task: asyncio.Task[Result], seconds: float) -> Result:
        """Return what a task says, or that there is no time to wait for it."""
        if task.done() and not task.cancelled():
            return task.result()
        lost = _lost(collector, Reason.ERROR if task.done() else Reason.TIMEOUT, seconds)
        if not task.done() and self._running.get(collector.name) is task:
            # What it will say some day is from before the next scrape: nobody may take that for fresh.
            self._stuck[collector.name] = self._running.pop(collector.name)
        lost.noted = task in self._given_up
        self._given_up.add(task)
        return lost

    async def _ask(self, collector: Collector, deadline: Deadline, stuck: asyncio.Task[Result] | None) -> Result:
        """Ask one collector; whatever happens in there ends here, as a result.

        One that is ``stuck`` in an earlier scrape is not asked a second time before it is through.
        """
        started = time.monotonic()
        readings = Readings(collector.metrics, cap=self.budget)
        try:
            async with deadline.guard():
                if stuck is not None:
                    await asyncio.wait((stuck,))
                if self._started is None or not self._started.done():
                    await self.start()
                await collector.collect(readings, deadline)
        except TimeoutError:
            result = _lost(collector, Reason.TIMEOUT, time.monotonic() - started)
        except CollectError as error:
            result = _lost(collector, error.reason, time.monotonic() - started, error.__cause__)
        except (Exception, asyncio.CancelledError) as error:  # one that is broken takes the page from nobody
            if _told_to_end(error):
                raise
            result = _lost(collector, Reason.ERROR, time.monotonic() - started, error)
        else:
            return Result(readings, time.monotonic() - started, readings.fault)
        result.readings.paused = readings.paused
        result.counted = asyncio.current_task() in self._given_up
        return result

    def _note(self, name: str, result: Result) -> None:
        """Count failures; log only when a collector changes between well and unwell."""
        if result.noted:
            return
        result.noted = True
        self._own.dropped(result.readings)
        for reason in result.readings.partial:
            self._own.failed(name, reason)
        if result.reason is not None:
            if not result.counted:
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
            result.error = None  # with it go the frames that it came through, and all that they hold
        elif name in self._down:
            self._down.discard(name)
            log.info("exporters.collector_recovered", collector=name)


def _lost(collector: Collector, reason: Reason, seconds: float, error: BaseException | None = None) -> Result:
    readings = Readings(collector.metrics)
    collector.lost(readings, reason)
    return Result(readings, seconds, reason, error)


def _told_to_end(error: BaseException) -> bool:
    """Tell a task's own cancelling from one that a collector met, in something that it waited for."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
