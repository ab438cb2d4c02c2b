"""A backup is there whole or not at all; one process writes; pruning is careful."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from monitor import backup, clock
from monitor.backup import retention
from monitor.backup.manifest import begun
from monitor.backup.model import ClusterTime
from monitor.backup.policy import Policy
from monitor.backup.storage import LocalStore
from monitor.catalogue.load import BUNDLED
from monitor.cli import main
from monitor.errors import InputError, Unsafe
from monitor.settings import Settings
from monitor.store import Store
from tests.made_manifests import made_manifest

FIRST = "20261122T100000Z-full-0001"
SECOND = "20261122T110000Z-full-0002"
THIRD = "20261122T120000Z-full-0003"


def publish(store: LocalStore, backup_id: str, content: bytes = b"some bytes", **others: Any) -> Path:
    """Make a backup of one file."""
    with store.exclusive("test"), store.draft(backup_id) as draft:
        entry = draft.put("dump/db/c.bson", content)
        draft.publish(made_manifest(backup_id, (entry,), **others))
    return store.directory / backup_id


def forge(place: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Write another manifest, with a digest that matches, as somebody would who means harm."""
    file = place / "manifest.json"
    fields = json.loads(file.read_bytes())
    fields.pop("manifest_sha256")
    change(fields)
    head = json.dumps(fields, indent=2).encode().removesuffix(b"\n}")
    file.write_bytes(head + b',\n  "manifest_sha256": "' + hashlib.sha256(head).hexdigest().encode() + b'"\n}\n')


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "deep" / "store")


def test_a_published_backup_is_listed_newest_first(store: LocalStore) -> None:
    publish(store, FIRST)
    publish(store, SECOND)
    rows = backup.list_backups(store)
    assert [(row.id, row.state, row.bytes) for row in rows] == [(SECOND, "complete", 10), (FIRST, "complete", 10)]
    assert store.newest() == SECOND


def test_what_was_not_published_is_gone(store: LocalStore) -> None:
    with store.exclusive("test"), store.draft(FIRST) as draft:
        draft.put("dump/x", b"x")
    assert [path.name for path in store.directory.iterdir()] == [".lock"]


def test_leftovers_of_a_killed_run_are_not_listed_and_the_next_one_removes_them(store: LocalStore) -> None:
    (store.directory / f".tmp-{FIRST}" / "dump").mkdir(parents=True)
    assert backup.list_backups(store) == ()
    with store.exclusive("test"):
        assert store.remove_leftovers() == (FIRST,)
    assert [path.name for path in store.directory.iterdir()] == [".lock"]


def test_somebody_else_s_hidden_directories_are_no_leftovers(store: LocalStore) -> None:
    precious = store.directory / ".tmp-my-precious" / "thing"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(b"precious")
    with store.exclusive("test"):
        assert store.remove_leftovers() == ()
    assert precious.read_bytes() == b"precious"


def test_a_second_writer_is_told_who_the_first_is(store: LocalStore) -> None:
    with (
        store.exclusive("backup run"),
        pytest.raises(Unsafe, match=r"backup run \(pid \d+"),
        LocalStore(store.directory).exclusive("backup prune"),
    ):
        pytest.fail("two writers")
    with store.exclusive("again"):
        pass


def test_directories_and_files_are_private(store: LocalStore) -> None:
    publish(store, FIRST)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in store.directory.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (store.directory, store.directory / FIRST)} == {0o700}


def test_an_existing_file_is_never_written_over(store: LocalStore) -> None:
    with store.exclusive("test"), store.draft(FIRST) as draft:
        draft.put("dump/x", b"1")
        with pytest.raises(FileExistsError):
            draft.put("dump/x", b"2")


def test_damaged_and_incomplete_ones_are_told_as_such(store: LocalStore) -> None:
    (publish(store, FIRST) / "dump/db/c.bson").write_bytes(b"less")
    (publish(store, SECOND) / "manifest.json").unlink()
    (publish(store, THIRD) / "manifest.json").write_bytes(b"{}")
    (store.directory / "lost+found").mkdir()
    rows = {row.id: row for row in backup.list_backups(store)}
    assert {key: row.state for key, row in rows.items()} == {
        FIRST: "damaged",
        SECOND: "incomplete",
        THIRD: "damaged",
    }
    assert "c.bson" in rows[FIRST].reason


def test_a_hostile_manifest_costs_only_its_own_backup(store: LocalStore) -> None:
    for backup_id in (FIRST, SECOND):
        publish(store, backup_id)
    forge(store.directory / FIRST, lambda fields: fields["recovery_point"].update(time=10**15))
    forge(store.directory / SECOND, lambda fields: fields["files"][0].update(path="dump/\ud800"))
    (store.directory / THIRD).mkdir()
    os.mkfifo(store.directory / THIRD / "manifest.json")
    last = publish(store, "20261122T130000Z-full-0004").name

    rows = {row.id: row for row in backup.list_backups(store)}
    assert {key: row.state for key, row in rows.items()} == {
        FIRST: "damaged",
        SECOND: "damaged",
        THIRD: "damaged",
        last: "complete",
    }
    assert "times are out of range" in rows[FIRST].reason


def test_an_absent_store_holds_nothing_and_an_unknown_backup_is_refused(store: LocalStore) -> None:
    assert backup.list_backups(store) == ()
    for bad in (FIRST, "..", "", "x/y"):
        with pytest.raises(InputError, match="no backup"):
            store.path(bad)
    with pytest.raises(InputError, match="monitor backup run"):
        store.newest()


def test_pruning_keeps_the_newest_and_the_verified(store: LocalStore, tmp_path: Path) -> None:
    for backup_id in (FIRST, SECOND, THIRD):
        publish(store, backup_id)
    with Store.migrate(tmp_path / "monitor.db") as state:
        state.put("verification", "v1", {"backup": FIRST, "outcome": "passed"}, at=clock.now())
        assert backup.prune(store, Policy(last=1), store=state, dry_run=True) == (SECOND,)
        assert store.ids() == (FIRST, SECOND, THIRD)
        assert backup.prune(store, Policy(last=1), store=state) == (SECOND,)
    assert store.ids() == (FIRST, THIRD)
    assert sorted(path.name for path in store.directory.iterdir()) == [".lock", FIRST, THIRD]


def test_a_later_failed_verification_takes_the_proof_away(store: LocalStore, tmp_path: Path) -> None:
    for backup_id in (FIRST, SECOND, THIRD):
        publish(store, backup_id)
    now = clock.now()
    with Store.migrate(tmp_path / "monitor.db") as state:
        state.put("verification", "v1", {"backup": FIRST, "outcome": "passed"}, at=now - timedelta(hours=2))
        state.put("verification", "v2", {"backup": FIRST, "outcome": "failed"}, at=now - timedelta(hours=1))
        state.put("verification", "v3", {"backup": FIRST, "outcome": "unknown"}, at=now)
        assert backup.prune(store, Policy(last=1), store=state) == (FIRST, SECOND)


def test_a_backup_that_is_being_read_is_not_pruned(store: LocalStore) -> None:
    publish(store, FIRST)
    publish(store, SECOND)
    with store.reading(FIRST):
        assert backup.prune(store, Policy(last=1)) == ()
    assert backup.prune(store, Policy(last=1)) == (FIRST,)


def test_the_record_says_failed_without_numbers() -> None:
    record = backup.BackupRecord(
        id=FIRST,
        started_at=begun(FIRST),
        finished_at=begun(FIRST),
        duration_seconds=1.23456,
        outcome="failed",
        reason="no",
    )
    body = record.body()
    assert (body["duration_seconds"], body["recovery_point"], body["outcome"]) == (1.235, None, "failed")
    assert dataclasses.replace(record, recovery_point=begun(FIRST)).body()["recovery_point"] == "2026-11-22T10:00:00Z"


def test_without_a_number_as_many_are_kept_as_the_catalogue_promises(tmp_path: Path) -> None:
    settings = Settings(run_dir=tmp_path / "run")
    catalogue = tmp_path / "catalogue"
    shutil.copytree(BUNDLED / "slos", catalogue / "slos")
    recovery = (BUNDLED / "recovery.yaml").read_text(encoding="utf-8")
    (catalogue / "recovery.yaml").write_text(recovery.replace("keep_full: 28", "keep_full: 2"), encoding="utf-8")
    store = LocalStore(settings.backups)
    for backup_id in (FIRST, SECOND, THIRD):
        publish(store, backup_id)
    Store.migrate(settings.state).close()

    arguments = ["--run-dir", str(settings.run_dir), "--catalogue", str(catalogue), "backup", "prune"]
    done = CliRunner().invoke(main, arguments)

    assert (done.exit_code, done.output) == (0, f"deleted {FIRST}\n")
    assert store.ids() == (SECOND, THIRD)


@pytest.mark.parametrize(("window", "left"), [(None, 4), (timedelta(minutes=30), 2), (timedelta(minutes=90), 3)])
def test_slices_go_back_as_far_as_every_second_is_promised(
    store: LocalStore, window: timedelta | None, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = (FIRST, SECOND, THIRD)
    for backup_id in ids:
        publish(store, backup_id, recovery_point=ClusterTime(time=int(begun(backup_id).timestamp()), increment=1))
    points = [int(begun(FIRST).timestamp()) + minutes * 60 for minutes in (-60, 0, 60, 120, 150)]
    for begin, end in pairwise(points):
        store.depot.put(f"oplog/rs0/000001-aaaa/{begin}.1_{end}.1.slice", [b"x"])
    monkeypatch.setattr(clock, "now", lambda: begun(THIRD) + timedelta(minutes=40))

    assert retention.prune(store, Policy(last=3, oplog=window)) == ()

    # One that ends where a backup begins is kept with it: a transaction may have been open then.
    assert len(list(store.depot.keys("oplog/"))) == left
    assert store.ids() == ids


def test_what_was_found_wrong_stands_in_for_no_good_backup(store: LocalStore, tmp_path: Path) -> None:
    """No restore begins with it: neither a day nor the slices may hang on it."""
    for backup_id in (FIRST, SECOND, THIRD):
        publish(store, backup_id, recovery_point=ClusterTime(time=int(begun(backup_id).timestamp()), increment=1))
    points = [int(begun(FIRST).timestamp()) + minutes * 60 for minutes in (-60, 0, 60, 120)]
    for begin, end in pairwise(points):
        store.depot.put(f"oplog/rs0/000001-aaaa/{begin}.1_{end}.1.slice", [b"x"])
    with Store.migrate(tmp_path / "monitor.db") as state:
        state.put("verification", "v1", {"backup": SECOND, "outcome": "failed"}, at=clock.now())
        kept = Policy(last=1, hourly=2, oplog=clock.now() - begun(SECOND) - timedelta(minutes=1))
        assert retention.prune(store, kept, store=state) == (SECOND,)
    assert store.ids() == (FIRST, THIRD)
    assert len(store.depot.keys("oplog/")) == 3


@pytest.mark.parametrize("place", ["", "ftp://host/x", "s3://", "s3://UPPER/x", "s3://bucket/../x", "s3://b"])
@pytest.mark.parametrize("command", [["run"], ["list"], ["verify"], ["prune", "--keep", "1"]])
def test_what_is_no_place_for_backups_is_refused(
    command: list[str], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["--run-dir", "run", "backup", *command, "--store", place])
    assert done.exit_code == 2
    assert done.stderr.startswith("monitor: --store")
    assert list(tmp_path.iterdir()) == []


def test_where_the_state_cannot_be_read_no_backup_is_called_never_verified(tmp_path: Path) -> None:
    settings = Settings(run_dir=tmp_path / "run")
    publish(LocalStore(settings.backups), FIRST)
    settings.state.parent.mkdir(parents=True)
    settings.state.write_bytes(b"garbage" * 1000)

    listed = CliRunner().invoke(main, ["--run-dir", str(settings.run_dir), "backup", "list"])
    pruned = CliRunner().invoke(main, ["--run-dir", str(settings.run_dir), "backup", "prune", "--keep", "1"])

    assert listed.exit_code == 0
    assert "which backups were verified is known from the backup store alone" in listed.stderr
    assert "is damaged or no database" in listed.stderr
    assert FIRST in listed.stdout
    assert "unknown" in listed.stdout
    assert "never" not in listed.stdout
    assert pruned.exit_code == 3
    assert LocalStore(settings.backups).ids() == (FIRST,)


def test_a_run_says_where_it_cannot_write(tmp_path: Path) -> None:
    place, password = tmp_path / "file", tmp_path / "password"
    for file in (place, password):
        file.write_text("x")
    result = backup.take(Settings(run_dir=tmp_path, backup_store=str(place), backup_password_file=password))
    assert (result.outcome, result.reason) == ("failed", f"cannot write to {place}: File exists; nothing was kept")
