"""Backups that stock tools can read, and that are proven by restoring them.

::

    take                  a snapshot, in mongodump's format      full, catalog, copying, dumpformat, storage
    list_backups, prune   what is there, what may go             storage, retention, policy (pure)
    verify                hash, restore into a scratch mongod,   verification, scratch, restore, comparison
                          compare with the manifest

All calls block; use a thread where an event loop runs.
"""

from __future__ import annotations

from monitor.backup.full import take
from monitor.backup.model import BackupRecord, ListedBackup, Manifest, Verification
from monitor.backup.progress import Progress, ShowProgress
from monitor.backup.retention import prune
from monitor.backup.storage import list_backups
from monitor.backup.verification import verify

__all__ = [
    "BackupRecord",
    "ListedBackup",
    "Manifest",
    "Progress",
    "ShowProgress",
    "Verification",
    "list_backups",
    "prune",
    "take",
    "verify",
]
