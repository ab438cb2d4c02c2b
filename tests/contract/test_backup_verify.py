"""``monitor backup verify``: any damage is found and named; only what was restored and is equal passes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from monitor import backup
from monitor.backup import manifest as manifest_module
from monitor.backup import scratch
from monitor.backup.model import FileEntry, Manifest
from tests.contract.backup_server import Place, ReplicaSet, faults_of

pytest_plugins = ("tests.contract.backup_fixtures",)

KINDS = {
    "data": "dump/shop/orders.bson",
    "metadata": "dump/shop/orders.metadata.json",
    "users": "dump/admin/system.users.bson",
    "prelude": "dump/prelude.json",
    "manifest": "manifest.json",
}


@pytest.fixture
def taken(documents: ReplicaSet, place: Place) -> Path:
    return place.backups / backup.take(place.settings).id


@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_byte_is_found_and_its_file_named(taken: Path, place: Place, kind: str) -> None:
    _flip(taken / KINDS[kind], 0.5)
    verified = place.monitor("backup", "verify", "--json")
    verdict = json.loads(verified.stdout)
    assert (verified.exit_code, verdict["outcome"], verdict["files"]) == (1, "failed", [KINDS[kind]])
    assert KINDS[kind] in verified.stderr
    with place.store() as store:
        assert store.records("verification")[0].body["outcome"] == "failed"


def test_a_flip_of_any_byte_of_the_manifest_is_found(taken: Path, place: Place) -> None:
    manifest = taken / "manifest.json"
    content = manifest.read_bytes()
    for offset in range(0, len(content), 7):
        _flip(manifest, offset / len(content))
        assert [fault.file for fault in faults_of(place.home, taken.name)] == ["manifest.json"], offset
        manifest.write_bytes(content)


def test_a_flip_in_any_file_is_found(taken: Path, place: Place) -> None:
    for file in sorted((taken / "dump").rglob("*.*")):
        for place_in_file in (0.0, 0.5, 1.0):
            original = file.read_bytes()
            _flip(file, place_in_file)
            assert [fault.file for fault in faults_of(place.home, taken.name)] == [file.relative_to(taken).as_posix()]
            file.write_bytes(original)


@pytest.mark.parametrize(
    ("harm", "file", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "dump/shop/orders.bson", "bytes, "),
        (lambda path: path.unlink(), "dump/shop/orders.bson", "not there"),
        (lambda path: path.write_bytes(b"more"), "dump/shop/extra.bson", "not in the manifest"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "manifest.json", "cut off"),
        (lambda path: path.unlink(), "manifest.json", "incomplete"),
        (lambda path: path.symlink_to("/dev/null"), "dump/shop/link.bson", "not in the manifest"),
    ],
    ids=["truncated", "missing", "surplus", "manifest truncated", "manifest missing", "surplus link"],
)
def test_other_harm_is_named_too(
    taken: Path, place: Place, harm: Callable[[Path], object], file: str, said: str
) -> None:
    harm(taken / file)
    verified = place.monitor("backup", "verify")
    assert verified.exit_code == 1
    assert f"is damaged: {file}: " in verified.stderr
    assert said in verified.stderr


def test_what_listing_can_see_is_told_there(taken: Path, place: Place) -> None:
    (taken / "dump/shop/orders.bson").write_bytes(b"")
    (place.backups / "20200101T000000Z-full-0000").mkdir()
    rows = json.loads(place.monitor("backup", "list", "--json").stdout)
    assert [(row["state"], row["at"] is None) for row in rows] == [("damaged", False), ("incomplete", True)]
    assert "orders.bson" in rows[0]["reason"]


def test_the_restored_copy_is_compared_not_just_the_files(taken: Path, place: Place) -> None:
    """A backup that was wrong from the start: its files and manifest agree with each other, not with the database."""

    def forge(manifest: Manifest) -> Manifest:
        orders = next(entry for entry in manifest.collections if entry.namespace == "shop.orders")
        wrong = dataclasses.replace(orders, md5="0" * 32, documents=orders.documents + 1)
        others = tuple(entry for entry in manifest.collections if entry != orders)
        return dataclasses.replace(manifest, collections=(*others, wrong))

    _rewrite(taken, forge)
    verdict = backup.verify(place.settings)
    assert verdict.outcome == "failed"
    assert {fault.code for fault in verdict.faults} == {"count", "digest"}
    assert {fault.file for fault in verdict.faults} == {"dump/shop/orders.bson"}


def test_a_file_that_no_server_takes_is_named(taken: Path, place: Place) -> None:
    metadata = taken / "dump/shop/orders.metadata.json"
    content = metadata.read_bytes().replace(b'"indexes":[', b'"indexes":[{"name":"bad","key":{"x":"nonsense"}},')
    metadata.write_bytes(content)

    size, digest = len(content), hashlib.sha256(content).hexdigest()

    def rewritten(file: FileEntry) -> FileEntry:
        return FileEntry(path=file.path, bytes=size, sha256=digest, stored_bytes=size, stored_sha256=digest)

    def forge(manifest: Manifest) -> Manifest:
        files = tuple(
            rewritten(file) if file.path.endswith("orders.metadata.json") else file for file in manifest.files
        )
        return dataclasses.replace(manifest, files=files)

    _rewrite(taken, forge)
    verdict = backup.verify(place.settings)
    assert [(fault.file, fault.code) for fault in verdict.faults] == [
        ("dump/shop/orders.metadata.json", "restore-failed")
    ]


def test_a_store_may_be_named_from_here_and_its_path_may_be_long(
    taken: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Unix socket's path is short and absolute, whatever the store's is."""
    store = place.run_dir / ("a" * 90) / "store"
    store.parent.mkdir()
    place.backups.rename(store)
    monkeypatch.chdir(store.parent)
    settings = dataclasses.replace(place.settings, backup_store="store")
    with tempfile.TemporaryDirectory(dir=scratch.SHORT_PARENT) as short:  # others verify in the usual place meanwhile
        monkeypatch.setattr(scratch, "SHORT_PARENT", Path(short))
        assert backup.verify(settings).outcome == "passed"
        assert list(Path(short).iterdir()) == []


def test_an_older_backup_can_be_named_and_an_unknown_one_is_refused(taken: Path, place: Place) -> None:
    newer = backup.take(place.settings)
    verdict = json.loads(place.monitor("backup", "verify", taken.name, "--json").stdout)
    assert verdict["backup"] == taken.name != newer.id
    unknown = place.monitor("backup", "verify", "20200101T000000Z-full-0000")
    assert unknown.exit_code == 2
    assert "no backup" in unknown.stderr


def test_without_backups_there_is_nothing_to_verify(place: Place) -> None:
    verified = place.monitor("backup", "verify")
    assert verified.exit_code == 2
    assert "monitor backup run" in verified.stderr


def test_without_mongod_nothing_is_known(taken: Path, place: Place) -> None:
    place = place.changed(mongod="/nowhere/mongod")
    verdict = backup.verify(place.settings)
    assert (verdict.outcome, verdict.restore_seconds, verdict.faults) == ("unknown", None, ())
    verified = place.monitor("backup", "verify")
    assert verified.exit_code == 3
    assert "/nowhere/mongod" in verified.stderr


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo db version v4.4.29", "same release"),
        ("echo hello", "names no version"),
        ('case "$1" in --version) echo db version v6.0.99;; *) echo no licence; exit 7;; esac', "code 7: no licence"),
    ],
    ids=["another release", "no mongod", "ends at once"],
)
def test_a_mongod_that_cannot_be_used_is_no_verdict(taken: Path, place: Place, script: str, said: str) -> None:
    program = place.run_dir / "mongod"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    verified = place.changed(mongod=str(program)).monitor("backup", "verify")
    assert verified.exit_code == 3
    assert said in verified.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "terminate"])
def test_a_killed_verification_leaves_no_server(taken: Path, place: Place, signal_number: signal.Signals) -> None:
    run = place.spawn("backup", "verify")
    server = _wait_for_scratch(place, run)
    run.send_signal(signal_number)
    run.communicate()
    deadline = time.monotonic() + 60
    while server & _servers(place):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    if signal_number == signal.SIGTERM:
        assert not list(place.backups.glob(".scratch-*"))
    assert backup.verify(place.settings).outcome == "passed"
    assert not list(place.backups.glob(".scratch-*"))


def test_the_scratch_server_listens_on_no_port(taken: Path, place: Place) -> None:
    run = place.spawn("backup", "verify")
    (server,) = _wait_for_scratch(place, run)
    run.send_signal(signal.SIGSTOP)  # else both may have ended before they were looked at
    try:
        listening = _listening_inodes()
        mine = set(_descriptors(server))
    finally:
        run.send_signal(signal.SIGCONT)
    out, error = run.communicate()
    assert run.returncode == 0, error
    assert not listening & mine
    assert place.secret not in out + error


def _flip(file: Path, where: float) -> None:
    content = bytearray(file.read_bytes() or b"\0")
    content[min(len(content) - 1, int(where * len(content)))] ^= 0x10
    file.write_bytes(content)


def _rewrite(taken: Path, change: Callable[[Manifest], Manifest]) -> None:
    forged = manifest_module.encode(change(manifest_module.load(taken)))
    (taken / "manifest.json").write_bytes(forged)


def _servers(place: Place) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdecimal() else b""
        except OSError:
            continue
        if words.split(b"\0")[0].endswith(b"mongod") and str(place.backups).encode() in words:
            found.add(int(entry.name))
    return found


def _wait_for_scratch(place: Place, run: subprocess.Popen[str]) -> set[int]:
    deadline = time.monotonic() + 60
    while not (found := _servers(place)):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def _descriptors(pid: int) -> Iterator[str]:
    """Tell what a process has open, but for what it closes at this moment."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield link.readlink().name


def _listening_inodes() -> set[str]:
    """Return ``socket:[inode]`` of every listening TCP socket of this machine."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A":
                found.add(f"socket:[{columns[9]}]")
    return found
