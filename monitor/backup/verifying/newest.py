"""The newest write that a server's documents speak of: by the fields that recovery.yaml names, and by ObjectIds.

An ObjectId holds the second in which a client made it. Neither is exact to more than that client's clock, which is
enough to tell a source that stands still from one that does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo.errors import PyMongoError

from monitor.backup import dumpformat
from monitor.errors import Unavailable
from monitor.sources import mongodb
from monitor.sources.mongodb import Client

AHEAD = timedelta(days=1)
"""A client's clock that is wrong by more tells nothing."""


def newest_write(client: Client, fields: Iterable[str], *, until: datetime) -> datetime | None:
    """Return the newest write, or ``None`` where nothing tells.

    ``fields`` are ``database.collection.field`` of dates. What lies after ``until`` (appointments to come, say; the
    clock of one client) is passed over.

    Raises:
        Unavailable: the server stopped answering.
    """
    try:
        found = [*_by_fields(client, fields, until + AHEAD), *_by_ids(client, until + AHEAD)]
    except PyMongoError as error:
        raise Unavailable(
            f"the scratch mongod could not be asked for its newest write ({type(error).__name__})"
        ) from error
    return max(found, default=None)


def _by_fields(client: Client, fields: Iterable[str], limit: datetime) -> Iterator[datetime]:
    for name in fields:
        database, _, rest = name.partition(".")
        collection, _, field = rest.rpartition(".")
        stages: list[dict[str, Any]] = [
            {"$match": {field: {"$type": "date", "$lte": limit}}},
            {"$group": {"_id": None, "newest": {"$max": f"${field}"}}},
        ]
        for row in client[database][collection].aggregate(stages):
            if (instant := _instant(row["newest"])) is not None:
                yield instant


def _by_ids(client: Client, limit: datetime) -> Iterator[datetime]:
    largest = ObjectId.from_datetime(limit)
    for database in client.list_database_names():
        for info in mongodb.collections(client, database, {"type": "collection"}):
            if not dumpformat.is_dumped(database, info["name"]):
                continue
            among = {"_id": {"$type": "objectId", "$lte": largest}}
            row = client[database][info["name"]].find_one(among, {"_id": 1}, sort=[("_id", -1)])
            if row is not None:
                yield row["_id"].generation_time


def _instant(value: Any) -> datetime | None:
    """A date as the driver gives it; ``None`` for one outside of Python's years."""
    if isinstance(value, DatetimeMS):
        try:
            return value.as_datetime().astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return None
