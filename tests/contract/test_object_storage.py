"""Object storage by S3 against a real server: objects are whole, checked and locked; ill storage is told in time."""

from __future__ import annotations

import hashlib
import random
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from monitor.backup import lease as lease_module
from monitor.backup.bucket import BucketStore
from monitor.backup.lease import KEY, Lease
from monitor.errors import Busy, InputError, SettingsError, Unavailable, Unsafe
from monitor.sources import object_client, object_storage
from monitor.sources.object_client import connect
from monitor.sources.object_storage import Contested, S3Depot
from monitor.sources.object_upload import PART
from tests.contract.object_store import SECRET, ObjectStore, relayed
from tests.ports import free_address
from tests.steady import undisturbed

pytest_plugins = ("tests.contract.object_store_fixtures",)
pytestmark = pytest.mark.usefixtures("identity_of_tests")


def test_objects_are_put_read_listed_and_deleted(object_store: ObjectStore) -> None:
    depot = object_store.depot("plain", "deep/prefix/")
    assert depot.put("b/two", [b"zw", b"ei"]) == 4
    depot.put("b/one", [b"eins"])
    depot.put("c", [])
    assert b"".join(depot.get("b/two")) == b"zwei"
    assert list(depot.get("c")) == []
    assert depot.keys() == ["b/one", "b/two", "c"]
    assert dict(depot.sizes("b/t")) == {"b/two": 4}
    depot.delete("b/two")
    depot.delete("b/two")
    assert depot.keys("b/") == ["b/one"]
    with pytest.raises(KeyError):
        depot.get("b/two")
    with pytest.raises(InputError, match="no key"):
        depot.put("../x", [b""])
    assert depot.name == "s3://plain/deep/prefix"


def test_more_objects_than_come_at_once_are_listed(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_storage, "PAGE", 3)
    depot = object_store.depot("many")
    for number in range(10):
        depot.put(f"{number:05}", [b"x"])
    assert len(depot.keys()) == 10


def test_a_large_object_comes_in_parts_with_checksums(object_store: ObjectStore) -> None:
    depot = object_store.depot("large")
    content = random.randbytes(2 * PART + 12_345)
    assert depot.put("x", (content[i : i + 1_000_000] for i in range(0, len(content), 1_000_000))) == len(content)
    assert hashlib.sha256(b"".join(depot.get("x"))).digest() == hashlib.sha256(content).digest()
    head = object_store.admin.head_object(Bucket="large", Key="x", ChecksumMode="ENABLED")
    assert "ChecksumSHA256" in head
    assert head["ETag"].endswith('-3"')


def test_what_fails_in_the_middle_is_not_there_and_no_part_is_left(object_store: ObjectStore) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(3 * PART)
        raise OSError(5, "Input/output error")

    depot = object_store.depot("halves")
    with pytest.raises(OSError, match="Input/output"):
        depot.put("x", broken())
    assert depot.keys() == []
    assert "Uploads" not in object_store.admin.list_multipart_uploads(Bucket="halves")


def test_uploads_of_killed_runs_are_given_up(object_store: ObjectStore) -> None:
    depot = object_store.depot("killed")
    object_store.admin.create_multipart_upload(Bucket="killed", Key="a/x")
    object_store.admin.create_multipart_upload(Bucket="killed", Key="b/x")
    assert depot.give_up_uploads("a/") == 1
    left = object_store.admin.list_multipart_uploads(Bucket="killed")["Uploads"]
    assert [upload["Key"] for upload in left] == ["b/x"]


@pytest.mark.parametrize("size", [10, PART + 10])
def test_object_lock_keeps_what_was_written(object_store: ObjectStore, size: int) -> None:
    depot = object_store.depot(f"locked-{size}", locked_for=timedelta(days=2), lock_mode="COMPLIANCE")
    depot.put("x", [bytes(size)])
    bucket = f"locked-{size}"
    version = object_store.admin.list_object_versions(Bucket=bucket)["Versions"][0]["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        object_store.admin.delete_object(Bucket=bucket, Key="x", VersionId=version)
    depot.delete("x")
    assert depot.keys() == []
    assert object_store.admin.list_object_versions(Bucket=bucket)["Versions"][0]["VersionId"] == version


def test_a_write_that_somebody_else_was_faster_with_is_refused(object_store: ObjectStore) -> None:
    depot = object_store.depot("conditions")
    first = depot.put_if("x", b"1", None)
    with pytest.raises(Contested):
        depot.put_if("x", b"2", None)
    second = depot.put_if("x", b"2", first)
    with pytest.raises(Contested):
        depot.put_if("x", b"3", first)
    found = depot.get_tagged("x")
    assert found is not None
    assert (found.content, found.tag) == (b"2", second)
    assert found.age < timedelta(seconds=30)
    assert depot.get_tagged("y") is None


def test_one_writer_at_a_time_holds_the_lease(object_store: ObjectStore) -> None:
    depot = object_store.depot("lease")
    with Lease(depot, "backup run").held():
        second = Lease(depot, "backup prune")
        with pytest.raises(Unsafe, match=r"backup run \(pid \d+"), second.held():
            pytest.fail("two writers")
    with Lease(depot, "again").held():
        pass


def test_who_is_alone_at_one_thing_does_not_hold_up_another(object_store: ObjectStore) -> None:
    one, other = (BucketStore(object_store.depot("alone")) for _ in range(2))
    with one.alone("capture") as sure, other.alone("work"), other.exclusive("backup run"):
        sure()
        with pytest.raises(Busy, match=r"capture \(pid \d+"), other.alone("capture"):
            pytest.fail("two of them")
    with other.alone("capture"):
        pass
    assert object_store.depot("alone").keys("leases/") == ["leases/capture.json", "leases/work.json"]
    assert one.ids() == ()


def test_a_lease_is_renewed_and_one_that_was_taken_away_is_noticed(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "RENEW_EVERY_S", 0.05)
    depot = object_store.depot("renewed")
    lease = Lease(depot, "backup run")
    with lease.held():
        first = depot.get_tagged(KEY)
        _await(lambda: depot.get_tagged(KEY) != first)
        lease.check()
        depot.put(KEY, [b'{"holder": "an intruder", "held_for_s": 120}'])
        _await(lambda: lease._lost)
        with pytest.raises(Unavailable, match="was lost"):
            lease.check()
    # Who lost it does not free what is another's.
    with pytest.raises(Unsafe, match="an intruder"), Lease(depot, "backup run").held():
        pytest.fail("two writers")


def test_a_dead_holder_is_followed_after_its_time(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "HELD_FOR_S", 2)
    depot = object_store.depot("dead")

    def not_before() -> None:
        depot.put(KEY, [b'{"holder": "a dead one", "held_for_s": 2}'])
        with pytest.raises(Unsafe, match="a dead one"), Lease(depot, "backup run").held():
            pytest.fail("two writers")

    undisturbed(not_before)
    _await(lambda: (depot.get_tagged(KEY) or pytest.fail("gone")).age.total_seconds() >= 2)
    with Lease(depot, "backup run").held():
        pass


def _await(holds: object) -> None:
    deadline = time.monotonic() + 60
    assert callable(holds)
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_storage_that_refuses_connections_is_one_sentence() -> None:
    depot = S3Depot(connect(endpoint_url=f"http://{free_address()}"), "bucket")
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="s3://bucket does not answer"):
        depot.put("x", [b"x"])
    assert time.monotonic() - begun < 30


def test_storage_that_says_nothing_is_told_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_client, "READ_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        depot = S3Depot(connect(endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}"), "bucket")
        for call in (lambda: depot.put("x", [bytes(2 * PART)]), lambda: depot.get("x"), depot.keys):
            begun = time.monotonic()
            with pytest.raises(Unavailable, match="does not answer"):
                call()
            assert time.monotonic() - begun < object_client.ATTEMPTS * 10, "a try usually takes 15 s"


def test_a_stream_that_stops_is_told_and_one_that_breaks_is_taken_up_again(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = random.randbytes(5_000_000)
    object_store.depot("streams").put("x", [content])
    with relayed(object_store, "streams") as (relay, depot):
        assert b"".join(depot.get("x")) == content
        relay.then_cut, relay.answer_bytes = True, 2_000_000
        assert b"".join(depot.get("x")) == content
        assert relay.answer_bytes is None
    monkeypatch.setattr(object_client, "READ_TIMEOUT_S", 0.5)
    with relayed(object_store, "streams") as (relay, depot):
        relay.answer_bytes = 2_000_000
        with pytest.raises(Unavailable, match=r"does not answer|broke off"):
            list(depot.get("x"))


def test_a_stream_that_drips_is_told(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_storage, "CHUNK_DEADLINE_S", 0.0)
    depot = object_store.depot("drips")
    depot.put("x", [bytes(900_000)])
    with pytest.raises(Unavailable, match="broke off"):
        list(depot.get("x"))


def test_refusals_name_neither_identity_nor_secret(object_store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no bucket absent") as caught:
        S3Depot(object_store.admin, "absent").put("x", [b"x"])
    assert SECRET not in str(caught.value)
    file = tmp_path / "identity"
    for content in ("", "[default]\n", f"[default]\naws_secret_access_key = {SECRET}\n", SECRET):
        file.write_text(content)
        with pytest.raises(SettingsError, match="holds no identity") as refused:
            connect(credentials=file)
        assert SECRET not in str(refused.value)
        assert refused.value.__cause__ is None
    with pytest.raises(SettingsError, match="cannot read the identity"):
        connect(credentials=tmp_path / "absent")
