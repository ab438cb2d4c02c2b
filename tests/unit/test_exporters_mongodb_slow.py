"""Slow figures of MongoDB: who gets series of their own, what the rest adds up to, and what asking may cost."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from bson import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import OperationFailure

from exporters.collector import CollectError, Deadline
from exporters.mongodb import collstats, currentop, dbstats, indexstats, percona, percona_status, sweep, top
from exporters.mongodb import families as f
from exporters.mongodb.asking import MemberCollector, Pace
from exporters.mongodb.chosen import Chosen, Rest
from exporters.mongodb.collstats import CollstatsCollector
from exporters.mongodb.percona_claims import COMPATIBLE, NOT_CLAIMED, WITH_OTHERS
from exporters.mongodb.source import Member, Mongodb
from exporters.mongodb.sweep import Namespace, Sweep
from exporters.readings import OTHER, Readings
from exporters.reasons import Reason
from exporters.settings import Settings, SettingsError
from telemetry.metric import Metric

A = "a:1"


def flat(readings: Readings) -> dict[tuple[str, ...], float]:
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


# Who is chosen


def test_the_heaviest_are_chosen_and_never_more_than_the_limit() -> None:
    chosen: Chosen[str] = Chosen(2)
    assert chosen.update({"a": 1, "b": 3, "c": 2}) == {"b", "c"}


def test_everybody_is_chosen_while_there_is_room() -> None:
    assert Chosen[str](3).update({"a": 0, "b": 0}) == {"a", "b"}


def test_two_of_a_size_do_not_take_turns() -> None:
    chosen: Chosen[str] = Chosen(1)
    assert chosen.update({"a": 10, "b": 9}) == {"a"}
    assert chosen.update({"a": 10, "b": 11}) == {"a"}, "hardly heavier"
    assert chosen.update({"a": 10, "b": 13}) == {"b"}, "clearly heavier"
    assert chosen.update({"a": 13, "b": 13}) == {"b"}


def test_who_is_gone_makes_room() -> None:
    chosen: Chosen[str] = Chosen(2)
    chosen.update({"a": 9, "b": 8, "c": 1, "d": 2})
    assert chosen.update({"b": 8, "c": 1, "d": 2}) == {"b", "d"}


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 100)), max_size=8), st.integers(1, 4))
def test_nobody_outside_is_clearly_heavier_than_somebody_inside(rounds: list[dict[str, int]], limit: int) -> None:
    chosen: Chosen[str] = Chosen(limit)
    for weights in rounds:
        found = chosen.update(weights)
        assert len(found) == min(limit, len(weights))
        outside = [weight for name, weight in weights.items() if name not in found]
        assert max(outside, default=0) <= 1.2 * min((weights[name] for name in found), default=0) or not outside


# What the rest adds up to


def test_the_rest_is_zero_at_first_and_then_grows_by_what_they_did() -> None:
    rest: Rest[str] = Rest(1)
    rest.update({"a": [100], "b": [50]}, {"a"})
    assert rest.totals == [0]
    rest.update({"a": [200], "b": [53]}, {"a"})
    assert rest.totals == [3]


def test_the_rest_does_not_fall_when_somebody_gets_series_of_its_own_nor_leap_when_it_comes_back() -> None:
    rest: Rest[str] = Rest(1)
    rest.update({"a": [100], "b": [5000]}, {"a"})
    rest.update({"a": [100], "b": [5010]}, {"a"})
    rest.update({"a": [100], "b": [5100]}, {"b"})
    assert rest.totals == [10], "b has its own series now"
    rest.update({"a": [107], "b": [5100]}, {"a"})
    rest.update({"a": [107], "b": [5101]}, {"a"})
    assert rest.totals == [11]


def test_after_a_restart_of_the_server_the_rest_goes_on() -> None:
    rest: Rest[str] = Rest(1)
    rest.update({"a": [100]}, ())
    rest.update({"a": [110]}, ())
    rest.update({"a": [4]}, ())
    assert rest.totals == [14]


def test_who_is_born_meanwhile_counts_from_zero_and_who_was_only_unknown_does_not() -> None:
    for born, expected in ((True, [7]), (False, [0])):
        rest: Rest[str] = Rest(1)
        rest.update({"a": [1]}, ())
        rest.update({"a": [1], "b": [7]}, (), born=born)
        assert rest.totals == expected


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abc"), st.integers(0, 50).map(lambda one: [one])),
            st.sets(st.sampled_from("abc")),
        )
    )
)
def test_the_rest_never_falls(rounds: list[tuple[dict[str, list[int]], set[str]]]) -> None:
    rest, before = Rest[str](1), 0.0
    for counts, chosen in rounds:
        rest.update(counts, chosen)
        assert rest.totals[0] >= before
        before = rest.totals[0]


# Databases


def test_databases_without_series_of_their_own_are_one_sum() -> None:
    readings = Readings(dbstats.DbstatsCollector.metrics)
    one = {"dataSize": 5.0, "objects": 1, "fsUsedSize": 7, "fsTotalSize": 9}
    dbstats.write(A, {"big": {**one, "dataSize": 50.0}, "x": one, "y": one}, frozenset({"big"}), readings)
    found = flat(readings)
    assert found["mongodb_database_data_bytes", A, "big"] == 50
    assert found["mongodb_database_data_bytes", A, OTHER] == 10
    assert found["mongodb_filesystem_used_bytes", A] == 7, "once, not once a database"
    assert "mongodb_database_views" not in {key[0] for key in found if "big" in key}, "it was not told"


# Collections


def stats(size: int, reads: int = 0, **more: int) -> collstats.Figures:
    storage = {"count": 2, "size": size, "storageSize": size, "totalIndexSize": 1, "freeStorageSize": 0}
    latency = {"reads": {"ops": reads, "latency": reads * 1000}}
    return collstats.figures_of({"storageStats": {**storage, **more}, "latencyStats": latency})


def test_collections_are_listed_or_summed() -> None:
    readings = Readings(CollstatsCollector.metrics)
    known = {("d", "big"): stats(100, reads=3), ("d", "x"): stats(1), ("d", "y.count"): stats(2)}
    collstats.write(A, known, frozenset({("d", "big")}), [9, 0.0, 0, 0, 0, 0], readings)
    found = flat(readings)
    assert found["mongodb_collection_data_bytes", A, "d", "big"] == 100
    assert found["mongodb_collection_data_bytes", A, OTHER, OTHER] == 3
    assert found["mongodb_collection_operations_total", A, "d", "big", "read"] == 3
    assert found["mongodb_collection_operation_seconds_total", A, "d", "big", "read"] == pytest.approx(0.003)
    assert found["mongodb_collection_operations_total", A, OTHER, OTHER, "read"] == 9


def test_without_a_rest_its_series_are_zero_not_absent() -> None:
    readings = Readings(CollstatsCollector.metrics)
    collstats.write(A, {}, frozenset(), [0] * 6, readings)
    assert flat(readings)["mongodb_collection_documents", A, OTHER, OTHER] == 0


def test_a_time_series_has_no_count_of_documents() -> None:
    figures = collstats.figures_of({"storageStats": {"size": 209, "storageSize": 4096, "totalIndexSize": 0}})
    readings = Readings(CollstatsCollector.metrics)
    collstats.write(A, {("d", "ts"): figures}, frozenset({("d", "ts")}), [0] * 6, readings)
    found = flat(readings)
    assert ("mongodb_collection_documents", A, "d", "ts") not in found
    assert found["mongodb_collection_storage_bytes", A, "d", "ts"] == 4096
    assert figures.weight == 4096


# Indexes


def index_row(name: str, ops: int, age: float = 60_000, *, needed: bool = False) -> dict[str, Any]:
    return {"name": name, "ops": ops, "age": age, "needed": needed}


def test_an_index_that_was_never_used_is_unused_since_the_server_began() -> None:
    found = indexstats.read([index_row("a_1", 0), {"count": 10}], None, now=1000)
    assert found.indexes[0].unused_since == 940
    assert found.documents == 10
    assert found.weight == 10


def test_an_index_that_was_used_is_unused_since_it_was_last_seen_to_grow() -> None:
    first = indexstats.read([index_row("a_1", 5)], None, now=1000)
    quiet = indexstats.read([index_row("a_1", 5)], first, now=1300)
    used = indexstats.read([index_row("a_1", 6)], quiet, now=1600)
    assert [one.indexes[0].unused_since for one in (first, quiet, used)] == [1000, 1000, 1600]


def test_an_index_may_be_called_what_it_likes_and_one_that_is_needed_is_not_called_unused() -> None:
    rows: list[Mapping[str, Any]] = [
        index_row("visits.count", 0),
        index_row("_id_", 0, needed=True),
        index_row('"\\\n', 3),
    ]
    readings = Readings(indexstats.IndexstatsCollector.metrics)
    namespace = ("d", "c")
    indexstats.write(A, {namespace: indexstats.read(rows, None, 0.0)}, frozenset({namespace}), 0, readings)
    found = flat(readings)
    assert found["mongodb_index_accesses_total", A, "d", "c", "visits.count"] == 0
    assert ("mongodb_index_unused_seconds", A, "d", "c", "_id_") not in found
    assert found["mongodb_index_unused_seconds", A, "d", "c", "visits.count"] > 0
    assert found["mongodb_indexes_unused", A] == 1


# Namespaces


def totals(**times: int) -> dict[str, dict[str, Any]]:
    kinds = ("total", "readLock", "writeLock", *top.KINDS)
    return {
        name.replace("__", "."): {kind: {"time": time, "count": time // 10} for kind in kinds}
        for name, time in times.items()
    }


def test_top_leaves_out_what_mongodb_does_for_itself() -> None:
    names = ("note", "admin.system.users", "local.oplog.rs", "config.transactions", "d.system.profile")
    assert [name for name in names if top.is_users(name)] == []
    assert top.is_users("d.a.b")
    assert top.is_users("d.system.buckets.ts"), "a time series' documents"
    assert top.split("d.a.b") == ("d", "a.b")


def test_who_is_loud_now_replaces_who_was_loud_long_ago() -> None:
    ranking = top.Ranking(1)
    assert ranking.weigh(totals(d__old=1_000_000, d__new=0)) == {"d.old"}
    for turn in range(60):
        ranking.weigh(totals(d__old=1_000_000, d__new=40_000 * turn))
    assert ranking.weigh(totals(d__old=1_000_000, d__new=2_400_000)) == {"d.new"}


def test_top_writes_seconds_and_counts_and_the_rest() -> None:
    readings = Readings(top.TopCollector.metrics)
    top.write(A, totals(d__c=2_000_000), [500_000.0, 7] + [0.0] * 10, readings)
    found = flat(readings)
    assert found["mongodb_namespace_operation_seconds_total", A, "d", "c", "queries"] == 2
    assert found["mongodb_namespace_operations_total", A, "d", "c", "queries"] == 200_000
    assert found["mongodb_namespace_operation_seconds_total", A, OTHER, OTHER, "queries"] == 0.5
    assert found["mongodb_namespace_operations_total", A, OTHER, OTHER, "queries"] == 7


# What runs now


def test_a_kind_of_operation_of_which_none_runs_is_zero() -> None:
    readings = Readings(currentop.CurrentopCollector.metrics)
    row = {"_id": "query", "active": 2, "longest": 2_500_000, "waiting": 1, "over_1": 1, "over_10": 0, "over_60": 0}
    currentop.write(A, [row], readings)
    found = flat(readings)
    assert found["mongodb_currentop_longest_seconds", A, "query"] == 2.5
    assert found["mongodb_currentop_over_threshold", A, "query", "1"] == 1
    assert found["mongodb_currentop_waiting_for_lock", A, "query"] == 1
    assert found["mongodb_currentop_active", A, "remove"] == 0
    assert found["mongodb_currentop_longest_seconds", A, "remove"] == 0


def test_the_pipeline_hands_out_numbers_only() -> None:
    group = currentop.PIPELINE[-1]["$group"]
    assert group.pop("_id") == "$op"
    assert all(next(iter(accumulator)) in {"$sum", "$max"} for accumulator in group.values())
    assert "$command" not in str(currentop.PIPELINE)
    group["_id"] = "$op"


# Whom to ask


class Counts(MemberCollector):
    """Counts how often each member is asked."""

    name: ClassVar[str] = "counts"
    metrics: ClassVar[tuple[Metric, ...]] = (currentop.FSYNC_LOCK,)
    every: ClassVar[float] = 60.0

    def __init__(self, *members: Any) -> None:
        source = SimpleNamespace(members=members, resolve=lambda _deadline: asyncio.sleep(0))
        super().__init__(cast("Mongodb", source), Settings())
        self.asked: Counter[str] = Counter()

    async def ask(self, member: Member, readings: Readings, deadline: Deadline) -> None:
        self.asked[member.name] += 1
        readings.add(currentop.FSYNC_LOCK, self.asked[member.name], member.name)

    async def turn(self) -> dict[tuple[str, ...], float]:
        self._fault = await self._read()
        self._tried.set()
        readings = Readings(self.metrics)
        await self.collect(readings, Deadline(1))
        assert readings.fault is None
        return flat(readings)


class Watched:
    """A member that fares as the test says."""

    def __init__(self, name: str) -> None:
        self.name, self.up, self.bears_data, self.struggling = name, True, True, False
        self.is_known = True
        self.seconds: dict[str, float] = {}


async def test_one_that_struggles_keeps_its_last_figures_for_a_while_and_the_others_go_on() -> None:
    one, other = Watched("a:1"), Watched("b:2")
    counts = Counts(one, other)
    lock = "mongodb_currentop_fsync_lock_state"
    assert await counts.turn() == {(lock, "a:1"): 1, (lock, "b:2"): 1}
    other.struggling = True
    for turn in (2, 3):
        assert await counts.turn() == {(lock, "a:1"): turn, (lock, "b:2"): 1}
    for member in counts._read_at:
        counts._read_at[member] -= 3 * counts.every
    readings = Readings(counts.metrics)
    await counts.collect(readings, Deadline(1))
    assert readings.age >= 3 * counts.every, "as old as the oldest"
    assert await counts.turn() == {(lock, "a:1"): 4}, "too old"
    other.struggling = False
    assert await counts.turn() == {(lock, "a:1"): 5, (lock, "b:2"): 2}


async def test_where_only_a_router_or_an_arbiter_is_watched_there_is_nothing_to_read_and_no_failure() -> None:
    router = Watched("a:1")
    router.is_known = False

    async def introduce(_deadline: Deadline) -> None:
        router.is_known, router.bears_data = True, False

    router.introduce = introduce  # type: ignore[attr-defined]  # as the real one learns it
    counts = Counts(router)
    assert await counts.turn() == {}
    assert not counts.asked
    router.up = False
    readings = Readings(counts.metrics)
    with pytest.raises(CollectError):
        await counts.read(readings, Deadline(1))


# Collection after collection


class Listing:
    """Lists names as a member would."""

    name = A

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.lists = 0

    async def run(self, command: Mapping[str, Any], deadline: Deadline, *, database: str = "admin") -> dict[str, Any]:
        if "listDatabases" in command:
            return {"databases": [{"name": "d"}, {"name": "local"}]}
        self.lists += 1
        rows = [{"name": name, "type": "view" if name == "view" else "collection"} for name in self.names]
        half = len(rows) // 2
        if "getMore" in command:
            return {"cursor": {"id": 0, "nextBatch": rows[half:]}}
        return {"cursor": {"id": 5, "firstBatch": rows[:half]}}


async def turn(found: Sweep[int], listing: Listing, ask: Any, share: float = 1) -> Readings:
    readings = Readings(())
    await found.turn(cast("Member", listing), readings, Deadline(5), share=share, ask=ask)
    return readings


async def test_a_sweep_asks_about_collections_and_about_nothing_else() -> None:
    asked: list[Namespace] = []

    async def ask(name: Namespace) -> int:
        asked.append(name)
        return 1

    found: Sweep[int] = Sweep()
    await turn(found, Listing("b", "view", "system.views", "a", "system.buckets.ts", "ts"), ask)
    assert asked == [("d", "a"), ("d", "b"), ("d", "ts")]
    assert found.values == dict.fromkeys(asked, 1)
    await turn(found, Listing(), ask)
    assert len(asked) == 3, "none is due again"


async def test_a_turn_ends_with_its_budget_and_the_next_goes_on_there() -> None:
    asked: list[str] = []

    async def ask(name: Namespace) -> int:
        asked.append(name[1])
        await asyncio.sleep(0.002)
        return 1

    names = [f"{number:03}" for number in range(60)]
    found, listing = Sweep[int](), Listing(*names)
    turns = 0
    while len(asked) < len(names):
        before = len(asked)
        await turn(found, listing, ask, share=0.002)
        turns += 1
        assert 0 < len(asked) - before <= 15, "30 ms of 2 ms questions, each with its rest"
    assert asked == names, "each once, in order"
    assert listing.lists == 2, "the names were listed once, in two batches"
    assert len(found.values) == 60
    assert found.oldest >= 0


async def test_one_that_was_dropped_or_is_denied_does_not_stop_the_others() -> None:
    async def ask(name: Namespace) -> int:
        if name[1] == "dropped":
            raise CollectError(Reason.ERROR) from OperationFailure("gone", 26)
        if name[1] == "denied":
            raise CollectError(Reason.DENIED)
        return 1

    found: Sweep[int] = Sweep()
    readings = await turn(found, Listing("a", "denied", "dropped", "z"), ask)
    assert set(found.values) == {("d", "a"), ("d", "z")}
    assert ("d", "dropped") not in found.names
    assert readings.partial == [Reason.DENIED]


async def test_a_member_that_goes_silent_keeps_what_was_read_and_one_that_never_spoke_has_failed() -> None:
    silent = False

    async def ask(name: Namespace) -> int:
        if silent or name[1] == "b":
            raise CollectError(Reason.TIMEOUT)
        return 1

    found: Sweep[int] = Sweep()
    readings = await turn(found, Listing("a", "b"), ask)
    assert readings.partial == [Reason.TIMEOUT]
    assert found.values == {("d", "a"): 1}
    silent = True
    with pytest.raises(CollectError):
        await turn(Sweep(), Listing("a"), ask)


async def test_what_was_read_too_long_ago_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(name: Namespace) -> int:
        return 1

    found: Sweep[int] = Sweep()
    await turn(found, Listing("a"), ask)
    known = found._known["d", "a"]
    found._known["d", "a"] = replace(known, at=known.at - 3 * sweep.REFRESH - 1)
    assert found.values == {}
    assert found.oldest > 3 * sweep.REFRESH


async def test_a_pace_rests_as_long_as_it_asked() -> None:
    pace, loop = Pace(0.05), asyncio.get_running_loop()
    started = loop.time()
    while not pace.spent:
        async with pace:
            await asyncio.sleep(0.01)
    assert loop.time() - started >= 0.09
    assert pace.asked <= 5


# The names of Percona's exporter


def test_no_name_is_declared_twice_and_each_says_whose_it_is() -> None:
    metrics = (
        *f.METRICS,
        *percona_status.METRICS,
        *percona.DBSTATS,
        *percona.COLLSTATS,
        *percona.INDEXSTATS,
        *percona.TOP,
    )
    names = [metric.name for metric in metrics]
    assert len(names) == len(set(names))
    theirs = metrics[len(f.METRICS) :]
    assert [metric.name for metric in theirs if metric.compatible_with != ("mongodb_exporter",)] == []
    forbidden = {"rs_state", "cl_role", "member_state"}
    of_members = [m for m in theirs if m.name.startswith("mongodb_mongod_replset_")]
    renamed = [m.name for m in theirs if forbidden & set(m.labels)]
    renamed += [m.name for m in of_members if "state" in m.labels]
    assert renamed == [], "a failover would rename these"


def test_names_that_are_ours_as_well_have_the_labels_that_their_dashboards_ask_for() -> None:
    asked = {"mongodb_connections": "state", "mongodb_op_counters_total": "type", "mongodb_asserts_total": "type"}
    others = {"mongodb_up", "mongodb_version_info", "mongodb_instance_uptime_seconds"}
    for metric in f.METRICS:
        if metric.name in COMPATIBLE and metric.name not in others:
            assert metric.labels == ("member", asked[metric.name]), metric.name


def test_what_is_not_claimed_is_not_declared_and_has_a_reason() -> None:
    declared = {metric.name for metric in (*f.METRICS, *percona_status.METRICS, *percona.DBSTATS)}
    assert declared & {name for claim in NOT_CLAIMED for name in claim.names} == set()
    assert [claim.names for claim in NOT_CLAIMED if len(claim.reason) < 20] == []
    assert len(COMPATIBLE) == len(set(COMPATIBLE))


def test_percona_names_are_written_from_the_answers_that_are_there_anyway() -> None:
    readings = Readings(percona_status.METRICS)
    when = datetime(2026, 11, 22, 12)  # noqa: DTZ001  # bson decodes so: UTC without saying it
    status = {
        "uptime": 5,
        "opLatencies": {"reads": {"latency": 77, "ops": 7}},
        "wiredTiger": {"cache": {"modified pages evicted": 1, "unmodified pages evicted": 2}},
        "queues": {"execution": {"read": {"out": 1, "available": 9, "totalTickets": 10}}},
        "storageEngine": {"name": "wiredTiger"},
        "oplog": {"earliestOptime": Timestamp(100, 1), "latestOptime": Timestamp(300, 1)},
    }
    rows = [
        {"name": "a:1", "state": 1, "health": 1.0, "self": True, "optimeDate": when, "electionDate": when},
        {"name": "b:2", "state": 2, "health": 1.0, "pingMs": 3, "optimeDate": when.replace(second=4)},
        {"name": "c:3", "state": 8, "health": 0.0, "optimeDate": datetime(1970, 1, 1)},  # noqa: DTZ001  # same
    ]
    member = cast("Member", Spoken())
    percona_status.write(member, status, {"set": "rs0", "myState": 1, "members": rows}, readings)
    found = flat(readings)
    assert found["mongodb_mongod_op_latencies_latency_total", A, "read"] == 77
    assert found["mongodb_ss_opLatencies_latency", A, "reads"] == 77
    assert found["mongodb_mongod_wiredtiger_cache_evicted_total", A] == 3
    assert found["mongodb_ss_wt_concurrentTransactions_out", A, "read"] == 1
    assert found["mongodb_mongod_wiredtiger_concurrent_transactions_total_tickets", A, "read"] == 10
    assert found["mongodb_mongod_replset_oplog_head_timestamp", A] == 300
    assert found["mongodb_mongod_replset_member_replication_lag", A, "b:2", "rs0"] == 0, "it is ahead in this view"
    assert ("mongodb_mongod_replset_member_replication_lag", A, "c:3", "rs0") not in found, "down since ever"
    assert found["mongodb_mongod_replset_member_election_date", A, "a:1", "rs0"] == 1795348800
    assert found["mongodb_mongod_replset_member_ping_ms", A, "b:2", "rs0"] == 3
    assert found["collector_scrape_time_ms", A, "top", "mongodb"] == 250


@pytest.mark.parametrize("version", ["5.0", "7.0", "8.0"])
def test_percona_names_find_what_newer_servers_keep_elsewhere(version: str) -> None:
    shapes = json.loads(Path(__file__).with_name("mongodb_shapes.json").read_text(encoding="utf-8"))
    readings = Readings(percona_status.METRICS)
    percona_status.write(cast("Member", Spoken()), shapes[version], None, readings)
    found = flat(readings)
    engine = "mongodb_mongod_wiredtiger_transactions"
    assert found[f"{engine}_checkpoint_milliseconds", A, "min"] == 100
    assert found[f"{engine}_checkpoint_milliseconds", A, "max"] == 400
    assert found[f"{engine}_checkpoint_milliseconds_total", A] == 1500
    assert found[f"{engine}_running_checkpoints", A] == (1 if version == "5.0" else 0)
    assert found[f"{engine}_total", A, "checkpoints"] == 7
    assert found["mongodb_mongod_metrics_repl_buffer_size_bytes", A] == 300


class Spoken:
    """A member that a collector has read."""

    name = A
    oplog = None
    seconds = {"mongodb_top": 0.25}  # noqa: RUF012  # nobody writes to it


def test_only_names_that_there_are_can_be_asked_for() -> None:
    with pytest.raises(SettingsError, match="names should be one of percona"):
        Settings(names="telegraf")


def test_the_page_about_compatibility_names_what_is_there_and_what_is_not() -> None:
    page = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text(encoding="utf-8")
    text = " ".join(page.split())
    listed = {*COMPATIBLE, *WITH_OTHERS, *(name for claim in NOT_CLAIMED for name in claim.names)}
    assert [name for name in sorted(listed) if f"`{name}`" not in text] == []
    assert [claim.reason for claim in NOT_CLAIMED if claim.reason not in text] == []
