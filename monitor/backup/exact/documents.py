"""Reads the documents of collections in one snapshot, at a bounded speed, for as long as the snapshot lasts."""

from __future__ import annotations

import hashlib
import time
from typing import cast

from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from monitor.backup import dumpformat
from monitor.backup.progress import Progress, ShowProgress
from monitor.sources import mongodb
from monitor.sources.mongodb import UNAUTHORIZED, Client

BATCH_DOCUMENTS = 1000
"""As backups read: larger batches leave the processor's cache."""
SERVERS_OWN = ("admin", "system.version")
"""A restored server keeps its own."""

_REFUSALS = {
    UNAUTHORIZED: "the user that reads the source may not read it",
    239: "the server no longer kept the snapshot",
    246: "the server gives no snapshot from before a change of the collection or its indexes",
    26: "it was dropped while it was read",
    175: "it was dropped or renamed while it was read",
}

Collection = tuple[str, str]
"""Database, and the name that its documents lie under."""


class UnreadError(Exception):
    """A collection could not be read in the snapshot; the message says why."""


class Reader:
    """Reads one collection after the other, no faster than ``limit`` bytes a second, until ``deadline``."""

    def __init__(
        self, client: Client, session: ClientSession, *, limit: float, deadline: float, progress: ShowProgress
    ) -> None:
        self.bytes = 0
        self._client = client
        self._session = session
        self._limit = limit
        self._deadline = deadline
        self._progress = progress
        self._begun = time.monotonic()

    def digest(self, collection: Collection, total: int) -> str:
        """Return the digest of a collection, in the order in which ``dbHash`` reads it.

        Raises:
            UnreadError: the snapshot does not give it, or did not last.
            PyMongoError: the server stopped answering.
        """
        database, name = collection
        by_id, digest = [("_id", 1)], hashlib.md5(usedforsecurity=False)
        try:
            self._in_time()
            for batch in self._client[database][name].find_raw_batches(
                {}, sort=by_id, hint=by_id, batch_size=BATCH_DOCUMENTS, session=self._session
            ):
                digest.update(cast("bytes", batch))
                self.bytes += len(batch)
                self._progress(Progress(step="reading the source", done=self.bytes, total=max(total, self.bytes)))
                time.sleep(max(0.0, self.bytes / self._limit - (time.monotonic() - self._begun)))
                self._in_time()
        except OperationFailure as error:
            if error.code in _REFUSALS:
                raise UnreadError(_REFUSALS[error.code]) from error
            raise
        return digest.hexdigest()

    def _in_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise UnreadError("it was not read for as long as the server keeps a snapshot")


def collections(client: Client) -> tuple[dict[Collection, int], tuple[str, ...]]:
    """Return the collections that hold documents with their size in bytes, small ones first; and those outside."""
    sizes: dict[Collection, int] = {}
    outside: list[str] = []
    for database in sorted(set(client.list_database_names()) - {"local"}):
        for info in mongodb.collections(client, database):
            name, kind = info["name"], info.get("type", "collection")
            if not dumpformat.is_dumped(database, name) or (database, name) == SERVERS_OWN:
                continue
            if kind == "view" or info.get("options", {}).get("capped"):
                outside.append(f"{database}.{name}")
                continue
            data = dumpformat.BUCKETS + name if kind == "timeseries" else name
            sizes[database, data] = _size(client, database, data)
    return dict(sorted(sizes.items(), key=lambda row: (row[1], row[0]))), tuple(sorted(outside))


def _size(client: Client, database: str, name: str) -> int:
    try:
        return int(client[database].command("collStats", name).get("size", 0))
    except OperationFailure:
        # Dropped this moment; or a system collection whose size this user may not ask for.
        return 0
