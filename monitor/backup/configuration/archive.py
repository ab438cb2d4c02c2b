"""Configuration in a depot: ``configuration/<id>/files/<name>``, and ``configuration/<id>/manifest.json`` last."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from datetime import datetime
from pathlib import Path

from monitor import clock
from monitor.addresses import check_key
from monitor.backup import documents
from monitor.backup.configuration.files import LARGEST
from monitor.backup.configuration.model import SCHEMA_VERSION, Configuration, File, Gathered
from monitor.backup.depot import Damaged, Depot, make_directories, sync_directory
from monitor.backup.sealed import SealedDepot
from monitor.errors import InputError, Unsafe

PREFIX = "configuration/"
MANIFEST = "manifest.json"
_ID = re.compile(r"\d{8}T\d{6}Z-configuration-[0-9a-f]{4}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


def is_sealed(depot: Depot) -> bool:
    """Whether what is put into a depot is encrypted before it leaves this process."""
    return isinstance(depot, SealedDepot)


def save(depot: Depot, found: Gathered, started: datetime, *, without_secrets: bool = False) -> Configuration:
    """Write what was gathered.

    Raises:
        Unsafe: some of it is secret, and the depot is not sealed; ``without_secrets`` leaves that out, and says so.
    """
    secret = tuple(part.name for part in found.parts if part.secret)
    left_out = () if is_sealed(depot) else secret
    if left_out and not without_secrets:
        raise Unsafe(
            f"{len(left_out)} files hold secrets ({left_out[0]}, say), and {depot.name} is not encrypted: give the "
            "store a keyset, or leave these files out by --without-secrets"
        )
    backup_id = clock.new_id("configuration", started)
    files = []
    for part in found.parts:
        if part.name in left_out:
            continue
        depot.put(_key(backup_id, f"files/{part.name}"), [part.content])
        digest = hashlib.sha256(part.content).hexdigest()
        files.append(File(name=part.name, bytes=len(part.content), sha256=digest, secret=part.secret))
    configuration = Configuration(
        id=backup_id,
        started_at=started,
        finished_at=clock.now(),
        files=tuple(files),
        missing=found.missing,
        left_out=left_out,
        artifacts=found.artifacts,
    )
    depot.put(_key(backup_id, MANIFEST), [documents.encode(configuration)])
    return configuration


def newest(depot: Depot) -> str:
    """Return the id of the newest complete one.

    Raises:
        InputError: there is none.
    """
    parts = [name.removeprefix(PREFIX).partition("/") for name in depot.keys(PREFIX)]
    ids = sorted(one for one, _, rest in parts if rest == MANIFEST and _ID.fullmatch(one))
    if not ids:
        raise InputError(f"there is no configuration in {depot.name}: `monitor backup configuration` keeps it")
    return ids[-1]


def load(depot: Depot, backup_id: str) -> tuple[Configuration, str]:
    """Read a manifest; returns it and its SHA-256.

    Raises:
        Damaged: it was changed, is another one's, or names a file that would not stay where it belongs.
        InputError: there is none of that id.
    """
    if not _ID.fullmatch(backup_id):
        raise InputError(f"{backup_id[:100]!r} is no id of a configuration")
    name = _key(backup_id, MANIFEST)
    try:
        found, digest = documents.read(depot, name, Configuration)
    except KeyError:
        raise InputError(f"there is no configuration {backup_id} in {depot.name}") from None
    if found.id != backup_id or found.schema_version != SCHEMA_VERSION:
        raise Damaged(f"{name} in {depot.name} is the manifest of {found.id[:100]!r}, or of another schema")
    for file in found.files:
        _check_name(name, file.name)
    return found, digest


def extract(depot: Depot, backup_id: str, out: Path) -> Configuration:
    """Write all files below ``out``, which appears whole or not at all; each is checked before it is written.

    Raises:
        Damaged: a file is missing or not what was kept.
        InputError: there is none of that id, or something is at ``out`` already.
    """
    found, _ = load(depot, backup_id)
    if out.exists():
        raise InputError(f"{out} is there already: give a directory that is not")
    make_directories(out.absolute().parent)
    draft = out.absolute().with_name(f".{out.name}-{secrets.token_hex(4)}")
    draft.mkdir(mode=0o700)
    try:
        for file in found.files:
            content = _content(depot, found.id, file)
            target = draft / file.name
            make_directories(target.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(target, flags, 0o600), "wb") as stream:
                stream.write(content)
        draft.rename(out.absolute())
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync_directory(out.absolute().parent)
    return found


def _content(depot: Depot, backup_id: str, file: File) -> bytes:
    key = _key(backup_id, f"files/{file.name}")
    try:
        content = documents.content(depot, key, LARGEST)
    except KeyError:
        raise Damaged(f"{key} is missing from {depot.name}") from None
    if len(content) != file.bytes or hashlib.sha256(content).hexdigest() != file.sha256:
        raise Damaged(f"{key} in {depot.name} is not what was kept (SHA-256 differs)")
    return content


def _check_name(manifest: str, name: str) -> None:
    try:
        check_key(name)
    except InputError:
        raise Damaged(f"{manifest}: the name {name[:100]!r} does not stay where it belongs") from None
    if _CONTROL.search(name):
        raise Damaged(f"{manifest}: the name {name[:100]!r} holds what no name of ours does")


def _key(backup_id: str, name: str) -> str:
    return f"{PREFIX}{backup_id}/{name}"
