"""The Redis exporter beside servers in trouble: frozen, full, restarted, crowded, closed to us, or no Redis at all."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from exporters.redis.clients import MOST_CLIENTS
from tests.contract.exporters_redis import (
    CLIENTS,
    Server,
    busy,
    everyday_server,
    free_port,
    open_files_limit,
    redis_server,
    until,
    watching,
)

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
