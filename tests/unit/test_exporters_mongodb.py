"""What members say becomes one picture of the set, whatever version they are and whoever is silent."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import Int64, Timestamp
from pymongo.errors import AutoReconnect, NetworkTimeout, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from exporters.collector import Deadline
from exporters.mongodb import MongodbCollector, replset, status, status_parts
from exporters.mongodb import families as f
from exporters.mongodb import names as names_of
from exporters.mongodb.member import Access, Member, reason
from exporters.mongodb.names import is_address
from exporters.mongodb.source import Mongodb, split
from exporters.mongodb.views import Seen, best_view, lags
from exporters.readings import Readings
from exporters.reasons import Reason

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PASSWORD = "only-for-this-test"
A, B, C = "a:1", "b:2", "c:3"


def view(of: str, states: dict[str, int], **changes: Any) -> dict[str, Any]:
    """Make replSetGetStatus as member ``of`` says it."""
    members = [
        {
            "name": name,
            "state": state,
            "health": float(state != 8),
            "lastAppliedWallTime": NOW,
            **({"self": True} if name == of else {"lastHeartbeat": NOW - timedelta(milliseconds=300)}),
        }
        for name, state in states.items()
    ]
    optimes = {"lastAppliedWallTime": NOW, "lastCommittedWallTime": NOW - timedelta(milliseconds=250)}
    made = {"date": NOW, "myState": states[of], "term": 1, "heartbeatIntervalMillis": 500, "optimes": optimes}
    return {**made, "members": members, **changes}


def seen(targets: dict[str, dict[str, Any] | None], aliases: dict[str, str] | None = None) -> Seen:
    """Make what is known from each watched member's view, ``None`` where it is silent."""
    views = {name: one for name, one in targets.items() if one is not None}
    return Seen(
        views=views,
        states={name: one["myState"] for name, one in views.items()},
        silent=frozenset(targets.keys() - views.keys()),
        aliases=aliases or {},
    )


def written(targets: dict[str, dict[str, Any] | None]) -> dict[tuple[str, ...], float]:
    readings = Readings(f.METRICS)
    replset.write(seen(targets), readings)
    return flat(readings)


def flat(readings: Readings) -> dict[tuple[str, ...], float]:
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


def test_a_healthy_set_has_a_primary_and_all_its_members() -> None:
    states = {A: 1, B: 2, C: 2}
    found = written({name: view(name, states) for name in states})
    assert found["mongodb_replset_has_primary",] == 1
    assert found["mongodb_replset_members_healthy",] == 3
    assert found["mongodb_replset_members_configured",] == 3
    assert [found["mongodb_replset_member_state", name] for name in states] == [1, 2, 2]
    assert found["mongodb_replset_replication_lag_seconds", B] == 0
    assert found["mongodb_replset_majority_commit_lag_seconds",] == 0.25


def test_a_dead_primary_is_missed_before_the_others_call_it_down() -> None:
    before = {A: 1, B: 2, C: 2}
    found = written({A: None, B: view(B, before), C: view(C, before)})
    assert found["mongodb_replset_has_primary",] == 1, "it was heard of 0.3 s ago"
    late = [view(name, before, date=NOW + timedelta(seconds=3)) for name in (B, C)]
    found = written({A: None, B: late[0], C: late[1]})
    assert found["mongodb_replset_has_primary",] == 0
    assert found["mongodb_replset_members_healthy",] == 2
    assert found["mongodb_replset_members_configured",] == 3
    assert "mongodb_replset_replication_lag_seconds" not in {key[0] for key in found}, "only a primary knows the lag"


def test_a_set_without_majority_has_no_primary() -> None:
    found = written({A: None, B: None, C: view(C, {A: 8, B: 8, C: 2})})
    assert found["mongodb_replset_has_primary",] == 0
    assert found["mongodb_replset_members_healthy",] == 1
    assert found["mongodb_replset_member_state", A] == 8


def test_silence_from_all_is_no_primary_and_no_guess_at_the_configuration() -> None:
    assert written({A: None, B: None}) == {
        ("mongodb_replset_has_primary",): 0,
        ("mongodb_replset_members_healthy",): 0,
    }


def test_of_two_who_claim_to_be_primary_the_later_term_counts() -> None:
    old = view(A, {A: 1, B: 2, C: 2}, term=4)
    new = view(B, {A: 8, B: 1, C: 2}, term=5)
    assert best_view([old, new]) is new


def test_lag_is_never_negative_and_leaves_out_who_is_down_or_empty() -> None:
    primary = view(A, {A: 1, B: 2, C: 2, "d:4": 8, "e:5": 5})
    applied = {B: timedelta(seconds=-1.5), C: timedelta(seconds=2), "e:5": None}
    for member in primary["members"]:
        if member["name"] in applied:
            ahead = applied[member["name"]]
            member["lastAppliedWallTime"] = NOW + ahead if ahead else datetime(1970, 1, 1, tzinfo=UTC)
    assert lags(primary, seen({A: primary})) == {A: 0.0, B: 1.5, C: 0.0}


SHAPES: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("mongodb_shapes.json").read_text(encoding="utf-8")
)
"""Parts of serverStatus as other versions are documented to write them; written by hand, 6.0 is tested on a server."""


@pytest.mark.parametrize("version", ["4.4", "5.0", "7.0", "8.0"])
def test_what_versions_keep_in_different_places_is_found(version: str) -> None:
    found = told(SHAPES[version])
    newer = version in {"7.0", "8.0"}
    assert found["mongodb_wiredtiger_tickets_out", A, "write"] == 2
    assert found["mongodb_wiredtiger_tickets_available", A, "read"] == (6 if newer else 127)
    assert found["mongodb_wiredtiger_tickets_limit", A, "read"] == (7 if newer else 128)
    assert found.get(("mongodb_wiredtiger_tickets_queue", A, "read")) == (4 if newer else None)
    assert found.get(("mongodb_wiredtiger_tickets_queued_seconds_total", A, "read")) == (2.5 if newer else None)
    assert found["mongodb_wiredtiger_checkpoints_total", A] == 7
    assert found["mongodb_wiredtiger_checkpoint_seconds_total", A] == 1.5
    assert found["mongodb_wiredtiger_checkpoint_running", A] == (0 if newer else 1)
    assert found["mongodb_replication_buffer_bytes", A] == 300
    assert found["mongodb_authentications_total", A, "SCRAM-SHA-256", "client"] == 9
    assert found.get(("mongodb_authentications_total", A, "SCRAM-SHA-256", "cluster")) == (
        None if version == "4.4" else 2
    )
    assert found["mongodb_instance_uptime_seconds", A] == 90.5
    assert found.get(("mongodb_connections_rejected_total", A)) == (13 if version == "8.0" else None)
    assert found.get(("mongodb_plan_cache_lookups_total", A, "hit")) == (70 if newer else None)


def test_a_mongos_has_what_a_router_has_and_no_engine() -> None:
    found = told(SHAPES["mongos"])
    assert found["mongodb_version_info", A, "7.0.12", "mongos"] == 1
    assert found["mongodb_connections", A, "current"] == 12
    assert found["mongodb_cursors_open", A] == 8
    assert not [key for key in found if "wiredtiger" in key[0] or "repl" in key[0].removeprefix("mongodb_op_counters_")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"globalLock": {"currentQueue": {"total": 25}}}, True),
        ({"flowControl": {"isLagged": True}}, False),
        ({"wiredTiger": {"concurrentTransactions": {"read": {"out": 128, "available": 0}}}}, True),
        ({"wiredTiger": {"concurrentTransactions": {"read": {"out": 7, "available": 0, "queueLength": 3}}}}, False),
        ({"queues": {"execution": {"write": {"available": 0, "normalPriority": {"queueLength": 30}}}}}, True),
    ],
)
def test_a_member_with_more_work_than_it_can_do_struggles(changes: dict[str, Any], *, expected: bool) -> None:
    assert status.struggling({**SHAPES["5.0"], **changes}) is expected


def told(document: dict[str, Any]) -> dict[tuple[str, ...], float]:
    readings = Readings(f.METRICS)
    status.write(A, document, readings)
    return flat(readings)


def test_what_a_member_does_not_tell_is_left_out() -> None:
    found = told({"connections": {"current": "many"}, "opcounters": None, "version": "6.0.5"})
    assert set(found) == {("mongodb_version_info", A, "6.0.5", "")}


def test_before_4_4_told_milliseconds_a_heartbeat_s_age_is_no_lag() -> None:
    primary = view(A, {A: 1, B: 2, C: 2})
    for row in primary["members"]:
        row["optimeDate"] = row.pop("lastAppliedWallTime") - timedelta(seconds=0 if row["name"] == A else 3)
    primary["heartbeatIntervalMillis"] = 2000
    assert lags(primary, seen({A: primary})) == {A: 0.0, B: 2.7, C: 2.7}
    primary["members"][1]["lastHeartbeat"] -= timedelta(seconds=60)
    assert lags(primary, seen({A: primary}))[B] == 1.0, "a silent member's lag is not explained away"


def test_what_a_member_says_of_itself_is_fresher_than_what_the_primary_has_heard() -> None:
    primary, own = view(A, {A: 1, B: 2}), view(B, {A: 1, B: 2})
    primary["members"][1]["lastAppliedWallTime"] -= timedelta(seconds=8)
    own["members"][1]["lastAppliedWallTime"] -= timedelta(seconds=1)
    assert lags(primary, seen({A: primary}))[B] == 8.0
    assert lags(primary, seen({A: primary, B: own}))[B] == 1.0


def test_the_page_has_one_name_for_a_member_that_the_set_calls_otherwise() -> None:
    primary = view("rs-a:1", {"rs-a:1": 1, B: 2})
    readings = Readings(f.METRICS)
    replset.write(seen({A: primary, B: None}, {"rs-a:1": A, B: B}), readings)
    config = {"members": [{"host": "rs-a:1", "priority": 2}, {"host": B, "slaveDelay": 3600, "hidden": True}]}
    replset.write_config(config, seen({A: primary}, {"rs-a:1": A}), readings)
    found = flat(readings)
    assert not [key for key in found if "rs-a:1" in key]
    assert found["mongodb_replset_member_state", A] == 1
    assert found["mongodb_replset_members_healthy",] == 1
    assert found["mongodb_replset_member_priority", A] == 2
    assert found["mongodb_replset_member_delay_seconds", B] == 3600


def test_an_initial_sync_shows_how_far_it_is() -> None:
    progress = {"approxTotalBytesCopied": 25, "approxTotalDataSize": Int64(100), "totalInitialSyncElapsedMillis": 1500}
    readings = Readings(f.METRICS)
    replset.write_own(B, view(B, {A: 1, B: 5}, initialSyncStatus=progress), readings)
    found = flat(readings)
    assert found["mongodb_replset_initial_sync_copied_bytes", B] == 25
    assert found["mongodb_replset_initial_sync_expected_bytes", B] == 100
    assert found["mongodb_replset_initial_sync_elapsed_seconds", B] == 1.5


def test_who_fetches_from_whom_is_one_series_for_each_pair() -> None:
    primary = view(A, {A: 1, B: 2, C: 2, "d:4": 7})
    primary["members"][1]["syncSourceHost"] = A
    primary["members"][2]["syncSourceHost"] = B
    found = written({A: primary})
    pairs = {key[1:]: value for key, value in found.items() if key[0] == "mongodb_replset_member_syncs_from"}
    assert pairs == {(A, B): 0, (A, C): 0, (B, A): 1, (B, C): 0, (C, A): 0, (C, B): 1}


@pytest.mark.parametrize(("told", "delay"), [("secondaryDelaySecs", 3600), ("slaveDelay", Int64(3600))])
def test_who_is_kept_behind_on_purpose_is_not_behind(told: str, delay: int) -> None:
    primary = view(A, {A: 1, B: 2, C: 2})
    for row, seconds in zip(primary["members"], (0, 3605, 40), strict=True):
        row["lastAppliedWallTime"] -= timedelta(seconds=seconds)
    readings = Readings(f.METRICS)
    replset.write(seen({A: primary}), readings)
    config = {"members": [{"host": A}, {"host": B, told: delay}, {"host": C}]}
    assert replset.behind(config, seen({A: primary}), readings) == {C}
    assert replset.behind(None, seen({A: primary}), readings) == frozenset(), "nobody knows who is meant to be"


async def test_one_that_struggles_does_not_stop_the_others_and_one_that_is_down_does_not_struggle() -> None:
    source = Mongodb([A, B], Access("directConnection=true"))
    try:
        one, other = source.members
        one.behind = True
        assert not source.struggling
        other.busy = True
        assert source.struggling
        one.lost()
        assert not one.struggling
        assert source.struggling, "the only one who answers"
        other.lost()
        assert not source.struggling
    finally:
        await source.close()


@pytest.mark.parametrize(
    ("seeds", "names", "same", "doubtful"),
    [
        ([A], ["127.0.0.1:1", "10.0.0.2:1"], {}, {"127.0.0.1:1", "10.0.0.2:1"}),
        ([A], ["127.0.0.1:1", "10.0.0.2:2"], {A: "127.0.0.1:1"}, set()),
        (["127.0.0.1:1"], ["10.0.0.1:1", "127.0.1.1:1"], {"127.0.0.1:1": "127.0.1.1:1"}, set()),
        (["127.0.0.1:1"], ["10.0.0.1:1", "127.0.0.1:2"], {}, set()),
        (["[::1]:1", "10.0.0.1:1"], ["10.0.0.1:1", "127.0.0.1:1"], None, set()),
    ],
)
async def test_a_seed_that_never_answered_is_known_by_its_address(
    seeds: list[str],
    names: list[str],
    same: dict[str, str] | None,
    doubtful: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def addresses(host: str, _port: None) -> list[Any]:
        if host.isalpha():
            raise OSError
        return [(0, 0, 0, "", (host, 0))]

    monkeypatch.setattr(names_of, "addresses", addresses)
    found, waiting = await names_of.matched(seeds, names)
    assert found == (same if same is not None else dict(zip(seeds, reversed(names), strict=True)))
    assert waiting == doubtful


async def test_a_member_that_is_down_from_the_start_is_on_the_page_once() -> None:
    source = Mongodb(["localhost:1", B], Access("directConnection=true"))
    try:
        source.members[1].is_known = True
        assert await source.follow(["127.0.0.1:1", B], certain=True) == ()
        assert [member.own_name for member in source.members] == ["127.0.0.1:1", B]
        assert await source.follow(["127.0.0.1:1", B, C], certain=True) == source.members[2:]
        assert [member.name for member in source.members] == ["localhost:1", B, C]
    finally:
        await source.close()


async def test_the_set_s_members_are_followed_and_seeds_kept() -> None:
    source = Mongodb([A, B], Access("directConnection=true"))
    try:
        assert [member.name for member in await source.follow([A, B, C], certain=False)] == [C]
        assert await source.follow([A, B], certain=False) == ()
        assert [member.name for member in source.members] == [A, B, C], "who knows less forgets nobody"
        await source.follow([A, B], certain=True)
        assert [member.name for member in source.members] == [A, B]
        await source.follow([C], certain=True)
        assert [member.name for member in source.members] == [A, B, C], "what the URI names is watched for ever"
        source.members[0].own_name = C
        assert await source.follow([C, B], certain=True) == ()
        assert [member.name for member in source.members] == [A, B], "it was the same one by another name"
    finally:
        await source.close()


def test_latencies_keep_fixed_edges_whatever_mongod_leaves_out() -> None:
    rows = [{"micros": 0, "count": 1}, {"micros": 32_768, "count": 5}, {"micros": 49_152, "count": Int64(2)}]
    counts = status_parts.cumulative([*rows, {"micros": 1 << 40, "count": 1}])
    by_edge = dict(zip(f.OP_EDGES_MICROS, counts, strict=False))
    assert (by_edge[128], by_edge[32_768], by_edge[49_152], by_edge[65_536]) == (1, 1, 6, 8)
    assert counts[-1] == 9
    assert status_parts.cumulative([]) == [0] * (len(f.OP_EDGES_MICROS) + 1)


def test_the_oplog_window_is_the_time_between_its_ends() -> None:
    ends = {"earliestOptime": Timestamp(100, 1), "latestOptime": Timestamp(3_700, 9)}
    assert status_parts.oplog_window({"oplog": ends}) == 3_600
    assert status_parts.oplog_window({"oplog": {**ends, "earliestOptime": Timestamp(0, 0)}}) is None
    assert status_parts.oplog_window({}) is None


def test_each_host_gets_a_direct_uri_with_the_other_options() -> None:
    assert split("mongodb://a:1,b/?replicaSet=rs0&tls=true&readPreference=nearest") == (
        ["a:1", "b:27017"],
        "tls=true&directConnection=true",
    )
    assert split("mongodb://[::1]:5,[::2]")[0] == ["[::1]:5", "[::2]:27017"]
    assert split("mongodb://a/people") == (["a:27017"], "authSource=people&directConnection=true")
    assert split("mongodb://a/people?authSource=admin")[1] == "authSource=admin&directConnection=true"


ODD: dict[str, dict[str, Any]] = {
    "no document": {
        "serverStatus": {"repl": {}, "storageEngine": {}, "oplog": {"earliestOptime": 5, "latestOptime": 6}}
    },
    "no list": {"serverStatus": {"repl": {}, "opLatencies": {"reads": {"latency": 1, "histogram": 7}}}},
    "no dict at all": {"serverStatus": []},
    "a view without names": {"replSetGetStatus": {"myState": 2, "date": NOW, "members": [{"state": 1}]}},
    "a view of another kind": {"replSetGetStatus": {"myState": 2, "date": NOW, "term": "new", "members": []}},
    "a configuration without hosts": {"replSetGetConfig": {"config": {"members": [{}]}}},
}


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_answer_costs_its_member_or_its_part_and_nobody_else(
    odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    primary = view(A, {A: 1, B: 2})

    async def command(self: Member, command: dict[str, Any], *_: object, **__: object) -> Any:
        told = {"serverStatus": SHAPES["5.0"], "connPoolStats": {}, "collStats": {}}
        told |= {"replSetGetStatus": primary if self.name == A else view(B, {A: 1, B: 2})}
        told |= {"replSetGetConfig": {"config": {"members": [{"host": A}, {"host": B}]}}}
        if self.name == B or odd.startswith("a configuration"):
            told |= ODD[odd]
        return told[next(iter(command))]

    monkeypatch.setattr(Member, "command", command)
    source = Mongodb([A, B], Access("directConnection=true"))
    try:
        collector = MongodbCollector(source)
        readings = Readings(collector.metrics)
        await collector.collect(readings, Deadline(2))
        found = flat(readings)
        assert readings.fault is None
        assert found["mongodb_up", A] == 1
        assert found["mongodb_connections", A, "current"] == 12
        assert found["mongodb_replset_has_primary",] == 1
        lost = odd.startswith("no")
        assert found["mongodb_up", B] == int(not lost)
        assert found["mongodb_up_reason", B, "malformed"] == int(lost)
        assert (("mongodb_connections", B, "current") in found) is not lost
        assert lost or readings.partial == [Reason.MALFORMED]
        assert len(readings.series["mongodb_up"][0]) == 2
    finally:
        await source.close()


@pytest.mark.parametrize(
    "name",
    ["x:notaport", "", "x", "x:", ":1", "x:0", "x:65536", "u:p@evil:1", "evil:1/?tls=false", "a b:1", "x:1,y:2", "é:1",
     "[zz]:1", "x" * 300 + ":1", "x:1\n"],
)  # fmt: skip
async def test_what_is_no_address_is_nobody_and_costs_nobody_anything(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def command(self: Member, command: dict[str, Any], *_: object, **__: object) -> Any:
        told = {"serverStatus": SHAPES["5.0"], "connPoolStats": {}, "collStats": {}}
        told |= {"replSetGetStatus": view(A, {A: 1, name: 2})}
        told |= {"replSetGetConfig": {"config": {"members": [{"host": A}]}}}
        return told[next(iter(command))]

    monkeypatch.setattr(Member, "command", command)
    source = Mongodb([A], Access("directConnection=true"))
    try:
        collector = MongodbCollector(source)
        readings = Readings(collector.metrics)
        await collector.collect(readings, Deadline(2))
        assert flat(readings)["mongodb_up", A] == 1
        assert [member.name for member in source.members] == [A]
        assert Reason.MALFORMED in readings.partial
    finally:
        await source.close()


@pytest.mark.parametrize("name", ["db-1:27017", "10.0.0.1:1", "[::1]:27017", "db_1.example.org:65535", "a:1"])
def test_what_is_an_address_is_one(name: str) -> None:
    assert is_address(name)


@pytest.mark.parametrize(
    ("options", "username", "mechanism", "source"),
    [
        ("", "me", "DEFAULT", "admin"),
        ("authSource=mydb", "me", "DEFAULT", "mydb"),
        ("authMechanism=SCRAM-SHA-256", "me", "SCRAM-SHA-256", "admin"),
        ("authMechanism=MONGODB-X509&tls=true", None, "MONGODB-X509", "$external"),
        ("authMechanism=PLAIN&authSource=%24external", "me", "PLAIN", "$external"),
    ],
)
async def test_users_are_looked_for_where_the_uri_says(
    options: str, username: str | None, mechanism: str, source: str
) -> None:
    _, rest = split(f"mongodb://{A}/?{options}")
    access = Access(rest, username, PASSWORD if username else None)
    client, stranger = access.client(A), access.client(A, known=False)
    try:
        credentials = client.options.pool_options._credentials
        assert credentials is not None
        assert (credentials.mechanism, credentials.source, credentials.username) == (mechanism, source, username)
        assert stranger.options.pool_options._credentials is None
    finally:
        await asyncio.gather(client.close(), stranger.close())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationFailure("Authentication failed.", 18), Reason.AUTH),
        (OperationFailure("not authorized", 13), Reason.DENIED),
        (OperationFailure("something", 1), Reason.ERROR),
        (NetworkTimeout("timed out"), Reason.TIMEOUT),
        (ServerSelectionTimeoutError("a:1: [Errno 111] Connection refused"), Reason.REFUSED),
        (ServerSelectionTimeoutError("a:1: timed out"), Reason.TIMEOUT),
        (AutoReconnect("connection closed"), Reason.REFUSED),
        (PyMongoError("odd"), Reason.ERROR),
    ],
)
def test_errors_become_closed_words(error: PyMongoError, expected: Reason) -> None:
    assert reason(error) is expected
