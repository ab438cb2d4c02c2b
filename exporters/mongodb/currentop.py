"""What runs right now, counted by the server itself: how many operations, the longest, how many wait for a lock.

Never one series an operation, and never a word of what was asked: the pipeline hands out numbers by kind. This one
does not pause for a struggling server: it costs a third of a millisecond, and it is then that somebody needs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from exporters.collector import Deadline
from exporters.declare import family
from exporters.mongodb.asking import MemberCollector, aggregate
from exporters.mongodb.source import Document, Member
from exporters.readings import Readings
from telemetry.metric import Metric

KINDS = ("query", "getmore", "insert", "update", "remove", "command")
"""mongod's own closed list of what an operation is (an aggregation is a command)."""
THRESHOLDS = (1, 10, 60)

_SOURCE = "$currentOp, grouped by op"
ACTIVE = family(
    "mongodb_currentop_active",
    "Clients' operations that run right now, by kind; waiting for changes, and MongoDB's own work, do not count.",
    "member",
    "op",
    source=_SOURCE,
    cost="slow",
)
LONGEST = family(
    "mongodb_currentop_longest_seconds",
    "For how long the longest of them has been running.",
    "member",
    "op",
    source="$currentOp.microsecs_running",
    cost="slow",
)
OVER = family(
    "mongodb_currentop_over_threshold",
    "How many of them have been running for at least so many seconds.",
    "member",
    "op",
    "threshold",
    source="$currentOp.microsecs_running",
    cost="slow",
)
WAITING = family(
    "mongodb_currentop_waiting_for_lock",
    "How many of them wait for a lock.",
    "member",
    "op",
    source="$currentOp.waitingForLock",
    cost="slow",
)
FSYNC_LOCK = family(
    "mongodb_currentop_fsync_lock_state",
    "Whether writes are held back by fsyncLock, which a backup may have left behind.",
    "member",
    source="currentOp.fsyncLock",
    cost="slow",
    like=("mongodb_exporter",),
)

_CLIENTS_OPERATIONS: Document = {
    "active": True,
    "op": {"$in": KINDS},
    "desc": {"$regex": "^conn"},  # everything else is a thread of mongod's own
    "appName": {"$ne": "exporters"},
    "ns": {"$not": {"$regex": r"^(local|config)\.|^admin\.\$cmd$"}},  # replication, sessions, heartbeats
    "cursor.awaitData": {"$ne": True},  # a change stream that waits is idle, however long
    "command.hello": {"$exists": False},
    "command.isMaster": {"$exists": False},
    "command.ismaster": {"$exists": False},
}
PIPELINE: list[Document] = [
    {"$currentOp": {"allUsers": True, "idleConnections": False, "idleSessions": False}},
    {"$match": _CLIENTS_OPERATIONS},
    {
        "$group": {
            "_id": "$op",
            "active": {"$sum": 1},
            "longest": {"$max": "$microsecs_running"},
            "waiting": {"$sum": {"$cond": ["$waitingForLock", 1, 0]}},
            **{
                f"over_{seconds}": {"$sum": {"$cond": [{"$gte": ["$microsecs_running", seconds * 1_000_000]}, 1, 0]}}
                for seconds in THRESHOLDS
            },
        }
    },
]
_NOBODY: Document = {"currentOp": 1, "opid": -1}
"""Matches no operation: only whether the server is locked is asked."""


class CurrentopCollector(MemberCollector):
    """Asks each member what it is doing."""

    name: ClassVar[str] = "mongodb_currentop"
    metrics: ClassVar[tuple[Metric, ...]] = (ACTIVE, LONGEST, OVER, WAITING, FSYNC_LOCK)
    every: ClassVar[float] = 15.0
    limit: ClassVar[float] = 5.0
    spares: ClassVar[bool] = False
    """A server that struggles is asked all the more."""

    async def ask(self, member: Member, readings: Readings, deadline: Deadline) -> None:
        """Ask for both, without waiting behind what other collectors ask: a slow server is when this matters."""
        rows = await aggregate(member, "admin", 1, PIPELINE, deadline, urgent=True)
        locked = await member.run(_NOBODY, deadline, urgent=True)
        write(member.name, rows, readings)
        readings.add(FSYNC_LOCK, int(bool(locked.get("fsyncLock", False))), member.name)


def write(member: str, rows: Iterable[Document], readings: Readings) -> None:
    """Write one member's operations; a kind of which none runs is zero, not absent."""
    by_kind = {row["_id"]: row for row in rows}
    for kind in KINDS:
        row = by_kind.get(kind, {})
        readings.add(ACTIVE, row.get("active", 0), member, kind)
        readings.add(LONGEST, (row.get("longest") or 0) / 1e6, member, kind)
        readings.add(WAITING, row.get("waiting", 0), member, kind)
        for seconds in THRESHOLDS:
            readings.add(OVER, row.get(f"over_{seconds}", 0), member, kind, str(seconds))
