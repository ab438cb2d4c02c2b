"""Backups that stock tools can read, and that are proven by restoring them.

::

    where objects lie     a directory or a bucket, sealed         depot, sealed, keys, sources.object_storage
    where backups lie     whole or not there, one writer          backup_store, storage, bucket, lease, draft, opening
    take                  a snapshot, in mongodump's format       full, catalog, copying, pipe, compression, dumpformat
    list_backups, prune   what is there, what may go              listing, notes, retention, chains, policy (pure)
    copy                  to another place                        offsite
    export                opened and checked, for stock tools     staging, export
    verify                restored, compared with manifest,       verifying, exact, scratch, mongodump, restore,
                          source and history, and looked at       comparison, application, erasures

All calls block; use a thread where an event loop runs.
"""

from __future__ import annotations

from monitor.backup.backup_store import BackupStore
from monitor.backup.export import export
from monitor.backup.full import take
from monitor.backup.listing import list_backups
from monitor.backup.model import BackupRecord, ListedBackup, Manifest, Verification
from monitor.backup.offsite import copy
from monitor.backup.opening import open_store
from monitor.backup.progress import Progress, ShowProgress
from monitor.backup.retention import prune
from monitor.backup.verifying.run import verify

__all__ = [
    "BackupRecord",
    "BackupStore",
    "ListedBackup",
    "Manifest",
    "Progress",
    "ShowProgress",
    "Verification",
    "copy",
    "export",
    "list_backups",
    "open_store",
    "prune",
    "take",
    "verify",
]
