"""What the oplog says was changed is unknown to the exact proof; and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.backup.exact import comparing
from monitor.backup.exact.changes import find
from monitor.backup.exact.comparing import EMPTY
from monitor.backup.exact.model import Reading
from monitor.backup.model import ClusterTime

AT = ClusterTime(time=1_764_000_000, increment=3)


def command(database: str, **o: Any) -> dict[str, Any]:
    return {"op": "c", "ns": f"{database}.$cmd", "o": o}


@pytest.mark.parametrize("name", ["create", "drop", "collMod", "convertToCapped", "emptycapped"])
def test_a_command_on_a_collection_is_told_by_its_name(name: str) -> None:
    found = find([command("shop", **{name: "orders"})])
    assert found.of("shop.orders") == name
    assert found.of("shop.other") == found.of("bank.orders") == ""


def test_a_rename_is_told_of_both_sides() -> None:
    found = find([command("shop", renameCollection="shop.a", to="bank.b", stayTemp=False)])
    assert found.of("shop.a") == found.of("bank.b") == "renameCollection"


def test_a_dropped_database_is_told_of_all_its_collections() -> None:
    found = find([command("shop", dropDatabase=1)])
    assert found.of("shop.anything") == "dropDatabase"
    assert found.of("shopping.anything") == ""


def test_what_a_transaction_or_applyops_moves_is_told_and_its_writes_are_not() -> None:
    inner = [
        {"op": "i", "ns": "shop.plain", "o": {"_id": 1}},
        {"op": "c", "ns": "shop.$cmd", "o": {"create": "made"}},
        command("shop", applyOps=[{"op": "c", "ns": "shop.$cmd", "o": {"renameCollection": "shop.x", "to": "shop.y"}}]),
    ]
    found = find([command("admin", applyOps=inner)])
    assert found.namespaces() == {"shop.made", "shop.x", "shop.y"}
    assert found.of("shop.plain") == ""


@pytest.mark.parametrize("name", ["createIndexes", "commitIndexBuild", "startIndexBuild", "dropIndexes"])
def test_indexes_are_no_data_but_are_named(name: str) -> None:
    found = find([command("shop", **{name: "orders"})])
    assert (found.of("shop.orders"), found.of_indexes("shop.orders")) == ("", name)


def test_a_command_of_a_newer_server_makes_its_database_unknown() -> None:
    found = find([command("shop", modifySomehow={"what": 1}), command("shop", commitTransaction=1)])
    assert found.of("shop.orders") == "modifySomehow"
    assert found.of("bank.orders") == ""


def test_writes_change_nothing() -> None:
    assert find([{"op": "u", "ns": "shop.orders", "o": {}}, {"op": "n", "ns": "", "o": {}}]).whole == {}


def test_only_what_was_read_and_not_changed_is_equal() -> None:
    live = Reading(
        at=AT,
        member="m:1",
        digests={"s.same": "a", "s.other": "b", "s.moved": EMPTY, "s.lost": "c", "s.empty": EMPTY},
        unread={"s.late": "not read in time"},
        changes=find([command("s", renameCollection="s.moved", to="s.away"), command("s", drop="gone")]),
        outside=("s.log",),
    )
    restored = {
        "s.same": "a",
        "s.other": "x",
        "s.moved": EMPTY,
        "s.late": "q",
        "s.log": "z",
        "s.gone": "d",
        "s.extra": "e",
        "admin.system.version": "v",
    }
    proof = comparing.compare(live, restored)
    assert proof.equal == ("s.same",)
    assert set(proof.different) == {"s.other", "s.lost", "s.extra", "s.empty"}
    assert set(proof.unknown) == {"s.late", "s.moved", "s.away", "s.gone"}
    assert proof.outcome == "different"
    assert {fault.code for fault in proof.faults()} == {"exact"}
    assert proof.body()["unknown_count"] == 4


def test_nothing_proved_is_unknown_never_equal() -> None:
    live = Reading(at=AT, member="m:1", digests={"s.a": "a"}, changes=find([command("s", dropDatabase=1)]))
    assert comparing.compare(live, {"s.a": "a"}).outcome == "unknown"


def test_no_users_on_one_side_are_no_difference() -> None:
    live = Reading(at=AT, member="m:1", digests={"admin.system.roles": EMPTY})
    assert comparing.compare(live, {"admin.system.users": EMPTY}).different == {}
