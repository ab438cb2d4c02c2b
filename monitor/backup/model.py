"""What a backup is, what became of it, and what a verification found. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from monitor import clock
from monitor.backup.compression import Compression, stored_name
from monitor.errors import Fault

BackupType = Literal["full"]
Outcome = Literal["passed", "failed", "unknown"]
State = Literal["complete", "incomplete", "damaged", "sealed"]
"""``sealed``: with a key that is not at hand, so nothing more is known of it."""
PUT_BACK = "put-back"
ELSEWHERE = frozenset({"gap", "slice", "replay-failed", "escrow", "erasures", "application"})
"""Codes of faults that are none of the backup: of the slices behind it, of keys and lists that are kept elsewhere, and
of what the application had written, which the backup holds as it was."""
Consistency = Literal["snapshot", "live"]
"""``snapshot``: as it was at the recovery point. ``live``: read at some moment during the run, which is all that
MongoDB allows for capped collections."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ClusterTime:
    """A MongoDB timestamp: Unix ``time`` in seconds and the ``increment`` within it; sorts as MongoDB sorts."""

    time: int
    increment: int

    @property
    def at(self) -> datetime:
        """The instant, to the second."""
        return clock.from_epoch(self.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Which server a backup was read from."""

    replica_set: str
    member: str
    role: Literal["primary", "secondary"]
    server_version: str
    feature_compatibility_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of a backup: its path in a plain mongodump directory (``/`` separated), its size and its SHA-256.

    ``stored_bytes`` and ``stored_sha256`` are of the object as it lies in the store, compressed and sealed.
    """

    path: str
    bytes: int
    sha256: str
    stored_bytes: int
    stored_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionEntry:
    """One collection, view or time series.

    ``md5`` is of the raw documents in file order. For ``snapshot`` data that is ``_id`` order, so it equals what the
    server's own ``dbHash`` says of the restored collection. ``data`` is empty for views.
    """

    database: str
    name: str
    type: Literal["collection", "view", "timeseries"]
    uuid: str
    consistency: Consistency
    documents: int
    bytes: int
    md5: str
    indexes: int
    options_sha256: str
    """Of the options in canonical Extended JSON."""
    metadata: str
    data: str

    @property
    def namespace(self) -> str:
        """``database.name``."""
        return f"{self.database}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything about one backup; written last, so its presence means that the rest is there."""

    schema_version: int
    id: str
    type: BackupType
    tool_version: str
    started_at: datetime
    finished_at: datetime
    recovery_point: ClusterTime
    source: Source
    files: tuple[FileEntry, ...]
    collections: tuple[CollectionEntry, ...]
    compression: Compression = "none"
    key_id: str = ""
    """The number of the Tink key that it was sealed with; empty where it was not."""

    @property
    def bytes(self) -> int:
        """The size of all files, as a plain mongodump directory has them."""
        return sum(file.bytes for file in self.files)

    @property
    def stored_bytes(self) -> int:
        """What they take in the store."""
        return sum(file.stored_bytes for file in self.files)

    def stored_path(self, file: FileEntry) -> str:
        """Where in the backup a file is stored."""
        return stored_name(file.path, self.compression)

    @property
    def documents(self) -> int:
        """How many documents it holds."""
        return sum(collection.documents for collection in self.collections)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRecord:
    """What became of one run of ``backup run``. Only a passed one has a recovery point and files."""

    id: str
    type: BackupType = "full"
    started_at: datetime
    finished_at: datetime
    duration_seconds: float
    bytes: int = 0
    """Of the plain files; ``stored_bytes`` is what they take in the store."""
    stored_bytes: int = 0
    collections: int = 0
    documents: int = 0
    recovery_point: datetime | None = None
    source: str = ""
    store: str = ""
    """What the store that it was taken into is called."""
    manifest_sha256: str = ""
    """Of its manifest, remembered where whoever can write into the store cannot."""
    outcome: Outcome
    reason: str = ""

    def body(self) -> dict[str, Any]:
        """The record as the store and ``--json`` have it."""
        return {
            "id": self.id,
            "type": self.type,
            "started_at": clock.to_rfc3339(self.started_at),
            "finished_at": clock.to_rfc3339(self.finished_at),
            "duration_seconds": round(self.duration_seconds, 3),
            "bytes": self.bytes,
            "stored_bytes": self.stored_bytes,
            "collections": self.collections,
            "documents": self.documents,
            "recovery_point": clock.to_rfc3339(self.recovery_point) if self.recovery_point else None,
            "source": self.source,
            "store": self.store,
            "manifest_sha256": self.manifest_sha256,
            "outcome": self.outcome,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a verification found.

    ``passed``: all files are as written, a restored copy is equal, plausible and good for its application. ``failed``:
    ``faults`` says what is wrong. ``unknown``: nothing is known to be wrong, but something could not be found out
    (``reason``). ``restore_seconds`` is what a restore took: reading, loading, replaying, building indexes; a part of
    the recovery time, not all of it.
    """

    id: str
    backup: str
    at: datetime
    outcome: Outcome
    store: str = ""
    """Where the backup lay: its copy in another place has verdicts of its own."""
    restore_seconds: float | None = None
    duration_seconds: float = 0.0
    bytes: int = 0
    documents: int = 0
    collections: int = 0
    recovery_point: datetime | None = None
    server_version: str = ""
    steps: dict[str, float] = field(default_factory=dict)
    """Seconds by step: source, files, slices, start, data, replay, indexes, compare, validate, erasures,
    application."""
    faults: tuple[Fault, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
    told: dict[str, Any] = field(default_factory=dict)
    """What single steps tell, by name: choice, exact, plausibility, application, erasures, prediction, newest_write."""

    @property
    def condemns(self) -> bool:
        """Whether the backup itself is not what it has to be, so that no restore begins with it.

        What is wrong elsewhere is told and alerted on as well, but must not leave nothing to restore.
        """
        return any(
            fault.code not in ELSEWHERE and (fault.code != PUT_BACK or fault.file == "manifest.json")
            for fault in self.faults
        )

    def body(self) -> dict[str, Any]:
        """The record as the store and ``--json`` have it."""
        return {
            "id": self.id,
            "backup": self.backup,
            "store": self.store,
            "at": clock.to_rfc3339(self.at),
            "outcome": self.outcome,
            "condemns": self.condemns,
            "restore_seconds": None if self.restore_seconds is None else round(self.restore_seconds, 3),
            "duration_seconds": round(self.duration_seconds, 3),
            "bytes": self.bytes,
            "documents": self.documents,
            "collections": self.collections,
            "recovery_point": clock.to_rfc3339(self.recovery_point) if self.recovery_point else None,
            "server_version": self.server_version,
            "steps": {name: round(seconds, 3) for name, seconds in self.steps.items()},
            "faults": [str(fault) for fault in self.faults],
            "files": sorted({fault.file for fault in self.faults}),
            "codes": sorted({fault.code for fault in self.faults}),
            "reason": self.reason,
            "notes": list(self.notes),
            **self.told,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBackup:
    """One backup of the store, judged by its manifest and its files' sizes; only ``verify`` reads every byte.

    ``bytes`` are of the plain files, ``size_bytes`` what they take in the store.
    """

    id: str
    state: State
    reason: str = ""
    type: str = ""
    at: datetime | None = None
    bytes: int = 0
    size_bytes: int = 0
    compression: str = ""
    key_id: str = ""
    documents: int = 0
    collections: int = 0
    recovery_point: datetime | None = None

    def body(self) -> dict[str, Any]:
        """The row as ``--json`` has it."""
        return {
            "id": self.id,
            "type": self.type or None,
            "at": clock.to_rfc3339(self.at) if self.at else None,
            "bytes": self.bytes,
            "size_bytes": self.size_bytes,
            "compression": self.compression or None,
            "key_id": self.key_id or None,
            "documents": self.documents,
            "collections": self.collections,
            "recovery_point": clock.to_rfc3339(self.recovery_point) if self.recovery_point else None,
            "state": self.state,
            "reason": self.reason,
        }
