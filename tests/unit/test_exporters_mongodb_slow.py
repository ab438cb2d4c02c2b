"""Slow figures of MongoDB: databases, collections, indexes, namespaces and operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from exporters.mongodb import collstats, currentop, dbstats, indexstats, top
from exporters.mongodb.collstats import CollstatsCollector
from exporters.readings import OTHER, Readings

A = "a:1"


def flat(readings: Readings) -> dict[tuple[str, ...], float]:
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


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
