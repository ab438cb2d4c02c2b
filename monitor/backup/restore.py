"""Loads a dump directory into a server in mongorestore's order: collections, their data, users, indexes last."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from bson import decode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, PyMongoError

from monitor.backup import dumpformat
from monitor.backup.progress import Progress, ShowProgress, quiet
from monitor.errors import InputError, Unavailable
from monitor.sources.mongodb import Client

BATCH_DOCUMENTS = 1000
BATCH_BYTES = 16 * 1024 * 1024
INSERTERS = 2
LARGEST_DOCUMENT = 16 * 1024 * 1024 + 16 * 1024
"""MongoDB's own limit, with what it allows itself."""

USERS, ROLES = "system.users", "system.roles"
_TEMPORARY = {USERS: "tempusers", ROLES: "temproles"}
"""Users and roles come in through the server's own merge, as mongorestore does it."""

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_ZERO_TIMESTAMP = re.compile(rb"\x11[^\x00]+\x00\x00{8}")


class DumpError(InputError):
    """A dump file cannot be read; ``file`` is its path, the message says why."""

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(f"{file}: {why}")


class RestoreError(Exception):
    """The server refused something; ``file`` is the dump file it came from. The message quotes no document."""

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(f"{file}: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """One collection of a dump directory. ``data`` is ``None`` for views."""

    database: str
    name: str
    type: str
    options: dict[str, Any]
    indexes: tuple[dict[str, Any], ...]
    metadata: Path
    data: Path | None

    @property
    def data_name(self) -> str:
        """The collection that its documents go into."""
        return dumpformat.BUCKETS + self.name if self.type == "timeseries" else self.name

    @property
    def is_authorization(self) -> bool:
        """Whether it holds users or roles."""
        return self.database == "admin" and self.name in _TEMPORARY

    @property
    def is_server_state(self) -> bool:
        """Whether the server keeps it by itself: feature version and the like are not restored."""
        return self.database == "admin" and self.name == "system.version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """How long loading took, and how much."""

    data_seconds: float
    index_seconds: float
    documents: int
    bytes: int


def read_dump(root: Path) -> tuple[Dumped, ...]:
    """Read what a dump directory holds.

    Raises:
        DumpError: a metadata file is no metadata.
    """
    found = []
    for file in sorted(root.glob("*/*.metadata.json")):
        try:
            fields = dumpformat.read_metadata(file.read_bytes())
            kind = str(fields.get("type", "collection"))
            name = str(fields["collectionName"])
        except (OSError, ValueError, KeyError) as error:
            raise DumpError(file, f"it cannot be read as metadata ({type(error).__name__})") from error
        stem = dumpformat.file_name(dumpformat.BUCKETS + name if kind == "timeseries" else name)
        data = file.parent / f"{stem}.bson"
        found.append(
            Dumped(
                database=file.parent.name,
                name=name,
                type=kind,
                options=dict(fields.get("options", {})),
                indexes=tuple(fields.get("indexes", ())),
                metadata=file,
                data=None if kind == "view" else data,
            )
        )
    return tuple(found)


def load(client: Client, dump: tuple[Dumped, ...], *, progress: ShowProgress = quiet) -> Restored:
    """Load a dump into an empty server.

    Raises:
        DumpError: a file is not what it should be.
        RestoreError: the server refused a collection, document or index.
    """
    begun = time.monotonic()
    wanted = [dumped for dumped in dump if not dumped.is_server_state]
    for dumped in sorted(wanted, key=lambda d: d.type == "view"):
        if not dumped.is_authorization:
            _create(client, dumped)
    loader = _Loader(progress, sum(_size(d.data) for d in wanted if d.data is not None))
    for dumped in wanted:
        if dumped.data is not None:
            loader.load(_target(client, dumped), dumped)
    _merge_users(client, wanted)
    loaded = time.monotonic()
    for number, dumped in enumerate(wanted):
        progress(Progress(step="building indexes", done=number, total=len(wanted), unit="collections"))
        if not dumped.is_authorization:
            _build_indexes(client, dumped)
    return Restored(
        data_seconds=loaded - begun,
        index_seconds=time.monotonic() - loaded,
        documents=loader.documents,
        bytes=loader.bytes,
    )


def documents(file: Path) -> Iterator[bytes]:
    """Yield the raw documents of a ``.bson`` file.

    Raises:
        DumpError: it ends within a document, or holds something else.
    """
    try:
        with file.open("rb") as stream:
            while head := stream.read(4):
                size = int.from_bytes(head, "little")
                if len(head) < 4 or not 5 <= size <= LARGEST_DOCUMENT:  # noqa: PLR2004  # BSON: 4 bytes of length, 1 of end
                    raise DumpError(file, "it holds something that is no BSON document")
                rest = stream.read(size - 4)
                if len(rest) != size - 4 or rest[-1] != 0:
                    raise DumpError(file, "it ends within a document")
                yield head + rest
    except OSError as error:
        raise DumpError(file, f"it cannot be read: {error.strerror}") from error


class _Loader:
    """Inserts raw documents, a few batches at a time."""

    def __init__(self, progress: ShowProgress, total: int) -> None:
        self.documents = 0
        self.bytes = 0
        self._progress = progress
        self._total = total

    def load(self, target: Collection[RawBSONDocument], dumped: Dumped) -> None:
        """Load one collection. A capped one keeps its order, so one inserter must do."""
        assert dumped.data is not None
        capped = bool(dumped.options.get("capped"))
        waiting: deque[Future[None]] = deque()
        with ThreadPoolExecutor(max_workers=1 if capped else INSERTERS, thread_name_prefix="restore") as pool:
            for batch in _batches(documents(dumped.data)):
                waiting.append(pool.submit(_insert, target, batch, ordered=capped))
                if len(waiting) > INSERTERS:
                    self._settle(waiting.popleft(), dumped)
                self.documents += len(batch)
                self.bytes += sum(map(len, batch))
                self._progress(Progress(step="restoring", done=self.bytes, total=self._total))
            for future in waiting:
                self._settle(future, dumped)

    @staticmethod
    def _settle(future: Future[None], dumped: Dumped) -> None:
        assert dumped.data is not None
        try:
            future.result()
        except PyMongoError as error:
            raise _refused(dumped.data, "its documents could not be inserted", error) from error


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


def _insert(target: Collection[RawBSONDocument], batch: list[bytes], *, ordered: bool) -> None:
    """Insert documents as they are, also those that a validator would refuse today."""
    for special, raws in groupby(batch, key=lambda raw: _ZERO_TIMESTAMP.search(raw) is not None):
        if not special:
            plain = [RawBSONDocument(raw) for raw in raws]
            target.insert_many(plain, ordered=ordered, bypass_document_validation=True)
            continue
        for raw in raws:
            # An insert would turn an empty timestamp into the present one; a replacement by a literal does not.
            literal = [{"$replaceWith": {"$literal": RawBSONDocument(raw)}}]
            target.update_one({"_id": decode(raw)["_id"]}, literal, upsert=True, bypass_document_validation=True)


def _target(client: Client, dumped: Dumped) -> Collection[RawBSONDocument]:
    name = _TEMPORARY[dumped.name] if dumped.is_authorization else dumped.data_name
    return client.get_database(dumped.database).with_options(codec_options=_RAW).get_collection(name)


def _create(client: Client, dumped: Dumped) -> None:
    command = {"create": dumped.name, **dumped.options}
    by_id = next((index for index in dumped.indexes if index.get("name") == "_id_"), None)
    if by_id is not None and "clusteredIndex" not in dumped.options:
        command["idIndex"] = by_id
    try:
        client[dumped.database].command(command)
    except PyMongoError as error:
        raise _refused(dumped.metadata, "the collection could not be created", error) from error


def _merge_users(client: Client, dump: list[Dumped]) -> None:
    there = {dumped.name: dumped for dumped in dump if dumped.is_authorization}
    if not there:
        return
    command: dict[str, Any] = {"_mergeAuthzCollections": 1, "db": "", "drop": False}
    for name, field in ((USERS, "tempUsersCollection"), (ROLES, "tempRolesCollection")):
        if name in there:
            command[field] = f"admin.{_TEMPORARY[name]}"
    try:
        client.admin.command(command)
        for name in there:
            client.admin.drop_collection(_TEMPORARY[name])
    except PyMongoError as error:
        file = next(iter(there.values())).metadata
        raise _refused(file, "users and roles could not be merged", error) from error


def _build_indexes(client: Client, dumped: Dumped) -> None:
    wanted = [
        {key: value for key, value in index.items() if key != "ns"}
        for index in dumped.indexes
        if index.get("name") != "_id_" and not index.get("clustered")
    ]
    if not wanted:
        return
    try:
        client[dumped.database].command({"createIndexes": dumped.name, "indexes": wanted})
    except PyMongoError as error:
        raise _refused(dumped.metadata, "its indexes could not be built", error) from error


def _refused(file: Path, what: str, error: PyMongoError) -> RestoreError | Unavailable:
    """Tell a dump that the server does not take from a server that is gone."""
    if isinstance(error, ConnectionFailure):
        return Unavailable(f"the server that {file.name} was being restored into stopped answering: is its disk full?")
    details = getattr(error, "details", None) or {}
    code = details.get("codeName") or next((e.get("code") for e in details.get("writeErrors", ())), None)
    return RestoreError(file, f"{what} ({type(error).__name__}{f' {code}' if code is not None else ''})")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise DumpError(file, f"it cannot be read: {error.strerror}") from error
