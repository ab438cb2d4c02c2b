"""One instant of everything: which backup of MongoDB, snapshot of Redis and configuration belong together.

``sets/<id>.json`` is written when its parts are there, and names each with the digest of its manifest, so that none can
be exchanged. It also notes where the list of erasures stood: a list that is shorter later was cut off.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor import clock
from monitor.backup import documents
from monitor.backup.depot import Damaged, Depot
from monitor.backup.erasures import Head
from monitor.errors import InputError

PREFIX = "sets/"
SCHEMA_VERSION = 1
_ID = re.compile(r"\d{8}T\d{6}Z-set-[0-9a-f]{4}")
_LARGEST_MANIFEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One part of a set: the id of a backup, and the SHA-256 of its manifest as it is read from the depot."""

    id: str
    manifest_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSet:
    """What belongs to one instant; ``missing`` says which part could not be made, and why."""

    id: str
    started_at: datetime
    finished_at: datetime
    mongodb: Member | None = None
    redis: Member | None = None
    configuration: Member | None = None
    erasures: Head | None = None
    missing: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def body(self) -> dict[str, Any]:
        """As the store and ``--json`` have it."""
        parts = {"mongodb": self.mongodb, "redis": self.redis, "configuration": self.configuration}
        return {
            "id": self.id,
            "type": "set",
            "started_at": clock.to_rfc3339(self.started_at),
            "finished_at": clock.to_rfc3339(self.finished_at),
            **{name: part.id if part else None for name, part in parts.items()},
            "erasures": self.erasures.number if self.erasures else None,
            "missing": list(self.missing),
        }


def member(depot: Depot, manifest: str, backup_id: str) -> Member:
    """Return a part of a set by the key of its manifest.

    Raises:
        KeyError: there is none.
    """
    content = documents.content(depot, manifest, _LARGEST_MANIFEST)
    return Member(id=backup_id, manifest_sha256=hashlib.sha256(content).hexdigest())


def save(depot: Depot, backup_set: BackupSet) -> None:
    """Write a set."""
    depot.put(f"{PREFIX}{backup_set.id}.json", [documents.encode(backup_set)])


def ids(depot: Depot) -> tuple[str, ...]:
    """Return the ids of all sets, oldest first."""
    names = (name.removeprefix(PREFIX).removesuffix(".json") for name in depot.keys(PREFIX))
    return tuple(sorted(name for name in names if _ID.fullmatch(name)))


def load(depot: Depot, set_id: str) -> BackupSet:
    """Read a set, and see that each part is still the one that was meant.

    Raises:
        Damaged: the set or one of its parts was changed, or a part is gone.
        InputError: there is no such set.
    """
    if not _ID.fullmatch(set_id):
        raise InputError(f"{set_id[:100]!r} is no id of a set")
    try:
        found, _ = documents.read(depot, f"{PREFIX}{set_id}.json", BackupSet)
    except KeyError:
        raise InputError(f"there is no set {set_id} in {depot.name}") from None
    if found.id != set_id or found.schema_version != SCHEMA_VERSION:
        raise Damaged(f"set {set_id} in {depot.name} holds another one, or another schema")
    for prefix, part in (("", found.mongodb), ("redis/", found.redis), ("configuration/", found.configuration)):
        if part is None:
            continue
        try:
            there = member(depot, f"{prefix}{part.id}/manifest.json", part.id)
        except KeyError:
            raise Damaged(f"set {set_id}: {prefix}{part.id} is gone from {depot.name}") from None
        if there != part:
            raise Damaged(f"set {set_id}: {prefix}{part.id} is not the one that belongs to it")
    return found


def tied(depot: Depot) -> frozenset[str]:
    """Return the backups of MongoDB that belong to a set with all parts; a set that cannot be read counts as none."""
    found = set()
    for set_id in ids(depot):
        try:
            one, _ = documents.read(depot, f"{PREFIX}{set_id}.json", BackupSet)
        except (InputError, KeyError):
            continue
        if one.mongodb and one.redis and one.configuration:
            found.add(one.mongodb.id)
    return frozenset(found)


def erasures_head(depot: Depot) -> Head:
    """Where the list of erasures stood when the newest set was made: an anchor that outlives the monitor.

    Raises:
        Damaged: that set was changed.
    """
    known = ids(depot)
    if not known:
        return Head()
    found, _ = documents.read(depot, f"{PREFIX}{known[-1]}.json", BackupSet)
    return found.erasures or Head()
