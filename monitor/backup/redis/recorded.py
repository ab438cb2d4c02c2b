"""Where Redis is asked for a snapshot, and what the monitor remembers of those that it took and tried."""

from __future__ import annotations

import sqlite3

from monitor import clock
from monitor.backup.redis.model import RedisSnapshot, RedisVerification
from monitor.errors import Unavailable
from monitor.settings import Settings, read_secret
from monitor.sources.redis_wire import Address
from monitor.store import Store


def address(settings: Settings) -> Address:
    """Return where Redis is, and as whom it is asked for a snapshot."""
    file = settings.redis_backup_password_file
    return Address(
        uri=settings.redis_uri,
        username=settings.redis_backup_username if file else "",
        password=read_secret(file, "redis_backup_password") if file else "",
        ca_file=settings.redis_ca_file,
    )


def remember(store: Store | None, result: RedisSnapshot | RedisVerification) -> None:
    """Write a result into the monitor's memory, beside those of MongoDB but not among them."""
    if store is None:
        return
    record_id = result.id if isinstance(result, RedisSnapshot) else f"{result.backup}/{result.id}"
    try:
        store.put("redis", record_id, result.body(), at=clock.now())
    except sqlite3.Error as error:
        raise Unavailable(f"{record_id} could not be recorded in {store.path} ({type(error).__name__})") from error
