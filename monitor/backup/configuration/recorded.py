"""Configuration gathered, kept and remembered in one go."""

from __future__ import annotations

import sqlite3

from monitor import clock
from monitor.backup.access import backup_login
from monitor.backup.configuration.archive import save
from monitor.backup.configuration.gathering import gather
from monitor.backup.configuration.model import Configuration
from monitor.backup.depot import Depot
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.store import Store


def keep(settings: Settings, depot: Depot, store: Store | None, *, without_secrets: bool) -> Configuration:
    """Gather and keep; record it."""
    started = clock.now()
    found = gather(settings, backup_login(settings))
    kept = save(depot, found, started, without_secrets=without_secrets)
    if store is not None:
        try:
            store.put("configuration", kept.id, kept.body(), at=clock.now())
        except sqlite3.Error as error:
            raise Unavailable(f"{kept.id} could not be recorded in {store.path} ({type(error).__name__})") from error
    return kept
