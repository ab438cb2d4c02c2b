"""Which collections there are, with options and indexes, as mongodump would see them.

MongoDB does not list collections inside a snapshot. So the catalog is read before and after the data; if both are
equal, nothing was created, dropped, renamed or re-indexed in between, and it is the catalog of the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from bson.binary import Binary

from monitor.backup import dumpformat
from monitor.sources import mongodb
from monitor.sources.mongodb import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """One collection, view or time series, described in mongodump's own bytes (so two are easily compared)."""

    database: str
    name: str
    type: Literal["collection", "view", "timeseries"]
    uuid: str
    capped: bool
    indexes: int
    options: bytes
    """In canonical Extended JSON."""
    metadata: bytes
    """The content of its ``.metadata.json``."""

    @property
    def data_name(self) -> str:
        """The collection that holds its documents; empty for a view."""
        return {"view": "", "timeseries": dumpformat.BUCKETS + self.name, "collection": self.name}[self.type]


Catalog = tuple[Namespace, ...]


def read(client: Client) -> Catalog:
    """Read the whole catalog, sorted by namespace.

    Raises:
        PyMongoError: the server refuses or is gone; the caller says what that means.
    """
    found = (
        _namespace(client, database, info)
        for database in client.list_database_names()
        if database != "local"
        for info in mongodb.collections(client, database)
        if dumpformat.is_dumped(database, info["name"])
    )
    return tuple(sorted(found, key=lambda n: (n.database, n.name)))


def difference(before: Catalog, after: Catalog) -> tuple[str, ...]:
    """Return the namespaces that are not the same in both."""
    changed = set(before) ^ set(after)
    return tuple(sorted({f"{namespace.database}.{namespace.name}" for namespace in changed}))


def estimate_bytes(client: Client, catalog: Catalog) -> int:
    """Return about how many bytes of documents there are, as the server counts them."""
    databases = sorted({namespace.database for namespace in catalog})
    return int(sum(client[database].command("dbStats")["dataSize"] for database in databases))


def _namespace(client: Client, database: str, info: Mapping[str, Any]) -> Namespace:
    name, kind, options = info["name"], info.get("type", "collection"), info.get("options", {})
    # A view has no indexes, and asking for them is an error.
    indexes = [] if kind == "view" else _indexes(client, database, name)
    binary = info.get("info", {}).get("uuid")
    uuid = bytes(binary).hex() if isinstance(binary, Binary) else ""
    return Namespace(
        database=database,
        name=name,
        type=cast("Literal['collection', 'view', 'timeseries']", kind),
        uuid=uuid,
        capped=bool(options.get("capped", False)),
        indexes=len(indexes),
        options=dumpformat.canonical(options),
        metadata=dumpformat.metadata(name=name, kind=kind, uuid=uuid, options=options, indexes=indexes),
    )


def _indexes(client: Client, database: str, collection: str) -> list[Mapping[str, Any]]:
    """Return a collection's indexes; none if it was dropped this moment, which the second look will notice."""
    return list(mongodb.indexes(client, database, collection))
