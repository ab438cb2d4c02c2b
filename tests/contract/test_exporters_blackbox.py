"""Probes against real HTTP servers, hostile ones too: what fails is 0, says why, and is in time; never missing."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.error import HTTPError

import pytest

from exporters.__main__ import main
from exporters.blackbox import BlackboxCollector
from exporters.blackbox.families import FAILURES, PHASES
from exporters.blackbox.page import NEEDED
from exporters.collector import Deadline
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.webconfig import hash_password
from tests.contract.clinic import Clinic, clinic
from tests.contract.exporters_process import Exporters, Page, exporters
from tests.contract.hostile import (
    Handler,
    authority,
    circling,
    dripping,
    endless,
    endless_head,
    frozen,
    head,
    ok,
    saying,
    serving,
)
from tests.steady import undisturbed

pytestmark = pytest.mark.usefixtures("steady_time")

Found = dict[tuple[str, ...], float]
PAGE = b"<html>" + b" ".join(NEEDED)
BUNDLE = b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Practitioner", "id": "p1"}}]}'
HTTP = ("edge", "page", "api")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with clinic(tmp_path_factory.mktemp("clinic"), practitioners="3") as running:
        yield running


async def well(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as the app does."""
    writer.write(ok(BUNDLE if (await head(reader)).startswith("/api/") else PAGE))
    await writer.drain()


def but(bad: Callable[[str], bool], handler: Handler) -> Handler:
    """Be well, but for the paths that are ``bad``."""

    async def mixed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        again = asyncio.StreamReader()
        again.feed_data(asked)
        again.feed_eof()
        await (handler if bad(asked.split(b" ", 2)[1].decode()) else well)(again, writer)

    return mixed


def in_the_page(path: str) -> bool:
    """The page, and whatever it leads to."""
    return not path.startswith(("/api/", "/readyz"))


async def probe(url: str, *, seconds: float = 4, trusted: Path | None = None) -> Found:
    collector = BlackboxCollector.make(Sources(Settings(probe_url=url, probe_ca_file=trusted)))
    await collector.start()
    readings = Readings(collector.metrics)
    try:
        await collector.collect(readings, Deadline(seconds))
    finally:
        await collector.close()
    return flat(readings)


def flat(readings: Readings) -> Found:
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


def why(found: Found, name: str) -> str:
    """The reason of a probe's failure; "" when it succeeded. Every reason is there, and one holds at most."""
    reasons = {reason: found["probe_failure_reason", name, reason] for reason in FAILURES}
    held = [reason for reason, value in reasons.items() if value]
    assert len(held) == 1 - found["probe_success", name]
    return "".join(held)


async def test_the_real_front_door_is_well_by_every_probe(place: Clinic) -> None:
    found = await probe(place.edge.replace("127.0.0.1", "localhost"))
    assert {key[1] for key in found if key[0] == "probe_success"} == {*HTTP, "dns"}
    assert [why(found, name) for name in (*HTTP, "dns")] == [""] * 4
    assert {found["probe_http_status_code", name] for name in HTTP} == {200}
    assert found["probe_dns_lookup_time_seconds",] == found["probe_duration_seconds", "dns"] > 0
    for name in HTTP:
        phases = {phase: found["probe_http_duration_seconds", name, phase] for phase in PHASES}
        assert phases["tls"] == 0
        assert all(value > 0 for phase, value in phases.items() if phase != "tls")
        # What the phases do not cover is the making of the request, and the turns of a busy event loop.
        assert sum(phases.values()) <= found["probe_duration_seconds", name] < sum(phases.values()) + 0.5


async def test_probes_are_no_patients(place: Clinic) -> None:
    def patients() -> list[float]:
        edge, app = place.counted("edge-metrics"), place.counted()
        asked = {
            labels: value for (name, labels), value in edge.items() if name == "haproxy_backend_http_requests_total"
        }
        probes = asked.pop(frozenset({("proxy", "probes")}))
        assert probes > 0
        counted = [value for (name, _), value in app.items() if name == "http_server_request_duration_seconds_count"]
        return [*asked.values(), sum(counted)]

    await probe(place.edge)
    before = patients()
    await probe(place.edge)
    assert patients() == before


async def test_a_literal_address_has_no_dns_probe_and_plain_http_no_tls(place: Clinic) -> None:
    found = await probe(place.edge)
    assert {key[1] for key in found if key[0] == "probe_success"} == {*HTTP}
    assert not [key for key in found if "dns" in key[0] or "ssl" in key[0] or "tls" in key[0]]


async def test_a_frozen_edge_is_a_failure_within_the_budget(place: Clinic) -> None:
    edge = place.processes["edge"]
    edge.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        found = await probe(place.edge, seconds=0.6)
    finally:
        edge.send_signal(signal.SIGCONT)
    assert time.monotonic() - started < 1.5
    assert [why(found, name) for name in HTTP] == ["timeout"] * 3
    assert [found["probe_http_status_code", name] for name in HTTP] == [0] * 3
    assert found["probe_http_duration_seconds", "page", "processing"] == pytest.approx(0.5, abs=0.3), "it hung there"


@pytest.mark.parametrize(
    ("handler", "reason", "status"),
    [
        (frozen, "timeout", 0),
        (dripping, "timeout", 200),
        (endless, "size", 200),
        (endless_head, "malformed", 0),
        (circling, "redirects", 302),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "malformed", 0),
        (saying(b""), "refused", 0),
        (saying(ok(PAGE, length=9_999)), "malformed", 200),
        (saying(ok(b"", status="500 Internal Server Error")), "status", 500),
        (saying(ok(b"", status="503 Service Unavailable")), "status", 503),
        (saying(ok(b"", status="404 Not Found")), "status", 404),
        (saying(ok(b"It works!")), "content", 200),
        (saying(ok(PAGE.replace(b"</html>", b""))), "content", 200),
        (saying(ok(b"", status="204 No Content")), "content", 204),
        (saying(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"), "redirects", 302),
        (saying(b"HTTP/1.1 302 Found\r\nLocation: http://[::\r\nContent-Length: 0\r\n\r\n"), "malformed", 302),
    ],
)
async def test_a_hostile_page_fails_alone_and_says_why(handler: Handler, reason: str, status: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    async with serving(but(in_the_page, handler)) as port:
        found = await probe(f"http://127.0.0.1:{port}", seconds=1)
    assert time.monotonic() - started < 2.5
    assert (why(found, "page"), found["probe_http_status_code", "page"]) == (reason, status)
    assert [why(found, name) for name in ("edge", "api")] == ["", ""]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024, "kilobytes"


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b"{}", b'{"resourceType": "Bundle", "entry": []}', b"[" * 100_000, BUNDLE.replace(b'"p1"', b"1")],
)
async def test_an_api_that_finds_nobody_has_failed(body: bytes) -> None:
    async with serving(but(lambda path: path.startswith("/api/"), saying(ok(body)))) as port:
        found = await probe(f"http://127.0.0.1:{port}")
    assert (why(found, "api"), why(found, "page")) == ("content", "")


async def test_redirects_are_followed_and_counted() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await head(reader) == "/":
            writer.write(b"HTTP/1.1 301 Moved\r\nLocation: /home\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(ok(PAGE))
        await writer.drain()

    async with serving(once) as port:
        found = await probe(f"http://127.0.0.1:{port}")
    assert (why(found, "page"), found["probe_http_status_code", "page"]) == ("", 200)
    assert (found["probe_http_redirects", "page"], found["probe_http_redirects", "edge"]) == (1, 0)


async def test_another_services_page_is_held_to_its_own_text() -> None:
    async with serving(saying(ok(b"Our practice"))) as port:
        settings = Settings(probe_url=f"http://127.0.0.1:{port}", probe_page_text="practice", probe_api_path="")
        collector = BlackboxCollector.make(Sources(settings))
        await collector.start()
        readings = Readings(collector.metrics)
        await collector.collect(readings, Deadline(4))
        await collector.close()
    found = flat(readings)
    assert {key[1]: value for key, value in found.items() if key[0] == "probe_success"} == {"edge": 1, "page": 1}


async def test_a_closed_door_is_refused_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = await probe(f"http://127.0.0.1:{free.getsockname()[1]}")
    assert [why(found, name) for name in HTTP] == ["refused"] * 3
    assert found["probe_duration_seconds", "page"] < 1


async def test_a_name_without_an_address_fails_by_dns() -> None:
    found = await probe("http://front-door.invalid:8000")
    assert [why(found, name) for name in (*HTTP, "dns")] == ["dns"] * 4
    assert found["probe_dns_lookup_time_seconds",] > 0


def asides() -> set[threading.Thread]:
    """The threads of what may hang; others of this process come and go."""
    return {thread for thread in threading.enumerate() if thread.name == "aside"}


async def test_a_resolver_that_hangs_costs_one_thread_in_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The machine's own resolver cannot be frozen by a test: its function is."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_given, **_named: over.wait(20) and [])
    collector = BlackboxCollector.make(Sources(Settings(probe_url="https://front-door.test")))
    await collector.start()
    before = asides()
    try:
        for _ in range(5):
            started, readings = time.monotonic(), Readings(collector.metrics)
            await collector.collect(readings, Deadline(0.3))
            assert time.monotonic() - started < 1
            assert {why(flat(readings), name) for name in (*HTTP, "dns", "tls")} == {"dns"}
        assert len(asides() - before) == 1
    finally:
        over.set()
        await collector.close()


@pytest.mark.parametrize(
    ("fault", "reason", "days"),
    [("none", "", 30), ("expired", "tls", -2), ("self-signed", "tls", 30), ("other name", "tls", 30), ("chain", "", 3)],
)
async def test_the_certificate_is_judged_and_its_end_told_even_where_it_is_not_believed(
    tmp_path: Path, fault: str, reason: str, days: float
) -> None:
    made = authority(tmp_path)
    contexts: dict[str, Callable[[], ssl.SSLContext]] = {
        "none": made.server,
        "expired": partial(made.server, days=-2),
        "self-signed": partial(made.server, own=True),
        "other name": partial(made.server, "elsewhere.example"),
        "chain": partial(made.server, through=3),
    }
    async with serving(well, tls=contexts[fault](), host="localhost") as port:
        found = await probe(f"https://localhost:{port}", trusted=made.file)
    assert [why(found, name) for name in (*HTTP, "tls")] == [reason] * 4
    assert why(found, "dns") == ""
    assert (found["probe_ssl_earliest_cert_expiry", "tls"] - time.time()) / 86_400 == pytest.approx(days, abs=0.1)
    assert found["probe_tls_version_info", "tls", "TLS 1.3"] == 1
    assert found["probe_http_duration_seconds", "page", "tls"] > 0


async def test_a_handshake_that_hangs_is_told_by_its_phase() -> None:
    async with serving(frozen, host="localhost") as port:
        found = await probe(f"https://localhost:{port}", seconds=0.5)
    assert [why(found, name) for name in (*HTTP, "tls")] == ["timeout"] * 4
    phases = {phase: found["probe_http_duration_seconds", "page", phase] for phase in PHASES}
    assert max(phases, key=lambda phase: phases[phase]) == "tls"
    assert phases["processing"] == phases["transfer"] == 0


async def test_who_is_not_believed_by_the_system_is_not_believed(tmp_path: Path) -> None:
    async with serving(well, tls=authority(tmp_path).server("127.0.0.1")) as port:
        found = await probe(f"https://127.0.0.1:{port}")
    assert [why(found, name) for name in (*HTTP, "tls")] == ["tls"] * 4


@pytest.mark.parametrize("handler", [frozen, saying(ok(PAGE))])
async def test_a_door_that_speaks_no_tls_fails_in_time(handler: Handler) -> None:
    started = time.monotonic()
    async with serving(handler) as port:
        found = await probe(f"https://127.0.0.1:{port}", seconds=0.6)
    assert time.monotonic() - started < 2
    assert {why(found, name) for name in (*HTTP, "tls")} <= {"timeout", "tls"}
    assert not [key for key in found if key[0] in {"probe_ssl_earliest_cert_expiry", "probe_tls_version_info"}]


async def test_probes_that_could_not_run_have_failed(tmp_path: Path) -> None:
    collector = BlackboxCollector.make(Sources(Settings(probe_url="https://localhost")))
    readings = Readings(collector.metrics)
    collector.lost(readings, Reason.TIMEOUT)
    found = flat(readings)
    assert {why(found, name) for name in (*HTTP, "dns", "tls")} == {"timeout"}
    with pytest.raises(Exception, match="cannot read certificates"):
        BlackboxCollector.make(Sources(Settings(probe_url="https://x", probe_ca_file=tmp_path / "none")))


async def test_what_probing_costs_is_what_the_edge_counts(place: Clinic) -> None:
    def at_the_edge() -> tuple[float, float]:
        counted, edge = place.counted("edge-metrics"), frozenset({("proxy", "edge")})
        return counted["haproxy_frontend_bytes_in_total", edge], counted["haproxy_frontend_bytes_out_total", edge]

    sources, before = Sources(Settings(probe_url=place.edge)), at_the_edge()
    collector = BlackboxCollector.make(sources)
    await collector.start()
    for _ in range(5):
        await collector.collect(Readings(collector.metrics), Deadline(4))
    await collector.close()
    bill = sources.bills()["frontdoor"]
    assert dict(bill.commands) == dict.fromkeys(HTTP, 5)
    after = at_the_edge()
    # HAProxy leaves out what stands between a header's name and its value, and behind it; the app's answers have ten.
    between = 15 * len(": \r\n")
    assert bill.sent == pytest.approx(after[0] - before[0] + 6 * between, rel=0.1)
    assert bill.received == pytest.approx(after[1] - before[1] + 10 * between, rel=0.1)


async def test_a_hundred_scrapes_leave_no_connection_open(place: Clinic) -> None:
    collector = BlackboxCollector.make(Sources(Settings(probe_url=place.edge)))
    await collector.start()

    def descriptors() -> int:
        return len([*Path("/proc/self/fd").iterdir()])

    counts = []
    for _ in range(100):
        await collector.collect(Readings(collector.metrics), Deadline(4))
        counts.append(descriptors())
    await collector.close()
    assert max(counts[50:]) <= max(counts[:10]) + 2


def in_time(process: Exporters, seconds: float) -> Page:
    page = process.get(timeout=seconds)
    assert page.seconds < seconds
    return page


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
            page = undisturbed(lambda: in_time(process, 1.5))
            assert page.value("redis_up") == 0
            assert page.value("mongodb_up", member=address) == 0
            assert page.value("mongodb_replset_has_primary") == 0
            assert page.value("probe_success", probe="edge") == 0
            assert page.value("exporter_collector_success", collector="host") == 1
            assert process.get("/-/healthy").body == process.get("/-/ready").body == "OK\n"
            assert "business" in process.get("/").body
            process.get(timeout=1.5)
            failed = [json.loads(line)["collector"] for line in process.log if "collector_failed" in line]
            assert {"redis", "mongodb"} <= {*failed}
            assert len(failed) == len({*failed}), "only changes are logged"
