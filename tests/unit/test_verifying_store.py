"""What verification asks of a store before it restores anything: whose keys, which backup, no hole in the oplog."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.backup.model import ClusterTime
from monitor.backup.oplog.slices import Name
from monitor.backup.verifying.escrow import escrowed
from monitor.backup.verifying.way import holes
from monitor.errors import SettingsError
from monitor.settings import Settings


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
