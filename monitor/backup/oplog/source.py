"""Reads the oplog of one member of a replica set, never beyond what a majority holds: that can never be rolled back.

Needs the role ``monitorCapture`` (``monitor backup roles``), or MongoDB's own ``backup`` and ``clusterMonitor``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bson.timestamp import Timestamp

from monitor.backup.model import ClusterTime
from monitor.backup.oplog import point
from monitor.backup.oplog.entries import Position, position
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.sources import mongodb
from monitor.sources.mongodb import Client

BATCH_ENTRIES = 1000
MAX_LAG_S = 10.0
"""A member further behind would make every recovery point older than it need be."""
DOING = "capturing the oplog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oplog:
    """The oplog of a member that was chosen. ``committed`` is the newest entry that a majority held when asked."""

    client: Client
    replica_set: str
    member: str
    committed: Position

    def oldest(self, after: ClusterTime = point.ZERO) -> Position | None:
        """The oldest entry that is there after a point."""
        wanted = {"ts": {"$gt": point.bson(after), "$lte": point.bson(self.committed.at)}}
        with mongodb.one_sentence(DOING, self.member):
            found = self._entries().find_one(wanted, projection={"ts": 1, "t": 1}, sort=[("$natural", 1)])
        return None if found is None else position(found)

    def read(self, start: ClusterTime) -> Iterator[bytes]:
        """Entries from ``start``, inclusive, to the commit point, inclusive, in raw batches.

        Raises:
            PyMongoError: see ``mongodb.one_sentence``.
        """
        wanted = {"ts": {"$gte": point.bson(start), "$lte": point.bson(self.committed.at)}}
        yield from self._entries().find_raw_batches(wanted, sort=[("$natural", 1)], batch_size=BATCH_ENTRIES)

    def _entries(self) -> Any:
        return self.client.local["oplog.rs"]


def members(settings: Settings) -> tuple[str, ...]:
    """The members to read from: a secondary that keeps up, by preference, or else the primary; then all others.

    Raises:
        Unavailable: nobody answers, the user may not ask, or nobody can be read from now.
        SettingsError: the password's file cannot be read.
    """
    uri = settings.mongodb_uri
    with mongodb.connect(uri, *settings.capture_login()) as whole_set:
        found = mongodb.find_members(whole_set)
    if not found:
        raise Unavailable(
            f"{DOING}: {mongodb.hosts(uri)} is no replica set, so it has no oplog: start mongod with --replSet and "
            "initiate it, one member is enough"
        )
    primary = mongodb.primary_name(found)
    chosen = mongodb.choose_secondary(found, max_lag_s=MAX_LAG_S)
    first = chosen.name if chosen is not None else primary
    if first is None:
        raise Unavailable(f"{DOING}: no member of {mongodb.hosts(uri)} is a primary or a secondary that keeps up now")
    others = (one.name for one in found if one.healthy and one.state in {"PRIMARY", "SECONDARY"})
    return (first, *(name for name in others if name != first))


@contextmanager
def opened(settings: Settings, name: str) -> Iterator[Oplog]:
    """Open a member's oplog, and ask it how far a majority is.

    Raises:
        Unavailable: it does not answer, or the user may not ask.
        SettingsError: the password's file cannot be read.
    """
    with mongodb.connect_member(settings.mongodb_uri, name, *settings.capture_login(), bulk=True) as client:
        with mongodb.one_sentence(DOING, name):
            status = client.admin.command("replSetGetStatus")
        committed = status["optimes"]["lastCommittedOpTime"]
        if committed["ts"] == Timestamp(0, 0):
            raise Unavailable(f"{DOING}: {name} has just started and does not know yet what a majority holds")
        yield Oplog(client=client, replica_set=str(status["set"]), member=name, committed=position(committed))
