"""The Redis exporter's figures against those of real servers in every mode."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.redis import RedisCollector
from exporters.redis import families as f
from exporters.redis.clients import RedisClientsCollector
from exporters.redis.fields import FIELDS
from monitor.stack import programs
from telemetry.metric import Metric
from tests.contract.exporters_process import Page, exporters, samples
from tests.contract.exporters_redis import (
    Server,
    busy,
    everyday_server,
    redis_server,
    until,
    watching,
)
from tests.ports import free_port

pytestmark = pytest.mark.usefixtures("steady_time")

ABSENT = {
    "redis_module_info": "no module is installed here; tests/unit has recorded ones",
    "redis_acl_access_denied_auth_total": "from Redis 7.2 on; tests/unit",
    "redis_acl_access_denied_cmd_total": "from Redis 7.2 on; tests/unit",
    "redis_acl_access_denied_key_total": "from Redis 7.2 on; tests/unit",
    "redis_acl_access_denied_channel_total": "from Redis 7.2 on; tests/unit",
    "redis_client_query_buffer_limit_disconnections_total": "from Redis 7.2 on; tests/unit",
    "redis_client_output_buffer_limit_disconnections_total": "from Redis 7.2 on; tests/unit",
    "redis_rdb_current_bgsave_duration_seconds": "only while a snapshot is being written",
}
"""Declared families that a server of this version does not have in any mode, and why."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with everyday_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


def declared() -> dict[str, Metric]:
    return {metric.name: metric for metric in (*RedisCollector.metrics, *RedisClientsCollector.metrics)}


def families(page: Page) -> dict[str, str]:
    """Return the type of each of Redis's families on the page."""
    lines = [line.split() for line in page.body.splitlines() if line.startswith("# TYPE redis_")]
    return {name: kind for _, _, name, kind in lines}


async def test_every_declared_family_appears_in_some_mode_with_its_type_and_labels(
    server: Server, tmp_path: Path
) -> None:
    server.ask("SET", "k", "v")
    for command, running in (("BGREWRITEAOF", "aof_rewrite_in_progress"), ("BGSAVE", "rdb_bgsave_in_progress")):
        server.ask(command)
        until(lambda running=running: not server.info("persistence")[running])
    pages = []
    async with watching(server.uri, "redis,redis_clients") as watch:
        await watch.page()
        busy(server, 20)
        await watch.page()
        pages.append(await watch.page())
    with (
        redis_server(tmp_path / "replica", f"replicaof 127.0.0.1 {server.port}") as replica,
        redis_server(tmp_path / "cluster", "cluster-enabled yes") as node,
        redis_server(
            tmp_path / "sentinel", f"sentinel monitor cache 127.0.0.1 {server.port} 1", sentinel=True
        ) as sentinel,
    ):
        until(lambda: replica.info("replication")["master_link_status"] == "up")
        until(lambda: server.info("replication")["slave0"]["state"] == "online")
        for one in (server, replica, node, sentinel):
            async with watching(one.uri) as watch:
                pages.append(await watch.page())
                assert pages[-1].value("redis_up") == 1
    shown = {name: kind for page in pages for name, kind in families(page).items()}
    expected = declared()
    assert {name: expected[name].type for name in shown} == shown
    assert expected.keys() - shown.keys() == ABSENT.keys()
    for page in pages:
        for name, labels in page.samples:
            metric = expected.get(name) or expected.get(name.rpartition("_")[0])
            if metric is not None:
                assert {label for label, _ in labels} - {"le"} == set(metric.labels), name


async def test_figures_are_those_of_the_server_in_the_same_second(server: Server) -> None:
    server.ask("SET", "k", "v")
    async with watching(server.uri) as watch:
        await watch.page()
        before, page, after = server.info(), await watch.page(), server.info()
    wrong = []
    for field in FIELDS:
        first, last = before.get(field.field), after.get(field.field)
        if isinstance(first, int | float) and isinstance(last, int | float):
            low, high = sorted((first * field.scale, last * field.scale))
            found = page.samples.get((field.metric.name, frozenset()))
            # Memory and connections breathe with each question, up and down.
            if found is not None and not low * 0.8 - 2 <= found <= high * 1.25 + 2:
                wrong.append((field.metric.name, low, found, high))
    assert wrong == []
    for command in ("set", "info", "config|get"):
        counts = [info[f"cmdstat_{command}"]["calls"] for info in (before, after)]
        assert counts[0] <= page.value("redis_commands_total", cmd=command) <= counts[1]
    assert page.value("redis_config_maxclients") == 12_000
    assert page.value("redis_slowlog_threshold_seconds") == 0.005
    assert page.value("redis_config_info", maxmemory_policy="noeviction", appendonly="yes", save="") == 1


async def test_histograms_hold_every_call_and_agree_with_the_counters(server: Server) -> None:
    server.ask("SET", "k", "v")
    with server.client() as client:
        had = client.info("commandstats").get("cmdstat_client|no-evict", {}).get("calls", 0)
    for _ in range(20):
        server.ask("CLIENT", "NO-EVICT", "OFF")
    async with watching(server.uri) as watch:
        await watch.page()
        page = await watch.page()
    commands = [dict(labels)["cmd"] for labels in page.values("redis_command_latency_seconds_count")]
    assert {"client|no-evict", "config|get", "set"} <= set(commands)
    edges = sorted(f.LATENCY.buckets)
    for command in commands:
        found = {
            float(dict(labels)["le"]): value
            for labels, value in page.values("redis_command_latency_seconds_bucket").items()
            if dict(labels)["cmd"] == command
        }
        assert sorted(found) == [*edges, float("inf")]
        assert list(found.values()) == sorted(found.values())
        assert found[float("inf")] == page.value("redis_command_latency_seconds_count", cmd=command)
        seconds = page.value("redis_commands_duration_seconds_total", cmd=command)
        assert page.value("redis_command_latency_seconds_sum", cmd=command) == seconds
    assert page.value("redis_command_latency_seconds_count", cmd="client|no-evict") == had + 20
    assert page.value("redis_command_latency_seconds_sum", cmd="client|no-evict") > 0


async def test_a_scrape_is_one_write_and_opens_no_connection(server: Server) -> None:
    async with watching(server.uri) as watch:
        await watch.page()
        first = await watch.page()
        last = [await watch.page() for _ in range(20)][-1]
    moved = {
        name: last.value(name, **labels) - first.value(name, **labels)
        for name, labels in {
            "redis_connections_received_total": {},
            "exporter_target_commands_total": {"source": "redis", "command": "info"},
        }.items()
    }
    assert moved == {"redis_connections_received_total": 0, "exporter_target_commands_total": 20}
    asked = {
        dict(labels)["command"]: value
        for labels, value in last.values("exporter_target_commands_total").items()
        if dict(labels)["source"] == "redis"
    }
    expected = {"info", "config|get", "slowlog|len", "slowlog|get", "latency|latest", "latency|histogram"}
    assert asked.keys() == expected
    assert last.value("exporter_target_bytes_total", source="redis", direction="received") > 100_000


async def test_slow_commands_are_counted_once_each_by_name(server: Server) -> None:
    async with watching(server.uri) as watch:
        first = await watch.page()
        for _ in range(3):
            busy(server, 10)
        born, page = await watch.page(), await watch.page()
    assert born.value("redis_slow_commands_total", cmd="eval") == 0
    assert page.value("redis_slow_commands_total", cmd="eval") == 3
    assert page.value("redis_slow_commands_seconds_total", cmd="eval") >= 0.03
    # On a busy machine other commands may have been slow as well.
    assert page.value("redis_slowlog_entries_total") - first.value("redis_slowlog_entries_total") >= 3
    assert page.value("redis_last_slow_execution_duration_seconds") >= 0.01
    assert page.value("redis_latency_spike_max_seconds", event_name="command") >= 0.01


async def test_resetting_statistics_resets_the_counters_and_nothing_else(server: Server) -> None:
    async with watching(server.uri) as watch:
        await watch.page()
        busy(server, 10)
        await watch.page()
        before = await watch.page()
        server.ask("CONFIG", "RESETSTAT")
        after = await watch.page()
    assert after.value("redis_commands_processed_total") < before.value("redis_commands_processed_total")
    assert not [labels for labels in after.values("redis_command_latency_seconds_count") if ("cmd", "eval") in labels]
    for name in ("redis_slowlog_entries_total", "redis_start_time_seconds", "redis_slowlog_last_id"):
        assert after.value(name) == before.value(name)
    slow = "redis_slow_commands_total"
    assert after.value(slow, cmd="eval") == before.value(slow, cmd="eval") == 1


async def test_the_start_time_does_not_move_between_scrapes(server: Server) -> None:
    async with watching(server.uri) as watch:
        starts = set()
        ends = time.monotonic() + 1.2
        while time.monotonic() < ends:
            starts.add((await watch.page()).value("redis_start_time_seconds"))
            await asyncio.sleep(0.05)
    assert len(starts) == 1


async def test_replicas_have_their_lag_in_bytes_and_a_broken_link_is_seen(server: Server, tmp_path: Path) -> None:
    with redis_server(tmp_path, f"replicaof 127.0.0.1 {server.port}") as replica:
        name = f"127.0.0.1:{replica.port}"
        until(lambda: replica.info("replication")["master_link_status"] == "up")
        async with watching(server.uri) as primary, watching(replica.uri) as secondary:
            until(lambda: server.info("replication")["slave0"]["state"] == "online")
            page = await primary.page()
            assert page.value("redis_connected_slaves") == 1
            assert page.value("redis_replica_online", replica=name) == 1
            master = {"master_host": "127.0.0.1", "master_port": str(server.port)}
            page = await secondary.page()
            assert page.value("redis_master_link_up") == 1
            assert page.value("redis_slave_info", **master, read_only="1") == 1
            with replica.frozen():
                for _ in range(10):
                    server.ask("SET", "k", "x" * 10_000)
                page = await primary.page()
                assert page.value("redis_replication_lag_bytes", replica=name) >= 100_000
            lag = "redis_replication_lag_bytes"
            await primary.until(lambda page: sum(page.values(lag).values()) < 1_000)
            replica.ask("REPLICAOF", "127.0.0.1", str(free_port()))
            assert (await secondary.page()).value("redis_master_link_up") == 0


async def test_a_sentinel_tells_what_it_watches(server: Server, tmp_path: Path) -> None:
    monitor = f"sentinel monitor cache 127.0.0.1 {server.port} 1"
    with redis_server(tmp_path, monitor, "sentinel down-after-milliseconds cache 500", sentinel=True) as sentinel:
        async with watching(sentinel.uri) as watch:
            await watch.page()
            page = await watch.page()
            assert page.value("redis_up") == 1
            assert page.value("redis_sentinel_masters") == 1
            assert page.value("redis_sentinel_master_status", master_name="cache", master_status="ok") == 1
            assert page.value("redis_sentinel_master_quorum", master_name="cache") == 1
            assert page.value("exporter_collector_failures_total", collector="redis", reason="error") == 0
            status = "redis_sentinel_master_status"
            with server.frozen():
                await watch.until(lambda page: page.value(status, master_name="cache", master_status="odown") == 1)
            page = await watch.until(lambda page: page.value(status, master_name="cache", master_status="ok") == 1)
            assert sum(page.values(status).values()) == 1


async def test_a_cluster_of_one_node_is_well_once_it_has_all_slots(tmp_path: Path) -> None:
    with redis_server(tmp_path, "cluster-enabled yes") as node:
        async with watching(node.uri) as watch:
            page = await watch.page()
            assert page.value("redis_cluster_enabled") == 1
            assert page.value("redis_cluster_state") == 0
            assert page.value("redis_cluster_slots_assigned") == 0
            node.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            until(lambda: "cluster_state:ok" in str(node.ask("CLUSTER", "INFO")))
            page = await watch.page()
            assert page.value("redis_cluster_state") == 1
            assert page.value("redis_cluster_slots_ok") == 16_384


async def test_clients_are_grouped_and_no_address_is_shown(server: Server) -> None:
    with server.client(client_name="booking") as named, contextlib.ExitStack() as open_clients:
        for _ in range(3):
            open_clients.enter_context(server.client(client_name="booking")).ping()
        named.ping()
        async with watching(server.uri, "redis_clients") as watch:
            page = await watch.page()
    group = {"client_name": "booking", "user": "default", "kind": "normal"}
    assert page.value("redis_clients", **group) == 4
    assert page.value("redis_clients_memory_bytes", **group) > 0
    assert not [labels for labels in page.values("redis_clients") if "127.0.0.1" in str(labels)]


def make_certificate(directory: Path) -> Path:
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 1"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    openssl = programs.locate("openssl")
    subprocess.run([openssl, *request.split(), *names], cwd=directory, check=True, capture_output=True)
    return directory / "cert.pem"


async def test_over_tls_the_certificate_is_checked_and_a_unix_socket_will_do(tmp_path: Path) -> None:
    tls, path, certificate = free_port(), tmp_path / "redis.sock", make_certificate(tmp_path)
    options = (f"tls-port {tls}", f"tls-cert-file {certificate}", f"tls-key-file {tmp_path / 'key.pem'}")
    with redis_server(tmp_path / "data", *options, "tls-auth-clients no", f"unixsocket {path}"):
        async with watching(f"rediss://127.0.0.1:{tls}", redis_ca_file=certificate) as watch:
            assert (await watch.page()).value("redis_up") == 1
        async with watching(f"rediss://127.0.0.1:{tls}") as watch:
            assert (await watch.page()).value("redis_up_reason", reason="refused") == 1
        async with watching(f"unix://{path}") as watch:
            assert (await watch.page()).value("redis_up") == 1


def test_promtool_has_nothing_to_say_about_our_own_names(server: Server) -> None:
    # The whole process, since the other tests use the scraper without HTTP.
    with exporters("--redis", server.uri, "--collect", "redis,redis_clients") as process:
        body = process.get().body
    assert samples(body)["redis_up", frozenset()] == 1, process.log
    told = subprocess.run(
        [programs.locate("promtool"), "check", "metrics"], input=body, text=True, capture_output=True, check=False
    )
    inherited = {name for name, metric in declared().items() if metric.compatible_with}
    complaints = [
        line for line in (told.stdout + told.stderr).splitlines() if line.split()[0].rstrip(":") not in inherited
    ]
    assert complaints == []
