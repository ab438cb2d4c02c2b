"""Manifests of backups that tests make up: what is the same in each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from monitor.backup.manifest import SCHEMA_VERSION, begun
from monitor.backup.model import ClusterTime, FileEntry, Manifest, Source

SOURCE = Source(
    replica_set="rs0",
    member="m:1",
    role="primary",
    server_version="6.0.5",
    feature_compatibility_version="6.0",
)


def made_manifest(backup_id: str, files: tuple[FileEntry, ...], **others: Any) -> Manifest:
    """Of a backup that took a second and holds these files, and nothing else is said about; ``others`` say more."""
    fields: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": backup_id,
        "type": "full",
        "tool_version": "0",
        "started_at": begun(backup_id),
        "finished_at": begun(backup_id) + timedelta(seconds=1),
        "recovery_point": ClusterTime(time=1, increment=1),
        "source": SOURCE,
        "files": files,
        "collections": (),
    }
    return Manifest(**fields | others)
