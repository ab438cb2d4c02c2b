"""Logs that grow too long: what was last in them is kept, and whoever writes them need not know."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from monitor.stack import logfiles


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfiles, "LONGEST", 10)


def test_a_short_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "redis.log"
    log.write_bytes(b"0123456789")
    logfiles.shorten(tmp_path)
    assert log.read_bytes() == b"0123456789"
    assert [file.name for file in tmp_path.iterdir()] == ["redis.log"]


def test_a_long_log_is_emptied_under_its_writer_and_its_end_is_kept(tmp_path: Path) -> None:
    log, kept = tmp_path / "redis.log", tmp_path / "redis.log.1"
    kept.write_bytes(b"what was kept the last time, which was more")
    with log.open("ab", buffering=0) as writer:
        writer.write(b"long ago, then lately")
        logfiles.shorten(tmp_path)
        writer.write(b"now")
    assert (log.read_bytes(), kept.read_bytes()) == (b"now", b"hen lately")


def test_what_is_kept_is_as_private_as_the_log(tmp_path: Path) -> None:
    (tmp_path / "redis.log").write_bytes(b"01234567890")
    logfiles.shorten(tmp_path)
    assert stat.S_IMODE((tmp_path / "redis.log.1").stat().st_mode) == 0o600


def test_what_cannot_be_kept_goes_so_that_the_disk_has_room(tmp_path: Path) -> None:
    (tmp_path / "redis.log.1").mkdir()
    log = tmp_path / "redis.log"
    log.write_bytes(b"01234567890")
    logfiles.shorten(tmp_path)
    assert log.read_bytes() == b""


def test_a_directory_that_is_gone_has_no_long_logs(tmp_path: Path) -> None:
    logfiles.shorten(tmp_path / "gone")
