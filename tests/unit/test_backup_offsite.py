"""Slices, marks and copies between directories: what is needed stays, what is copied is read back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import backup, clock
from monitor.backup import chains, notes
from monitor.backup.chains import reach, spans, unneeded
from monitor.backup.manifest import SCHEMA_VERSION, begun
from monitor.backup.model import ClusterTime, Manifest, Source
from monitor.backup.offsite import newest_recovery_point
from monitor.backup.policy import Policy
from monitor.backup.storage import LocalStore
from monitor.errors import InputError, Unavailable

FIRST = "20261122T100000Z-full-0001"
SECOND = "20261122T110000Z-full-0002"
THIRD = "20261122T120000Z-full-0003"


def slice_of(begin: int, end: int, *, timeline: str = "1", replica_set: str = "rs0") -> str:
    return f"oplog/{replica_set}/{timeline}/{begin:010}.0000000001_{end:010}.0000000001.slice"


def publish(home: LocalStore, backup_id: str, point: int) -> None:
    with home.exclusive("test"), home.draft(backup_id) as draft:
        entry = draft.put("dump/db/c.bson", backup_id.encode())
        source = Source(
            replica_set="rs0",
            member="m:1",
            role="primary",
            server_version="6.0.5",
            feature_compatibility_version="6.0",
        )
        draft.publish(
            Manifest(
                schema_version=SCHEMA_VERSION,
                id=backup_id,
                type="full",
                tool_version="0",
                started_at=begun(backup_id),
                finished_at=begun(backup_id) + timedelta(seconds=1),
                recovery_point=ClusterTime(time=point, increment=1),
                source=source,
                files=(entry,),
                collections=(),
            )
        )


def carried(point: int, keys: Iterable[str]) -> int:
    return reach(ClusterTime(time=point, increment=1), "rs0", spans(keys)).time


@pytest.mark.parametrize(
    ("keys", "end"),
    [
        ([], 100),
        ([slice_of(90, 150), slice_of(150, 210)], 210),
        ([slice_of(100, 150)], 150),
        ([slice_of(101, 150)], 100),
        ([slice_of(90, 150), slice_of(151, 210)], 150),
        ([slice_of(90, 150), slice_of(150, 210, timeline="2")], 150),
        ([slice_of(90, 150), slice_of(90, 140, timeline="2"), slice_of(140, 300, timeline="2")], 300),
        ([slice_of(90, 150, replica_set="rs1")], 100),
        ([slice_of(90, 150), "oplog/rs0/1/nonsense.slice", "redis/x", "oplog/rs0/1/1.1_2.1.slice.old"], 150),
    ],
)
def test_a_backup_is_carried_as_far_as_slices_follow_without_a_gap(keys: list[str], end: int) -> None:
    assert carried(100, keys) == end


def test_slices_from_before_the_oldest_backup_are_not_needed() -> None:
    keys = [slice_of(10, 500), slice_of(500, 950), slice_of(950, 1500)]
    # Two minutes before it a transaction may have begun.
    assert unneeded(spans(keys), ClusterTime(time=1000, increment=1)) == (keys[0],)


def test_the_newest_slice_stays_however_old_it_is() -> None:
    keys = [slice_of(10, 50), slice_of(5, 8, timeline="2"), slice_of(50, 60), slice_of(1, 2, replica_set="rs1")]
    gone = unneeded(spans(keys), ClusterTime(time=10_000, increment=1))
    assert sorted(gone) == sorted([keys[0], keys[2]])


def test_pruning_takes_slices_that_no_backup_needs_and_keeps_the_last_chain(tmp_path: Path) -> None:
    home = LocalStore(tmp_path / "store")
    for backup_id, point in ((FIRST, 1000), (SECOND, 2000), (THIRD, 3000)):
        publish(home, backup_id, point)
    slices = [slice_of(500, 990), slice_of(990, 1500), slice_of(1500, 1990), slice_of(1990, 2500)]
    for key in slices:
        home.depot.put(key, [b"x"])
    assert backup.prune(home, Policy(last=1)) == (FIRST,)
    assert home.ids() == (SECOND, THIRD)
    assert home.depot.keys("oplog/") == slices[2:]


def test_a_mark_keeps_a_backup_until_it_is_taken_away(tmp_path: Path) -> None:
    home = LocalStore(tmp_path / "store")
    for backup_id in (FIRST, SECOND):
        publish(home, backup_id, 1)
    notes.mark(home, FIRST, kept=True, who="legal", why="ü evidence")
    assert notes.marks(home)[FIRST].why == "ü evidence"
    assert backup.prune(home, Policy(last=1)) == ()
    (home.directory / f"marks/{FIRST}.json").write_bytes(b"no JSON any more")
    assert backup.prune(home, Policy(last=1)) == ()
    notes.mark(home, FIRST, kept=False, who="legal", why="")
    assert backup.prune(home, Policy(last=1)) == (FIRST,)
    with pytest.raises(InputError, match="no backup"):
        notes.mark(home, FIRST, kept=True, who="legal", why="")


def test_notes_of_other_backups_do_not_count(tmp_path: Path) -> None:
    home = LocalStore(tmp_path / "store")
    publish(home, FIRST, 1)
    verdict = backup.Verification(id="v", backup=FIRST, at=clock.now(), outcome="passed")
    notes.note_verdict(home, verdict)
    assert notes.verdicts(home)[FIRST].outcome == "passed"
    note = home.directory / f"verifications/{FIRST}.json"
    note.rename(note.with_name(f"{SECOND}.json"))
    assert notes.verdicts(home) == {}
    notes.note_verdict(home, replace(verdict, outcome="unknown"))
    assert notes.verdicts(home) == {}


def test_a_copy_takes_backups_slices_and_marks_and_its_lag_is_its_own(tmp_path: Path) -> None:
    here, there = LocalStore(tmp_path / "here"), LocalStore(tmp_path / "there")
    publish(here, FIRST, 100)
    for key in (slice_of(90, 150), slice_of(150, 210), "sets/a.json", "redis/a/dump.rdb"):
        here.depot.put(key, [key.encode()])
    notes.mark(here, FIRST, kept=True, who="a", why="b")
    here.depot.put("leases/work.json", [b"each place has its own"])
    assert newest_recovery_point(there) is None
    done = backup.copy(here, there)
    assert (done.backups, done.objects) == ((FIRST,), 7)
    assert there.stored.sizes() == {
        k: v for k, v in here.stored.sizes().items() if k not in {".lock", "leases/work.json"}
    } | {".lock": there.stored.sizes()[".lock"]}
    point = newest_recovery_point(there)
    assert point is not None
    assert point.time == 210
    here.depot.put(slice_of(210, 270), [b"new"])
    lagging = newest_recovery_point(there)
    assert lagging == point != newest_recovery_point(here)
    assert backup.copy(here, there).objects == 1
    assert backup.copy(here, there).objects == 0


def test_a_slice_that_came_only_half_is_copied_again(tmp_path: Path) -> None:
    here, there = LocalStore(tmp_path / "here"), LocalStore(tmp_path / "there")
    here.depot.put(slice_of(90, 150), [b"whole"])
    there.depot.put(slice_of(90, 150), [b"other"])
    assert backup.copy(here, there).objects == 1
    assert b"".join(there.depot.get(slice_of(90, 150))) == b"whole"


def test_storage_that_reads_back_something_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = LocalStore(tmp_path / "here"), LocalStore(tmp_path / "there")
    publish(here, FIRST, 100)
    stored = there.stored.get
    monkeypatch.setattr(there.stored, "get", lambda key: iter([b"rot", *stored(key)]))
    with pytest.raises(Unavailable, match=r"reads from .* as something else"):
        backup.copy(here, there)
    assert f"{FIRST}/manifest.json" not in there.stored.keys()  # noqa: SIM118  # a depot is no mapping
    assert chains.FOLDER == "oplog"
