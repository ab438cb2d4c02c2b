"""One scrape has one time budget: whoever is late is left out, and nobody waits for him."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import ClassVar, Self

import pytest

from exporters import own
from exporters.budget import HARD, Allowance
from exporters.collector import CollectError, Deadline
from exporters.declare import family
from exporters.page import Flavour
from exporters.process import Process
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.scrape import Scraper
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.metric import Metric

pytestmark = pytest.mark.usefixtures("steady_time")

UP = Metric(name="fast_up", type="gauge", help="Whether it answered.")
OTHER_UP = Metric(name="slow_up", type="gauge", help="Whether it answered.")


class Fast:
    """Answers at once."""

    name: ClassVar[str] = "fast"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = (UP,)

    def __init__(self) -> None:
        self.calls = 0

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        return None

    @classmethod
    def make(cls, sources: Sources) -> Self:
        return cls()

    async def start(self) -> None:
        pass

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        self.calls += 1
        readings.add(UP, 1)

    def lost(self, readings: Readings, reason: Reason) -> None:
        readings.add(UP, 0)

    async def close(self) -> None:
        pass


class Slow(Fast):
    """Takes ``seconds``; with ``stubborn`` it does not end when it is cancelled."""

    name: ClassVar[str] = "slow"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = (OTHER_UP,)

    def __init__(self, seconds: float, *, stubborn: bool = False) -> None:
        super().__init__()
        self.seconds = seconds
        self.stubborn = stubborn
        self.cancelled = False

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        self.calls += 1
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled = True
            if self.stubborn:
                await asyncio.sleep(self.seconds)
            raise
        readings.add(OTHER_UP, 1)

    def lost(self, readings: Readings, reason: Reason) -> None:
        readings.add(OTHER_UP, 0)


class Broken(Slow):
    """Has a fault in its code, or says that it could not."""

    def __init__(self, error: Exception) -> None:
        super().__init__(0)
        self.error = error

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        raise self.error


async def page(scraper: Scraper, header: str | None = None) -> dict[str, str]:
    body = scraper.render(await scraper.scrape(header), Flavour.TEXT).decode()
    return dict(line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 4.0),
        ("10", 4.0),
        ("3", 2.5),
        ("0.6", 0.3),
        ("nonsense", 4.0),
        ("-1", 4.0),
        ("inf", 4.0),
        ("nan", 4.0),
        ("", 4.0),
        ("1e999", 4.0),
    ],
)
def test_the_page_is_out_half_a_second_before_prometheus_gives_up(header: str | None, seconds: float) -> None:
    allowance = Allowance.of(4.0, header)
    assert allowance.seconds == pytest.approx(seconds)
    assert allowance.seconds - 0.1 <= allowance.collecting < allowance.seconds - HARD / 2, "the rest is for writing it"


async def test_a_late_collector_is_cancelled_and_the_page_comes_without_it() -> None:
    slow = Slow(30)
    started = time.monotonic()
    seen = await page(Scraper([Fast(), slow], Sources(Settings(scrape_budget=0.2))))
    assert 0.15 <= time.monotonic() - started < 0.6
    assert slow.cancelled
    assert seen["fast_up"] == "1"
    assert seen["slow_up"] == "0"
    assert seen['exporter_collector_success{collector="slow"}'] == "0"
    assert seen['exporter_collector_success{collector="fast"}'] == "1"
    assert seen['exporter_collector_failures_total{collector="slow",reason="timeout"}'] == "1"


async def test_prometheuss_own_timeout_makes_the_budget_smaller() -> None:
    started = time.monotonic()
    seen = await page(Scraper([Slow(30)], Sources(Settings(scrape_budget=4))), header="0.7")
    assert time.monotonic() - started < 0.7
    assert seen["exporter_scrape_budget_seconds"] == "0.35"


async def test_one_that_ignores_cancelling_holds_up_nobody_and_is_not_asked_again_meanwhile() -> None:
    stubborn = Slow(0.6, stubborn=True)
    scraper = Scraper([Fast(), stubborn], Sources(Settings(scrape_budget=0.1)))
    started = time.monotonic()
    first, second = await page(scraper), await page(scraper)
    assert time.monotonic() - started < 0.5
    assert (first["fast_up"], second["fast_up"], second["slow_up"]) == ("1", "1", "0")
    assert stubborn.calls == 1
    await asyncio.sleep(0.8)
    await page(scraper)
    assert stubborn.calls == 2


async def test_callers_at_the_same_moment_share_one_scrape() -> None:
    slow = Slow(0.1)
    scraper = Scraper([slow], Sources(Settings(scrape_budget=4)))
    pages = await asyncio.gather(*(page(scraper) for _ in range(5)))
    assert slow.calls == 1
    assert {seen["slow_up"] for seen in pages} == {"1"}
    assert pages[0]["exporter_scrapes_shared_total"] == "4"
    await page(scraper)
    assert slow.calls == 2


async def test_fifty_callers_are_one_scrape_and_get_the_same_page() -> None:
    slow = Slow(0.1)
    scraper = Scraper([slow], Sources(Settings(scrape_budget=4)))
    pages = await asyncio.gather(*(page(scraper) for _ in range(50)))
    assert slow.calls == 1
    assert pages[0]["exporter_scrapes_total"] == "1"
    assert all(seen == pages[0] for seen in pages)


async def test_a_request_for_some_collectors_asks_no_other_and_shares_those_under_way() -> None:
    fast, slow = Fast(), Slow(0.1)
    scraper = Scraper([fast, slow], Sources(Settings(scrape_budget=4)), Process())
    whole = asyncio.create_task(page(scraper))
    await asyncio.sleep(0.02)
    part = scraper.render(await scraper.scrape(None, frozenset({"slow"})), Flavour.TEXT).decode()
    assert slow.calls == 1, "it joined the scrape that was under way"
    assert "slow_up 1" in part
    assert "fast_up" not in part
    assert 'exporter_collector_success{collector="slow"} 1' in part
    assert "process_open_fds" in part, "who asks for every part by itself never sees the whole"
    assert 'exporter_collector_failures_total{collector="slow",reason="timeout"} 0' in part
    assert 'exporter_collector_failures_total{collector="fast"' not in part, "that stands on the page of fast"
    assert "process_open_fds" in await whole
    assert scraper.last is not None
    assert list(scraper.last.results) == ["fast", "slow"], "a part is not the last whole scrape"


async def test_a_failure_that_two_requests_waited_for_is_counted_once() -> None:
    class Failing(Slow):
        async def collect(self, readings: Readings, deadline: Deadline) -> None:
            await asyncio.sleep(self.seconds)
            raise CollectError(Reason.REFUSED)

    scraper = Scraper([Failing(0.05)], Sources(Settings(scrape_budget=4)))
    whole, _ = await asyncio.gather(page(scraper), scraper.scrape(None, frozenset({"slow"})))
    assert whole['exporter_collector_failures_total{collector="slow",reason="refused"}'] == "1"
    again = await page(scraper)
    assert again['exporter_collector_failures_total{collector="slow",reason="refused"}'] == "2"


@pytest.mark.parametrize("others_cancel", [True, False])
async def test_a_collector_that_is_cancelled_is_lost_and_nobody_waits_for_ever(*, others_cancel: bool) -> None:
    class Cancelled(Slow):
        async def collect(self, readings: Readings, deadline: Deadline) -> None:
            if others_cancel:
                raise asyncio.CancelledError
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(10)

    async with asyncio.timeout(3):
        seen = await page(Scraper([Fast(), Cancelled(0)], Sources(Settings(scrape_budget=1))))
    assert (seen["fast_up"], seen["slow_up"]) == ("1", "0")
    assert seen['exporter_collector_failures_total{collector="slow",reason="error"}'] == "1"


async def test_a_stuck_collector_that_two_requests_gave_up_is_counted_once() -> None:
    stubborn = Slow(0.5, stubborn=True)
    scraper = Scraper([stubborn], Sources(Settings(scrape_budget=0.1)))
    await asyncio.gather(scraper.scrape(None), scraper.scrape(None, frozenset({"slow"})))
    await scraper.close()
    readings = Readings(own.METRICS)
    scraper._own.write(readings, {})
    found = dict(zip(*readings.series["exporter_collector_failures_total"], strict=True))
    assert found["slow", "timeout"] == 1
    assert stubborn.calls == 1


async def test_what_a_stuck_collector_says_in_the_end_is_not_taken_for_fresh() -> None:
    class Late(Slow):
        async def collect(self, readings: Readings, deadline: Deadline) -> None:
            self.calls += 1
            call = self.calls
            if call == 1:
                ends = time.monotonic() + 0.4
                while time.monotonic() < ends:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.sleep(ends - time.monotonic())
            readings.add(OTHER_UP, call)

    late = Late(0)
    scraper = Scraper([late], Sources(Settings(scrape_budget=0.2)))
    assert (await page(scraper))["slow_up"] == "0"
    await asyncio.sleep(0.1)
    assert (await page(scraper))["slow_up"] == "2", "it was asked anew as soon as it could be"


async def test_only_the_page_of_the_process_speaks_of_the_process() -> None:
    own = await page(Scraper([Fast()], Sources(Settings()), Process()))
    target = await page(Scraper([Fast()], Sources(Settings())))
    assert float(own["process_resident_memory_bytes"]) > 10e6
    assert float(own["process_cpu_seconds_total"]) > 0
    assert time.time() - 3600 < float(own["process_start_time_seconds"]) <= time.time()
    assert own["exporter_config_last_reload_successful"] == "1"
    assert not [name for name in target if name.startswith(("process_", "telemetry_", "exporter_config_"))]
    assert target['exporter_collector_success{collector="fast"}'] == "1"
    assert target['exporter_collector_age_seconds{collector="fast"}'] == "0.0"


async def test_closing_waits_for_the_scrape_under_way() -> None:
    slow = Slow(0.1)
    scraper = Scraper([slow], Sources(Settings(scrape_budget=4)))
    seen = asyncio.create_task(page(scraper))
    await asyncio.sleep(0.01)
    await scraper.close()
    assert (await seen)["slow_up"] == "1"


async def test_a_familys_surplus_is_counted_on_the_page() -> None:
    class Wide(Fast):
        metrics: ClassVar[tuple[Metric, ...]] = (family("wide_total", "Many.", "who"),)

        async def collect(self, readings: Readings, deadline: Deadline) -> None:
            for number in range(5):
                readings.add(self.metrics[0], number, str(number))

    scraper = Scraper([Wide()], Sources(Settings(series_budget=3)))
    await page(scraper)
    seen = await page(scraper)
    assert seen['wide_total{who="__other__"}'] == "7"
    assert seen['exporter_series_dropped_total{family="wide_total"}'] == "4"
    assert scraper.last is not None
    assert scraper.last.results["fast"].series["wide_total"] == 4
    assert scraper.last.results["fast"].readings.dropped == {"wide_total": 2}


async def test_an_impatient_caller_leaves_with_what_there_is_and_takes_nothing_from_the_patient() -> None:
    slow = Slow(0.6)
    scraper = Scraper([Fast(), slow], Sources(Settings(scrape_budget=30)))
    patient = asyncio.create_task(page(scraper))
    await asyncio.sleep(0.05)
    started = time.monotonic()
    seen = await page(scraper, header="0.4")
    assert time.monotonic() - started < 0.4
    assert (seen["fast_up"], seen["slow_up"]) == ("1", "0")
    assert seen['exporter_collector_success{collector="slow"}'] == "0"
    assert seen["exporter_scrape_budget_seconds"] == "0.2"
    whole = await patient
    assert (whole["slow_up"], slow.calls, slow.cancelled) == ("1", 1, False)
    assert whole['exporter_collector_failures_total{collector="slow",reason="timeout"}'] == "0", "nothing failed"
    assert whole["exporter_scrape_budget_seconds"] == "30"


async def test_one_who_would_have_waited_till_the_end_still_leaves_in_time_when_another_extends_it() -> None:
    slow = Slow(2)
    scraper = Scraper([slow], Sources(Settings(scrape_budget=30)))
    started = time.monotonic()
    first, second = (asyncio.create_task(page(scraper, header="1")) for _ in range(2))
    await asyncio.sleep(0.05)
    patient = asyncio.create_task(page(scraper))
    assert {(await first)["slow_up"], (await second)["slow_up"]} == {"0"}
    assert time.monotonic() - started < 0.9
    assert (await patient)["slow_up"] == "1"


async def test_a_patient_caller_extends_what_an_impatient_one_began() -> None:
    slow = Slow(0.7)
    scraper = Scraper([slow], Sources(Settings(scrape_budget=30)))
    impatient = asyncio.create_task(page(scraper, header="1"))
    await asyncio.sleep(0.05)
    whole = await page(scraper)
    assert (await impatient)["slow_up"] == "0"
    assert (whole["slow_up"], slow.calls, slow.cancelled) == ("1", 1, False)
    assert whole["exporter_scrape_budget_seconds"] == "30"


async def test_a_patient_caller_of_a_part_extends_what_an_impatient_one_of_all_began() -> None:
    slow = Slow(0.7)
    scraper = Scraper([slow], Sources(Settings(scrape_budget=30)))
    impatient = asyncio.create_task(page(scraper, header="1"))
    await asyncio.sleep(0.05)
    part = scraper.render(await scraper.scrape(None, frozenset({"slow"})), Flavour.TEXT).decode()
    assert (await impatient)["slow_up"] == "0"
    assert "slow_up 1" in part
    assert slow.calls == 1


async def test_a_caller_who_comes_when_time_is_up_gets_a_scrape_of_his_own() -> None:
    class Lingers(Slow):
        """Needs a moment to end, the first time."""

        async def collect(self, readings: Readings, deadline: Deadline) -> None:
            self.calls += 1
            if self.calls == 1:
                try:
                    await asyncio.sleep(30)
                finally:
                    time_is_up.set()
                    await asyncio.sleep(0.02)
            readings.add(OTHER_UP, self.calls)

    time_is_up = asyncio.Event()
    scraper = Scraper([Lingers(0)], Sources(Settings(scrape_budget=30)))
    impatient = asyncio.create_task(page(scraper, header="1"))
    await time_is_up.wait()
    assert (await page(scraper))["slow_up"] == "2"
    assert (await impatient)["slow_up"] == "0"


async def test_absurd_callers_cost_the_source_no_more_than_others_and_nobody_a_page() -> None:
    slow = Slow(0.15)
    scraper = Scraper([slow], Sources(Settings(scrape_budget=4)))
    ends = time.monotonic() + 1.0

    async def absurd() -> None:
        while time.monotonic() < ends:
            await page(scraper, header="0.001")

    loop = asyncio.create_task(absurd())
    seen = []
    while time.monotonic() < ends:
        seen.append((await page(scraper))["slow_up"])
    await loop
    assert len(seen) >= 4
    assert set(seen) == {"1"}
    assert not slow.cancelled


async def test_what_a_collector_knows_before_it_is_through_stands_on_the_impatients_page() -> None:
    class InParts(Slow):
        metrics: ClassVar[tuple[Metric, ...]] = (family("part_up", "Whether it answered.", "part"),)

        async def collect(self, readings: Readings, deadline: Deadline) -> None:
            readings.so_far = {"a": 1}
            await asyncio.sleep(self.seconds)
            for part in "ab":
                readings.add(self.metrics[0], 1, part)

        def lost(self, readings: Readings, reason: Reason) -> None:
            for part in "ab":
                readings.add(self.metrics[0], (readings.so_far or {}).get(part, 0), part)

    scraper = Scraper([InParts(0.5)], Sources(Settings(scrape_budget=4)))
    patient = asyncio.create_task(page(scraper))
    await asyncio.sleep(0)
    seen = await page(scraper, header="0.2")
    assert (seen['part_up{part="a"}'], seen['part_up{part="b"}']) == ("1", "0")
    whole = await patient
    assert (whole['part_up{part="a"}'], whole['part_up{part="b"}']) == ("1", "1")


@pytest.mark.parametrize("says_how_it_is_lost", [True, False])
async def test_what_cannot_be_written_is_lost_and_takes_the_page_from_nobody(*, says_how_it_is_lost: bool) -> None:
    class Odd(Slow):
        metrics: ClassVar[tuple[Metric, ...]] = (OTHER_UP, family("odd_info", "What it is.", "what"))

        async def collect(self, readings: Readings, deadline: Deadline) -> None:
            readings.add(OTHER_UP, 1)
            readings.add(self.metrics[1], 1, 5)  # type: ignore[arg-type]  # what no collector should ever give

        def lost(self, readings: Readings, reason: Reason) -> None:
            readings.add(OTHER_UP, 0)
            if not says_how_it_is_lost:
                readings.add(self.metrics[1], 1, None)  # type: ignore[arg-type]  # the same

    scraper = Scraper([Fast(), Odd(0)], Sources(Settings(scrape_budget=4)))
    first, second = await page(scraper), await page(scraper)
    for seen in (first, second):
        assert seen["fast_up"] == "1"
        assert seen.get("slow_up") == ("0" if says_how_it_is_lost else None)
        assert seen['exporter_collector_success{collector="slow"}'] == "0"
        assert seen['exporter_collector_success{collector="fast"}'] == "1"
    assert float(second['exporter_collector_failures_total{collector="slow",reason="malformed"}']) >= 1


async def test_a_caller_who_hangs_up_takes_the_scrape_from_nobody() -> None:
    slow = Slow(0.2)
    scraper = Scraper([slow], Sources(Settings(scrape_budget=4)))
    leaves, stays = asyncio.create_task(page(scraper)), asyncio.create_task(page(scraper))
    await asyncio.sleep(0.05)
    leaves.cancel()
    assert (await stays)["slow_up"] == "1"
    assert slow.calls == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [(CollectError(Reason.AUTH), "auth"), (ZeroDivisionError(), "error"), (TimeoutError(), "timeout")],
)
async def test_a_collector_that_fails_takes_the_page_from_nobody(error: Exception, reason: str) -> None:
    seen = await page(Scraper([Fast(), Broken(error)], Sources(Settings(scrape_budget=1))))
    assert seen["fast_up"] == "1"
    assert seen["slow_up"] == "0"
    assert seen[f'exporter_collector_failures_total{{collector="slow",reason="{reason}"}}'] == "1"


async def test_a_fault_in_making_the_report_reaches_all_who_wait_and_nobody_after_them() -> None:
    scraper = Scraper([Fast()], Sources(Settings()), Process())
    scraper._process.write = None  # type: ignore[method-assign,union-attr]  # as if it had a fault
    waiting = [asyncio.create_task(scraper.scrape(None)) for _ in range(3)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [TypeError] * 3
    scraper._process = None
    assert (await page(scraper))["fast_up"] == "1"
