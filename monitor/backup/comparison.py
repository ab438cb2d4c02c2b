"""Compares a restored server with what was backed up, by what the server says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pymongo.errors import ConnectionFailure, PyMongoError

from monitor.backup import dumpformat
from monitor.backup.manifest import DUMP
from monitor.backup.model import CollectionEntry, Manifest
from monitor.backup.mongodump import Dumped
from monitor.errors import Fault, Unavailable
from monitor.sources import mongodb
from monitor.sources.mongodb import Client

BY_ID = "_id_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What differs, and how many documents were found in the restored server."""

    faults: tuple[Fault, ...]
    documents: int


def compare(client: Client, manifest: Manifest, dump: tuple[Dumped, ...]) -> Compared:
    """Compare every collection: documents, digest, options, and the index on ``_id``; the others may not be built yet.

    Raises:
        Unavailable: the restored server stopped answering.
    """
    described = {(dumped.database, dumped.name): dumped for dumped in dump}
    databases = {entry.database for entry in manifest.collections}
    faults: list[Fault] = []
    documents = 0
    try:
        digests = {name: client[name].command("dbHash")["collections"] for name in databases}
        for entry in manifest.collections:
            dumped = described.get((entry.database, entry.name))
            if dumped is None:
                faults.append(Fault(file=entry.metadata, code="missing", message="it does not describe its collection"))
                continue
            found, differences = _compare(client, entry, dumped, digests[entry.database])
            documents += found
            faults += differences
    except ConnectionFailure as error:
        raise Unavailable("the scratch mongod stopped answering while it was compared: is its disk full?") from error
    except PyMongoError as error:
        raise Unavailable(f"the scratch mongod could not be compared ({type(error).__name__})") from error
    return Compared(faults=tuple(faults), documents=documents)


def _compare(
    client: Client, entry: CollectionEntry, dumped: Dumped, digests: Mapping[str, str]
) -> tuple[int, list[Fault]]:
    """Compare one collection; returns its documents and what differs."""
    if dumped.is_server_state:
        # The scratch server keeps its own; the file's digest was checked.
        return entry.documents, []
    there = next(mongodb.collections(client, dumped.database, {"name": dumped.name}), None)
    if there is None:
        # The server makes the collections of users and roles when there is one.
        if dumped.is_authorization and entry.documents == 0:
            return 0, []
        return 0, [Fault(file=entry.metadata, code="missing", message=f"{entry.namespace} was not restored")]
    found, differences = _compare_data(client, entry, dumped, digests) if entry.data else (0, [])
    faults = [Fault(file=entry.data, code=code, message=text) for code, text in differences]
    told = _compare_description(client, dumped, there)
    return found, [*faults, *(Fault(file=entry.metadata, code=code, message=text) for code, text in told)]


def _compare_data(
    client: Client, entry: CollectionEntry, dumped: Dumped, digests: Mapping[str, str]
) -> tuple[int, list[tuple[str, str]]]:
    found, differences = client[entry.database][dumped.data_name].estimated_document_count(), []
    if found != entry.documents:
        text = f"{entry.namespace}: {found} documents were restored, {entry.documents} backed up"
        differences.append(("count", text))
    # dbHash reads capped collections by _id too, but what must survive in them is their natural order.
    live = entry.consistency == "live"
    digest = _natural_md5(client, entry) if live else digests.get(dumped.data_name)
    if digest != entry.md5:
        differences.append(("digest", f"{entry.namespace}: the restored documents differ (dbHash)"))
    return found, differences


def _natural_md5(client: Client, entry: CollectionEntry) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for batch in client[entry.database][entry.name].find_raw_batches({}):
        digest.update(cast("bytes", batch))
    return digest.hexdigest()


def _compare_description(client: Client, dumped: Dumped, there: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    namespace = f"{dumped.database}.{dumped.name}"
    if _fields(there.get("options", {})) != _fields(dumped.wanted_options):
        yield "options", f"{namespace}: the restored collection has other options"
    if dumped.type != "view":
        yield from _differing(client, dumped, lambda name: name == BY_ID)


def compare_indexes(client: Client, dump: tuple[Dumped, ...]) -> tuple[Fault, ...]:
    """Compare every index with what a dump says, other than those on ``_id``.

    Raises:
        PyMongoError: the server stopped answering.
    """
    return tuple(
        Fault(file=f"{DUMP}/{dumped.database}/{dumped.metadata.name}", code=code, message=text)
        for dumped in dump
        if dumped.type != "view" and not dumped.is_server_state
        for code, text in _differing(client, dumped, lambda name: name != BY_ID)
    )


def validate(client: Client) -> tuple[Fault, ...]:
    """Let the server look through every collection with its indexes, on the disk too.

    Raises:
        PyMongoError: it stopped answering.
    """
    invalid = [
        f"{database}.{info['name']}"
        for database in client.list_database_names()
        if database not in {"local", "config"}
        for info in mongodb.collections(client, database, {"type": "collection"})
        if not client[database].command("validate", info["name"])["valid"]
    ]
    return tuple(
        Fault(file=name, code="invalid", message=f"{name}: the restored collection does not validate")
        for name in invalid
    )


def _differing(client: Client, dumped: Dumped, concerned: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    namespace = f"{dumped.database}.{dumped.name}"
    restored = {str(index["name"]): _fields(index) for index in mongodb.indexes(client, dumped.database, dumped.name)}
    backed_up = {str(index["name"]): _fields(index) for index in dumped.indexes}
    if dumped.is_authorization and not restored:
        # The server makes the collections of users and roles, with their indexes, when there is one.
        return
    for name in sorted(filter(concerned, restored.keys() | backed_up.keys())):
        if restored.get(name) != backed_up.get(name):
            yield "indexes", f"{namespace}: the index {name!r} is not the same after the restore"


def _fields(document: Mapping[str, Any]) -> dict[str, bytes]:
    """Make documents comparable: the order of their own fields says nothing, that of a key's or validator's does."""
    return {name: dumpformat.canonical({"": value}) for name, value in document.items() if name != "ns"}
