"""Writes what became of a backup into the monitor's own store."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from monitor.backup.model import BackupRecord, Verification
from monitor.errors import Unavailable
from monitor.store import RecordKind, Store


def record(store: Store | None, result: BackupRecord | Verification, at: datetime) -> None:
    """Remember a result, if there is a store.

    Raises:
        Unavailable: it could not be written; the result itself stands, and the message says which it is.
    """
    if store is None:
        return
    kind: RecordKind = "backup" if isinstance(result, BackupRecord) else "verification"
    try:
        store.put(kind, result.id, result.body(), at=at)
    except sqlite3.Error as error:
        raise Unavailable(
            f"the {kind} {result.id} {result.outcome}, but that could not be recorded in {store.path} "
            f"({type(error).__name__}): is its disk full?"
        ) from error
