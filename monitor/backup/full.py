"""``monitor backup run``: a full backup of a replica set, all collections as they were at one instant.

1. Choose a member: a secondary by preference (hidden, then low priority, then least lag), else the primary.
2. Read the catalog. Open a snapshot session; its first read fixes the instant, which is the recovery point.
3. Stream every collection in ``_id`` order into mongodump's directory format, hashing on the way.
4. Read the catalog again. If it changed, or the server no longer has the snapshot: start over, twice at most.
5. Write the manifest, make everything durable, and publish it by a rename.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.metadata import version

from pymongo.client_session import ClientSession
from pymongo.errors import ConnectionFailure, OperationFailure

from monitor import clock
from monitor.backup import catalog, dumpformat, manifest
from monitor.backup.backup_store import BackupStore
from monitor.backup.copying import Copier
from monitor.backup.draft import Draft
from monitor.backup.model import BackupRecord, ClusterTime, CollectionEntry, FileEntry, Manifest, Source
from monitor.backup.opening import open_store
from monitor.backup.pace import pace
from monitor.backup.progress import Progress, ShowProgress, quiet
from monitor.backup.recording import record
from monitor.errors import MonitorError, Unavailable, Unsafe
from monitor.settings import Settings, read_secret
from monitor.sources import mongodb
from monitor.sources.mongodb import Client
from monitor.store import Store

ATTEMPTS = 3
PAUSE_S = 1.0
"""Before the second attempt; twice as long before the third. A member that comes back needs about that."""

LEAST_SAVED = {"none": 1.0, "gzip": 2.0, "zstd": 2.0}
"""By how much documents shrink at least, when asking whether a disk has room. The study's shrank to a quarter; what
shrinks less (pictures, sealed fields) is caught when the disk is full."""

_PASSING = {
    239: "the server no longer kept the snapshot: raise minSnapshotHistoryWindowInSeconds there",
    246: "the server could not give a snapshot while collections or indexes were being made",
    136: "a capped collection was overwritten while it was read",
    175: "a collection was dropped while it was read",
    43: "the server lost the cursor",
    11600: "the server is shutting down",
    11602: "the server changed its role",
    91: "the server is shutting down",
    211: "the server has just started, and does not know the set's keys yet",
}
"""Server errors that starting over may cure, and what to say if it does not."""


class _StartOver(Exception):  # noqa: N818  # reads as the sentence it is
    """This attempt cannot become a consistent backup, another may."""


class _Failed(Exception):  # noqa: N818  # same
    """The run is over, with a reason that a person can act on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What one run was asked to do."""

    id: str
    started_at: datetime
    settings: Settings
    progress: ShowProgress
    max_bytes_per_second: float | None


def take(
    settings: Settings,
    *,
    store: Store | None = None,
    progress: ShowProgress = quiet,
    max_bytes_per_second: float | None = None,
    locked_for: timedelta | None = None,
) -> BackupRecord:
    """Take a full backup into the settings' store and record it in ``store``, if one is given, also when it failed.

    Blocks for as long as it takes. A failure that is about the backup itself (disk full, the snapshot is gone) is a
    record whose outcome is ``failed``. ``locked_for``: as long the bucket's object lock is to keep it.

    Raises:
        Unavailable: MongoDB or the storage cannot be reached or refuses the user; recorded as a failed backup.
        InputError: a setting is wrong; recorded likewise.
        Unsafe: another run holds the backup store; not recorded, for that run is.
    """
    started_at, begun = clock.now(), time.monotonic()
    run = _Run(
        id=clock.new_id("full", started_at),
        started_at=started_at,
        settings=settings,
        progress=progress,
        max_bytes_per_second=max_bytes_per_second or settings.backup_max_bytes_per_second or None,
    )
    lost: MonitorError | None = None
    done: Manifest | None = None
    reason = place = ""
    try:
        home = open_store(settings, locked_for=locked_for)
        place = home.name
        done = _take(run, home)
    except _Failed as error:
        reason = str(error)
    except OSError as error:
        reason = f"cannot write to {place}: {error.strerror or type(error).__name__}; nothing was kept"
    except Unsafe:
        raise
    except MonitorError as error:
        lost, reason = error, str(error)
    result = replace(_result(run, done, time.monotonic() - begun, reason), store=place)
    record(store, result, result.finished_at)
    if lost is not None:
        raise lost
    return result


def _result(run: _Run, done: Manifest | None, seconds: float, reason: str) -> BackupRecord:
    if done is None:
        return BackupRecord(
            id=run.id,
            started_at=run.started_at,
            finished_at=clock.now(),
            duration_seconds=seconds,
            outcome="failed",
            reason=reason,
        )
    return BackupRecord(
        id=done.id,
        started_at=done.started_at,
        finished_at=done.finished_at,
        duration_seconds=seconds,
        bytes=done.bytes,
        stored_bytes=done.stored_bytes,
        collections=len(done.collections),
        documents=done.documents,
        recovery_point=done.recovery_point.at,
        source=done.source.member,
        manifest_sha256=manifest.digest(done),
        outcome="passed",
    )


def _take(run: _Run, home: BackupStore) -> Manifest:
    password = read_secret(run.settings.backup_password_file, "backup_password")
    with home.exclusive("backup run"):
        _remove_leftovers(run.settings, home)
        said = ""
        for attempt in range(1, ATTEMPTS + 1):
            # In a bucket what one attempt wrote stays until it is pruned: another one needs another name.
            this = run if attempt == 1 else replace(run, id=clock.new_id("full", run.started_at))
            try:
                return _attempt(this, home, password)
            except _StartOver as again:
                said = str(again)
                run.progress(Progress(step=f"starting over: {said}"))
                time.sleep(attempt * PAUSE_S)
    raise _Failed(f"gave up after {ATTEMPTS} attempts: {said}")


def _attempt(run: _Run, home: BackupStore, password: str) -> Manifest:
    with (
        _source(run.settings, password) as (client, source),
        home.draft(run.id, run.settings.backup_compression) as draft,
    ):
        done = _dump(run, client, source, draft)
        draft.publish(done)
        return done


def _remove_leftovers(settings: Settings, home: BackupStore) -> None:
    """Remove what killed runs left; from a bucket, only if the identity that may is known here."""
    if settings.backup_prune_credentials_file is None:
        home.remove_leftovers()
    else:
        open_store(settings, pruning=True).remove_leftovers()


@contextmanager
def _source(settings: Settings, password: str) -> Iterator[tuple[Client, mongodb.Member]]:
    """Connect to the member to read from."""
    uri, username = settings.mongodb_uri, settings.backup_username
    with _one_reason(mongodb.hosts(uri), reading=False), mongodb.connect(uri, username, password) as whole_set:
        members = mongodb.find_members(whole_set)
    if not members:
        raise Unavailable(
            f"backup run: {mongodb.hosts(uri)} is no replica set, so it has no snapshots to read: "
            "start mongod with --replSet and initiate it, one member is enough"
        )
    primary = mongodb.primary_name(members)
    chosen = mongodb.choose_secondary(members) or next((m for m in members if m.name == primary), None)
    if chosen is None:
        raise Unavailable(f"backup run: no member of {mongodb.hosts(uri)} is a healthy secondary or primary now")
    with mongodb.connect_member(uri, chosen.name, username, password, bulk=True) as client:
        yield client, chosen


def _dump(run: _Run, client: Client, member: mongodb.Member, draft: Draft) -> Manifest:
    """Read everything into the draft; returns its manifest."""
    with _one_reason(member.name):
        before = catalog.read(client)
        total = catalog.estimate_bytes(client, before)
        _refuse_a_small_disk(draft, total)
        replica_set, server_version = client.admin.command("hello")["setName"], client.server_info()["version"]
        copier = Copier(run.progress, total, run.max_bytes_per_second or pace(total))
        with client.start_session(snapshot=True) as session:
            recovery_point, feature_version = _fix_the_instant(client, session)
            entries: list[CollectionEntry] = []
            files = [draft.put(f"{manifest.DUMP}/prelude.json", _prelude(server_version))]
            for namespace in before:
                entry, written = _dump_namespace(client, session, namespace, draft, copier)
                entries.append(entry)
                files += written
        changed = catalog.difference(before, catalog.read(client))
    if changed:
        raise _StartOver(f"collections or indexes changed during the run: {', '.join(changed[:5])}")
    return Manifest(
        schema_version=manifest.SCHEMA_VERSION,
        id=run.id,
        type="full",
        tool_version=version("appointment-sre"),
        started_at=run.started_at,
        finished_at=clock.now(),
        recovery_point=recovery_point,
        source=Source(
            replica_set=replica_set,
            member=member.name,
            role="primary" if member.state == "PRIMARY" else "secondary",
            server_version=server_version,
            feature_compatibility_version=feature_version,
        ),
        files=tuple(files),
        collections=tuple(entries),
        compression=draft.compression,
        key_id=draft.key_id,
    )


def _fix_the_instant(client: Client, session: ClientSession) -> tuple[ClusterTime, str]:
    """Make the session's first read; every later one sees the same instant."""
    reply = client.admin.command({"find": "system.version"}, session=session)["cursor"]
    at = reply["atClusterTime"]
    versions = [row["version"] for row in reply["firstBatch"] if row["_id"] == "featureCompatibilityVersion"]
    return ClusterTime(time=at.time, increment=at.inc), versions[0] if versions else ""


def _dump_namespace(
    client: Client, session: ClientSession, namespace: catalog.Namespace, draft: Draft, copier: Copier
) -> tuple[CollectionEntry, list[FileEntry]]:
    folder = f"{manifest.DUMP}/{namespace.database}"
    files = [draft.put(f"{folder}/{dumpformat.file_name(namespace.name)}.metadata.json", namespace.metadata)]
    documents, md5, size, data = 0, hashlib.md5(usedforsecurity=False).hexdigest(), 0, ""
    if namespace.data_name:
        data = f"{folder}/{dumpformat.file_name(namespace.data_name)}.bson"
        collection = client[namespace.database][namespace.data_name]
        copied = copier.copy(collection, None if namespace.capped else session, draft, data)
        documents, md5, size = copied.documents, copied.md5, copied.file.bytes
        files.append(copied.file)
    entry = CollectionEntry(
        database=namespace.database,
        name=namespace.name,
        type=namespace.type,
        uuid=namespace.uuid,
        consistency="live" if namespace.capped else "snapshot",
        documents=documents,
        bytes=size,
        md5=md5,
        indexes=namespace.indexes,
        options_sha256=hashlib.sha256(namespace.options).hexdigest(),
        metadata=files[0].path,
        data=data,
    )
    return entry, files


def _prelude(server_version: str) -> bytes:
    return dumpformat.prelude(server_version, version("appointment-sre"))


def _refuse_a_small_disk(draft: Draft, plain: int) -> None:
    """Stop before filling a disk that others may live on; what changes meanwhile is still caught while writing."""
    free, needed = draft.free_bytes(), plain / LEAST_SAVED[draft.compression]
    if free is not None and needed > free:
        raise _Failed(
            f"the backup needs about {needed / 1e6:.0f} MB, but {draft.place} has {free / 1e6:.0f} MB left; "
            "nothing was kept"
        )


@contextmanager
def _one_reason(where: str, *, reading: bool = True) -> Iterator[None]:
    """Tell errors that starting over may cure from those that it does not."""
    try:
        with mongodb.one_sentence("backup run", where):
            yield
    except Unavailable as error:
        cause = error.__cause__
        if isinstance(cause, OperationFailure) and cause.code in _PASSING:
            raise _StartOver(f"{where}: {_PASSING[cause.code]}") from error
        # The member went away in the middle: another one may still be there, and the next attempt looks for it.
        if reading and isinstance(cause, ConnectionFailure):
            raise _StartOver(f"{where} stopped answering in the middle") from error
        raise
