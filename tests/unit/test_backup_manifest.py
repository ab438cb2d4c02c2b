"""The manifest comes back as it was written, and anything hostile or damaged is refused with a reason."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.backup import manifest as module
from monitor.backup.model import ClusterTime, CollectionEntry, FileEntry, Manifest, Source
from monitor.errors import Fault

ID = "20261122T171500Z-full-3f9a"


def example() -> Manifest:
    return Manifest(
        schema_version=module.SCHEMA_VERSION,
        id=ID,
        type="full",
        tool_version="0.1.0",
        started_at=datetime(2026, 11, 22, 17, 15, tzinfo=UTC),
        finished_at=datetime(2026, 11, 22, 17, 15, 2, 500_000, tzinfo=UTC),
        recovery_point=ClusterTime(time=1_795_367_700, increment=3),
        source=Source(
            replica_set="rs0",
            member="127.0.0.1:27018",
            role="secondary",
            server_version="6.0.5",
            feature_compatibility_version="6.0",
        ),
        files=(
            FileEntry(path="dump/a/ü %24.bson", bytes=12, sha256="0" * 64, stored_bytes=9, stored_sha256="4" * 64),
            FileEntry(
                path="dump/a/ü %24.metadata.json", bytes=3, sha256="1" * 64, stored_bytes=20, stored_sha256="5" * 64
            ),
        ),
        collections=(
            CollectionEntry(
                database="a",
                name="ü $",
                type="collection",
                uuid="00ff",
                consistency="snapshot",
                documents=1,
                bytes=12,
                md5="2" * 32,
                indexes=1,
                options_sha256="3" * 64,
                metadata="dump/a/ü %24.metadata.json",
                data="dump/a/ü %24.bson",
            ),
        ),
    )


def signed(change: Callable[[dict[str, Any]], object], *, ensure_ascii: bool = False) -> bytes:
    """Return a manifest that was tampered with by somebody who knows how to sign it."""
    fields = json.loads(module.encode(example()))
    fields.pop("manifest_sha256")
    change(fields)
    head = json.dumps(fields, indent=2, ensure_ascii=ensure_ascii).encode().removesuffix(b"\n}")
    return head + b',\n  "manifest_sha256": "' + hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'


def test_it_comes_back_as_it_was_written() -> None:
    assert module.decode(module.encode(example())) == example()


def test_its_digest_is_its_last_line_and_of_everything_before() -> None:
    content = module.encode(example())
    head, _, tail = content.rpartition(b',\n  "manifest_sha256": "')
    assert tail == hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'
    assert json.loads(content)["id"] == ID


def test_any_flipped_byte_is_found() -> None:
    content = module.encode(example())
    for offset in range(len(content)):
        damaged = bytearray(content)
        damaged[offset] ^= 0x01
        with pytest.raises(module.ManifestError):
            module.decode(bytes(damaged))


@pytest.mark.parametrize("length", [0, 1, 50, -1, -3, -70])
def test_a_manifest_that_was_cut_off_is_found(length: int) -> None:
    with pytest.raises(module.ManifestError, match="cut off or changed"):
        module.decode(module.encode(example())[:length])


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../etc/passwd",
        "dump/../../x",
        "dump//x",
        "dump/./x",
        "dump",
        "dump/",
        "manifest.json",
        "dump/a\\b",
        "dump/a\0b",
        "",
    ],
)
def test_a_path_that_leaves_the_backup_is_refused(path: str) -> None:
    with pytest.raises(module.ManifestError, match="does not stay below dump/"):
        module.decode(signed(lambda fields: fields["files"][0].update(path=path)))


def test_a_database_may_have_any_name_and_none_changes_a_terminal() -> None:
    """MongoDB takes control characters in it: a backup that was published must be one, and be told of safely."""
    path = "dump/a\x1b]0;title\x9b/c.bson"
    read = module.decode(signed(lambda fields: fields["files"].append(fields["files"][0] | {"path": path})))
    assert read.files[-1].path == path
    assert str(Fault(file=path, message="it is not there")) == r"dump/a\x1b]0;title\x9b/c.bson: it is not there"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda fields: fields.update(schema_version=3), "schema 3"),
        (lambda fields: fields.update(schema_version=True), "schema True"),
        (lambda fields: fields.update(schema_version=1), "what only schema 2 can say"),
        (lambda fields: fields.update(compression="brotli"), "compression"),
        (lambda fields: fields.update(key_id="../x"), "key's number is malformed"),
        (lambda fields: fields["files"][0].update(stored_bytes=-1), "malformed"),
        (lambda fields: fields["files"][0].update(stored_sha256=""), "malformed"),
        (lambda fields: fields["files"][0].pop("stored_bytes"), "stored_bytes"),
        (lambda fields: fields.update(id="../x"), "no backup id"),
        (lambda fields: fields.update(type="physical"), "type"),
        (lambda fields: fields.update(extra=1), "extra"),
        (lambda fields: fields.pop("source"), "source"),
        (lambda fields: fields["files"].append(fields["files"][0]), "a file twice"),
        (lambda fields: fields["collections"].append(fields["collections"][0]), "a collection twice"),
        (lambda fields: fields["files"].pop(0), "not listed"),
        (lambda fields: fields["files"][0].update(bytes=-1), "malformed"),
        (lambda fields: fields["files"][0].update(bytes="12"), r"expected int @ manifest.files\[0\].bytes"),
        (lambda fields: fields["files"][0].update(bytes=True), r"expected int @ manifest.files\[0\].bytes"),
        (lambda fields: fields["files"][0].update(bytes=1.5), r"expected int @ manifest.files\[0\].bytes"),
        (lambda fields: fields["files"][0].update(sha256="zz"), "malformed"),
        (lambda fields: fields["files"][0].update(path=7), r"expected str @ manifest.files\[0\].path"),
        (lambda fields: fields["collections"][0].update(md5=""), "malformed"),
        (lambda fields: fields.update(started_at="yesterday"), "started_at"),
        (lambda fields: fields.update(started_at="2026-11-22T17:15:00"), "started_at"),
        (lambda fields: fields.update(files="none"), "files"),
        (lambda fields: fields.update(recovery_point=None), "recovery_point"),
        (lambda fields: fields["recovery_point"].update(time=10**15), "times are out of range"),
        (lambda fields: fields["recovery_point"].update(time=-1), "times are out of range"),
        (lambda fields: fields["recovery_point"].update(increment=2**32), "times are out of range"),
        (lambda fields: fields.update(started_at="9999-12-31T23:59:59Z"), "times are out of range"),
        (lambda fields: fields.update(finished_at="0001-01-01T00:00:00Z"), "times are out of range"),
        (lambda fields: fields.update(finished_at="0001-01-01T00:00:00+23:59"), "finished_at"),
        (lambda fields: fields["files"][0].update(bytes=10**400), "malformed"),
        (lambda fields: fields["collections"][0].update(documents=2**63), "malformed"),
        (lambda fields: fields["source"].update(member="m\x1b]0;title\x07"), "control characters"),
        (lambda fields: fields["source"].update(server_version="6\x9b2J"), "control characters"),
        (lambda fields: fields.update(tool_version="1" * 10_000), "too long"),
    ],
)
def test_what_no_backup_of_ours_says_is_refused(change: Callable[[dict[str, Any]], object], said: str) -> None:
    with pytest.raises(module.ManifestError, match=said):
        module.decode(signed(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields["files"][0].update(path="dump/\ud800"),
        lambda fields: fields.update(schema_version="\ud800"),
        lambda fields: fields.update({"\ud800": 1}),
        lambda fields: fields["source"].update({"\ud800": 1}),
    ],
)
def test_half_a_surrogate_pair_is_refused_in_words_that_can_be_printed(
    change: Callable[[dict[str, Any]], object],
) -> None:
    with pytest.raises(module.ManifestError, match="no Unicode") as caught:
        module.decode(signed(change, ensure_ascii=True))
    assert str(caught.value).encode()


def test_what_nobody_thought_of_is_a_fault_of_this_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bursts(_: Manifest) -> None:
        raise OverflowError("something in it")

    place = tmp_path / ID
    place.mkdir()
    (place / module.NAME).write_bytes(module.encode(example()))
    monkeypatch.setattr(module, "_check", bursts)
    with pytest.raises(module.ManifestError, match=r"cannot be read as a manifest \(OverflowError\)"):
        module.load(place)


def test_a_huge_one_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    with pytest.raises(module.ManifestError, match="larger than"):
        module.decode(module.encode(example()))


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 1)
    with pytest.raises(module.ManifestError, match="more than 1 files"):
        module.decode(module.encode(example()))


def test_a_key_that_stands_twice_is_refused() -> None:
    content = signed(lambda _: None)
    head = content.rpartition(b',\n  "manifest')[0].replace(b'"type": "full"', b'"type": "full",\n  "type": "full"', 1)
    forged = head + b',\n  "manifest_sha256": "' + hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'
    with pytest.raises(module.ManifestError, match="holds a key twice"):
        module.decode(forged)


def test_deep_nesting_is_a_fault_not_a_crash() -> None:
    head = b'{"a": ' + b"[" * 100_000
    forged = head + b',\n  "manifest_sha256": "' + hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'
    with pytest.raises(module.ManifestError, match="no JSON document"):
        module.decode(forged)


def test_a_backup_under_another_name_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "20261122T171500Z-full-0000"
    other.mkdir()
    (other / module.NAME).write_bytes(module.encode(example()))
    with pytest.raises(module.ManifestError, match=f"the manifest of {ID}"):
        module.load(other)


def test_sizes_and_documents_are_summed() -> None:
    manifest = example()
    assert (manifest.bytes, manifest.documents) == (15, 1)
    assert manifest.recovery_point.at == datetime(2026, 11, 22, 17, 15, tzinfo=UTC)
    assert dataclasses.replace(manifest, files=(), collections=()).bytes == 0


@pytest.mark.parametrize("name", ["lost+found", "20261322T171500Z-full-3f9a", f"{ID}.bak", ".tmp-" + ID, ID + "\n"])
def test_other_directories_are_no_backups(name: str) -> None:
    assert not module.is_backup_id(name)
