"""What entries of the oplog are taken to mean; forms that no server here writes are made as newer ones write them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from bson import Int64, encode
from bson.binary import Binary
from bson.timestamp import Timestamp

from monitor.backup.oplog import entries
from monitor.backup.oplog.indexes import Indexes
from monitor.backup.oplog.steps import Change, NotReplayableError, Step, Steps, Write
from monitor.backup.oplog.transactions import BeginningMissingError, Transactions

UI = Binary.from_uuid(uuid.UUID(int=7))
LSID = {"id": Binary.from_uuid(uuid.UUID(int=1)), "uid": Binary(b"x" * 32)}
NONE = {"ts": Timestamp(0, 0), "t": Int64(-1)}


def entry(op: str, ns: str, o: dict[str, Any], number: int = 1, **more: Any) -> entries.Entry:
    return entries.parse(
        encode({"op": op, "ns": ns, "ui": UI, "o": o, "ts": Timestamp(9, number), "t": Int64(1), **more})
    )


def part(number: int, previous: int | None, o: dict[str, Any], txn: int = 4, **more: Any) -> entries.Entry:
    before = NONE if previous is None else {"ts": Timestamp(9, previous), "t": Int64(1)}
    return entry("c", "admin.$cmd", o, number, lsid=LSID, txnNumber=Int64(txn), prevOpTime=before, **more)


def inserts(*ids: int) -> list[dict[str, Any]]:
    return [{"op": "i", "ns": "a.b", "ui": UI, "o": {"_id": n}} for n in ids]


def nowhere(at: Timestamp) -> entries.Entry:
    raise KeyError(at)


class Read:
    """Reads entries as a restore does."""

    def __init__(self, fetch: Any = nowhere) -> None:
        self.indexes = Indexes()
        self._steps = Steps(Transactions(fetch), self.indexes)

    def of(self, *read: entries.Entry) -> list[Step]:
        return [step for one in read for step in self._steps.of(one)]

    def ids(self, *read: entries.Entry) -> list[int]:
        return [step.operation["o"]["_id"] for step in self.of(*read) if isinstance(step, Write)]


def test_only_what_a_restore_may_say_is_kept() -> None:
    (step,) = Read().of(
        entry("u", "a.b", {"$v": 2, "diff": {}}, o2={"_id": 1}, lsid=LSID, txnNumber=Int64(1), stmtId=0)
    )
    assert isinstance(step, Write)
    assert list(step.operation) == ["op", "ns", "o", "o2"]


@pytest.mark.parametrize(
    ("op", "ns"),
    [
        ("n", ""),
        ("i", "config.transactions"),
        ("u", "config.image_collection"),
        ("i", "admin.system.version"),
        ("i", "monitor_restore.progress"),
        ("km", "a.b"),
        ("ci", "a.b"),
    ],
)
def test_what_is_the_servers_own_is_left_out(op: str, ns: str) -> None:
    assert Read().of(entry(op, ns, {"_id": 1})) == []


def test_making_what_is_the_servers_own_is_left_out_too() -> None:
    for database, name in (("admin", "system.keys"), ("config", "transactions"), ("monitor_restore", "progress")):
        assert Read().of(entry("c", f"{database}.$cmd", {"create": name})) == []


def test_data_of_a_sharded_cluster_and_users_are_data() -> None:
    for ns in ("config.chunks", "admin.system.users", "admin.system.roles", "a.system.views", "a.system.buckets.t"):
        assert len(Read().of(entry("i", ns, {"_id": 1}, fromMigrate=True))) == 1


def test_a_transaction_is_applied_where_it_commits() -> None:
    read = Read()
    first = part(1, None, {"applyOps": inserts(1, 2), "partialTxn": True})
    other = part(2, None, {"applyOps": inserts(9)}, txn=5)
    last = part(4, 1, {"applyOps": inserts(3), "count": Int64(3)})
    assert read.ids(first) == []
    assert read.ids(other) == [9]
    assert read.ids(entry("i", "a.b", {"_id": 7}, 3)) == [7]
    assert read.ids(last) == [1, 2, 3]


def test_a_prepared_transaction_waits_for_its_decision() -> None:
    read = Read()
    ready = part(1, None, {"applyOps": inserts(1), "prepare": True})
    assert read.ids(ready, part(2, 1, {"commitTransaction": 1, "commitTimestamp": Timestamp(9, 2)})) == [1]
    again = part(3, None, {"applyOps": inserts(2), "prepare": True})
    assert read.ids(again, part(4, 3, {"abortTransaction": 1})) == []
    assert read.ids(part(5, None, {"applyOps": inserts(3)})) == [3]


def test_what_a_transaction_wrote_before_is_fetched() -> None:
    earlier = {
        Timestamp(9, 1): part(1, None, {"applyOps": inserts(1), "partialTxn": True}),
        Timestamp(9, 2): part(2, 1, {"applyOps": inserts(2), "partialTxn": True}),
    }
    third = part(3, 2, {"applyOps": inserts(3), "prepare": True})
    commit = part(4, 3, {"commitTransaction": 1})
    assert Read(earlier.__getitem__).ids(third, commit) == [1, 2, 3]
    assert Read({**earlier, Timestamp(9, 3): third}.__getitem__).ids(commit) == [1, 2, 3]
    with pytest.raises(BeginningMissingError):
        Read().ids(third, commit)


def test_a_batch_of_inserts_is_no_transaction() -> None:
    batch = part(1, None, {"applyOps": inserts(1, 2)}, multiOpType=1)
    again = part(2, 1, {"applyOps": inserts(3)}, multiOpType=1)
    assert Read().ids(batch, again) == [1, 2, 3]


def test_operations_within_operations_are_found() -> None:
    inner = {
        "op": "c",
        "ns": "a.$cmd",
        "o": {"applyOps": [*inserts(1), {"op": "c", "ns": "a.$cmd", "o": {"drop": "b"}}]},
    }
    steps = Read().of(entry("c", "admin.$cmd", {"applyOps": [inner, *inserts(2)]}))
    assert [type(step) for step in steps] == [Write, Change, Write]


def test_the_catalogue_follows_collections() -> None:
    read = Read()
    read.of(
        entry("c", "a.$cmd", {"create": "new", "idIndex": {"v": 2}}),
        entry("c", "a.$cmd", {"createIndexes": "new", "v": 2, "key": {"x": 1}, "name": "x_1"}),
        entry("c", "a.$cmd", {"startIndexBuild": "new", "indexes": [{"name": "y_1"}]}),
        entry("c", "a.$cmd", {"renameCollection": "a.new", "to": "z.old", "dropTarget": UI}),
        entry("c", "z.$cmd", {"commitIndexBuild": "old", "indexes": [{"v": 2, "key": {"y": 1}, "name": "y_1"}]}),
    )
    ((database, name, found),) = read.indexes.wanted()
    assert (database, name, [one["name"] for one in found]) == ("z", "old", ["x_1", "y_1"])
    read.of(entry("c", "z.$cmd", {"dropIndexes": "old", "index": "x_1"}))
    assert [one["name"] for _, _, found in read.indexes.wanted() for one in found] == ["y_1"]
    read.of(entry("c", "z.$cmd", {"dropDatabase": 1}))
    assert read.indexes.wanted() == []


def test_a_changed_index_is_built_as_it_is_now() -> None:
    read = Read()
    read.indexes.seed("a", "b", {}, [{"v": 2, "key": {"x": 1}, "name": "x_1", "expireAfterSeconds": 5}])
    step = read.of(
        entry(
            "c", "a.$cmd", {"collMod": "b", "index": {"name": "x_1", "expireAfterSeconds": Int64(9), "hidden": True}}
        ),
        entry("c", "a.$cmd", {"collMod": "b", "index": {"keyPattern": {"x": 1}, "hidden": False}, "validator": {}}),
    )
    assert [list(one.command) for one in step if isinstance(one, Change)] == [["collMod", "validator"]]
    ((_, _, (found,)),) = read.indexes.wanted()
    assert found == {"v": 2, "key": {"x": 1}, "name": "x_1", "expireAfterSeconds": 9}


def test_an_index_without_the_collation_of_its_collection_keeps_none() -> None:
    indexes = Indexes()
    indexes.seed("a", "b", {"collation": {"locale": "de"}}, [{"key": {"x": 1}, "name": "x_1"}])
    again = Indexes.of_state(indexes.to_state())
    for one in (indexes, again):
        assert one.wanted() == [("a", "b", [{"key": {"x": 1}, "name": "x_1", "collation": {"locale": "simple"}}])]


def test_a_time_series_is_indexed_by_its_own_name_and_by_that_of_its_buckets() -> None:
    read = Read()
    read.indexes.seed("a", "t", {"timeseries": {}}, [{"key": {"who": 1}, "name": "by_who"}])
    read.of(entry("c", "a.$cmd", {"createIndexes": "system.buckets.t", "key": {"meta": 1}, "name": "other"}))
    assert {(name, found[0]["name"]) for _, name, found in read.indexes.wanted()} == {
        ("t", "by_who"),
        ("system.buckets.t", "other"),
    }
    read.of(entry("c", "a.$cmd", {"dropIndexes": "system.buckets.t", "index": "by_who"}))
    read.of(entry("c", "a.$cmd", {"drop": "system.buckets.t"}))
    assert read.indexes.wanted() == []


def test_a_change_is_taken_before_the_catalogue_follows() -> None:
    read = Read()
    read.indexes.seed("a", "b", {}, [{"key": {"x": 1}, "name": "x_1"}])
    steps = Steps(Transactions(nowhere), read.indexes).of(entry("c", "a.$cmd", {"drop": "b"}))
    next(iter(steps))
    assert len(read.indexes.wanted()) == 1
    assert list(steps) == []
    assert read.indexes.wanted() == []


def test_what_is_not_known_is_refused_by_its_name_alone() -> None:
    with pytest.raises(NotReplayableError, match=r"^the command 'importCollection'$"):
        Read().of(entry("c", "a.$cmd", {"importCollection": "secret"}))
    with pytest.raises(NotReplayableError, match=r"^an operation of kind 'zz'$"):
        Read().of(entry("zz", "a.b", {"secret": 1}))


@pytest.mark.parametrize(
    ("op", "ns", "o"),
    [
        ("i", 5, {}),
        ("c", "a.$cmd", {"applyOps": 3}),
        ("c", "a.$cmd", {"renameCollection": "a.b"}),
        ("c", "a.$cmd", {"dropIndexes": "b"}),
    ],
)
def test_what_is_no_entry_is_refused(op: str, ns: Any, o: dict[str, Any]) -> None:
    """A dump's ``oplog.bson`` may be any file."""
    with pytest.raises(NotReplayableError, match="no entry of an oplog"):
        Read().of(entry(op, ns, o))
