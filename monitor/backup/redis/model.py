"""What is said of a snapshot of Redis, and of a verification of it. Counts and digests; no key is ever named."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from monitor import clock
from monitor.backup.model import Outcome
from monitor.errors import Fault

SCHEMA_VERSION = 1
KIND = "redis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of one database: how many, and how many of them expire."""

    keys: int
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSnapshot:
    """One snapshot; its manifest is this.

    ``before`` and ``after`` are what the source said it held around the snapshot, by database number; empty where the
    user may not ask. ``quiet``: nothing was written between the two, so that the snapshot must hold exactly that.
    """

    id: str
    started_at: datetime
    finished_at: datetime
    source: str
    redis_version: str
    rdb_version: int
    checksum: bool
    """Whether the file ends with a checksum of its own; a server may be told to write none."""
    bytes: int
    sha256: str
    before: dict[str, Keys] = field(default_factory=dict)
    after: dict[str, Keys] = field(default_factory=dict)
    quiet: bool = False
    schema_version: int = SCHEMA_VERSION

    def body(self) -> dict[str, Any]:
        """As the store and ``--json`` have it."""
        return {
            "id": self.id,
            "type": KIND,
            "started_at": clock.to_rfc3339(self.started_at),
            "finished_at": clock.to_rfc3339(self.finished_at),
            "recovery_point": clock.to_rfc3339(self.started_at),
            "source": self.source,
            "redis_version": self.redis_version,
            "bytes": self.bytes,
            "keys": sum(one.keys for one in self.after.values()) if self.after else None,
            "quiet": self.quiet,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a server holds. ``digest`` is of everything, in an order that does not depend on how it is kept."""

    databases: dict[str, Keys]
    types: dict[str, int]
    digest: str
    expired: int = 0
    """Keys that had expired by the time they were loaded, and were left out."""

    def body(self) -> dict[str, Any]:
        """As the store and ``--json`` have it."""
        return {
            "databases": {name: one.keys for name, one in self.databases.items()},
            "expiring": sum(one.expires for one in self.databases.values()),
            "types": self.types,
            "digest": self.digest,
            "expired": self.expired,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisVerification:
    """What loading a snapshot showed: ``passed``, ``failed`` (``faults``) or ``unknown`` (``reason``)."""

    id: str
    backup: str
    at: datetime
    outcome: Outcome
    duration_seconds: float
    restore_seconds: float | None = None
    bytes: int = 0
    compared: Literal["exact", "plausible", "source", "none"] = "none"
    """Held against: what the quiet source had, bounds around what a busy one had, the source's content now, nothing."""
    contents: Contents | None = None
    faults: tuple[Fault, ...] = ()
    reason: str = ""

    def body(self) -> dict[str, Any]:
        """As the store and ``--json`` have it."""
        return {
            "id": self.id,
            "backup": self.backup,
            "type": KIND,
            "at": clock.to_rfc3339(self.at),
            "outcome": self.outcome,
            "duration_seconds": round(self.duration_seconds, 3),
            "restore_seconds": None if self.restore_seconds is None else round(self.restore_seconds, 3),
            "bytes": self.bytes,
            "compared": self.compared,
            "contents": self.contents.body() if self.contents else None,
            "faults": [str(fault) for fault in self.faults],
            "reason": self.reason,
        }
