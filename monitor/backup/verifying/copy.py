"""The restored copy on a scratch server: loaded, compared, replayed to an instant, and compared again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError

from monitor import clock
from monitor.backup import comparison, dumpformat, mongodump, restore
from monitor.backup import manifest as manifest_module
from monitor.backup.depot import Damaged
from monitor.backup.model import ClusterTime, Manifest
from monitor.backup.oplog.replay import ReplayError
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.oplog.slices import Header, SliceError
from monitor.backup.progress import Progress
from monitor.backup.recovery import progress as recovery
from monitor.backup.recovery.run import Entries, build_indexes, replay
from monitor.backup.verifying.newest import newest_write
from monitor.backup.verifying.wish import Bench
from monitor.errors import Fault, Unavailable
from monitor.sources import mongodb
from monitor.sources.mongodb import Client

Digests = dict[str, str]
"""By namespace, as ``dbHash`` has them."""

Wanted = list[tuple[str, str, list[dict[str, Any]]]]
"""Database, collection, specifications of indexes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the copy gets from the backup's instant to ``at``: by these slices, none where it is the same."""

    at: ClusterTime
    shelf: Shelf
    slices: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A copy that is whole. ``digests`` are those before its indexes were built; times in seconds."""

    digests: Digests
    operations: int
    data_seconds: float
    index_seconds: float
    replay_seconds: float


def make(bench: Bench, client: Client, manifest: Manifest, root: Path, way: Way) -> Copied | None:
    """Restore into a scratch server and compare; ``None`` where that ended with a fault.

    Raises:
        Unavailable: the scratch server stopped answering.
    """
    findings = bench.findings
    try:
        dump = mongodump.read_dump(root / manifest_module.DUMP)
        findings.expiring = frozenset(one.namespace for one in dump if _expires(one))
        begun = time.monotonic()
        restore.load_data(client, dump, progress=bench.progress)
        loaded = time.monotonic()
        bench.progress(Progress(step="comparing"))
        with findings.timed("compare"):
            compared = comparison.compare(client, manifest, dump)
        findings.faults += compared.faults
        findings.documents = compared.documents
        # As of the backup, whatever it is replayed to: what later backups are held against.
        fields = bench.recovery.newest_write if bench.recovery else ()
        newest = newest_write(client, fields, until=manifest.recovery_point.at)
        findings.told["newest_write"] = clock.to_rfc3339(newest) if newest else None
        replaying = time.monotonic()
        entries = Entries(way.shelf, way.slices)
        kept = recovery.Progress(client, manifest.id, way.at, kept=False)
        replayed = replay(client, dump, entries, kept, begin=manifest.recovery_point, progress=bench.progress)
        digests = digests_of(client)
        building = time.monotonic()
        build_indexes(client, replayed.indexes, bench.progress)
        built = time.monotonic()
    except (mongodump.DumpError, restore.RestoreError) as error:
        findings.faults.append(Fault(file=_named(error.file, root), code="restore-failed", message=error.why))
        return None
    except ReplayError as error:
        findings.faults.append(Fault(file="oplog", code="replay-failed", message=str(error)))
        return None
    except (SliceError, Damaged) as error:
        findings.faults.append(Fault(file="oplog", code="slice", message=str(error)))
        return None
    except PyMongoError as error:
        raise Unavailable(
            f"the scratch mongod stopped answering ({type(error).__name__}): is its disk full?"
        ) from error
    with findings.timed("compare"):
        findings.faults += _indexes(client, dump, None if not way.slices else replayed.indexes.wanted())
    steps = {"data": loaded - begun, "replay": building - replaying, "indexes": built - building}
    findings.steps |= steps if way.slices else {name: steps[name] for name in ("data", "indexes")}
    return Copied(
        digests=digests,
        operations=replayed.done.operations,
        data_seconds=steps["data"],
        index_seconds=steps["indexes"],
        replay_seconds=steps["replay"] if way.slices else 0.0,
    )


def _expires(dumped: mongodump.Dumped) -> bool:
    by_age = any("expireAfterSeconds" in described for described in (dumped.options, *dumped.indexes))
    return by_age or bool(dumped.options.get("capped"))


def _named(file: Path, root: Path) -> str:
    """Name what a fault is about as the manifest does; an index that cannot be built is told by its collection."""
    if file.is_relative_to(root):
        return file.relative_to(root).as_posix()
    database, _, collection = str(file).partition(".")
    return f"{manifest_module.DUMP}/{database}/{dumpformat.file_name(collection)}.metadata.json"


def digests_of(client: Client) -> Digests:
    """Return what the server says of every collection that a backup would hold."""
    return {
        f"{database}.{name}": str(digest)
        for database in client.list_database_names()
        for name, digest in client[database].command("dbHash")["collections"].items()
        if name.startswith(dumpformat.BUCKETS) or dumpformat.is_dumped(database, name)
    }


def unchanged(client: Client, before: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what happened to a copy that nobody was to touch: documents that expired, above all.

    Raises:
        Unavailable: the scratch server stopped answering.
    """
    try:
        if client.admin.command({"getParameter": 1, "ttlMonitorEnabled": 1})["ttlMonitorEnabled"]:
            text = "the scratch mongod lets documents expire: what it holds is not what was restored"
            yield Fault(file="scratch", code="expired", message=text)
        now = digests_of(client)
        for namespace in sorted(name for name in before if now.get(name) != before[name]):
            database, _, collection = namespace.partition(".")
            indexes = mongodb.indexes(client, database, collection)
            expires = any("expireAfterSeconds" in index for index in indexes)
            why = "documents expired on the scratch mongod" if expires else "it changed after it was restored"
            yield Fault(file=namespace, code="expired" if expires else "changed", message=f"{namespace}: {why}")
    except PyMongoError as error:
        raise Unavailable(f"the scratch mongod stopped answering ({type(error).__name__})") from error


def _indexes(client: Client, dump: tuple[mongodump.Dumped, ...], wanted: Wanted | None) -> tuple[Fault, ...]:
    """Return what is wrong with indexes: held against the dump, or against what the oplog made of it."""
    try:
        if wanted is None:
            return comparison.compare_indexes(client, dump)
        return tuple(_not_built(client, wanted))
    except PyMongoError as error:
        raise Unavailable(f"the scratch mongod stopped answering ({type(error).__name__})") from error


def _not_built(client: Client, wanted: Wanted) -> Iterator[Fault]:
    for database, name, specifications in wanted:
        there = {str(index["name"]): dict(index) for index in mongodb.indexes(client, database, name)}
        for specification in specifications:
            index = str(specification["name"])
            if index not in there or list(there[index]["key"].items()) != list(specification["key"].items()):
                text = f"{database}.{name}: the index {index!r} is not there after the restore"
                yield Fault(file=f"{database}.{name}", code="indexes", message=text)
