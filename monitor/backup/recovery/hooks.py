"""What comes after every restore, whatever was restored and into what."""

from __future__ import annotations

from collections.abc import Callable

from monitor.sources.mongodb import Client

AFTER_RESTORE: tuple[Callable[[Client], None], ...] = ()
"""Called in this order, when data, oplog and indexes are there and before the restore is told to be done. A failure is
the restore's failure. Erasures belong here: who asked to be forgotten must not come back with a backup."""


def after_restore(client: Client) -> None:
    """Do what comes after a restore.

    Raises:
        MonitorError: one of it failed: the restored data must not be used yet.
    """
    for step in AFTER_RESTORE:
        step(client)
