"""Loads a dump directory into a server in mongorestore's order: collections, their data, users, indexes last."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, ConnectionFailure, PyMongoError, WriteConcernError

from monitor.backup import mongodump
from monitor.backup.mongodump import Dumped
from monitor.backup.oplog.indexes import Indexes
from monitor.backup.progress import Progress, ShowProgress, quiet
from monitor.errors import Unavailable
from monitor.sources import mongodb
from monitor.sources.mongodb import Client

BATCH_DOCUMENTS = 1000
BATCH_BYTES = 16 * 1024 * 1024
INSERTERS = 2
DUPLICATE_KEY = 11000
_TEMPORARY = {mongodump.USERS: "tempusers", mongodump.ROLES: "temproles"}
"""Users and roles come in through the server's own merge, as mongorestore does it."""

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument,
    # Whatever a server took is given back: dates beyond Python's years, and text that is no Unicode.
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    unicode_decode_error_handler="ignore",
)
_ZERO_TIMESTAMP = re.compile(rb"\x11[^\x00]*\x00\x00{8}")


class RestoreError(Exception):
    """The server refused something; ``file`` is the dump file it came from. The message quotes no document."""

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(f"{file}: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """How long loading took, and how much."""

    data_seconds: float
    index_seconds: float
    documents: int
    bytes: int


def load(client: Client, dump: tuple[Dumped, ...], *, progress: ShowProgress = quiet) -> Restored:
    """Load a dump into an empty server.

    Raises:
        DumpError: a file is not what it should be.
        RestoreError: the server refused a collection, document or index.
    """
    begun = time.monotonic()
    documents, size = load_data(client, dump, progress=progress)
    loaded = time.monotonic()
    wanted = [dumped for dumped in dump if not dumped.is_authorization and not dumped.is_server_state]
    for number, dumped in enumerate(wanted):
        progress(Progress(step="building indexes", done=number, total=len(wanted), unit="collections"))
        _build_indexes(client, dumped)
    return Restored(
        data_seconds=loaded - begun, index_seconds=time.monotonic() - loaded, documents=documents, bytes=size
    )


def load_data(
    client: Client,
    dump: tuple[Dumped, ...],
    *,
    progress: ShowProgress = quiet,
    there: frozenset[str] | None = None,
    loaded: Callable[[str], None] = lambda _: None,
    twice: bool = False,
) -> tuple[int, int]:
    """Load collections, documents and users, without indexes; returns how many documents and bytes that were.

    ``there`` is for going on with what was broken off: namespaces that are whole already; others are dropped first.
    ``loaded`` is told of each that is whole. ``twice``: a document may stand twice in the dump, for it was read over a
    while; the first is kept, and what the second knew better the oplog knows too.

    Raises:
        DumpError, RestoreError: as ``load``.
    """
    done = there or frozenset()
    wanted = [dumped for dumped in dump if not dumped.is_server_state and dumped.namespace not in done]
    for dumped in sorted(wanted, key=lambda d: d.type == "view"):
        if not dumped.is_authorization:
            _create(client, dumped, anew=there is not None)
    loader = _Loader(progress, sum(mongodump.size(d.data) for d in wanted if d.data is not None), twice=twice)
    for dumped in wanted:
        if dumped.data is not None and not dumped.is_authorization:
            loader.load(_target(client, dumped), dumped)
        if not dumped.is_authorization:
            loaded(dumped.namespace)
    users = [dumped for dumped in wanted if dumped.is_authorization]
    for dumped in users:
        target = _target(client, dumped)
        target.drop()
        loader.load(target, dumped)
    _merge_users(client, users)
    for dumped in users:
        loaded(dumped.namespace)
    return loader.documents, loader.bytes


class _Loader:
    """Inserts raw documents, a few batches at a time."""

    def __init__(self, progress: ShowProgress, total: int, *, twice: bool) -> None:
        self._twice = twice
        self.documents = 0
        self.bytes = 0
        self._progress = progress
        self._total = total

    def load(self, target: Collection[RawBSONDocument], dumped: Dumped) -> None:
        """Load one collection. A capped one keeps its order, so one inserter must do."""
        assert dumped.data is not None
        capped = bool(dumped.options.get("capped"))
        waiting: deque[Future[int]] = deque()
        with ThreadPoolExecutor(max_workers=1 if capped else INSERTERS, thread_name_prefix="restore") as pool:
            for batch in _batches(mongodump.documents(dumped.data)):
                waiting.append(pool.submit(_insert, target, batch, ordered=capped, twice=self._twice))
                if len(waiting) > INSERTERS:
                    self._settle(waiting.popleft(), dumped)
                self.bytes += sum(map(len, batch))
                self._progress(Progress(step="restoring", done=self.bytes, total=self._total))
            for future in waiting:
                self._settle(future, dumped)

    def _settle(self, future: Future[int], dumped: Dumped) -> None:
        assert dumped.data is not None
        try:
            self.documents += future.result()
        except PyMongoError as error:
            raise refused(dumped.data, "its documents could not be inserted", error) from error


def _batches(stream: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for document in stream:
        if batch and (len(batch) >= BATCH_DOCUMENTS or size + len(document) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += len(document)
    if batch:
        yield batch


def _insert(target: Collection[RawBSONDocument], batch: list[bytes], *, ordered: bool, twice: bool) -> int:
    """Insert documents as they are, also those that a validator would refuse today; returns how many that were."""
    doubled = 0
    for special, raws in groupby(batch, key=lambda raw: _ZERO_TIMESTAMP.search(raw) is not None):
        if not special:
            plain = [RawBSONDocument(raw) for raw in raws]
            try:
                target.insert_many(plain, ordered=ordered and not twice, bypass_document_validation=True)
            except BulkWriteError as error:
                known = all(one["code"] == DUPLICATE_KEY for one in error.details["writeErrors"])
                if not twice or not known or error.details.get("writeConcernErrors"):
                    raise
                doubled += len(error.details["writeErrors"])
            continue
        for raw in raws:
            # An insert would turn an empty timestamp into the present one; a replacement by a literal does not.
            literal = [{"$replaceWith": {"$literal": RawBSONDocument(raw)}}]
            by_id = {"_id": RawBSONDocument(raw, _RAW)["_id"]}
            done = target.update_one(by_id, literal, upsert=True, bypass_document_validation=True)
            doubled += done.matched_count
    return len(batch) - doubled


def _target(client: Client, dumped: Dumped) -> Collection[RawBSONDocument]:
    name = _TEMPORARY[dumped.name] if dumped.is_authorization else dumped.data_name
    return client.get_database(dumped.database).with_options(codec_options=_RAW).get_collection(name)


def _create(client: Client, dumped: Dumped, *, anew: bool) -> None:
    command = {"create": dumped.name, **dumped.wanted_options}
    by_id = next((index for index in dumped.indexes if index.get("name") == "_id_"), None)
    if by_id is not None and "clusteredIndex" not in dumped.options:
        command["idIndex"] = by_id
    try:
        if anew:
            client[dumped.database].drop_collection(dumped.name)
        mongodb.write(client, dumped.database, command)
    except PyMongoError as error:
        raise refused(dumped.metadata, "the collection could not be created", error) from error


def _merge_users(client: Client, dump: list[Dumped]) -> None:
    there = {dumped.name: dumped for dumped in dump if dumped.is_authorization}
    if not there:
        return
    command: dict[str, Any] = {"_mergeAuthzCollections": 1, "db": "", "drop": False}
    for name, field in ((mongodump.USERS, "tempUsersCollection"), (mongodump.ROLES, "tempRolesCollection")):
        if name in there:
            command[field] = f"admin.{_TEMPORARY[name]}"
    try:
        mongodb.write(client, "admin", command)
        for name in there:
            client.admin.drop_collection(_TEMPORARY[name])
    except PyMongoError as error:
        file = next(iter(there.values())).metadata
        raise refused(file, "users and roles could not be merged", error) from error


def _build_indexes(client: Client, dumped: Dumped) -> None:
    indexes = Indexes()
    indexes.seed(dumped.database, dumped.name, dumped.options, dumped.indexes)
    for database, name, wanted in indexes.wanted():
        try:
            mongodb.build_indexes(client, database, name, wanted)
        except PyMongoError as error:
            raise refused(dumped.metadata, "its indexes could not be built", error) from error


def refused(file: Path, what: str, error: PyMongoError) -> RestoreError | Unavailable:
    """Make the error to raise: tell a dump that the server does not take from a server that is gone."""
    if isinstance(error, ConnectionFailure):
        return Unavailable(f"the server that {file.name} was being restored into stopped answering: is its disk full?")
    details = getattr(error, "details", None) or {}
    if isinstance(error, WriteConcernError) or (details.get("writeConcernErrors") and not details.get("writeErrors")):
        return Unavailable(f"no majority of the set that {file.name} was being restored into has it: is a member away?")
    code = details.get("codeName") or next((e.get("code") for e in details.get("writeErrors", ())), None)
    return RestoreError(file, f"{what} ({type(error).__name__}{f' {code}' if code is not None else ''})")
