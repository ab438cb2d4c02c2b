"""Two thousand collections, and everything switched on: what it costs the server, and how fast the page still is."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from exporters.mongodb import MongodbCollector
from exporters.mongodb.collstats import CollstatsCollector
from exporters.mongodb.currentop import CurrentopCollector
from exporters.mongodb.dbstats import DbstatsCollector
from exporters.mongodb.indexstats import IndexstatsCollector
from exporters.mongodb.top import TopCollector
from exporters.page import Flavour
from exporters.scrape import Scraper
from exporters.sources import Sources
from tests.contract.exporters_mongod import Mongod, fill, mongod

pytestmark = [pytest.mark.proof, pytest.mark.timeout(600)]

STEPS = (250, 500, 1_000, 2_000)
SHARE = 0.05
PAGE_P50 = 0.010
SERIES = 4_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with mongod(tmp_path_factory.mktemp("mongod")) as running:
        with running.client() as admin:
            for step, before in zip(STEPS, (0, *STEPS), strict=False):
                fill(admin, f"step{step}", step - before)
        yield running


async def test_time_grows_with_the_collections_and_no_faster(server: Mongod, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure seconds per collection at each step; the last must not cost more than half again of the first."""
    each: dict[int, float] = {}
    for step in STEPS:
        left_out = {"admin", "config", "local", *(f"step{other}" for other in STEPS if other > step)}
        monkeypatch.setattr("exporters.mongodb.asking.SYSTEM_DATABASES", left_out)
        sources = Sources(server.settings(mongodb_time_budget=0.5))
        collector = CollstatsCollector.make(sources)
        await collector.start()
        started = time.monotonic()
        while not (found := list(collector.sweeps.values())) or len(found[0].values) < max(1, len(found[0].names)):
            assert time.monotonic() - started < 120, "half of the server's time should be enough for this"
            await asyncio.sleep(0.2)
        await collector.close()
        bill = sources.bills()["mongodb"]
        assert bill.commands["aggregate"] == step
        each[step] = bill.seconds["aggregate"] / step
        await sources.close()
    shown = {step: f"{1000 * seconds:.2f} ms" for step, seconds in each.items()}
    print("per collection:", shown)  # noqa: T201  # the figure is what a proof is for
    assert each[STEPS[-1]] < 1.5 * each[STEPS[0]] + 0.0005


async def test_two_thousand_collections_take_a_small_share_of_the_servers_time(server: Mongod) -> None:
    """While they are read for the first time, which is as busy as it gets, and for the two minutes around it."""
    sources = Sources(server.settings(mongodb_time_budget=SHARE))
    collector = CollstatsCollector.make(sources)
    idle = server.cpu_seconds()
    await asyncio.sleep(10)
    idle = (server.cpu_seconds() - idle) / 10
    before, started = server.cpu_seconds(), time.monotonic()
    await collector.start()
    await asyncio.sleep(75)
    busy = (server.cpu_seconds() - before) / (time.monotonic() - started)
    asked = sources.bills()["mongodb"].commands["aggregate"]
    await collector.close()
    await sources.close()
    print(f"asked {asked}; {100 * (busy - idle):.2f} % of a processor more than idle")  # noqa: T201  # same
    # Its time is what is counted: a server that answers slowly is asked less.
    assert asked >= 250
    assert busy - idle < 1.5 * SHARE


async def test_the_page_with_everything_on_is_fast(server: Mongod) -> None:
    more: dict[str, Any] = {"mongodb_collection_budget": 90, "mongodb_namespace_budget": 40, "names": "percona"}
    sources = Sources(server.settings(mongodb_time_budget=1.0, **more))
    kinds = (
        MongodbCollector,
        DbstatsCollector,
        CollstatsCollector,
        IndexstatsCollector,
        TopCollector,
        CurrentopCollector,
    )
    made = Scraper([kind.make(sources) for kind in kinds], sources)
    await made.start()
    try:
        await asyncio.sleep(20)
        times, body = [], b""
        for _ in range(400):
            started = time.perf_counter()
            body = made.render(await made.scrape(None), Flavour.TEXT)
            times.append(time.perf_counter() - started)
            await asyncio.sleep(0.02)
    finally:
        await made.close()
    series = sum(not line.startswith(b"#") for line in body.splitlines())
    p50 = statistics.median(times)
    print(f"{series} series, p50 {1000 * p50:.2f} ms, least {1000 * min(times):.2f} ms")  # noqa: T201  # same
    assert series >= SERIES
    assert p50 <= PAGE_P50
