"""MongoDB's fast figures against real servers: right, in time, and under the same names whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from exporters.collector import Deadline
from exporters.mongodb import MongodbCollector
from exporters.mongodb import families as f
from exporters.mongodb.source import Mongodb
from exporters.mongodb.status_parts import number
from exporters.page import Flavour, Page
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Sources
from monitor.stack import programs
from tests.contract.exporters_process import exporters, samples
from tests.contract.exporters_replset import Servers, replset
from tests.contract.hostile import serving
from tests.steady import undisturbed

pytestmark = pytest.mark.usefixtures("steady_time")

Key = tuple[str, ...]

ABSENT = {
    "mongodb_connections_rejected_total": "from 7.0 on",
    "mongodb_connections_queued_for_establishment": "from 8.0 on",
    "mongodb_operations_killed_total": "from 8.0 on",
    "mongodb_plan_cache_lookups_total": "from 7.0 on",
    "mongodb_query_sort_spills_total": "from 7.0 on",
    "mongodb_query_sort_bytes_total": "from 7.0 on",
    "mongodb_wiredtiger_tickets_queue": "from 7.0 on",
    "mongodb_wiredtiger_tickets_queued_total": "from 7.0 on",
    "mongodb_wiredtiger_tickets_queued_seconds_total": "from 7.0 on",
    "mongodb_replset_initial_sync_copied_bytes": "only during an initial sync",
    "mongodb_replset_initial_sync_expected_bytes": "only during an initial sync",
    "mongodb_replset_initial_sync_elapsed_seconds": "only during an initial sync",
    "mongodb_replset_initial_sync_remaining_seconds": "only during an initial sync",
}
"""Families that a healthy mongod 6.0 lacks, and why; recorded replies show them in the unit tests."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with replset(tmp_path_factory.mktemp("replset")) as running:
        yield running


class Watch:
    """The collector with connections of its own, asked as a scrape asks it."""

    def __init__(self, settings: Settings) -> None:
        self.sources = Sources(settings)
        self.collector = MongodbCollector.make(self.sources)
        self.source = self.sources.use(Mongodb)
        self.readings = Readings(())
        self.seconds = 0.0

    async def page(self, *, seconds: float = 4.0) -> dict[Key, float]:
        self.readings = Readings(self.collector.metrics)
        started = time.monotonic()
        await self.collector.collect(self.readings, Deadline(seconds))
        self.seconds = time.monotonic() - started
        return {
            (name, *key): value
            for name, (keys, values) in self.readings.series.items()
            for key, value in zip(keys, values, strict=True)
        }

    async def until(self, good: Callable[[dict[Key, float]], bool], *, within: float = 60.0) -> dict[Key, float]:
        ends = time.monotonic() + within
        while not good(page := await self.page()):
            assert time.monotonic() < ends, {key: page[key] for key in page if key[0].startswith("mongodb_replset_m")}
            await asyncio.sleep(0.05)
        return page


@contextlib.asynccontextmanager
async def watching(settings: Settings) -> AsyncIterator[Watch]:
    watch = Watch(settings)
    try:
        yield watch
    finally:
        await watch.collector.close()
        await watch.sources.close()
        # pymongo leaves a connection that it was just making to the garbage collector, which then complains of it.
        await asyncio.sleep(0.01)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def reason_of(page: dict[Key, float], member: str) -> str | None:
    assert page["mongodb_up", member] == int(not any(page["mongodb_up_reason", member, one] for one in f.REASONS))
    return next((one for one in f.REASONS if page["mongodb_up_reason", member, one]), None)


def whole(page: dict[Key, float]) -> bool:
    """Everybody is there, one of them as primary, who has heard of everybody's data."""
    lags = [key for key in page if key[0] == "mongodb_replset_replication_lag_seconds"]
    healthy, primary = page["mongodb_replset_members_healthy",], page["mongodb_replset_has_primary",]
    return healthy == 3 and primary == 1 and len(lags) == 2


async def test_every_declared_family_is_on_the_page_or_its_absence_explained(servers: Servers) -> None:
    async with watching(servers.settings(servers.first)) as watch:
        await watch.until(whole)
        found = {key[0] for key in await watch.page()}
    assert {metric.name for metric in f.METRICS} - found == set(ABSENT)
    assert all(metric.source for metric in f.METRICS if metric is not f.UP_REASON)


async def test_numbers_are_the_server_s_own_of_that_moment(servers: Servers) -> None:
    primary = servers.primary()
    moved: list[set[Key]] = []
    page: dict[Key, float] = {}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    async with watching(servers.settings(primary)) as watch:
        await watch.until(whole)
        with primary.client() as admin:
            for _ in range(3):
                question: dict[str, Any] = {"serverStatus": 1, "opLatencies": {"histograms": True}, "oplog": 1}
                before = admin.admin.command(question)
                page = await watch.page()
                after = admin.admin.command(question)
                moved.append(compare(primary.name, before, page, after))
            size = admin.local.command("collStats", "oplog.rs")["maxSize"]
    assert not set.intersection(*moved), "a gauge may move between the questions, but not each time"
    for op, name in f.OPERATIONS.items():
        found = page["mongodb_op_latency_seconds", "_bucket", primary.name, op, "+Inf"]
        assert before["opLatencies"][name]["ops"] <= found <= after["opLatencies"][name]["ops"]
        assert found == page["mongodb_op_latency_seconds", "_count", primary.name, op]
    assert page["mongodb_memory_resident_bytes", primary.name] % (1 << 20) == 0
    assert page["mongodb_wiredtiger_cache_max_bytes", primary.name] == 256 << 20
    assert page["mongodb_oplog_max_bytes", primary.name] == size
    assert page["mongodb_version_info", primary.name, "6.0.5", "mongod"] == 1
    assert page["mongodb_network_logical_bytes_total", primary.name, "sent"] >= before["network"]["bytesOut"]


def compare(member: str, before: dict[str, Any], page: dict[Key, float], after: dict[str, Any]) -> set[Key]:
    """Hold each sample against what the server said before and after; return the gauges that are neither."""
    moved: set[Key] = set()
    compared = 0
    for one in f.FIELDS:
        key = (one.metric.name, member, *one.labels)
        low, high = (
            next((value for path in one.paths if (value := number(status, path)) is not None), None)
            for status in (before, after)
        )
        if low is None or high is None:
            assert key not in page, key
            continue
        compared += 1
        shown = page[key] * one.per / one.times
        if one.metric.type == "counter":
            assert low * (1 - 1e-9) <= shown <= high * (1 + 1e-9), key
        elif not any(shown == pytest.approx(float(said), rel=0.05) for said in (low, high)):
            moved.add(key)
    assert compared > 250
    return moved


async def test_a_lock_that_somebody_waits_for_is_counted(servers: Servers) -> None:
    primary = servers.primary()
    async with watching(servers.settings(primary)) as watch:
        before = await watch.page()
        with primary.client() as admin:
            admin["locks"]["one"].insert_one({})
            admin.admin.command("fsync", lock=True)
            waiting = asyncio.create_task(asyncio.to_thread(admin["locks"]["one"].insert_one, {}))
            page = await watch.until(lambda page: page["mongodb_global_lock_queue", primary.name, "writer"] > 0)
            admin.admin.command("fsyncUnlock")
            await waiting
        after = await watch.page()
    assert page["mongodb_up", primary.name] == 1
    key = ("mongodb_lock_waits_total", primary.name, "global", "intent_exclusive")
    assert after[key] > before[key]
    key = ("mongodb_lock_wait_seconds_total", *key[1:])
    assert 0 < after[key] - before[key] < 10


async def test_members_that_the_uri_does_not_name_are_watched_an_arbiter_too(servers: Servers) -> None:
    async with watching(servers.settings(servers.first)) as watch:
        page = await watch.page()
        assert {key[1] for key in page if key[0] == "mongodb_up"} == {one.name for one in servers.all[:3]}
        page = await watch.until(whole)
        name = servers.arbiter.name
        assert reason_of(page, name) is None
        assert page["mongodb_replset_member_state", name] == 7
        assert page["mongodb_replset_member_arbiter", name] == 1
        assert ("mongodb_connections", name, "current") not in page, "nobody can log in there"
        bears = {member.name: member.bears_data for member in watch.source.members}
        assert bears == {servers.first.name: True, servers.second.name: True, name: False}
    async with watching(servers.settings(servers.first, mongodb_discover=False)) as watch:
        page = await watch.page()
        assert {key[1] for key in page if key[0] == "mongodb_up"} == {servers.first.name}
        assert page["mongodb_replset_members_healthy",] == 3


def syncing(page: dict[Key, float], member: str, reasons: set[str | None]) -> float | None:
    if ("mongodb_up", member) in page:
        reasons.add(reason_of(page, member))
    return page.get(("mongodb_replset_member_state", member))


async def test_hidden_members_are_found_and_removed_ones_forgotten(servers: Servers) -> None:
    spare = servers.spare.name
    async with watching(servers.settings(servers.first, servers.second)) as watch:
        await watch.until(whole)
        servers.reconfigure([*servers.hosts, {"_id": 3, "host": spare, "priority": 0, "votes": 0, "hidden": True}])
        try:
            reasons: set[str | None] = set()
            page = await watch.until(lambda page: syncing(page, spare, reasons) == 2)
            assert "auth" not in reasons, "nobody can log in during the initial sync; that is no wrong password"
            assert page["mongodb_replset_member_hidden", spare] == 1
            assert page["mongodb_replset_member_votes", spare] == 0
            page = await watch.until(lambda page: page["mongodb_up", spare] == 1)
            assert page["mongodb_replset_initial_syncs_total", spare, "completed"] == 1
        finally:
            servers.primary()
            servers.reconfigure(servers.hosts)
        page = await watch.until(lambda page: ("mongodb_up", spare) not in page)
        assert not [key for key in page if spare in key]


async def test_a_step_down_renames_no_series_and_loses_none(servers: Servers) -> None:
    async with watching(servers.settings(servers.first, servers.second)) as watch:
        before = await watch.until(whole)
        await watch.until(lambda page: page.keys() == before.keys())
        old = servers.primary()
        with old.client() as admin, contextlib.suppress(AutoReconnect):
            admin.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=4)
        during: set[Key] = set()
        primaries: list[str] = []
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            page = await watch.page()
            during |= page.keys()
            primaries = [
                key[1] for key, value in page.items() if key[0] == "mongodb_replset_member_state" and value == 1
            ]
            assert page["mongodb_up", old.name] == 1
            if primaries and primaries != [old.name] and whole(page):
                break
        assert primaries
        assert primaries != [old.name]
        assert during <= before.keys(), during - before.keys()
        after = await watch.until(lambda page: page.keys() >= before.keys())
        assert after.keys() == before.keys()
        assert after["mongodb_replset_term",] > before["mongodb_replset_term",]


async def test_a_closed_port_says_so_at_once_and_comes_back_under_the_same_names(servers: Servers) -> None:
    servers.primary()
    async with watching(servers.settings(servers.first, servers.second)) as watch:
        before = await watch.until(whole)
        victim = servers.secondary()
        victim.end()
        page = await watch.page()
        assert watch.seconds < 1
        assert reason_of(page, victim.name) == "refused"
        assert watch.readings.fault is None
        assert not [key for key in page if victim.name in key and key[0] == "mongodb_connections"]
        async with watching(servers.settings(servers.first, servers.second)) as late:
            page = await late.page()
            assert reason_of(page, victim.name) == "refused", "down since before the start"
            victim.start()
            await late.until(lambda page: whole(page) and page.keys() == before.keys())
        after = await watch.until(lambda page: whole(page) and page.keys() == before.keys())
        assert reason_of(after, victim.name) is None


async def test_a_wrong_password_missing_rights_and_half_of_them_are_told_apart(servers: Servers) -> None:
    first, second, arbiter = servers.first, servers.second, servers.arbiter
    servers.primary()
    async with watching(servers.settings(first, second, password="wrong")) as watch:
        for _ in range(3):
            page = await watch.page()
            assert [reason_of(page, one.name) for one in (first, second)] == ["auth", "auth"]
            assert watch.readings.fault is Reason.AUTH
            assert watch.seconds < 1
    async with watching(servers.settings(first, second, arbiter, user="nobody")) as watch:
        page = await watch.page()
        assert [reason_of(page, one.name) for one in (first, second, arbiter)] == ["denied", "denied", None]
    async with watching(servers.settings(first, second, user="half")) as watch:
        page = await watch.page()
        assert [reason_of(page, one.name) for one in (first, second)] == [None, None]
        assert set(watch.readings.partial) == {Reason.DENIED}
        assert page["mongodb_connections", first.name, "current"] > 0
        assert ("mongodb_replset_has_primary",) not in page, "what may not be known is not 0"


async def test_nonsense_on_the_wire_is_malformed_and_in_time(servers: Servers) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            writer.write(b"\x10\x00\x00\x00HTTP/1.1 400 Bad Request\r\n\r\nYou speak BSON to a web server.\r\n" * 4)
            await writer.drain()

    async with serving(nonsense) as port:
        uri = f"mongodb://127.0.0.1:{port},{servers.first.name}/"
        settings = Settings(mongodb_uri=uri, mongodb_discover=False)
        async with watching(settings) as watch:
            page = await watch.page(seconds=2.5)
            assert watch.seconds < 2.5
            assert reason_of(page, f"127.0.0.1:{port}") == "malformed"


async def test_a_server_of_no_set_has_its_own_figures_and_no_set_s(servers: Servers) -> None:
    async with watching(servers.settings(servers.alone, user=None)) as watch:
        page = await watch.page()
        assert reason_of(page, servers.alone.name) is None
        assert page["mongodb_connections", servers.alone.name, "current"] > 0
        names = {key[0] for key in page}
        assert not names & {
            "mongodb_replset_has_primary",
            "mongodb_replset_members_healthy",
            "mongodb_oplog_window_seconds",
        }
        await watch.page()
        assert watch.sources.bills()["mongodb"].commands["replSetGetStatus"] == 1, "it need not be asked again"


async def test_scrapes_open_no_connections_and_send_three_commands(servers: Servers) -> None:
    async with watching(servers.settings(servers.alone, user=None)) as watch:
        for _ in range(10):
            await watch.page()
        before = await watch.page()
        for _ in range(200):
            await watch.page()
        after = await watch.page()
    key = ("mongodb_connections_created_total", servers.alone.name)
    assert after[key] == before[key]
    async with watching(servers.settings(servers.primary(), mongodb_discover=False)) as watch:
        commands = watch.source.bill.commands
        counts = []
        for _ in range(5):
            count = commands.total()
            await watch.page()
            counts.append(commands.total() - count)
    assert counts[1:] == [3, 3, 3, 3], "and a fourth for the oplog's size once a minute"
    assert counts[0] == 5, "and a fifth for the set's configuration when it has changed"


def test_a_frozen_member_is_down_in_time_and_the_others_are_fresh(servers: Servers) -> None:
    other = servers.primary().name
    victim = servers.secondary()
    settings = servers.settings(servers.first, servers.second)
    environment = {
        "EXPORTERS_MONGODB_USERNAME": "exporters",
        "EXPORTERS_MONGODB_PASSWORD_FILE": str(settings.mongodb_password_file),
    }
    flags = ("--mongodb", str(settings.mongodb_uri), "--collect", "mongodb")

    def look() -> None:
        page = process.get(timeout=3)
        assert page.seconds < 2.7
        assert page.value("mongodb_up", member=victim.name) == 0
        assert page.value("mongodb_up_reason", member=victim.name, reason="timeout") == 1
        assert sum(page.values("mongodb_up").values()) == 2
        assert page.value("mongodb_replset_has_primary") == 1
        assert page.value("exporter_collector_success", collector="mongodb") == 1
        name = "mongodb_instance_uptime_seconds"
        assert page.value(name, member=other) > before.value(name, member=other)

    with exporters(*flags, environment=environment) as process:
        before = process.until(lambda page: len(page.values("mongodb_up")) == 3, within_s=60)
        promtool_is_content(before.body)
        with victim.frozen():
            undisturbed(look)
        process.until(lambda page: sum(page.values("mongodb_up").values()) == 3, within_s=60)


def promtool_is_content(page: str) -> None:
    told = subprocess.run(
        [programs.locate("promtool"), "check", "metrics"], input=page, text=True, capture_output=True, check=False
    )
    assert [line for line in (told.stdout + told.stderr).splitlines() if line.startswith("mongodb_")] == []


async def test_both_formats_can_be_read_back(servers: Servers) -> None:
    async with watching(servers.settings(servers.first)) as watch:
        count = len(await watch.page())
        body = Page(watch.collector.metrics).render([watch.readings], Flavour.TEXT).decode()
    assert len(samples(body)) == count
