"""The names of Percona's exporter: which are there, from which answers, and which are not claimed."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from bson import Timestamp

from exporters.mongodb import families as f
from exporters.mongodb import percona, percona_status
from exporters.mongodb.percona_claims import COMPATIBLE, NOT_CLAIMED, WITH_OTHERS
from exporters.mongodb.source import Member
from exporters.readings import Readings
from exporters.settings import Settings, SettingsError

A = "a:1"


def flat(readings: Readings) -> dict[tuple[str, ...], float]:
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


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
