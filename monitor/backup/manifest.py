"""``manifest.json``: written last, read strictly, with a digest of itself in its last line.

The digest catches damage, not forgery: whoever may write into the store may write a matching one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple
from datetime import datetime
from pathlib import Path
from typing import Any

from cattrs import Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn
from cattrs.preconf.json import make_converter as make_json_converter

from monitor import clock
from monitor.backup.depot import LocalDepot
from monitor.backup.model import ClusterTime, CollectionEntry, FileEntry, Manifest, Source
from monitor.errors import InputError

NAME = "manifest.json"
SCHEMA_VERSION = 2
"""What is written. Version 1, which had neither compression nor encryption, is read as well."""
READABLE = (1, SCHEMA_VERSION)
DUMP = "dump"
"""The directory, beside the manifest, that ``mongorestore`` understands."""

MAX_BYTES = 64 * 1024 * 1024
"""A manifest of 100,000 files is a third of this; a larger one is not ours."""
MAX_FILES = 200_000
MAX_COUNT = 2**63
"""Sizes and counts are 64-bit integers to MongoDB and to every file system."""
MAX_SECONDS = 2**32
"""MongoDB's timestamps are unsigned 32-bit integers: no instant of a backup is later than these can say."""
MAX_TEXT = 1000

_TAIL = b'"manifest_sha256": "'
_ENDING = re.compile(rb',\n  "manifest_sha256": "([0-9a-f]{64})"\n\}\n\Z')
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_ID = re.compile(r"\d{8}T\d{6}Z-[a-z]+-[0-9a-f]{4}\Z")
_KEY_ID = re.compile(r"\d{0,10}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class ManifestError(InputError):
    """A manifest cannot be trusted: damaged, hostile, or of another schema. The message says in which way."""


def is_backup_id(name: str) -> bool:
    """Whether a name is one that ``clock.new_id`` gives to backups."""
    try:
        begun(name)
    except ValueError:
        return False
    return _ID.match(name) is not None


def begun(backup_id: str) -> datetime:
    """Return when a backup was begun, which its id says first.

    Raises:
        ValueError: it says no instant.
    """
    stamp = backup_id.partition("-")[0]
    return clock.from_rfc3339(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:{stamp[13:]}")


def encode(manifest: Manifest) -> bytes:
    """Return the file's content."""
    converter = make_json_converter()
    converter.register_unstructure_hook(datetime, clock.to_rfc3339)
    return signed(converter.unstructure(manifest))


def signed(fields: dict[str, Any]) -> bytes:
    """Return a manifest's fields with their digest in the last line."""
    head = json.dumps(fields, indent=2, ensure_ascii=False).encode().removesuffix(b"\n}")
    digest = hashlib.sha256(head).hexdigest().encode()
    return head + b",\n  " + _TAIL + digest + b'"\n}\n'


def digest(manifest: Manifest) -> str:
    """Return what a manifest is remembered by: SHA-256 of its file's content."""
    return hashlib.sha256(encode(manifest)).hexdigest()


def load(directory: Path) -> Manifest:
    """Read and check the manifest of the plain backup in ``directory``.

    Raises:
        FileNotFoundError: there is none.
        ManifestError: as ``parse``.
    """
    depot = LocalDepot(directory.parent)
    try:
        return parse(depot.get(f"{directory.name}/{NAME}"), directory.name, depot.name)
    except KeyError:
        raise FileNotFoundError(2, "there is no manifest", str(directory / NAME)) from None


def parse(content: Iterable[bytes], backup_id: str, where: str) -> Manifest:
    """Read and check the manifest of a backup; ``where`` it is kept is for messages.

    Raises:
        ManifestError: it is damaged, of another backup, or names files that no backup of ours would.
    """
    where = f"{where}/{backup_id}/{NAME}"
    gathered = bytearray()
    for chunk in content:
        gathered += chunk
        if len(gathered) > MAX_BYTES:
            break
    try:
        manifest = decode(bytes(gathered))
    except ManifestError as error:
        raise ManifestError(f"{where}: {error}") from error
    except Exception as error:
        # Whatever nobody thought of: it must cost this backup, not the list of all, and not the worker that asks.
        raise ManifestError(f"{where}: it cannot be read as a manifest ({type(error).__name__})") from error
    if manifest.id != backup_id:
        raise ManifestError(f"{where}: it is the manifest of {manifest.id}, not of {backup_id}")
    return manifest


def decode(content: bytes) -> Manifest:
    """Read a manifest from its bytes.

    Raises:
        ManifestError: see ``load``.
    """
    if len(content) > MAX_BYTES:
        raise ManifestError(f"it is larger than {MAX_BYTES} bytes, which no backup of ours is")
    ending = _ENDING.search(content, max(0, len(content) - 120))
    if ending is None:
        raise ManifestError("it does not end with its own digest: it was cut off or changed")
    if hashlib.sha256(content[: ending.start()]).hexdigest().encode() != ending.group(1):
        raise ManifestError("its content does not match its own digest: it was changed after it was written")
    try:
        fields = json.loads(content, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ManifestError("it is no JSON document, or holds a key twice, or text that is no Unicode") from error
    if not isinstance(fields, dict):
        raise ManifestError("it is no JSON object")
    fields.pop("manifest_sha256")
    schema = fields.get("schema_version")
    if type(schema) is not int or schema not in READABLE:
        raise ManifestError(f"it is of schema {str(schema)[:20]}, this program reads schemas up to {SCHEMA_VERSION}")
    manifest = _structure(_as_today(fields) if schema == 1 else fields)
    _check(manifest)
    return manifest


def _as_today(fields: dict[str, Any]) -> dict[str, Any]:
    """Say of a backup of schema 1 what today's manifests say: its files are stored as they are."""
    files = fields.get("files")
    if isinstance(files, list):
        for file in files:
            if isinstance(file, dict):
                if {"stored_bytes", "stored_sha256"} & set(file):
                    raise ManifestError("it is of schema 1, and says what only schema 2 can say")
                file |= {"stored_bytes": file.get("bytes"), "stored_sha256": file.get("sha256")}
    if {"compression", "key_id"} & set(fields):
        raise ManifestError("it is of schema 1, and says what only schema 2 can say")
    return fields


def _structure(fields: dict[str, Any]) -> Manifest:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(int, _exact_int)
    converter.register_structure_hook(str, _exact_str)
    converter.register_structure_hook(datetime, lambda value, _: clock.from_rfc3339(_exact_str(value, str)))
    for kind in (ClusterTime, Source, FileEntry, CollectionEntry, Manifest):
        hook = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True)
        converter.register_structure_hook(kind, hook)
    try:
        return converter.structure(fields, Manifest)
    except (ExceptionGroup, ForbiddenExtraKeysError, ValueError, TypeError, KeyError) as error:
        raise ManifestError("; ".join(transform_error(error, path="manifest"))[:2000]) from error


def _check(manifest: Manifest) -> None:
    """Refuse what the types allow but no backup of ours holds."""
    if not is_backup_id(manifest.id):
        raise ManifestError("its id is no backup id")
    _check_times(manifest)
    _check_texts(manifest)
    if len(manifest.files) > MAX_FILES:
        raise ManifestError(f"it names more than {MAX_FILES} files")
    for file in manifest.files:
        _check_path(file.path)
        sizes, digests = (file.bytes, file.stored_bytes), (file.sha256, file.stored_sha256)
        if not all(0 <= size < MAX_COUNT for size in sizes) or not all(map(_SHA256.match, digests)):
            raise ManifestError(f"size or digest of {file.path!r} is malformed")
    _refuse_twice("file", (file.path for file in manifest.files))
    _refuse_twice("collection", (entry.namespace for entry in manifest.collections))
    known = {file.path for file in manifest.files}
    for entry in manifest.collections:
        counts = (entry.documents, entry.bytes, entry.indexes)
        if not _MD5.match(entry.md5) or not all(0 <= count < MAX_COUNT for count in counts):
            raise ManifestError(f"counts or digest of {entry.namespace!r} are malformed")
        missing = {path for path in (entry.metadata, entry.data) if path} - known
        if missing:
            raise ManifestError(f"{entry.namespace!r} refers to files that are not listed: {sorted(missing)}")


def _check_times(manifest: Manifest) -> None:
    point = manifest.recovery_point
    run = (manifest.started_at.timestamp(), manifest.finished_at.timestamp())
    if not all(0 <= number < MAX_SECONDS for number in (*run, point.time, point.increment)):
        raise ManifestError("its times are out of range: before 1970, or later than MongoDB can say")


def _check_texts(manifest: Manifest) -> None:
    """Refuse in the texts that people are shown what would change their terminal, or fill it."""
    if not _KEY_ID.match(manifest.key_id):
        raise ManifestError("its key's number is malformed")
    for text in (manifest.tool_version, *astuple(manifest.source)):
        if len(text) > MAX_TEXT or _CONTROL.search(text):
            raise ManifestError(f"it holds a text that is too long, or has control characters: {text[:50]!r}")


def _check_path(path: str) -> None:
    parts = path.split("/")
    stays = parts[0] == DUMP and len(parts) > 1 and not {"", ".", ".."} & set(parts)
    # A database's name, and so the name of its directory, may hold any other character, also one that controls.
    if not stays or "\\" in path or "\0" in path:
        raise ManifestError(f"the path {path[:200]!r} does not stay below {DUMP}/")


def _refuse_twice(what: str, names: Any) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ManifestError(f"it names a {what} twice: {twice[0]!r}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, unless a key stands twice, or a key or text holds half a surrogate pair.

    Such a text can be neither printed nor be the name of a file: not even an error could say it.
    """
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    for text in (*fields, *fields.values()):
        if isinstance(text, str):
            text.encode()
    return fields


def _exact_int(value: object, _: type) -> int:
    if type(value) is int:
        return value
    raise ValueError("no whole number")


def _exact_str(value: object, _: type) -> str:
    if type(value) is str:
        return value
    raise ValueError("no text")
