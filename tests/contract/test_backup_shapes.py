"""Everything that a collection can be survives: names, options, indexes, kinds, odd values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import bson
import pytest
from bson.timestamp import Timestamp

from monitor import backup
from monitor.backup import dumpformat, mongodump, restore, scratch
from monitor.backup.keys import Keyset
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place, ReplicaSet
from tests.contract.backup_shapes import LONG_NAME, drop_user_and_role, make_shapes

pytest_plugins = ("tests.contract.backup_fixtures",)


@pytest.fixture
def shapes(backup_set: ReplicaSet) -> Iterator[Client]:
    """One of each."""
    backup_set.drop_all()
    make_shapes(backup_set.admin)
    yield backup_set.admin
    drop_user_and_role(backup_set.admin)
    backup_set.drop_all()


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_every_shape_is_restored_equal(shapes: Client, place: Place, compression: str) -> None:
    if compression != "none":
        live, escrow = place.run_dir / "keys.json", place.run_dir / "escrow.json"
        Keyset.create().write(live)
        escrow.write_bytes(live.read_bytes())
        place = place.changed(backup_compression=compression, backup_keyset_file=live, escrow_keyset_file=escrow)
    assert shapes.shapes.odd.find_one({"_id": 5}) == {"_id": 5, "empty": Timestamp(0, 0)}
    record = backup.take(place.settings)
    assert record.reason == ""
    verdict = backup.verify(place.settings, record.id)
    assert (record.reason, [str(fault) for fault in verdict.faults], verdict.reason) == ("", [], "")
    assert verdict.documents == record.documents


def test_a_restored_copy_has_the_options_indexes_and_users_of_the_original(shapes: Client, place: Place) -> None:
    record = backup.take(place.settings)
    mongod = scratch.find_mongod(place.settings.mongod)
    with scratch.scratch_mongod(mongod, place.run_dir) as copy:
        restore.load(copy, mongodump.read_dump(place.backups / record.id / "dump"))
        assert _described(copy) == _described(shapes)
        assert _logins(copy) == _logins(shapes)
        natural = [row["_id"] for row in shapes.shapes.capped.find()]
        assert [row["_id"] for row in copy.shapes.capped.find()] == natural
        assert copy.shapes.series.count_documents({}) == 60


def _described(client: Client) -> dict[str, Any]:
    described = {}
    for info in client.shapes.list_collections():
        name = info["name"]
        indexes = [] if info["type"] == "view" else list(client.shapes[name].list_indexes())
        # No server lets it be set; what is left is a collection like any other.
        options = {key: value for key, value in info["options"].items() if key != "temp"}
        described[name] = (info["type"], options, {index["name"]: dict(index) for index in indexes})
    return described


def _logins(client: Client) -> list[Any]:
    users = client.admin.command({"usersInfo": 1, "showCredentials": True})["users"]
    roles = client.admin.command({"rolesInfo": 1})["roles"]
    return [sorted(users, key=lambda user: str(user["_id"])), sorted(roles, key=lambda role: str(role["role"]))]


def test_files_are_named_and_written_as_mongodump_does(shapes: Client, place: Place) -> None:
    record = backup.take(place.settings)
    dump = place.backups / record.id / "dump"
    assert json.loads((dump / "prelude.json").read_bytes())["ServerVersion"] == shapes.server_info()["version"]
    names = {path.name for path in (dump / "shapes").iterdir()}
    assert {"a%2Fb%2Fc.bson", "a%2Fb%2Fc.metadata.json", "100%25.bson", "%C3%BCbung+termine.bson"} <= names
    assert {"view.metadata.json", "series.metadata.json", "system.buckets.series.bson"} <= names
    assert not {"view.bson", "series.bson", "system.views.bson", "system.buckets.series.metadata.json"} & names
    assert max(len(name.encode()) for name in names) <= 238 + len(".metadata.json")
    long = dumpformat.read_metadata((dump / "shapes" / f"{dumpformat.file_name(LONG_NAME)}.metadata.json").read_bytes())
    assert long["collectionName"] == LONG_NAME
    assert (dump / "shapes/empty.bson").read_bytes() == b""
    assert {"system.users.bson", "system.roles.bson", "system.version.bson"} <= {
        p.name for p in (dump / "admin").iterdir()
    }
    assert not (dump / "local").exists()


def test_data_files_are_the_documents_back_to_back_in_the_order_of_their_ids(shapes: Client, place: Place) -> None:
    record = backup.take(place.settings)
    file = place.backups / record.id / "dump/shapes/indexed.bson"
    in_order = shapes.shapes.indexed.find_raw_batches({}, sort=[("_id", 1)])
    assert file.read_bytes() == b"".join(cast("Iterator[bytes]", in_order))
    assert [document["_id"] for document in bson.decode_all(file.read_bytes())] == list(range(50))


def test_the_manifest_says_which_collections_are_of_the_instant(shapes: Client, place: Place) -> None:
    record = backup.take(place.settings)
    entries = json.loads((place.backups / record.id / "manifest.json").read_bytes())["collections"]
    live = {entry["name"] for entry in entries if entry["consistency"] == "live"}
    assert live == {"capped"}
    by_name = {entry["name"]: entry for entry in entries if entry["database"] == "shapes"}
    assert (by_name["view"]["data"], by_name["indexed"]["indexes"], by_name["indexed"]["documents"]) == ("", 9, 50)
    server = shapes.shapes.command("dbHash")["collections"]
    assert {n: e["md5"] for n, e in by_name.items() if n in server and n != "capped"} == {
        n: digest for n, digest in server.items() if n in by_name and n != "capped"
    }


def test_a_metadata_file_is_one_line_of_canonical_json(shapes: Client, place: Place) -> None:
    record = backup.take(place.settings)
    content = (place.backups / record.id / "dump/shapes/view.metadata.json").read_bytes()
    assert content == (
        b'{"options":{"viewOn":"empty","pipeline":[{"$match":{"x":{"$gt":{"$numberLong":"3"}}}}]},'
        b'"indexes":[],"collectionName":"view","type":"view"}'
    )


@pytest.fixture
def no_roles(backup_set: ReplicaSet) -> Iterator[None]:
    """The set without any role of its own; its users have those that MongoDB brings, as far as the test needs them."""
    admin = backup_set.admin.admin
    roles = admin.command("rolesInfo", 1, showPrivileges=True)["roles"]
    users = admin.command("usersInfo", 1)["users"]
    admin.command("updateUser", "backup", roles=["backup", "clusterMonitor", "readAnyDatabase"])
    for role in roles:
        admin.command("dropRole", role["role"])
    yield
    for role in roles:
        admin.command("createRole", role["role"], privileges=role["privileges"], roles=role["roles"])
    for user in users:
        admin.command("updateUser", user["user"], roles=user["roles"])


@pytest.mark.usefixtures("no_roles")
def test_users_and_roles_that_are_all_gone_are_no_difference(place: Place) -> None:
    """The server keeps the empty collection; a fresh one has none."""
    record = backup.take(place.settings)
    assert (place.backups / record.id / "dump/admin/system.roles.bson").read_bytes() == b""
    assert backup.verify(place.settings, record.id).outcome == "passed"


def test_a_description_may_hold_a_date_that_python_cannot_say(backup_set: ReplicaSet, place: Place) -> None:
    """JavaScript's largest one is how some say 'never'."""
    never = bson.DatetimeMS(8_640_000_000_000_000)
    small = backup_set.admin.small
    small.create_collection("rows", validator={"until": {"$lte": never}})
    small.rows.create_index("until", partialFilterExpression={"until": {"$lt": never}})
    taken = place.monitor("backup", "run")
    verified = place.monitor("backup", "verify")
    small.drop_collection("rows")
    assert (taken.exit_code, verified.exit_code) == (0, 0), taken.output + verified.output
