"""The slow figures of MongoDB against a real server: its own numbers, at a bounded price, and never a query's text."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from exporters.collector import Collector, Deadline
from exporters.collectors import COLLECTORS
from exporters.mongodb import MongodbCollector, sweep
from exporters.mongodb.collstats import CollstatsCollector
from exporters.mongodb.currentop import CurrentopCollector
from exporters.mongodb.dbstats import DbstatsCollector
from exporters.mongodb.indexstats import IndexstatsCollector
from exporters.mongodb.percona_claims import COMPATIBLE, NOT_CLAIMED
from exporters.mongodb.source import Mongodb
from exporters.mongodb.top import TopCollector
from exporters.page import Flavour
from exporters.readings import OTHER, Readings
from exporters.reasons import Reason
from exporters.scrape import Scraper
from exporters.slow import SlowCollector
from exporters.sources import Sources
from monitor.clock import now
from tests.contract.exporters_mongod import Client, Mongod, fill, mongod

pytestmark = pytest.mark.usefixtures("steady_time")

MANY = 300
ALL: tuple[type[Collector], ...] = (
    MongodbCollector,
    DbstatsCollector,
    CollstatsCollector,
    IndexstatsCollector,
    TopCollector,
    CurrentopCollector,
)
SECRET = "patient-4711-was-here"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with mongod(tmp_path_factory.mktemp("mongod")) as running:
        with running.client() as admin:
            furnish(admin)
            fill(admin, "many", MANY)
        yield running


@pytest.fixture
def admin(server: Mongod) -> Iterator[Client]:
    with server.client() as client:
        yield client


def furnish(admin: Client) -> None:
    clinic = admin["clinic"]
    clinic["visits"].insert_many([{"n": number, "text": SECRET, "at": now()} for number in range(500)])
    clinic["visits"].create_index("n", name="visits.count")
    clinic["visits"].create_index("text", name="unique", unique=True, partialFilterExpression={"n": -1})
    clinic["visits"].create_index("at", name="expires", expireAfterSeconds=100_000)
    clinic["visits"].create_index("other", name="never_used")
    clinic["dotted.name"].insert_one({})
    clinic.command("create", "view", viewOn="visits", pipeline=[])
    clinic.command("create", "series", timeseries={"timeField": "at"})
    clinic["series"].insert_one({"at": now()})


@contextlib.asynccontextmanager
async def source(server: Mongod, user: str = "exporters", **settings: Any) -> AsyncIterator[Sources]:
    sources = Sources(server.settings(user, **settings))
    try:
        yield sources
    finally:
        await sources.close()


Found = dict[tuple[str, ...], float]


async def read(collector: SlowCollector) -> tuple[Found, Readings]:
    """Let a collector read once; the samples come back without ``member``."""
    readings = Readings(collector.metrics)
    await collector.read(readings, Deadline(10))
    return {
        (name, *key[1:]): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }, readings


async def test_databases_are_as_large_as_the_server_says(server: Mongod, admin: Client) -> None:
    async with source(server) as sources:
        found, _ = await read(DbstatsCollector.make(sources))
    told = admin["clinic"].command("dbStats")
    for name, field in (("data_bytes", "dataSize"), ("index_bytes", "indexSize"), ("views", "views")):
        assert found[f"mongodb_database_{name}", "clinic"] == told[field], name
    assert found["mongodb_database_collections", "many"] == MANY
    assert found["mongodb_filesystem_size_bytes",] == told["fsTotalSize"]
    assert {key[1] for key in found if len(key) > 1} == {"clinic", "many"}, "none of MongoDB's own"


async def test_the_rest_of_the_databases_is_one_sum(server: Mongod, admin: Client) -> None:
    async with source(server, mongodb_collection_budget=1) as sources:
        found, _ = await read(DbstatsCollector.make(sources))
    told = {name: admin[name].command("dbStats")["objects"] for name in ("clinic", "many")}
    listed = {key[1] for key in found if len(key) > 1} - {OTHER}
    assert len(listed) == 1
    assert found["mongodb_database_documents", OTHER] == sum(told.values()) - told[listed.pop()]


async def test_collections_are_as_large_as_the_server_says(server: Mongod, admin: Client) -> None:
    async with source(server) as sources:
        collector = CollstatsCollector.make(sources)
        found, readings = await sweep_all(collector)
    assert readings.partial == []
    # visits, dotted.name and series; the view and the system's collections are none.
    assert found["mongodb_collections",] == MANY + 3
    assert found["mongodb_collections_unread",] == 0
    listed = {key[1:3] for key in found if key[0] == "mongodb_collection_data_bytes"}
    assert len(listed) == 51
    assert ("clinic", "visits") in listed
    told = collstats_of(admin, "clinic", "visits")["storageStats"]
    for name, field in (
        ("documents", "count"),
        ("data_bytes", "size"),
        ("storage_bytes", "storageSize"),
        ("index_bytes", "totalIndexSize"),
        ("reusable_bytes", "freeStorageSize"),
    ):
        assert found[f"mongodb_collection_{name}", "clinic", "visits"] == told[field], name
    documents = [value for key, value in found.items() if key[0] == "mongodb_collection_documents"]
    dotted = admin["clinic"]["dotted.name"].count_documents({})
    assert sum(documents) == MANY + 500 + dotted, "listed and summed, each document once"


async def sweep_all(collector: SlowCollector) -> tuple[Found, Readings]:
    """Take turns until every collection has been read."""
    for _ in range(40):
        found, readings = await read(collector)
        waiting = [one for one in getattr(collector, "sweeps").values() if len(one.values) < len(one.names)]  # noqa: B009  # of sweeping ones
        if not waiting:
            return found, readings
    raise AssertionError("40 turns were not enough")


def collstats_of(admin: Client, database: str, collection: str) -> dict[str, Any]:
    stage: dict[str, Any] = {"$collStats": {"storageStats": {}, "latencyStats": {}}}
    return next(iter(admin[database][collection].aggregate([stage])))


async def test_reads_are_counted_by_collection_and_in_the_rest(
    server: Mongod, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "REFRESH", 0.0)
    monkeypatch.setattr(sweep, "_KEPT", 10**9)
    async with source(server, mongodb_collection_budget=1, mongodb_time_budget=1.0) as sources:
        collector = CollstatsCollector.make(sources)
        before, _ = await sweep_all(collector)
        for _ in range(40):
            admin["clinic"]["dotted.name"].find_one()
            admin["many"]["c0001"].find_one()
        after, _ = await sweep_all(collector)
    name = "mongodb_collection_operations_total"
    grown = after[name, OTHER, OTHER, "read"] - before[name, OTHER, OTHER, "read"]
    # Our own questions are reads as well: at most one for each collection and turn.
    assert 80 <= grown <= 80 + 2 * (MANY + 3)
    assert (name, "clinic", "dotted.name", "read") not in after, "it is not the largest"


async def test_indexes_that_only_cost_are_found(server: Mongod, admin: Client) -> None:
    for _ in range(3):
        admin["clinic"]["visits"].find_one({"n": 1})
    async with source(server) as sources:
        collector = IndexstatsCollector.make(sources)
        found, readings = await sweep_all(collector)
    assert readings.partial == []
    stats = {row["name"]: row["accesses"] for row in admin["clinic"]["visits"].aggregate([{"$indexStats": {}}])}
    assert stats["visits.count"]["ops"] >= 3
    for name, told in stats.items():
        assert found["mongodb_index_accesses_total", "clinic", "visits", name] == told["ops"]
    unused = {key[3]: value for key, value in found.items() if key[:3] == UNUSED_OF_VISITS}
    assert set(unused) == {"visits.count", "never_used"}, "_id, unique ones and expiry are needed"
    age = (now() - stats["never_used"]["since"].replace(tzinfo=UTC)).total_seconds()
    assert unused["never_used"] == pytest.approx(age, abs=5)
    assert unused["visits.count"] < 5
    assert found["mongodb_indexes_unused",] == 1


UNUSED_OF_VISITS = ("mongodb_index_unused_seconds", "clinic", "visits")


async def test_top_says_who_keeps_the_server_busy(server: Mongod, admin: Client) -> None:
    name = "mongodb_namespace_operations_total"
    async with source(server, mongodb_namespace_budget=2) as sources:
        collector = TopCollector.make(sources)
        before, _ = await read(collector)
        assert before[name, OTHER, OTHER, "queries"] == 0
        for _ in range(30):
            admin["clinic"]["dotted.name"].insert_one({})
            admin["many"]["c0002"].find_one()
        after, _ = await read(collector)
        listed = {key[1:3] for key in after if key[0] == name} - {(OTHER, OTHER)}
        told = admin.admin.command("top")["totals"]
    assert len(listed) == 2
    for database, collection in listed:
        of_it = told[f"{database}.{collection}"]
        assert after[name, database, collection, "insert"] == of_it["insert"]["count"]
        seconds = after["mongodb_namespace_operation_seconds_total", database, collection, "insert"]
        assert seconds == pytest.approx(of_it["insert"]["time"] / 1e6)
    if ("many", "c0002") not in listed:
        assert after[name, OTHER, OTHER, "queries"] >= 30
    assert after[name, OTHER, OTHER, "queries"] < 60, "what it did before we watched does not count"


async def until(collector: SlowCollector, good: Callable[[Found], bool]) -> Found:
    ends = time.monotonic() + 60
    while True:
        found, _ = await read(collector)
        if good(found):
            return found
        assert time.monotonic() < ends, found
        await asyncio.sleep(0.05)


async def test_a_slow_query_is_seen_and_its_text_is_not(server: Mongod, admin: Client) -> None:
    slow = {"$where": f"sleep(1500) || '{SECRET}'"}
    asking = threading.Thread(target=lambda: admin["clinic"]["dotted.name"].find_one(slow))
    with admin["clinic"].watch(max_await_time_ms=5_000) as stream:
        waiting = threading.Thread(target=stream.try_next)
        waiting.start()
        asking.start()
        async with source(server) as sources:
            collector = CurrentopCollector.make(sources)
            over = ("mongodb_currentop_over_threshold", "query", "1")
            found = await until(collector, lambda found: found[over] == 1)
            _, readings = await read(collector)
        assert 1 <= found["mongodb_currentop_longest_seconds", "query"] < 5
        assert found["mongodb_currentop_active", "query"] == 1
        assert found["mongodb_currentop_active", "getmore"] == 0, "a change stream that waits is idle"
        assert found["mongodb_currentop_over_threshold", "query", "10"] == 0
        assert SECRET not in str(readings.series)
        asking.join()
        admin["clinic"]["dotted.name"].insert_one({})  # ends the waiting
        waiting.join()


async def test_a_locked_server_and_who_waits_for_it_are_seen(server: Mongod, admin: Client) -> None:
    async with source(server) as sources:
        collector = CurrentopCollector.make(sources)
        found, _ = await read(collector)
        assert found["mongodb_currentop_fsync_lock_state",] == 0
        admin.admin.command("fsync", lock=True)
        try:
            writing = threading.Thread(target=lambda: admin["clinic"]["dotted.name"].insert_one({}))
            writing.start()
            waits = ("mongodb_currentop_waiting_for_lock", "insert")
            found = await until(collector, lambda found: found[waits] == 1)
            assert found["mongodb_currentop_fsync_lock_state",] == 1
        finally:
            admin.admin.command("fsyncUnlock")
        writing.join()


async def scraper(sources: Sources, *kinds: type[Collector]) -> Scraper:
    made = Scraper([kind.make(sources) for kind in kinds or ALL], sources)
    await made.start()
    return made


async def page(made: Scraper, header: str | None = None) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    body = made.render(await made.scrape(header), Flavour.TEXT).decode()
    families = text_string_to_metric_families(body)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def by_collector(
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str
) -> dict[str, float]:
    return {
        dict(found)["collector"]: value
        for (sample, found), value in samples.items()
        if sample == name and labels.items() <= dict(found).items()
    }


async def test_without_the_right_to_ask_the_reason_is_denied(server: Mongod) -> None:
    sources = Sources(server.settings("stranger"))
    made = await scraper(sources, DbstatsCollector, CollstatsCollector, TopCollector, CurrentopCollector)
    try:
        samples = await page(made)
        denied = by_collector(samples, "exporter_collector_failures_total", reason=Reason.DENIED.value)
        assert set(denied) == {"mongodb_dbstats", "mongodb_collstats", "mongodb_top", "mongodb_currentop"}
        assert min(denied.values()) >= 1
    finally:
        await made.close()


async def test_a_struggling_server_is_left_alone(server: Mongod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mongodb, "struggling", True)
    sources = Sources(server.settings())
    made = await scraper(sources, *ALL[1:])
    try:
        samples = await page(made)
        asked = set(sources.bills()["mongodb"].commands)
        paused = by_collector(samples, "exporter_collector_success")
    finally:
        await made.close()
    # What runs there is the one thing that must be known then, and costs next to nothing.
    assert asked == {"hello", "aggregate", "currentOp"}
    assert paused == {kind.name: float(kind is CurrentopCollector) for kind in ALL[1:]}


KEPT = ("mongodb_collection_data_bytes", "mongodb_collection_operations_total")


async def test_a_frozen_server_does_not_hold_up_the_slow_figures(server: Mongod) -> None:
    sources = Sources(server.settings())
    made = await scraper(sources)
    try:
        before = await page(made)
        with server.frozen():
            started = time.monotonic()
            after = await page(made, "1.5")
            assert time.monotonic() - started < 1.5
        success = by_collector(after, "exporter_collector_success")
        assert success == {kind.name: float(kind is not MongodbCollector) for kind in ALL}
        kept = {key: value for key, value in before.items() if key[0] in KEPT}
        assert len(kept) > 3, "as many as the first turn had time for"
        assert {key: after[key] for key in kept} == kept
    finally:
        await made.close()


async def test_the_names_that_community_dashboards_ask_for_are_there_when_asked_for(server: Mongod) -> None:
    sources = Sources(server.settings(names="percona"))
    made = await scraper(sources)
    try:
        await page(made)
        samples = await page(made)  # by now each collector knows how long it took
        other = made.render(await made.scrape(None), Flavour.OPENMETRICS).decode()
    finally:
        await made.close()
    names = {name for name, _ in samples}
    parsed = openmetrics.text_string_to_metric_families(other)  # type: ignore[no-untyped-call]  # theirs
    assert {sample.name for family in parsed for sample in family.samples} == names
    assert set(COMPATIBLE) - names == set()
    assert names & {name for claim in NOT_CLAIMED for name in claim.names} == set()
    value = {name: value for (name, labels), value in samples.items() if len(labels) == 1}
    assert value["mongodb_ss_uptime"] == pytest.approx(value["mongodb_instance_uptime_seconds"], abs=1.1)
    assert value["mongodb_mongod_replset_oplog_head_timestamp"] >= value["mongodb_mongod_replset_oplog_tail_timestamp"]


async def test_without_the_flag_none_of_them_is_there(server: Mongod) -> None:
    sources = Sources(server.settings())
    made = await scraper(sources)
    try:
        names = {name for name, _ in await page(made)}
    finally:
        await made.close()
    theirs = {metric.name for kind in ALL for metric in kind.metrics if "only with --names percona" in metric.help}
    assert len(theirs) > 100
    assert names & theirs == set()
    assert set(ALL) <= set(COLLECTORS)


async def test_what_a_turn_asks_grows_with_the_collections_and_no_faster(
    server: Mongod, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One question a collection: at four times as many, four times as many questions, none of them dearer."""
    fill(admin, "few", 20)
    counts = {}
    try:
        for databases in ({"few"}, {"few", "many"}):
            monkeypatch.setattr(
                "exporters.mongodb.asking.SYSTEM_DATABASES", frozenset(admin.list_database_names()) - databases
            )
            async with source(server, mongodb_time_budget=1.0) as sources:
                collector = CollstatsCollector.make(sources)
                await sweep_all(collector)
                bill = sources.bills()["mongodb"]
                counts[len(databases)] = bill.commands["aggregate"], bill.seconds["aggregate"]
    finally:
        admin.drop_database("few")
    assert [asked for asked, _ in counts.values()] == [20, 20 + MANY]
    assert counts[2][1] < 3 * counts[1][1] * (20 + MANY) / 20
