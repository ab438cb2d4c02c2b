"""What one backup says of itself in numbers, to be held against those before it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.backup.model import Manifest

USERS, ROLES = "admin.system.users", "admin.system.roles"
_SERVERS_OWN = "admin.system.version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of one backup: plain bytes, documents and indexes by namespace (views have none), users and roles.

    ``newest_write`` is the newest instant that any document speaks of, where that was found; ``at`` is the backup's.
    """

    id: str
    at: datetime
    replica_set: str
    bytes: int
    documents: Mapping[str, int]
    indexes: Mapping[str, int]
    users: int
    roles: int
    newest_write: datetime | None = None


def of(manifest: Manifest, newest_write: datetime | None = None) -> Facts:
    """Read the numbers off a manifest."""
    data = [one for one in manifest.collections if one.type != "view" and one.namespace != _SERVERS_OWN]
    held = {one.namespace: one.documents for one in data}
    return Facts(
        id=manifest.id,
        at=manifest.recovery_point.at,
        replica_set=manifest.source.replica_set,
        bytes=manifest.bytes,
        documents={name: count for name, count in held.items() if name not in {USERS, ROLES}},
        indexes={one.namespace: one.indexes for one in data if one.namespace not in {USERS, ROLES}},
        users=held.get(USERS, 0),
        roles=held.get(ROLES, 0),
        newest_write=newest_write,
    )
