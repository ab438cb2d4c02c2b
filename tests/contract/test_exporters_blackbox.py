"""Probes against real HTTP servers: what fails is 0 and in time, never missing."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest
from aiohttp import web

from exporters import blackbox
from exporters.__main__ import main
from exporters.blackbox import BlackboxCollector
from exporters.collector import Deadline
from exporters.readings import Readings
from exporters.settings import Settings
from monitor.stack import programs
from telemetry.webconfig import hash_password
from tests.contract.exporters_process import exporters


@asynccontextmanager
async def front_door(handler: object, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)  # type: ignore[arg-type]  # any of the handlers below
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"{'https' if tls else 'http'}://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def probe(url: str, *, seconds: float = 4, trusted: Path | None = None) -> dict[tuple[str, ...], float]:
    collector = BlackboxCollector.make(Settings(probe_url=url, probe_ca_file=trusted))
    await collector.start()
    readings = Readings(collector.metrics)
    try:
        await collector.collect(readings, Deadline(seconds))
    finally:
        await collector.close()
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


async def test_both_paths_are_asked_with_the_mark_that_keeps_probes_apart() -> None:
    seen: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("X-Probe")))
        return web.Response(text="well")

    async with front_door(answer) as url:
        found = await probe(url)
    assert sorted(seen) == [("/", "1"), ("/readyz", "1")]
    assert found["probe_success", "edge"] == found["probe_success", "page"] == 1
    assert found["probe_http_status_code", "edge"] == 200
    assert 0 < found["probe_duration_seconds", "page"] < 2
    assert not [key for key in found if key[0] == blackbox.TLS_EXPIRY.name]


async def test_a_bad_status_is_a_failure_with_its_number() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async with front_door(answer) as url:
        found = await probe(url)
    assert found["probe_success", "edge"] == 0
    assert found["probe_http_status_code", "edge"] == 503
    assert found["probe_failure_reason", "edge", "status"] == 1


async def test_silence_is_a_failure_within_the_budget() -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    started = time.monotonic()
    async with front_door(answer) as url:
        found = await probe(url, seconds=0.5)
    assert time.monotonic() - started < 1.5
    assert found["probe_success", "edge"] == 0
    assert found["probe_failure_reason", "edge", "timeout"] == 1
    assert found["probe_http_status_code", "edge"] == 0


async def test_a_closed_door_is_refused_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = await probe(f"http://127.0.0.1:{free.getsockname()[1]}")
    assert found["probe_failure_reason", "page", "refused"] == 1


async def test_the_end_of_a_certificate_is_told_and_one_that_nobody_signed_fails(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    certificate = await self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, tmp_path / "key.pem")
    async with front_door(answer, tls=context) as url:
        found = await probe(url)
        assert found["probe_failure_reason", "edge", "tls"] == 1
        found = await probe(url, trusted=certificate)
    assert found["probe_success", "edge"] == 1
    days = (found["probe_ssl_earliest_cert_expiry", "edge"] - time.time()) / 86_400
    assert 8 < days < 10


async def self_signed(directory: Path) -> Path:
    made = await asyncio.create_subprocess_exec(
        *(programs.locate("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "9", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", str(directory / "key.pem"), "-out", str(directory / "certificate.pem")),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    return directory / "certificate.pem"


@contextmanager
def silent_listener() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def test_a_taken_port_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with silent_listener() as port, pytest.raises(SystemExit) as ended:
        main(("--listen", f"127.0.0.1:{port}", "--collect", "host"))
    assert ended.value.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_users_protect_the_page_and_not_the_health_checks(tmp_path: Path) -> None:
    config = tmp_path / "web-config.yml"
    config.write_text(f"basic_auth_users: {{prometheus: {hash_password('right', cost=4)}}}\n", encoding="utf-8")
    with exporters("--collect", "host", "--web-config", str(config)) as process:
        assert process.get("/-/healthy").body == "OK\n"
        with pytest.raises(HTTPError, match="401"):
            process.get()
        assert "node_load1" in process.get(user="prometheus:right").body


def test_a_source_that_never_answered_makes_metrics_not_an_exit() -> None:
    with silent_listener() as port:
        address = f"127.0.0.1:{port}"
        flags = ("--redis", f"redis://{address}", "--mongodb", f"mongodb://{address}", "--probe", f"http://{address}")
        with exporters(*flags) as process:
            page = process.get(timeout=1.5)
            assert page.seconds < 1.5
            assert page.value("redis_up") == 0
            assert page.value("mongodb_up", member=address) == 0
            assert page.value("mongodb_replset_has_primary") == 0
            assert page.value("probe_success", probe="edge") == 0
            assert page.value("exporter_collector_success", collector="host") == 1
            assert process.get("/-/healthy").body == process.get("/-/ready").body == "OK\n"
            assert "business" in process.get("/").body
            assert len([line for line in process.log if "collector_failed" in line]) == 3
            process.get(timeout=1.5)
            assert len([line for line in process.log if "collector_failed" in line]) == 3, "only changes are logged"
