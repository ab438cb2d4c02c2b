"""Snapshots of Redis: taken as a replica would, proven by loading them.

::

    model          what a snapshot and a verification of it are
    stored         a snapshot's objects in a depot: redis/<id>/dump.rdb, then redis/<id>/manifest.json
    taking         SYNC into a depot
    scratch        a throw-away redis-server that has loaded one
    contents       what a server holds, said so that two of them can be compared
    verification   read, hash, load, compare
    recorded       where it is asked, and what is remembered of it
"""

from __future__ import annotations

from monitor.backup.redis.model import RedisSnapshot, RedisVerification
from monitor.backup.redis.stored import extract, is_snapshot_id, newest, snapshots
from monitor.backup.redis.taking import take
from monitor.backup.redis.verification import verify

__all__ = ["RedisSnapshot", "RedisVerification", "extract", "is_snapshot_id", "newest", "snapshots", "take", "verify"]
