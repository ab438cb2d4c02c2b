"""The metrics page as Prometheus asks for it, and as a browser does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from telemetry import own
from telemetry.metric import Metric, counter, declarations, histogram
from telemetry.page import make_metrics_app

REQUESTS = Metric(name="test_requests_total", type="counter", help="Requests.", labels=("route",))
SECONDS = Metric(name="test_seconds", type="histogram", help="Time.", unit="seconds", buckets=(0.05, 0.2))


@pytest.fixture
async def url() -> AsyncIterator[str]:
    registry = CollectorRegistry()
    own.register(registry)
    requests = counter(REQUESTS, registry)
    for route in range(50):
        requests.labels(f"/{route}").inc(exemplar={"trace_id": "0af7651916cd43dd8448eb211c80319c"})
    histogram(SECONDS, registry).observe(0.1)
    runner = web.AppRunner(make_metrics_app(registry), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_plain_text_is_the_default(url: str) -> None:
    async with ClientSession() as session, session.get(f"{url}/metrics") as answer:
        assert answer.content_type == "text/plain"
        families = {family.name: family for family in text(await answer.text())}
    assert families["test_requests"].samples[0].value == 1
    assert families["test_seconds"].type == "histogram"


async def test_openmetrics_is_given_to_who_asks_and_carries_exemplars(url: str) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5"
    async with ClientSession() as session, session.get(f"{url}/metrics", headers={"Accept": accept}) as answer:
        assert answer.content_type == "application/openmetrics-text"
        families = {family.name: family for family in openmetrics(await answer.text())}  # type: ignore[no-untyped-call]  # the library's parser has no types
    assert families["test_requests"].samples[0].exemplar.labels["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


async def test_the_page_is_compressed_only_where_that_is_asked_for(url: str) -> None:
    async with ClientSession(auto_decompress=False) as session:
        async with session.get(f"{url}/metrics", headers={"Accept-Encoding": "gzip"}) as small:
            assert small.headers["Content-Encoding"] == "gzip"
            compressed = len(await small.read())
        async with session.get(f"{url}/metrics", headers={"Accept-Encoding": "identity"}) as plain:
            assert "Content-Encoding" not in plain.headers
            assert len(await plain.read()) > 2 * compressed


async def test_families_can_be_selected(url: str) -> None:
    async with ClientSession() as session, session.get(f"{url}/metrics?name[]=test_seconds_count") as answer:
        assert [family.name for family in text(await answer.text())] == ["test_seconds"]


async def test_every_declared_figure_of_telemetry_is_on_the_page(url: str) -> None:
    async with ClientSession() as session, session.get(f"{url}/metrics") as answer:
        shown = {family.name for family in text(await answer.text())}
    assert {metric.name.removesuffix("_total") for metric in own.METRICS} <= shown
    assert declarations("own", own.METRICS).count('"name"') == len(own.METRICS)


async def test_the_process_says_that_it_is_alive(url: str) -> None:
    async with ClientSession() as session, session.get(f"{url}/-/healthy") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")
