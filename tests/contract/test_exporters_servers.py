"""The exporters against a real replica set and a real Redis, with the rights that the stack gives them and no more."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymongo
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from redis import Redis

from app.mongodb import ensure_indexes
from app.schedule import make_clinic
from exporters.collectors import COLLECTORS, METRICS
from monitor.stack import programs
from telemetry.metric import Metric
from tests.contract.exporters_process import Exporters, Page, Stores, exporters, stores
from tests.steady import undisturbed

pytestmark = pytest.mark.stack

HEADER = 3.0
"""Seconds that Prometheus would wait; the page must have come by then, whatever hangs."""

CONDITIONAL = {
    "exporter_series_dropped_total": "only after a family grew past its limit",
    "exporter_series_duplicates_total": "only after a collector told one series twice",
    "probe_ssl_earliest_cert_expiry": "only for https; test_exporters_blackbox.py has a certificate",
    "probe_tls_version_info": "only for https; test_exporters_blackbox.py has a certificate",
    "probe_dns_lookup_time_seconds": "only for a name; test_exporters_blackbox.py has one",
    "telemetry_dropped_fields_total": "only after a fault in our code",
    "telemetry_dropped_attributes_total": "only after a fault in our code",
    "telemetry_dropped_tags_total": "only after a fault in our code",
    "telemetry_datagrams_dropped_total": "only where DogStatsD is on",
    "telemetry_spans_created_total": "only where traces are on",
    "telemetry_spans_exported_total": "only where traces are on",
    "telemetry_spans_dropped_total": "only where traces are on",
    "telemetry_spans_queued": "only where traces are on",
}
"""Declared families that a healthy page may lack, and why."""
KERNEL = (
    *("node_pressure_", "node_vmstat_oom_kill", "node_disk_", "node_timex_", "node_nf_conntrack_", "node_arp_entries"),
    *("node_network_speed_bytes", "node_network_carrier", "node_memory_H", "node_sockstat_TCP6", "node_sockstat_UDP6"),
)
"""What a kernel, its hardware or a container may not have; test_exporters_host.py compares with node_exporter."""
ELSEWHERE = ("container_", "docker_up", "redis_", "mongodb_", "probe_journey_")
"""test_exporters_containers.py has containers, test_exporters_redis.py has Redis in every mode,
test_exporters_mongodb.py says what a member of this version lacks, test_exporters_journey.py has a whole clinic."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, Exporters]]:
    with stores(tmp_path_factory.mktemp("exporters")) as servers:
        fill(servers)
        # Nobody listens at the front door: failed probes are on the page as good ones are.
        with exporters(*servers.flags(), "--probe", "http://127.0.0.1:9", environment=servers.environment()) as process:
            yield servers, process


@pytest.fixture
def servers(running: tuple[Stores, Exporters]) -> Stores:
    return running[0]


@pytest.fixture
def process(running: tuple[Stores, Exporters]) -> Exporters:
    """Hand out the exporters when all is well, since another test may just have broken something."""
    running[0].client.wait_until_healthy()
    running[1].until(well, within_s=30)
    return running[1]


def fill(servers: Stores) -> None:
    admin = servers.layout.mongodb_password("admin").read_text(encoding="utf-8").strip()
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(
        servers.layout.mongodb_uri, username="admin", password=admin
    )
    with client:
        data, clinic = client["appointments"], make_clinic(5, "UTC", 90)
        data["clinic"].insert_one({"_id": "schedule", **clinic.hours()})
        data["practitioners"].insert_many([{"_id": one.id, "specialty": one.specialty} for one in clinic.practitioners])
    asyncio.run(make_indexes(servers, admin))


async def make_indexes(servers: Stores, password: str) -> None:
    """Make them as the app does; without them there are no business figures."""
    address = servers.layout.mongodb_uri
    async with pymongo.AsyncMongoClient[dict[str, Any]](address, username="admin", password=password) as client:
        await ensure_indexes(client["appointments"])


def well(page: Page) -> bool:
    ups = [*page.values("mongodb_up").values(), *page.values("redis_up").values()]
    return ups == [1, 1, 1, 1] and page.value("mongodb_replset_has_primary") == 1


def counted(page: Page) -> bool:
    """Whether business figures are there, which are made on a clock of their own and wait while a server struggles."""
    return bool(page.values("appointments"))


def redis_admin(servers: Stores) -> Redis:
    password = servers.layout.redis_password("admin").read_text(encoding="utf-8").strip()
    return Redis(port=servers.layout.port("redis"), username="admin", password=password, decode_responses=True)


def test_every_family_on_the_page_is_declared_and_every_declared_one_appears(process: Exporters) -> None:
    page = process.until(counted, within_s=90)
    declared = {metric.name: metric for metric in METRICS}
    shown: dict[str, str] = dict(line.split()[2:4] for line in page.body.splitlines() if line.startswith("# TYPE"))
    types = {name: "unknown" if kind == "untyped" else kind for name, kind in shown.items()}
    assert {name: declared[name].type for name in types} == types
    for name, labels in page.samples:
        metric = declared.get(name) or declared[name.rpartition("_")[0]]
        assert {label for label, _ in labels} - {"le"} == set(metric.labels), name
    absent = {name for name in declared if name not in types and not name.startswith(KERNEL + ELSEWHERE)}
    absent -= {metric.name for kind in COLLECTORS if kind.optional for metric in kind.metrics}
    absent -= {name for name in absent if declared[name].help.endswith("only with --names percona.")}
    assert absent <= set(CONDITIONAL), absent - set(CONDITIONAL)


def test_promtool_finds_nothing_but_names_that_dashboards_already_use(process: Exporters) -> None:
    promtool, page = programs.locate("promtool"), process.get().body
    told = subprocess.run([promtool, "check", "metrics"], input=page, text=True, capture_output=True, check=False)
    # Names that node_exporter, cAdvisor and redis_exporter gave; each is what a community dashboard asks for.
    inherited = (
        "node_",
        "container_",
        "redis_",
    )
    complaints = [line for line in (told.stdout + told.stderr).splitlines() if not line.startswith(inherited)]
    assert complaints == []


def test_both_formats_say_the_same(process: Exporters) -> None:
    process.until(counted, within_s=90)
    text = process.get()
    answer = process.get(accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3")
    assert answer.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = list(openmetrics.text_string_to_metric_families(answer.body))  # type: ignore[no-untyped-call]  # theirs
    parsed = {
        (sample.name, frozenset(sample.labels.items())): sample.value for one in families for sample in one.samples
    }
    assert set(parsed) == set(text.samples)
    steady = [
        series
        for series in parsed
        if series[0]
        in {"node_memory_MemTotal_bytes", "redis_memory_max_bytes", "mongodb_up", "appointments", "patients"}
    ]
    assert len(steady) > 5
    assert [parsed[series] for series in steady] == [text.samples[series] for series in steady]


def test_a_scrape_opens_no_connection(servers: Stores, process: Exporters) -> None:
    before, clients = process.get(), redis_clients(servers)
    last = [process.get() for _ in range(20)][-1]
    name = "mongodb_connections_created_total"
    # The members connect to each other now and then; 20 scrapes with a connection each would make 20 and more.
    assert all(last.values(name)[key] - value < 10 for key, value in before.values(name).items())
    assert len(clients) == 1
    assert redis_clients(servers) == clients


def redis_clients(servers: Stores) -> list[str]:
    with redis_admin(servers) as admin:
        return [client["id"] for client in admin.client_list() if client["user"] == "exporters"]


def test_callers_at_the_same_moment_share_one_scrape(process: Exporters) -> None:
    before = process.get()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: process.get(), range(24)))
    after = process.get()
    scrapes = after.value("exporter_scrapes_total") - before.value("exporter_scrapes_total")
    shared = after.value("exporter_scrapes_shared_total") - before.value("exporter_scrapes_shared_total")
    assert scrapes + shared == 25
    assert shared > 0


def test_a_frozen_redis_is_down_in_time_and_the_rest_is_fresh(servers: Stores, process: Exporters) -> None:
    earlier = process.get().value("node_time_seconds")

    def look() -> None:
        page = process.get(timeout=HEADER)
        assert page.seconds < HEADER
        assert page.value("redis_up") == 0
        assert page.value("redis_up_reason", reason="timeout") == 1
        assert page.value("exporter_collector_success", collector="redis") == 0
        assert page.value("exporter_collector_success", collector="mongodb") == 1
        assert page.value("node_time_seconds") > earlier
        assert page.values("redis_connected_clients") == {}

    servers.client.pause("redis", 120)
    try:
        undisturbed(look)
    finally:
        servers.client.resume("redis")
        servers.client.release("redis")
    process.until(lambda found: found.value("redis_up") == 1, within_s=60)


def test_a_failover_is_seen_and_renames_no_series(servers: Stores, process: Exporters) -> None:
    before = process.get()
    primary = next(
        dict(labels)["member"] for labels, state in before.values("mongodb_replset_member_state").items() if state == 1
    )
    name = next(one.name for one in servers.client.status() if one.address == primary)
    servers.client.kill(name, hold_s=180)

    def look() -> None:
        page = process.get(timeout=HEADER)
        assert page.seconds < HEADER / 2, "a closed port says so at once"
        assert page.value("mongodb_up", member=primary) == 0
        assert page.value("mongodb_replset_members_healthy") == 2
        assert page.value("mongodb_replset_members_configured") == 3

    undisturbed(look)
    page = process.until(lambda found: 1 in others(found, primary), within_s=60)
    assert page.value("mongodb_replset_has_primary") == 1
    assert page.value("mongodb_up", member=primary) == 0
    assert page.value("mongodb_up_reason", member=primary, reason="refused") == 1
    servers.client.release(name)
    after = process.until(lambda found: well(found) and same_series(before, found), within_s=90)
    assert after.value("mongodb_replset_member_state", member=primary) == 2


def others(page: Page, primary: str) -> list[float]:
    """States of the members that are not the one that was killed."""
    states = page.values("mongodb_replset_member_state")
    return [state for labels, state in states.items() if ("member", primary) not in labels]


def test_without_a_majority_there_is_no_primary(servers: Stores, process: Exporters) -> None:
    for name in ("mongo-1", "mongo-2"):
        servers.client.kill(name, hold_s=180)
    page = process.until(lambda found: found.value("mongodb_replset_has_primary") == 0, within_s=60)
    assert page.value("mongodb_replset_members_healthy") == 1
    assert page.value("mongodb_replset_members_configured") == 3
    assert sum(page.values("mongodb_up").values()) == 1
    for name in ("mongo-1", "mongo-2"):
        servers.client.release(name)
    process.until(well, within_s=60)


def same_series(before: Page, after: Page) -> bool:
    """All of MongoDB's series are there again, under the same names; lag belongs to secondaries, so it moves."""
    first, last = (
        {series for series in page.samples if series[0].startswith("mongodb_") and "lag_seconds" not in series[0]}
        for page in (before, after)
    )
    return first == last


def test_no_password_is_on_the_command_line_in_the_log_or_on_the_page(servers: Stores, process: Exporters) -> None:
    seen = [
        Path(f"/proc/{process.process.pid}/cmdline").read_text(encoding="utf-8"),
        *process.log,
        process.get().body,
        process.get("/").body,
    ]
    assert not [text for text in seen for password in servers.passwords() if password in text]


def test_a_wrong_password_is_told_from_a_server_that_is_down(servers: Stores, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("wrong\n", encoding="utf-8")
    environment = servers.environment() | {
        "EXPORTERS_MONGODB_PASSWORD_FILE": str(wrong),
        "EXPORTERS_REDIS_PASSWORD_FILE": str(wrong),
    }
    with exporters(*servers.flags(), environment=environment) as process:
        page = process.get()
        assert page.value("redis_up_reason", reason="auth") == 1
        assert [page.value("mongodb_up_reason", member=m, reason="auth") for m in members(servers)] == [1, 1, 1]
        assert page.value("exporter_collector_success", collector="mongodb") == 0
        assert page.value("exporter_collector_success", collector="host") == 1


def members(servers: Stores) -> list[str]:
    return [servers.layout.address(f"mongo-{number}") for number in (1, 2, 3)]


def test_only_the_chosen_collectors_run(servers: Stores) -> None:
    with exporters(*servers.flags(), "--collect", "redis,host", environment=servers.environment()) as process:
        page = process.get()
        chosen = {dict(labels)["collector"] for labels in page.values("exporter_collector_success")}
        assert chosen == {"redis", "host"}
        assert page.values("mongodb_up") == {}


def test_declarations_have_help_and_unit(process: Exporters) -> None:
    assert [metric.name for metric in METRICS if not metric.help] == []
    assert [metric.name for metric in METRICS if unit_is_missing(metric)] == []


def unit_is_missing(metric: Metric) -> bool:
    return metric.name.removesuffix("_total").endswith(("_seconds", "_bytes")) and not metric.unit
