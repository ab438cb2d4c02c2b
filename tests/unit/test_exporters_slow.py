"""The slow clock: figures keep their age, a struggling source is left in peace, and what is too old is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import ClassVar, Self

import pytest

from exporters.collector import CollectError, Deadline
from exporters.declare import family
from exporters.page import Flavour
from exporters.readings import SERIES_CAP, Readings
from exporters.reasons import Reason
from exporters.scrape import Scraper
from exporters.settings import Settings
from exporters.slow import KEPT_INTERVALS, SlowCollector
from exporters.sources import Bill, Sources
from telemetry.metric import Metric

pytestmark = pytest.mark.usefixtures("steady_time")

TURN = family("turn", "Which reading this is.", cost="slow")
WIDE = family("wide_total", "Many.", "who", cost="slow")


class Scans(SlowCollector):
    """Reads what the test tells it to."""

    name: ClassVar[str] = "scans"
    metrics: ClassVar[tuple[Metric, ...]] = (TURN, WIDE)

    def __init__(self, *, interval: float = 0.05, limit: float = 1.0) -> None:
        super().__init__(interval=interval, limit=limit)
        self.turns = 0
        self.turned = asyncio.Event()
        self.busy = False
        self.does: Callable[[Readings, Deadline], Awaitable[None]] = self.well

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        return None

    @classmethod
    def make(cls, sources: Sources) -> Self:
        return cls()

    def struggling(self) -> bool:
        return self.busy

    async def read(self, readings: Readings, deadline: Deadline) -> None:
        self.turns += 1
        self.turned.set()
        await self.does(readings, deadline)

    async def well(self, readings: Readings, deadline: Deadline) -> None:
        readings.add(TURN, self.turns)

    async def until(self, turns: int) -> None:
        """Wait until that many readings have begun."""
        async with asyncio.timeout(10):
            while self.turns < turns:
                self.turned.clear()
                await self.turned.wait()


@asynccontextmanager
async def running(scans: Scans) -> AsyncIterator[Scraper]:
    scraper = Scraper([scans], Sources(Settings(scrape_budget=1)))
    await scraper.start()
    try:
        yield scraper
    finally:
        await scraper.close()


async def page(scraper: Scraper) -> dict[str, float]:
    body = scraper.render(await scraper.scrape(None), Flavour.TEXT).decode()
    lines = (line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def state(seen: dict[str, float], what: str) -> float:
    return seen[f'exporter_collector_{what}{{collector="scans"}}']


async def test_the_first_scrape_waits_for_the_first_reading_and_later_ones_for_nothing() -> None:
    scans = Scans(interval=60)
    async with running(scans) as scraper:
        first = await page(scraper)
        assert first["turn"] == 1
        assert state(first, "age_seconds") < 0.5
        await asyncio.sleep(0.1)
        later = await page(scraper)
    assert scans.turns == 1, "a scrape is no reason to read"
    assert later["turn"] == 1
    assert 0.1 <= state(later, "age_seconds") < 1


async def test_the_clock_goes_on_by_itself_and_never_beats_in_step() -> None:
    scans, beats = Scans(interval=0.02), list[float]()

    async def note(readings: Readings, deadline: Deadline) -> None:
        beats.append(time.monotonic())

    scans.does = note
    async with running(scans):
        await scans.until(12)
    gaps = [after - before for before, after in pairwise(beats)]
    assert min(gaps) >= 0.02 * 0.9 - 0.001
    assert len({round(gap, 4) for gap in gaps}) > 1


async def test_a_struggling_source_is_left_in_peace_while_the_last_figures_stay() -> None:
    scans = Scans(interval=0.05)
    async with running(scans) as scraper:
        await page(scraper)
        scans.busy = True
        await asyncio.sleep(0.06)
        turns = scans.turns
        seen = await page(scraper)
        assert state(seen, "paused") == 1
        assert state(seen, "success") == 1, "waiting is not failing"
        assert seen["turn"] == turns
        assert scans.turns == turns
        scans.busy = False
        await scans.until(turns + 1)
        assert state(await page(scraper), "paused") == 0


async def test_a_pause_that_outlives_the_figures_is_still_told() -> None:
    scans = Scans(interval=0.05)
    async with running(scans) as scraper:
        await page(scraper)
        scans.busy = True
        await asyncio.sleep(KEPT_INTERVALS * 0.05 + 0.1)
        seen = await page(scraper)
        assert "turn" not in seen
        assert state(seen, "success") == 0
        assert state(seen, "paused") == 1


async def test_a_source_that_struggles_from_the_start_is_not_read_and_says_why() -> None:
    scans = Scans()
    scans.busy = True
    async with running(scans) as scraper:
        seen = await page(scraper)
        seen = await page(scraper)
    assert scans.turns == 0
    assert "turn" not in seen
    assert state(seen, "success") == 0
    assert seen['exporter_collector_failures_total{collector="scans",reason="busy"}'] == 2


async def test_old_figures_stay_for_three_intervals_and_then_are_gone() -> None:
    scans = Scans(interval=0.1)

    async def fails(readings: Readings, deadline: Deadline) -> None:
        raise CollectError(Reason.REFUSED)

    async with running(scans) as scraper:
        read_at = time.monotonic()
        await page(scraper)
        scans.does = fails
        await scans.until(2)
        seen = await page(scraper)
        assert seen["turn"] == 1, "one missed turn is no reason to forget"
        assert state(seen, "success") == 0, "but it is told"
        await asyncio.sleep(KEPT_INTERVALS * 0.1 + 0.05 - (time.monotonic() - read_at))
        seen = await page(scraper)
        assert "turn" not in seen
        assert state(seen, "age_seconds") == 0
        scans.does = scans.well
        await scans.until(scans.turns + 1)
        seen = await page(scraper)
        assert "turn" in seen
        assert state(seen, "success") == 1


async def hangs(readings: Readings, deadline: Deadline) -> None:
    await asyncio.sleep(60)


async def breaks(readings: Readings, deadline: Deadline) -> None:
    raise ZeroDivisionError


async def goes_undeclared(readings: Readings, deadline: Deadline) -> None:
    readings.add(family("never_declared", "Nothing."), 1)


@pytest.mark.parametrize(("does", "reason"), [(hangs, "timeout"), (breaks, "error"), (goes_undeclared, "error")])
async def test_whatever_a_reading_does_the_clock_goes_on(
    does: Callable[[Readings, Deadline], Awaitable[None]], reason: str
) -> None:
    scans = Scans(interval=0.05, limit=0.03)
    scans.does = does
    async with running(scans) as scraper:
        seen = await page(scraper)
        seen = await page(scraper)
        assert seen[f'exporter_collector_failures_total{{collector="scans",reason="{reason}"}}'] == 2
        scans.does = scans.well
        await scans.until(scans.turns + 1)
        assert state(await page(scraper), "success") == 1


async def test_the_budget_of_series_holds_on_the_slow_clock_too() -> None:
    scans = Scans(interval=60)

    async def reads(readings: Readings, deadline: Deadline) -> None:
        for number in range(8):
            readings.add(WIDE, 1, str(number))

    scans.does = reads
    assert scans.cap == SERIES_CAP
    scraper = Scraper([scans], Sources(Settings(series_budget=3)))
    try:
        seen = await page(scraper)
        assert seen['wide_total{who="__other__"}'] == 5
    finally:
        await scraper.close()


async def test_closing_stops_a_reading_that_hangs() -> None:
    scans = Scans(interval=60, limit=60)
    scans.does = hangs
    async with asyncio.timeout(2):
        async with running(scans):
            await scans.until(1)


class Things:
    """A source that counts how often it is opened and closed."""

    opened: ClassVar[int] = 0
    closed: ClassVar[int] = 0

    def __init__(self) -> None:
        self.bill = Bill()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        cls.opened += 1
        return cls()

    async def close(self) -> None:
        type(self).closed += 1


async def test_collectors_of_one_target_share_their_sources_and_the_bill_is_shown() -> None:
    sources = Sources(Settings())
    one = sources.use(Things)
    assert sources.use(Things) is one
    assert Sources(Settings()).use(Things) is not one, "another target has its own"
    one.bill.note("find", 0.25, sent=10, received=100)
    one.bill.note("find", 0.25, sent=10)
    scraper = Scraper([Scans(interval=60)], sources)
    seen = await page(scraper)
    assert seen['exporter_target_commands_total{source="things",command="find"}'] == 2
    assert seen['exporter_target_command_seconds_total{source="things",command="find"}'] == 0.5
    assert seen['exporter_target_bytes_total{source="things",direction="sent"}'] == 20
    assert seen['exporter_target_bytes_total{source="things",direction="received"}'] == 100
    part = scraper.render(await scraper.scrape(None, frozenset({"scans"})), Flavour.TEXT).decode()
    assert 'exporter_target_commands_total{source="things",command="find"} 2' in part
    before = Things.closed
    await scraper.close()
    assert Things.closed == before + 1
    assert sources.bills() == {}
