"""The exact proof against a real replica set: equal where nothing moved, unknown where something did, never equal."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymongo
import pytest

from monitor.backup import exact
from monitor.sources import mongodb_roles
from tests.contract.backup_server import Place, ReplicaSet

pytest_plugins = ("tests.contract.backup_fixtures",)


def digests(admin: pymongo.MongoClient[Any]) -> dict[str, str]:
    """What the set's primary says of itself now, as a copy restored as of now would."""
    return {
        f"{name}.{collection}": digest
        for name in ("shop", "bank", "small", "shapes")
        for collection, digest in admin[name].command("dbHash")["collections"].items()
        if not collection.startswith("system.views")
    }


@pytest.fixture
def rows(backup_set: ReplicaSet) -> Any:
    backup_set.drop_all()
    shop = backup_set.admin.shop
    shop.orders.insert_many([{"_id": n, "text": "x" * 100} for n in range(3000)])
    shop.renamed.insert_many([{"_id": n} for n in range(10)])
    shop.dropped.insert_many([{"_id": n} for n in range(10)])
    shop.indexed.insert_many([{"_id": n, "a": n} for n in range(10)])
    shop.create_collection("log", capped=True, size=4096)
    shop.log.insert_one({"_id": 1})
    shop.create_collection("seen", viewOn="orders", pipeline=[])
    shop.create_collection("measured", timeseries={"timeField": "at"})
    yield backup_set
    backup_set.drop_all()


def test_what_was_written_after_t_is_not_seen_and_what_moved_after_t_is_unknown(rows: ReplicaSet, place: Place) -> None:
    shop = rows.admin.shop.with_options(write_concern=pymongo.WriteConcern("majority"))
    shop.orders.update_one({"_id": 0}, {"$set": {"text": "settled"}})
    secret = place.run_dir / "admin"
    secret.write_text(rows.password)
    # As one who may read users and roles as well.
    settings = replace(place.settings, verify_username="admin", verify_password_file=secret)
    with exact.opened(settings) as source:
        at_t = digests(rows.admin)
        # Everything below happens after T.
        shop.orders.delete_many({"_id": {"$lt": 1000}})
        shop.renamed.rename("elsewhere")
        shop.dropped.drop()
        shop.create_collection("made")
        live = source.read()
    proof = exact.compare(live, at_t | {"admin.system.users": live.digests["admin.system.users"]})
    assert "shop.orders" in proof.equal, (proof, "the snapshot is of T")
    assert {"shop.renamed", "shop.elsewhere", "shop.dropped", "shop.made"} <= set(proof.unknown)
    assert not {"shop.renamed", "shop.elsewhere", "shop.dropped", "shop.made"} & set(proof.equal)
    assert "renameCollection" in proof.unknown["shop.renamed"]
    assert set(proof.outside) >= {"shop.log", "shop.seen"}
    assert "shop.system.buckets.measured" in proof.equal
    assert {name for name in proof.different if name.startswith("shop.")} == set()
    member = next(m for m in rows.admin.admin.command("replSetGetStatus")["members"] if m["name"] == live.member)
    assert member["stateStr"] == "SECONDARY"


def test_one_changed_field_is_found(rows: ReplicaSet, place: Place) -> None:
    with exact.opened(place.settings) as source:
        copy = digests(rows.admin)
        live = source.read()
    rows.admin.shop.indexed.update_one({"_id": 3}, {"$set": {"a": 4}})
    copy["shop.indexed"] = digests(rows.admin)["shop.indexed"]
    proof = exact.compare(live, copy)
    assert "documents are not those" in proof.different["shop.indexed"]
    assert proof.outcome == "different"


def test_an_index_built_meanwhile_is_named_where_it_stands_in_the_way(rows: ReplicaSet, place: Place) -> None:
    with exact.opened(place.settings) as source:
        copy = digests(rows.admin)
        rows.admin.shop.indexed.create_index("a", name="by_a")
        for address in rows.addresses():
            _wait_for_index(rows, address)
        proof = exact.compare(source.read(), copy)
    # 6.0 refuses to read from before an index; 7.0 and later give the documents.
    why = proof.unknown.get("shop.indexed")
    assert ("shop.indexed" in proof.equal) if why is None else ("createIndexes" in why or "IndexBuild" in why)
    assert "shop.orders" in proof.equal


def _wait_for_index(rows: ReplicaSet, address: str) -> None:
    with rows._member(address) as member:
        while "by_a" not in member.shop.indexed.index_information():
            pass


def test_what_is_not_read_in_time_is_unknown(rows: ReplicaSet, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(seconds: float) -> exact.Proof:
        with exact.opened(place.settings) as source:
            copy = digests(rows.admin)
            # Small collections come first; the large one takes longer than is left.
            source._until = time.monotonic() + seconds
            return exact.compare(source.read(max_bytes_per_second=100_000), copy)

    # However slow this machine is.
    proof = next((one for seconds in (0.5, 5) if "shop.indexed" in (one := read(seconds)).equal), None) or read(20)
    assert "as long as the server keeps a snapshot" in proof.unknown["shop.orders"]
    assert "shop.indexed" in proof.equal


def test_the_least_role_is_enough_and_what_it_may_not_read_is_unknown(
    rows: ReplicaSet, place: Place, tmp_path: Path
) -> None:
    role = next(one for one in mongodb_roles.ROLES if one.name == "monitorVerify")
    rows.admin.admin.command({"createRole": "least"} | role.definition())
    rows.admin.admin.command({"createUser": "least", "pwd": place.secret, "roles": ["least"]})
    try:
        settings = replace(
            place.settings, verify_username="least", verify_password_file=place.settings.backup_password_file
        )
        with exact.opened(settings) as source:
            proof = exact.compare(source.read(), digests(rows.admin))
    finally:
        rows.admin.admin.command({"dropUser": "least"})
        rows.admin.admin.command({"dropRole": "least"})
    assert {"shop.orders", "shop.indexed", "shop.system.buckets.measured"} <= set(proof.equal)
    assert "may not read it" in proof.unknown["admin.system.users"]
