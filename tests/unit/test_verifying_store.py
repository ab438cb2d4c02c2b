"""What verification asks of a store before it restores anything: whose keys, which backup, no hole in the oplog."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import clock
from monitor.backup import notes
from monitor.backup.model import ClusterTime, Verification
from monitor.backup.oplog.chain import Gap
from monitor.backup.oplog.slices import Name
from monitor.backup.recording import record
from monitor.backup.storage import LocalStore
from monitor.backup.verifying.escrow import escrowed
from monitor.backup.verifying.way import holes, may_be_pruned
from monitor.catalogue.load import load
from monitor.errors import Fault, SettingsError
from monitor.settings import Settings
from monitor.store import Store

BACKUP, OTHER = "20261122T100000Z-full-0001", "20261122T110000Z-full-0002"


def at(second: int) -> ClusterTime:
    return ClusterTime(time=1_764_000_000 + second, increment=1)


def name(begin: int, end: int, timeline: str = "000001-aaaa") -> Name:
    return Name(timeline=timeline, begin=at(begin), end=at(end), key=f"oplog/rs0/{timeline}/{begin}_{end}.slice")


def test_slices_that_follow_one_another_have_no_hole() -> None:
    assert holes([name(30, 60), name(0, 30), name(60, 61)]) == ()


def test_what_two_captures_wrote_at_once_is_no_hole() -> None:
    assert holes([name(0, 30), name(0, 45), name(30, 60), name(60, 90)]) == ()


def test_a_missing_slice_is_named_by_its_two_ends() -> None:
    (fault,) = holes([name(0, 30), name(60, 90), name(90, 120)])
    assert (fault.code, fault.file) == ("gap", "oplog/rs0/000001-aaaa")
    assert "2025-11-24T16:00:30Z" in fault.message
    assert "2025-11-24T16:01:00Z" in fault.message


def test_another_timeline_begins_where_it_likes() -> None:
    assert holes([name(0, 30), name(500, 530, "000002-bbbb")]) == ()


@pytest.mark.parametrize(("window", "pruned"), [(timedelta(days=35), True), (timedelta(0), False), (None, False)])
def test_slices_from_before_the_window_are_pruned_and_younger_ones_missing(
    window: timedelta | None, *, pruned: bool
) -> None:
    promised = load(None, "local").recovery
    assert promised is not None
    recovery = None if window is None else replace(promised, keep_oplog=window)
    for days, expected in ((36, pruned), (34, False)):
        before = ClusterTime(time=int((clock.now() - timedelta(days=days)).timestamp()), increment=1)
        gap = Gap(after=replace(before, time=before.time - 60), before=before)
        assert may_be_pruned(gap, recovery) is expected


@pytest.mark.parametrize(
    ("code", "file", "condemns"),
    [
        *(("digest", "dump/a/b.bson", True), ("documents", "a.b", True), ("put-back", "manifest.json", True)),
        *(("gap", "oplog", False), ("slice", "oplog/rs0/x", False), ("put-back", "oplog/rs0/x", False)),
        *(("put-back", OTHER, False), ("escrow", "/keys", False), ("application", "application", False)),
    ],
)
def test_what_is_wrong_elsewhere_leaves_a_backup_that_restores_begin_with(
    code: str, file: str, tmp_path: Path, *, condemns: bool
) -> None:
    """A damaged slice, or a newer backup that is gone, must not leave nothing to restore."""
    fault = Fault(file=file, code=code, message="wrong")
    verdict = Verification(id="v", backup=BACKUP, at=clock.now(), outcome="failed", faults=(fault,))
    home = LocalStore(tmp_path / "backups")
    verdict = replace(verdict, store=home.name)
    notes.note_verdict(home, verdict)
    assert (notes.verdicts(home)[BACKUP].outcome, notes.verdicts(home)[BACKUP].condemns) == ("failed", condemns)
    with Store.migrate(tmp_path / "monitor.db") as store:
        record(store, verdict, verdict.at)
        assert notes.recorded(store, home.name)[BACKUP].condemns is condemns
        # Its copy in another place is another one's.
        assert notes.recorded(store, str(tmp_path / "copy")) == {}


def test_only_the_escrow_copy_opens(tmp_path: Path) -> None:
    live, copy = tmp_path / "live", tmp_path / "copy"
    for file in (live, copy):
        file.write_text("{}")
    settings = Settings(backup_keyset_file=live, escrow_keyset_file=copy)
    assert escrowed(settings).backup_keyset_file == copy
    assert escrowed(replace(settings, escrow_keyset_file=None)).backup_keyset_file is None


@pytest.mark.parametrize("how", ["same", "link", "neither is there"])
def test_the_live_keyset_is_no_escrow_copy(tmp_path: Path, how: str) -> None:
    live, other = tmp_path / "live", tmp_path / "other"
    if how != "neither is there":
        live.write_text("{}")
    if how == "link":
        other.symlink_to(live)
    settings = Settings(backup_keyset_file=live, escrow_keyset_file=other if how == "link" else live)
    with pytest.raises(SettingsError, match="writes a copy"):
        escrowed(settings)
