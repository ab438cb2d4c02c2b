"""The edge counts what patients got, no more and no less, and sends nothing twice. Real HAProxy, our own servers."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from monitor.stack import programs
from tests.ports import free_port

CONFIG = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"
BOOKINGS = "/api/v1/appointments"


@dataclass(slots=True)
class Server:
    """A stand-in for the app: answers with the status that the query asks for, and remembers what reached it."""

    port: int = 0
    ready: bool = True
    seen: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/readyz", self._readyz)
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self.runner = web.AppRunner(app, shutdown_timeout=0)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port or free_port())
        await site.start()
        self.port = self.runner.addresses[0][1]

    async def stop(self) -> None:
        if self.runner:
            await self.runner.cleanup()
            self.runner = None

    async def _readyz(self, request: web.Request) -> web.Response:
        if "X-Probe" in request.headers:
            self.seen.append("probe")
        return web.Response(status=200 if self.ready else 503)

    async def _answer(self, request: web.Request) -> web.Response:
        self.seen.append(request.query.get("n", ""))
        self.heads.append(dict(request.headers))
        if "drop" in request.query:
            assert request.transport is not None
            request.transport.abort()
        headers = {"Retry-After": "7"} if "after" in request.query else {}
        return web.Response(status=int(request.query.get("status", "200")), headers=headers)


@dataclass(slots=True)
class Edge:
    """A running HAProxy before two stand-ins."""

    session: aiohttp.ClientSession
    url: str
    metrics_url: str
    servers: tuple[Server, Server]

    async def ask(self, path: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.url + path, headers=named) as response:
            return response.status, dict(response.headers), await response.text()

    async def counts(self, backend: str) -> tuple[int, int]:
        """Return total and bad as docs/ledger.md defines them."""
        async with self.session.get(self.metrics_url) as response:
            text = await response.text()
        codes = dict(re.findall(rf'haproxy_backend_http_responses_total{{proxy="{backend}",code="(\w+)"}} (\d+)', text))
        denied = re.search(rf'haproxy_backend_responses_denied_total{{proxy="{backend}"}} (\d+)', text)
        assert denied is not None
        return sum(map(int, codes.values())), int(codes["5xx"]) + int(denied[1])

    async def active_servers(self, backend: str) -> int:
        async with self.session.get(self.metrics_url) as response:
            found = re.search(rf'haproxy_backend_active_servers{{proxy="{backend}"}} (\d+)', await response.text())
        assert found is not None
        return int(found[1])


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    servers = Server(), Server()
    for server in servers:
        await server.start()
    bind, metrics = free_port(), free_port()
    environment = {
        "EDGE_BIND": f"127.0.0.1:{bind}",
        "EDGE_METRICS_BIND": f"127.0.0.1:{metrics}",
        "APP_1": f"127.0.0.1:{servers[0].port}",
        "APP_2": f"127.0.0.1:{servers[1].port}",
    }
    process = await asyncio.create_subprocess_exec(
        programs.locate("haproxy"),
        "-f",
        str(CONFIG),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as session:
            found = Edge(session, f"http://127.0.0.1:{bind}", f"http://127.0.0.1:{metrics}/metrics", servers)
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(aiohttp.ClientError):
                        if await found.active_servers("api") == 2:
                            break
                    await asyncio.sleep(0.05)
            yield found
    finally:
        process.kill()
        await process.wait()
        for server in servers:
            await server.stop()


async def test_only_5xx_408_and_429_are_bad(edge: Edge) -> None:
    for status in (200, 201, 304, 400, 401, 404, 409, 422, 408, 429, 500, 503):
        answered, _, _ = await edge.ask(f"/api/v1/slots?status={status}")
        assert answered == status
    assert await edge.counts("api") == (12, 4)
    assert await edge.counts("bookings") == (0, 0)


async def test_bookings_are_counted_apart(edge: Edge) -> None:
    for status in (201, 409, 429, 503):
        await edge.ask(f"{BOOKINGS}?status={status}", method="POST")
    await edge.ask(BOOKINGS)
    await edge.ask(f"{BOOKINGS}/1/cancel", method="POST")
    assert await edge.counts("bookings") == (4, 2)
    assert await edge.counts("api") == (2, 0)


async def test_pages_are_counted_apart_from_the_api(edge: Edge) -> None:
    for path in ("/", "/?status=503", "/apiary", "/api/v1/slots"):
        await edge.ask(path)
    assert await edge.counts("pages") == (3, 1)
    assert await edge.counts("api") == (1, 0)


async def test_an_answer_that_is_counted_as_denied_keeps_status_and_retry_after(edge: Edge) -> None:
    status, headers, text = await edge.ask("/api/v1/auth/login?status=429&after", method="POST")
    assert (status, headers["Retry-After"], headers["Content-Type"]) == (429, "7", "application/problem+json")
    assert "too-many-requests" in text
    status, _, _ = await edge.ask("/api/v1/auth/login?status=429", method="POST")
    assert status == 429


async def test_probes_are_not_patients(edge: Edge) -> None:
    for path in ("/readyz", "/", "/api/v1/slots?status=503"):
        await edge.ask(path, X_Probe="1")
    assert await edge.counts("probes") == (3, 1)
    assert await edge.counts("api") == (0, 0)


async def test_a_refused_connection_costs_no_request(edge: Edge) -> None:
    await edge.servers[0].stop()
    answers = [await edge.ask(f"{BOOKINGS}?status=201", method="POST") for _ in range(8)]
    assert [status for status, _, _ in answers] == [201] * 8
    assert await edge.counts("bookings") == (8, 0)


async def test_a_booking_is_never_sent_twice(edge: Edge) -> None:
    status, headers, text = await edge.ask(f"{BOOKINGS}?drop&n=once", method="POST")
    assert status == 502
    assert headers["Content-Type"] == "application/problem+json"
    assert "bad-gateway" in text
    assert [*edge.servers[0].seen, *edge.servers[1].seen].count("once") == 1
    assert await edge.counts("bookings") == (1, 1)


async def test_without_servers_the_edge_answers_in_the_services_form_and_counts_it_bad(edge: Edge) -> None:
    for server in edge.servers:
        server.ready = False
    async with asyncio.timeout(60):
        while await edge.active_servers("bookings"):  # noqa: ASYNC110  # HAProxy sets no event of ours
            await asyncio.sleep(0.1)
    status, headers, text = await edge.ask(BOOKINGS, method="POST")
    assert (status, headers["Content-Type"]) == (503, "application/problem+json")
    assert "/problems/unavailable" in text
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert await edge.counts("bookings") == (1, 1)


async def test_where_a_client_claims_to_come_from_is_not_believed(edge: Edge) -> None:
    await edge.ask("/api/v1/slots", X_Forwarded_For="203.0.113.9", Forwarded="for=203.0.113.9")
    (head,) = [*edge.servers[0].heads, *edge.servers[1].heads]
    assert {name.casefold(): value for name, value in head.items()}["x-forwarded-for"] == "127.0.0.1"
    assert "203.0.113.9" not in str(head)


async def test_metrics_are_not_served_to_patients_nor_a_statistics_page_to_anybody(edge: Edge) -> None:
    await edge.ask("/metrics")
    assert await edge.counts("pages") == (1, 0)  # the stand-in answered, not HAProxy
    async with edge.session.get(edge.metrics_url.replace("/metrics", "/stats")) as response:
        assert response.status == 404
