"""A snapshot's objects: ``redis/<id>/dump.rdb``, then ``redis/<id>/manifest.json``: where that is, all of it is."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from monitor.backup import documents
from monitor.backup.depot import Damaged, Depot
from monitor.backup.redis.model import SCHEMA_VERSION, RedisSnapshot
from monitor.errors import InputError

PREFIX = "redis/"
MANIFEST = "manifest.json"
DUMP = "dump.rdb"

_ID = re.compile(r"\d{8}T\d{6}Z-redis-[0-9a-f]{4}")


def is_snapshot_id(name: str) -> bool:
    """Whether a name is one that ``take`` gives to snapshots."""
    return _ID.fullmatch(name) is not None


def key(snapshot_id: str, name: str) -> str:
    """Return the key of one of a snapshot's objects."""
    return f"{PREFIX}{snapshot_id}/{name}"


def snapshots(depot: Depot) -> tuple[str, ...]:
    """Return the ids of the snapshots that are complete, oldest first."""
    parts = [name.removeprefix(PREFIX).partition("/") for name in depot.keys(PREFIX)]
    return tuple(sorted(one for one, _, rest in parts if rest == MANIFEST and is_snapshot_id(one)))


def newest(depot: Depot) -> str:
    """Return the newest snapshot's id.

    Raises:
        InputError: there is none.
    """
    ids = snapshots(depot)
    if not ids:
        raise InputError(f"there is no snapshot of Redis in {depot.name}: `monitor backup redis` takes one")
    return ids[-1]


def extract(depot: Depot, snapshot_id: str, out: Path) -> RedisSnapshot:
    """Write a snapshot's RDB file, as Redis reads it when it starts; it appears whole, checked, or not at all.

    Raises:
        Damaged: it is not what was written.
        InputError: there is no such snapshot, or something is at ``out`` already.
    """
    snapshot, _ = load(depot, snapshot_id)
    if out.exists():
        raise InputError(f"{out} is there already: give a file that is not")
    draft = out.with_name(f".{out.name}-{secrets.token_hex(4)}")
    digest = hashlib.sha256()
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            for chunk in depot.get(key(snapshot_id, DUMP)):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != snapshot.sha256:
            raise Damaged(f"snapshot {snapshot_id} in {depot.name} is not what was written (SHA-256 differs)")
        draft.rename(out)
    except KeyError:
        raise Damaged(f"snapshot {snapshot_id} in {depot.name} has no {DUMP}") from None
    finally:
        draft.unlink(missing_ok=True)
    return snapshot


def load(depot: Depot, snapshot_id: str) -> tuple[RedisSnapshot, str]:
    """Read a snapshot's manifest; returns it and its SHA-256.

    Raises:
        Damaged: it was changed, or is another one's.
        InputError: there is no such snapshot.
    """
    if not is_snapshot_id(snapshot_id):
        raise InputError(f"{snapshot_id[:100]!r} is no id of a snapshot of Redis")
    name = key(snapshot_id, MANIFEST)
    try:
        found, digest = documents.read(depot, name, RedisSnapshot)
    except KeyError:
        raise InputError(f"there is no snapshot {snapshot_id} of Redis in {depot.name}") from None
    if found.id != snapshot_id or found.schema_version != SCHEMA_VERSION:
        raise Damaged(f"{name} in {depot.name} is the manifest of {found.id[:100]!r}, or of another schema")
    return found, digest
