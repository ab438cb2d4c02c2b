"""Backups in every way they can be kept: compressed, sealed, in a bucket, copied, exported; by the same commands."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor import backup
from monitor.backup import manifest as manifest_module
from monitor.backup import mongodump, open_store
from monitor.backup.keys import Keyset
from monitor.backup.manifest import NAME
from monitor.backup.offsite import newest_recovery_point
from monitor.backup.staging import BackupDamaged, staged
from monitor.errors import InputError, Unsafe
from tests.contract.backup_server import Place, ReplicaSet, faults_of, next_second
from tests.contract.object_store import SECRET, ObjectStore

pytest_plugins = ("tests.contract.backup_fixtures", "tests.contract.object_store_fixtures")

CANARY = "Hypatia-of-Alexandria"


@pytest.fixture
def canary(documents: ReplicaSet) -> ReplicaSet:
    documents.admin.shop.patients.insert_many([{"_id": n, "name": f"{CANARY} {n}"} for n in range(500)])
    return documents


def with_keys(place: Place) -> Place:
    file = place.run_dir.parent / "keys.json"
    Keyset.create().write(file)
    escrow = file.with_name("escrowed.json")
    escrow.write_bytes(file.read_bytes())
    return place.changed(backup_keyset_file=file, escrow_keyset_file=escrow)


def in_bucket(place: Place, store: ObjectStore, name: str) -> Place:
    store.admin.create_bucket(Bucket=name)
    folder = place.run_dir.parent
    return place.changed(
        backup_store=f"s3://{name}/clinic",
        backup_endpoint_url=store.url,
        backup_credentials_file=store.credentials(folder),
        backup_prune_credentials_file=store.credentials(folder, "pruner"),
    )


def stored(place: Place) -> dict[str, bytes]:
    depot = place.home.stored
    return {key: b"".join(depot.get(key)) for key in depot.sizes()}


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_sealed_backup_comes_back_whole_and_shows_nothing(canary: ReplicaSet, place: Place, compression: str) -> None:
    place = with_keys(place.changed(backup_compression=compression))
    ran = place.monitor("backup", "run", "--json")
    taken = json.loads(ran.stdout)
    assert ran.exit_code == 0, ran.output
    verified = place.monitor("backup", "verify", "--json")
    assert verified.exit_code == 0, verified.output
    (row,) = json.loads(place.monitor("backup", "list", "--json").stdout)
    assert row.items() >= {"state": "complete", "verified": "passed", "compression": compression}.items()
    assert row["size_bytes"] == taken["stored_bytes"]
    assert row["key_id"] == str(Keyset.read(place.settings.backup_keyset_file or Path()).primary)
    for content in stored(place).values():
        assert CANARY.encode() not in content
        assert b"shop" not in content


def test_the_default_is_smaller_and_known_from_the_storage_alone(canary: ReplicaSet, place: Place) -> None:
    place = place.changed(backup_compression="zstd")
    taken = json.loads(place.monitor("backup", "run", "--json").stdout)
    assert taken["stored_bytes"] < taken["bytes"]
    assert place.monitor("backup", "verify").exit_code == 0
    place.settings.state.unlink()
    listed = place.monitor("backup", "list", "--json")
    (row,) = json.loads(listed.stdout)
    assert {"id", "recovery_point", "size_bytes", "verified_at", "state"} <= set(row)
    assert (row["verified"], row["verified_at"] is not None) == ("passed", True)


@pytest.mark.usefixtures("identity_of_tests")
def test_a_bucket_keeps_sealed_backups_like_a_directory(
    canary: ReplicaSet, place: Place, object_store: ObjectStore
) -> None:
    place = in_bucket(with_keys(place.changed(backup_compression="zstd")), object_store, "backups")
    ran = place.monitor("backup", "run", "--json")
    next_second()
    again = place.monitor("backup", "run", "--json")
    assert ran.exit_code == again.exit_code == 0, ran.output + again.output
    old, new = (json.loads(each.stdout)["id"] for each in (ran, again))
    assert place.monitor("backup", "verify", new).exit_code == 0
    assert place.monitor("backup", "keep", old, "--why", "evidence", "--who", "legal").exit_code == 0
    rows = json.loads(place.monitor("backup", "list", "--json").stdout)
    assert [(row["id"], row["state"], row["verified"]) for row in rows] == [
        (new, "complete", "passed"),
        (old, "complete", None),
    ]
    assert rows[1]["kept"].items() >= {"who": "legal", "why": "evidence"}.items()
    assert not any(CANARY.encode() in content for content in stored(place).values())

    assert place.monitor("backup", "prune", "--keep", "1").stdout == "nothing to delete\n"
    assert place.monitor("backup", "keep", old, "--remove").exit_code == 0
    assert place.monitor("backup", "prune", "--keep", "1").stdout == f"deleted {old}\n"
    assert [row.id for row in backup.list_backups(place.home)] == [new]
    assert SECRET not in ran.output + again.output + json.dumps(rows)


def test_the_identity_that_writes_never_deletes(canary: ReplicaSet, place: Place, object_store: ObjectStore) -> None:
    place = in_bucket(place, object_store, "never-deletes").changed(backup_prune_credentials_file=None)
    place = place.changed(
        backup_store="s3://never-deletes/clinic",
        backup_endpoint_url=object_store.url,
        backup_credentials_file=object_store.credentials(place.run_dir.parent),
    )
    taken = backup.take(place.settings).id
    pruned = place.monitor("backup", "prune", "--keep", "1")
    assert pruned.exit_code == 2
    assert "set backup_prune_credentials_file" in pruned.stderr
    with pytest.raises(Unsafe, match="never deletes"):
        place.home.remove(taken)


@pytest.mark.usefixtures("identity_of_tests")
def test_a_killed_run_leaves_nothing_good_in_a_bucket(
    canary: ReplicaSet, place: Place, object_store: ObjectStore
) -> None:
    place = in_bucket(place, object_store, "killed-runs")
    for trial in range(3):
        run = place.spawn("backup", "run", "--max-mb-per-second", "2")
        depot, before = place.home.stored, len(place.home.stored.keys("2"))
        deadline = time.monotonic() + 60
        while len(depot.keys("2")) < before + 1 + trial:
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < deadline
        run.kill()
        run.communicate()
        assert {row.state for row in backup.list_backups(place.home)} == {"incomplete"}
        # Its lease would end after two minutes; here nobody waits.
        object_store.admin.delete_object(Bucket="killed-runs", Key="clinic/lease.json")
    left = {row.id for row in backup.list_backups(place.home)}
    taken = backup.take(place.settings).id
    assert [row.id for row in backup.list_backups(place.home)] == [taken]
    assert taken not in left


def test_verification_opens_with_escrowed_keys_alone(canary: ReplicaSet, place: Place, tmp_path: Path) -> None:
    place = with_keys(place)
    assert place.monitor("backup", "keys", "escrow", "--out", str(tmp_path / "escrow.json")).exit_code == 0
    backup.take(place.settings)
    live_only = place.changed(escrow_keyset_file=None).monitor("backup", "verify")
    assert (live_only.exit_code, "escrowed keys alone" in live_only.stderr) == (3, True)
    Keyset.create().write(place.settings.backup_keyset_file or Path(), replace=True)
    (row,) = json.loads(place.monitor("backup", "list", "--json").stdout)
    assert row["state"] == "sealed"
    strange = place.monitor("backup", "verify", "--keyset", str(place.settings.backup_keyset_file))
    assert strange.exit_code == 2, "the live keyset is no escrow copy"
    renewed = tmp_path / "renewed.json"
    renewed.write_bytes((place.settings.backup_keyset_file or Path()).read_bytes())
    strange = place.monitor("backup", "verify", "--keyset", str(renewed))
    assert (strange.exit_code, "do not open it" in strange.stderr) == (1, True)
    escrowed = place.monitor("backup", "verify", "--keyset", str(tmp_path / "escrow.json"))
    assert escrowed.exit_code == 0, escrowed.output


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda files: _flip(files[0]), "SHA-256 differs"),
        (lambda files: files[0].write_bytes(files[0].read_bytes()[:-1]), "bytes, "),
        (lambda files: _swap(*files), "bytes, "),
        (lambda files: files[0].write_bytes(b"plain"), "bytes, "),
        (lambda files: _flip(files[0].parents[2] / NAME), "manifest.json"),
        (lambda files: _cut(files[0].parents[2] / NAME), "manifest.json"),
    ],
    ids=["flipped", "truncated", "swapped", "plain", "manifest flipped", "manifest cut"],
)
def test_harm_to_a_sealed_backup_is_told(
    canary: ReplicaSet, place: Place, harm: Callable[[list[Path]], Any], said: str
) -> None:
    place = with_keys(place.changed(backup_compression="zstd"))
    taken = place.backups / backup.take(place.settings).id
    harm([taken / "dump/shop/orders.bson.zst", taken / "dump/shop/patients.bson.zst"])
    verified = place.monitor("backup", "verify")
    assert verified.exit_code == 1
    assert said in verified.stderr
    with pytest.raises(BackupDamaged), staged(place.home, taken.name, place.run_dir):
        pytest.fail("damaged bytes were handed out")
    assert not list(place.run_dir.glob(".scratch-*"))


def test_an_older_manifest_of_another_backup_does_not_fit(canary: ReplicaSet, place: Place) -> None:
    place = with_keys(place)
    first, second = (place.backups / backup.take(place.settings).id for _ in range(2))
    shutil.copy(first / NAME, second / NAME)
    # Both may be of one second, in which no order is promised.
    states = {row.id: row.state for row in backup.list_backups(place.home)}
    assert states == {first.name: "complete", second.name: "damaged"}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_an_export_is_a_mongodump_directory(canary: ReplicaSet, place: Place, tmp_path: Path, zipped: bool) -> None:  # noqa: FBT001  # a parameter
    plain = backup.take(place.settings)
    place = with_keys(place.changed(backup_compression="zstd"))
    sealed = backup.take(place.settings)
    out = tmp_path / "deep" / "out"
    done = place.monitor("backup", "export", sealed.id, "--out", str(out), *(["--gzip"] if zipped else []))
    assert done.exit_code == 0, done.output
    suffix = ".gz" if zipped else ""
    root = place.backups / plain.id / "dump"
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert set(files) == {name + suffix for name in names}
    for name in ("shop/orders.bson", "shop/orders.metadata.json", "prelude.json", "shop/patients.bson"):
        content = files[name + suffix]
        assert (gzip.decompress(content) if zipped else content) == (root / name).read_bytes()
    again = place.monitor("backup", "export", sealed.id, "--out", str(out))
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_backup_from_before_there_were_versions_is_listed_verified_and_exported(
    canary: ReplicaSet, place: Place, tmp_path: Path
) -> None:
    taken = place.backups / backup.take(place.settings).id
    as_version_1(taken)
    assert [row.state for row in backup.list_backups(place.home)] == ["complete"]
    place = with_keys(place)
    assert place.monitor("backup", "verify").exit_code == 0
    assert place.monitor("backup", "export", taken.name, "--out", str(tmp_path / "out")).exit_code == 0
    assert len(mongodump.read_dump(tmp_path / "out")) == len(manifest_module.load(taken).collections)


@pytest.mark.usefixtures("identity_of_tests")
def test_a_copy_is_whole_taken_up_again_and_tells_how_far_it_is(
    canary: ReplicaSet, place: Place, object_store: ObjectStore
) -> None:
    object_store.admin.create_bucket(Bucket="elsewhere")
    place = with_keys(place.changed(backup_compression="zstd"))
    place = place.changed(
        offsite_store="s3://elsewhere",
        offsite_endpoint_url=object_store.url,
        offsite_credentials_file=object_store.credentials(place.run_dir.parent),
    )
    taken = backup.take(place.settings)
    there = open_store(place.settings.offsite)
    assert newest_recovery_point(there) is None
    copied = json.loads(place.monitor("backup", "copy", "--json").stdout)
    assert (copied["backups"], copied["left_out"]) == ([taken.id], {})
    point = newest_recovery_point(there)
    assert point is not None
    assert point.at == taken.recovery_point

    # As if the run had been killed: the manifest is missing, one object never came, another came half.
    for name, content in ((NAME, None), ("dump/shop/orders.bson.zst", None), ("dump/shop/patients.bson.zst", b"half")):
        object_store.admin.delete_object(Bucket="elsewhere", Key=f"{taken.id}/{name}")
        if content:
            object_store.admin.put_object(Bucket="elsewhere", Key=f"{taken.id}/{name}", Body=content)
    again = json.loads(place.monitor("backup", "copy", "--json").stdout)
    assert (again["backups"], again["objects"]) == ([taken.id], 3)
    verified = place.monitor("backup", "verify", "--offsite")
    assert verified.exit_code == 0, verified.output
    assert json.loads(place.monitor("backup", "copy", "--json").stdout)["objects"] == 0


def test_what_is_damaged_is_not_copied(canary: ReplicaSet, place: Place, tmp_path: Path) -> None:
    place = place.changed(offsite_store=str(tmp_path / "elsewhere"))
    taken = place.backups / backup.take(place.settings).id
    _flip(taken / "dump/shop/orders.bson")
    copied = place.monitor("backup", "copy")
    assert copied.exit_code == 1
    assert f"backup {taken.name} was not copied: {taken.name}/dump/shop/orders.bson" in copied.stderr
    assert [row.state for row in backup.list_backups(open_store(place.settings.offsite))] == ["incomplete"]
    assert [fault.code for fault in faults_of(place.home, taken.name)] == ["changed"]


def as_version_1(taken: Path) -> None:
    """Rewrite a plain backup's manifest as the first version of this program wrote it."""
    fields = json.loads((taken / NAME).read_bytes())
    for name in ("manifest_sha256", "compression", "key_id"):
        del fields[name]
    for file in fields["files"]:
        del file["stored_bytes"], file["stored_sha256"]
    (taken / NAME).write_bytes(manifest_module.signed(fields | {"schema_version": 1}))


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x10
    file.write_bytes(content)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _swap(one: Path, other: Path) -> None:
    contents = one.read_bytes(), other.read_bytes()
    other.write_bytes(contents[0])
    one.write_bytes(contents[1])


WRITER = """s3:PutObject s3:PutObjectRetention s3:GetObject s3:ListBucket s3:AbortMultipartUpload
    s3:ListBucketMultipartUploads"""
PRUNER = "s3:GetObject s3:ListBucket s3:PutObject s3:DeleteObject s3:AbortMultipartUpload s3:ListBucketMultipartUploads"


def test_with_the_documented_rights_writing_and_pruning_work_and_nothing_else(
    canary: ReplicaSet, place: Place, object_store: ObjectStore
) -> None:
    """The page on backups shows these two policies; moto holds us to them."""
    object_store.admin.create_bucket(Bucket="least-rights", ObjectLockEnabledForBucket=True)
    folder = place.run_dir.parent
    writer, pruner = (object_store.identity(folder, name, rights) for name, rights in (("w", WRITER), ("p", PRUNER)))
    place = place.changed(
        backup_store="s3://least-rights/clinic", backup_endpoint_url=object_store.url, backup_credentials_file=writer
    )
    with object_store.rights_enforced():
        first = backup.take(place.settings, locked_for=timedelta(days=2))
        next_second()
        second = backup.take(place.settings, locked_for=timedelta(days=2))
        assert (first.outcome, second.outcome) == ("passed", "passed")
        assert backup.verify(place.settings).outcome == "passed"
        with pytest.raises(InputError, match="refuses this identity"):
            place.home.stored.delete(f"{first.id}/{NAME}")
        place = place.changed(backup_prune_credentials_file=pruner)
        assert place.monitor("backup", "prune", "--keep", "1").stdout == f"deleted {first.id}\n"
        assert [row.id for row in backup.list_backups(place.home)] == [second.id]
