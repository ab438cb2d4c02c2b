"""Objects in a directory: whole or not there, never outside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.backup.depot import LocalDepot, remove_unfinished
from monitor.errors import InputError


def test_what_is_put_can_be_read_listed_and_deleted(tmp_path: Path) -> None:
    depot = LocalDepot(tmp_path / "depot")
    assert depot.put("b/two", [b"zw", b"ei"]) == len("zwei")
    depot.put("b/one", [b"eins"])
    depot.put("c", [])
    assert b"".join(depot.get("b/two")) == b"zwei"
    assert depot.keys() == ["b/one", "b/two", "c"]
    assert depot.keys("b/t") == ["b/two"]
    depot.delete("b/two")
    depot.delete("b/two")
    assert depot.keys("b/") == ["b/one"]
    with pytest.raises(KeyError):
        depot.get("b/two")


def test_what_was_cut_off_is_not_there_and_what_was_there_stays(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"new"
        raise OSError(28, "No space left on device")

    depot = LocalDepot(tmp_path)
    depot.put("a", [b"old"])
    with pytest.raises(OSError, match="No space"):
        depot.put("a", broken())
    with pytest.raises(OSError, match="No space"):
        depot.put("b", broken())
    assert depot.keys() == ["a"]
    assert b"".join(depot.get("a")) == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_directories_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    depot = LocalDepot(tmp_path / "depot")
    depot.put("x/y", [b"secret"])
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "depot").rglob("*")}
    assert modes == {"x": 0o700, "y": 0o600}


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "./a", "a/.", "a\0b", ".writing-1"])
def test_a_key_cannot_leave_the_depot(tmp_path: Path, key: str) -> None:
    depot = LocalDepot(tmp_path)
    with pytest.raises(InputError, match="no key"):
        depot.put(key, [b""])
    with pytest.raises(InputError, match="no key"):
        depot.get(key)


def test_what_killed_writers_left_goes_after_a_day_and_what_is_being_written_stays(tmp_path: Path) -> None:
    depot = LocalDepot(tmp_path)
    depot.put("oplog/a", [b"x"])
    killed, writing = (tmp_path / "oplog" / f".writing-{name}" for name in ("killed", "writing"))
    for file in (killed, writing):
        file.write_bytes(b"half")
    for file in (killed, tmp_path / "oplog" / "a"):
        os.utime(file, (1, 1))
    remove_unfinished(tmp_path)
    assert (killed.exists(), writing.exists(), depot.keys()) == (False, True, ["oplog/a"])
