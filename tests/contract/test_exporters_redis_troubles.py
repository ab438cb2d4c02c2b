"""The Redis exporter beside servers in trouble: frozen, full, restarted, crowded, closed to us, or no Redis at all."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hiredis
import pytest
from redis import Redis
from redis.exceptions import RedisError

from exporters.redis.clients import MOST_CLIENTS
from tests.contract.exporters_redis import (
    CLIENTS,
    Server,
    busy,
    everyday_server,
    open_files_limit,
    redis_server,
    until,
    watching,
)
from tests.ports import free_port

pytestmark = pytest.mark.usefixtures("steady_time")

HEADER = 2.0
"""Seconds that Prometheus would wait."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with everyday_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


async def test_a_right_that_is_missing_costs_its_families_and_is_not_tried_in_every_scrape(
    server: Server, tmp_path: Path
) -> None:
    server.ask("ACL", "SETUSER", "few", "on", ">few", "-@all", "+info")
    password = tmp_path / "password"
    password.write_text("few\n", encoding="utf-8")
    server.ask("ACL", "LOG", "RESET")
    async with watching(server.uri, redis_username="few", redis_password_file=password) as watch:
        pages = [await watch.page() for _ in range(5)]
        page = pages[-1]
        assert page.value("redis_up") == 1
        assert page.value("exporter_collector_success", collector="redis") == 1
        assert page.value("redis_connected_clients") >= 1
        assert page.value("redis_commands_total", cmd="info") >= 4, "each page tells of those before it"
        absent = ("redis_slowlog_length", "redis_config_maxclients", "redis_command_latency_seconds_count")
        assert [name for name in absent if page.values(name)] == []
        assert page.value("exporter_collector_failures_total", collector="redis", reason="denied") >= 5
    with server.client() as client:
        denials = client.acl_log()
    assert sum(int(denial["count"]) for denial in denials) == 5, "each question once, not once a scrape"


async def test_a_user_who_may_not_even_ask_info_is_denied(server: Server, tmp_path: Path) -> None:
    server.ask("ACL", "SETUSER", "nothing", "on", ">nothing", "-@all")
    password = tmp_path / "password"
    password.write_text("nothing\n", encoding="utf-8")
    async with watching(server.uri, redis_username="nothing", redis_password_file=password) as watch:
        page = await watch.page()
    assert page.value("redis_up") == 0
    assert page.value("redis_up_reason", reason="denied") == 1


async def test_a_wrong_password_is_told_and_a_new_one_is_read_without_a_restart(server: Server, tmp_path: Path) -> None:
    server.ask("ACL", "SETUSER", "rotated", "on", ">right", "-@all", "+info")
    password = tmp_path / "password"
    password.write_text("wrong\n", encoding="utf-8")
    async with watching(server.uri, redis_username="rotated", redis_password_file=password) as watch:
        page = await watch.page()
        assert page.value("redis_up") == 0
        assert page.value("redis_up_reason", reason="auth") == 1
        assert page.values("redis_connected_clients") == {}
        password.write_text("right\n", encoding="utf-8")
        assert (await watch.page()).value("redis_up") == 1


async def test_nobody_listening_is_refused_at_once() -> None:
    async with watching(f"redis://127.0.0.1:{free_port()}") as watch:
        page = await watch.page(HEADER)
    assert page.seconds < HEADER / 2
    assert page.value("redis_up") == 0
    assert page.value("redis_up_reason", reason="refused") == 1


def is_in(client: Redis) -> bool:
    """Whether the server has room for this client: the one before may not have been seen off yet."""
    with contextlib.suppress(RedisError):
        return bool(client.ping())
    return False


async def test_a_server_that_is_full_refuses_until_there_is_room(tmp_path: Path) -> None:
    with redis_server(tmp_path, "maxclients 1") as full:
        async with watching(full.uri) as watch:
            with full.client() as holder:
                until(lambda: is_in(holder))
                page = await watch.page()
                assert page.value("redis_up") == 0
                assert page.value("redis_up_reason", reason="refused") == 1
            assert (await watch.until(lambda page: page.value("redis_up") == 1)).value("redis_max_clients") == 1


async def test_a_frozen_server_is_down_in_time_and_up_when_it_thaws(server: Server) -> None:
    async with watching(server.uri) as watch:
        assert (await watch.page(HEADER)).value("redis_up") == 1
        with server.frozen():
            for _ in range(2):
                page = await watch.page(HEADER)
                assert page.seconds < HEADER - 0.3, "the page is sent within what the header leaves"
                assert page.value("redis_up") == 0
                assert page.value("redis_up_reason", reason="timeout") == 1
                assert page.values("redis_connected_clients") == {}
        assert (await watch.page(HEADER)).value("redis_up") == 1


async def test_a_restart_resets_the_counters_and_leaves_nothing_stale(tmp_path: Path) -> None:
    port = free_port()
    options = ("slowlog-log-slower-than 5000",)
    with redis_server(tmp_path, *options, port=port) as first:
        async with watching(first.uri) as watch:
            await watch.page()
            busy(first, 10)
            busy(first, 10)
            await watch.page()
            before = await watch.page()
            assert before.value("redis_slow_commands_total", cmd="eval") == 2
            first.process.kill()
            first.process.wait(10)
            assert (await watch.page()).value("redis_up_reason", reason="refused") == 1
            with redis_server(tmp_path, *options, port=port):
                after = await watch.page()
    assert after.value("redis_up") == 1
    assert after.value("redis_slowlog_entries_total") == 0
    assert after.values("redis_slow_commands_total") == {}
    assert after.value("redis_commands_processed_total") < before.value("redis_commands_processed_total")
    # Redis tells its uptime in whole seconds.
    assert after.value("redis_start_time_seconds") >= before.value("redis_start_time_seconds") - 1
    runs = [{dict(labels)["run_id"] for labels in page.values("redis_instance_info")} for page in (before, after)]
    assert len(runs[0]) == len(runs[1]) == 1
    assert runs[0] != runs[1]


@contextlib.asynccontextmanager
async def speaking(said: bytes, *, hang_up: bool = False) -> AsyncIterator[str]:
    """Serve somebody who says the same whatever is asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(1)
            writer.write(said)
            await writer.drain()
            if not hang_up:
                while await reader.read(65_536):
                    pass
        writer.close()

    endpoint = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{endpoint.sockets[0].getsockname()[1]}"
    finally:
        endpoint.close()


@pytest.mark.parametrize(
    ("said", "hang_up", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "malformed"),
        (b"\x00\xff\xfe garbage \r\n" * 100, False, "malformed"),
        (b"$5\r\nhello\r\n", False, "malformed"),
        (b"*1000000000000\r\n", False, "malformed"),
        (b"*1000000000\r\n", False, "malformed"),
        (b"*100000000\r\n", False, "malformed"),
        (b"+OK\r\n" * 100_000, False, "malformed"),
        (b"-ERR unknown command\r\n", False, "error"),
        (b"-NOAUTH Authentication required.\r\n", False, "auth"),
        (b"-BUSY Redis is busy running a script.\r\n", False, "busy"),
        (b"$1000\r\nhalf of", True, "refused"),
        (b"", True, "refused"),
        (b"$1000\r\nhalf of", False, "timeout"),
    ],
)
async def test_whoever_does_not_speak_like_redis_is_told_by_reason(said: bytes, hang_up: bool, reason: str) -> None:  # noqa: FBT001  # a column of the table
    async with speaking(said, hang_up=hang_up) as uri, watching(uri) as watch:
        page = await watch.page(1)
        again = await watch.page(1)
    for one in (page, again):
        assert one.value("redis_up") == 0
        assert one.value("redis_up_reason", reason=reason) == 1
        assert one.seconds < 1


def said(*parts: object) -> bytes:
    """Write what Redis would: text, whole numbers, and lists of these."""
    found = b""
    for part in parts:
        if isinstance(part, list):
            found += b"*%d\r\n" % len(part) + said(*part)
        elif isinstance(part, int):
            found += b":%d\r\n" % part
        else:
            text = str(part).encode()
            found += b"$%d\r\n%s\r\n" % (len(text), text)
    return found


INFO = "redis_version:7.0.15\r\nrun_id:abc\r\nuptime_in_seconds:5\r\nconnected_clients:3\r\n"
SANE: dict[str, object] = {
    "INFO": INFO + "cmdstat_get:calls=5,usec=50,usec_per_call=10.00,rejected_calls=0,failed_calls=0\r\n",
    "CONFIG": ["maxclients", "100", "save", ""],
    "SLOWLOG LEN": 1,
    "SLOWLOG GET": [[7, 1_700_000_000, 9000, ["get", "x"], "127.0.0.1:1", ""]],
    "LATENCY LATEST": [["command", 1_700_000_000, 5, 9]],
    "LATENCY HISTOGRAM": ["get", ["calls", 5, "histogram_usec", [8, 5]]],
}


@contextlib.asynccontextmanager
async def answering(**odd: object) -> AsyncIterator[str]:
    """Serve somebody who answers as Redis does, but for what is ``odd``."""
    answers = SANE | {name.replace("_", " "): answer for name, answer in odd.items()}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader(encoding="utf-8")
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                parser.feed(data)
                while (command := parser.gets()) is not False:
                    answer = answers.get(command[0]) or answers.get(" ".join(command[:2]))
                    writer.write(b"+OK\r\n" if answer is None else said(answer))
                await writer.drain()
        writer.close()

    endpoint = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{endpoint.sockets[0].getsockname()[1]}"
    finally:
        endpoint.close()


COSTS = {
    "LATENCY_LATEST": "redis_latency_spike_last",
    "LATENCY_HISTOGRAM": "redis_command_latency_seconds_count",
    "CONFIG": "redis_config_maxclients",
    "SLOWLOG_GET": "redis_slowlog_last_id",
    "SLOWLOG_LEN": "redis_slowlog_length",
}


async def test_who_answers_as_redis_does_is_read_as_redis_is() -> None:
    async with answering() as uri, watching(uri) as watch:
        page = await watch.page()
    assert page.value("exporter_collector_success", collector="redis") == 1
    assert [name for name in COSTS.values() if not page.values(name)] == []
    assert page.value("redis_commands_total", cmd="get") == 5


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("LATENCY_LATEST", [[1, 2, 3, 4]]),
        ("LATENCY_LATEST", [["command", "x", 3, 4]]),
        ("LATENCY_LATEST", [["command"]]),
        ("LATENCY_LATEST", "text"),
        ("LATENCY_HISTOGRAM", ["get", ["calls", "5", "histogram_usec", [8, 5]]]),
        ("LATENCY_HISTOGRAM", ["get", ["calls", 5, "histogram_usec", [8, "5"]]]),
        ("LATENCY_HISTOGRAM", ["get", ["calls", 5, "histogram_usec", ["8", 5]]]),
        ("LATENCY_HISTOGRAM", [["get"], 5]),
        ("LATENCY_HISTOGRAM", 5),
        ("CONFIG", ["maxclients", 5, "save", ""]),
        ("CONFIG", ["maxclients", "100", "save", 5]),
        ("CONFIG", [["maxclients"], "100"]),
        ("CONFIG", 5),
        ("SLOWLOG_GET", [["7", 1, 9000, ["get"], "", ""]]),
        ("SLOWLOG_GET", [[7, 1, "9000", ["get"], "", ""]]),
        ("SLOWLOG_GET", [[]]),
        ("SLOWLOG_GET", "text"),
        ("SLOWLOG_LEN", ["a"]),
        ("SLOWLOG_LEN", "many"),
    ],
)
async def test_an_answer_of_another_shape_costs_its_own_families_only(command: str, answer: object) -> None:
    async with answering(**{command: answer}) as uri, watching(uri) as watch:
        for page in (await watch.page(), await watch.page()):
            assert page.value("redis_up") == 1
            assert page.value("redis_connected_clients") == 3
            assert page.value("exporter_collector_success", collector="redis") == 1
            assert not page.values(COSTS[command])
            assert [name for name in COSTS.values() if name != COSTS[command] and not page.values(name)] == []
        assert page.value("exporter_collector_failures_total", collector="redis", reason="malformed") >= 1


@pytest.mark.parametrize(
    "line",
    [
        "cmdstat_get:calls=5,usec=" + "9" * 400,
        "cmdstat_get:calls=x,usec=5",
        "cmdstat_get:=",
        "db0:keys=x,expires=" + "9" * 5000,
        "connected_clients:" + "9" * 5000,
        "used_memory:nan",
        "used_memory:1e400",
        "os:" + "x" * 100_000,
        "slave0:ip,port",
        "errorstat_ERR:count=x",
        "uptime_in_seconds:1e308",
        ":::::",
    ],
)
async def test_a_line_of_info_that_nobody_would_write_costs_its_own_family_at_most(line: str) -> None:
    async with answering(INFO=f"{INFO}{line}\r\n") as uri, watching(uri) as watch:
        for page in (await watch.page(), await watch.page()):
            assert page.value("redis_up") == 1
            assert page.value("exporter_collector_success", collector="redis") == 1
            assert len(page.body) < 100_000


async def test_an_info_without_end_takes_nobodys_time() -> None:
    async with answering(INFO=INFO + "a:1\r\n" * 1_000_000) as uri, watching(uri) as watch:
        for _ in range(2):
            page = await watch.page(3)
            assert page.value("redis_up_reason", reason="malformed") == 1
            assert page.seconds < 1


async def test_ten_thousand_clients_cost_neither_redis_nor_us_much(server: Server) -> None:
    count = min(CLIENTS, open_files_limit(CLIENTS + 2_000) - 1_000)
    sockets: list[socket.socket] = []
    try:
        async with watching(server.uri, "redis,redis_clients") as watch:
            page = await watch.page()
            assert sum(page.values("redis_clients").values()) >= 1
            while len(sockets) < count:
                sockets.append(socket.create_connection(("127.0.0.1", server.port)))
            until(lambda: server.info("clients")["connected_clients"] >= count)
        async with watching(server.uri, "redis,redis_clients") as watch:
            page = await watch.page()
            assert page.value("redis_connected_clients") >= count > MOST_CLIENTS
            assert page.value("redis_up") == 1
            # The list of so many is not asked for, and the page says so.
            assert page.value("exporter_collector_success", collector="redis_clients") == 1
            assert page.value("exporter_collector_paused", collector="redis_clients") == 1
            names = {dict(labels)["client_name"] for labels in page.values("redis_clients")}
            assert names == {"__other__"}
            assert sum(page.values("redis_clients").values()) >= count
            seconds = sorted([(await watch.page()).seconds for _ in range(20)])
            assert seconds[10] < 0.1
    finally:
        for one in sockets:
            one.close()
