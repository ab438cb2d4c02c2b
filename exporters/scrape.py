"""One scrape: all collectors side by side within one time budget, shared by everybody who asks at that moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from weakref import WeakSet

from exporters import own
from exporters.budget import FLOOR, Allowance
from exporters.collector import CollectError, Collector, Deadline
from exporters.flight import Flight
from exporters.own import Own
from exporters.page import Flavour, Page, UnwritableError
from exporters.process import Process
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.result import Asked, LastScrape, Result, Snapshot, lost, unfinished
from exporters.slow import SlowCollector
from exporters.sources import Sources
from telemetry.logs import get_logger

log = get_logger()


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
        self._most = Allowance.of(self._limit, None).collecting
        self._process = process
        self._own = Own(tuple(collector.name for collector in self.collectors))
        self._page = Page((*own.METRICS, *(metric for one in self.collectors for metric in one.metrics)))
        self._flights: dict[frozenset[str], Flight] = {}
        self._running: dict[str, Asked] = {}
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
        await asyncio.gather(*(flight.result(flight.ends) for flight in self._flights.values()), return_exceptions=True)
        for task in (*(asked.task for asked in self._running.values()), *self._stuck.values()):
            task.cancel()
        if self._started is not None:
            await asyncio.gather(*(collector.close() for collector in self.collectors))
        await self._sources.close()

    async def scrape(self, header: str | None, only: frozenset[str] = frozenset()) -> Snapshot:
        """Return what could be read, all or a part, within what ``header`` leaves; ``only`` asks some collectors.

        Who cannot wait for the scrape under way gets what there is, and takes nothing from those who can.
        """
        allowance, started, waited = Allowance.of(self._limit, header), time.monotonic(), False
        ends = started + allowance.collecting
        while True:
            flight = self._flights.get(only)
            if flight is None:
                flight = self._flights[only] = self._flight(allowance.seconds, ends, only)
            elif not waited:
                self._own.shared += 1
            was_over, waited = flight.is_over, True
            if not was_over:
                flight.extend(ends, allowance.seconds)
            snapshot = await flight.result(ends)
            if snapshot is None:
                seconds = time.monotonic() - started
                results = [_now(asked, seconds) for asked in flight.asked]
                return self._report(flight.asked, results, allowance.seconds, only)
            if not was_over or ends <= time.monotonic():
                return snapshot

    def render(self, snapshot: Snapshot, flavour: Flavour) -> bytes:
        """Write the page of a scrape. A collector that said what cannot be written has said nothing."""
        while True:
            try:
                return self._page.render((snapshot.summary, *snapshot.readings), flavour)
            except UnwritableError as error:
                if not error.place:
                    raise
                name = snapshot.spoil(error.place - 1).name
                self._own.failed(name, Reason.MALFORMED)
                log.warning("exporters.collector_failed", collector=name, reason="malformed", error=error.__cause__)

    async def _start(self) -> None:
        for collector in self.collectors:
            if isinstance(collector, SlowCollector):
                collector.cap = self.budget
            await collector.start()

    def _flight(self, seconds: float, ends: float, only: frozenset[str]) -> Flight:
        self._own.scrapes += 1
        started = time.monotonic()
        # Who asks for less than the floor does not wait for it, but what was asked of the sources is not in vain.
        ends = max(ends, started + min(FLOOR, self._most))
        chosen = [one for one in self.collectors if one.name in only] if only else self.collectors
        asked = [self._asked(collector, ends) for collector in chosen]

        def report() -> Snapshot:
            del self._flights[only]
            took = time.monotonic() - started
            results = [self._result(one, took) for one in asked]
            for one, result in zip(asked, results, strict=True):
                self._note(one.collector.name, result)
            if not only:
                by_name = {one.collector.name: result for one, result in zip(asked, results, strict=True)}
                self.last = LastScrape(time.time(), by_name)
            return self._report(asked, results, flight.seconds, only)

        flight = Flight(ends, seconds, asked, report)
        return flight

    def _report(
        self, asked: Sequence[Asked], results: Sequence[Result], seconds: float, only: frozenset[str]
    ) -> Snapshot:
        summary = Readings(own.METRICS)
        summary.add(own.BUDGET, seconds)
        names = [(one.collector.name,) for one in asked]
        summary.extend(own.SUCCESS, names, [int(result.reason is None) for result in results])
        summary.extend(own.DURATION, names, [result.seconds for result in results])
        summary.extend(own.AGE, names, [result.readings.age for result in results])
        summary.extend(own.PAUSED, names, [int(result.readings.paused) for result in results])
        # Also on a page of some collectors: whoever asks for each in a job of its own never sees the whole one.
        self._own.bills(self._sources.bills(), summary)
        self._own.write(summary, self._page.duplicates, only)
        if self._process is not None:
            self._process.write(summary)
        return Snapshot([one.collector for one in asked], summary, [result.readings for result in results])

    def _asked(self, collector: Collector, ends: float) -> Asked:
        """Ask, or join the scrape that does so already."""
        running = self._running.get(collector.name)
        if running is not None and running.deadline.remaining():
            running.deadline.extend(ends)
            return running
        earlier = running.task if running is not None else self._stuck.get(collector.name)
        deadline = Deadline(ends - time.monotonic(), most=self._most)
        readings = Readings(collector.metrics, cap=self.budget)
        asking = self._ask(collector, readings, deadline, earlier)
        asked = Asked(collector, deadline, readings, asyncio.create_task(asking, name=collector.name))
        self._running[collector.name] = asked
        asked.task.add_done_callback(self._forget)
        return asked

    def _forget(self, task: asyncio.Task[Result]) -> None:
        """Keep no result longer than those who wait for it do."""
        name = task.get_name()
        if name in self._running and self._running[name].task is task:
            del self._running[name]
        if self._stuck.get(name) is task:
            del self._stuck[name]

    def _result(self, asked: Asked, seconds: float) -> Result:
        """Return what a collector says at the end of a scrape; whoever is not through then is given up."""
        task, name = asked.task, asked.collector.name
        result = _now(asked, seconds)
        if task.done():
            return result
        if self._running.get(name) is asked and not asked.deadline.remaining():
            # What it will say some day is from before the next scrape: nobody may take that for fresh.
            self._stuck[name] = self._running.pop(name).task
        result.noted = task in self._given_up
        self._given_up.add(task)
        return result

    async def _ask(
        self, collector: Collector, readings: Readings, deadline: Deadline, earlier: asyncio.Task[Result] | None
    ) -> Result:
        """Ask one collector; whatever happens in there ends here, as a result.

        One that is stuck in an ``earlier`` scrape is not asked a second time before it is through.
        """
        started = time.monotonic()
        try:
            async with deadline.guard():
                if earlier is not None:
                    await asyncio.wait((earlier,))
                if self._started is None or not self._started.done():
                    await self.start()
                await collector.collect(readings, deadline)
        except TimeoutError:
            result = lost(collector, Reason.TIMEOUT, time.monotonic() - started)
        except CollectError as error:
            result = lost(collector, error.reason, time.monotonic() - started, error.__cause__)
        except (Exception, asyncio.CancelledError) as error:  # one that is broken takes the page from nobody
            if _told_to_end(error):
                raise
            result = lost(collector, Reason.ERROR, time.monotonic() - started, error)
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


def _now(asked: Asked, seconds: float) -> Result:
    """Return what a collector says at this moment."""
    if not asked.task.done():
        return unfinished(asked, seconds)
    if asked.task.cancelled():
        return lost(asked.collector, Reason.ERROR, seconds)
    return asked.task.result()


def _told_to_end(error: BaseException) -> bool:
    """Tell a task's own cancelling from one that a collector met, in something that it waited for."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
