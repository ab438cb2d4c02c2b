"""A mongodump directory as it is read: which collections it holds, and their documents, whoever wrote it."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote_plus

from monitor.backup import dumpformat
from monitor.errors import InputError

LARGEST_DOCUMENT = 16 * 1024 * 1024 + 16 * 1024
"""MongoDB's own limit, with what it allows itself."""

ITS_OWN = frozenset({"temp", "autoIndexId"})
"""Options that a server lists and lets nobody set: of what an aggregation is writing (``$out``), of old releases."""

USERS, ROLES = "system.users", "system.roles"


class DumpError(InputError):
    """A dump file cannot be read; ``file`` is its path, the message says why."""

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
    def namespace(self) -> str:
        """``database.name``."""
        return f"{self.database}.{self.name}"

    @property
    def wanted_options(self) -> dict[str, Any]:
        """The options that a server takes from others than itself."""
        return {name: value for name, value in self.options.items() if name not in ITS_OWN}

    @property
    def data_name(self) -> str:
        """The collection that its documents go into."""
        return dumpformat.BUCKETS + self.name if self.type == "timeseries" else self.name

    @property
    def is_authorization(self) -> bool:
        """Whether it holds users or roles."""
        return self.database == "admin" and self.name in {USERS, ROLES}

    @property
    def is_server_state(self) -> bool:
        """Whether the server keeps it by itself: feature version and the like are not restored."""
        return self.database == "admin" and self.name == "system.version"


def read_dump(root: Path) -> tuple[Dumped, ...]:
    """Read what a dump directory holds; where mongodump wrote it with ``--gzip``, every file ends in ``.gz``.

    Documents that nobody describes are a collection without options, as ``mongorestore`` takes them: none are left out.

    Raises:
        DumpError: a metadata file is no metadata.
    """
    described = _described(root)
    known = {dumped.data for dumped in described}
    return (*described, *(dumped for dumped in _undescribed(root) if dumped.data not in known))


def fingerprint(dump: tuple[Dumped, ...], oplog: Path | None) -> str:
    """Tell a dump from every other one, of the same databases too: by sizes and times of its files.

    Raises:
        DumpError: one of them cannot be asked.
    """
    files = [file for dumped in dump for file in (dumped.metadata, dumped.data) if file is not None]
    told = [(file.name, _status(file).st_size, _status(file).st_mtime_ns) for file in (*files, *filter(None, [oplog]))]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _undescribed(root: Path) -> Iterator[Dumped]:
    for file in sorted((*root.glob("*/*.bson"), *root.glob("*/*.bson.gz"))):
        database, name = file.parent.name, unquote_plus(file.name.removesuffix(".gz").removesuffix(".bson"))
        if dumpformat.is_dumped(database, name):
            yield Dumped(
                database=database, name=name, type="collection", options={}, indexes=(), metadata=file, data=file
            )


def _described(root: Path) -> tuple[Dumped, ...]:
    found = []
    for file in sorted((*root.glob("*/*.metadata.json"), *root.glob("*/*.metadata.json.gz"))):
        try:
            with _open(file) as stream:
                fields = dumpformat.read_metadata(stream.read())
            kind = str(fields.get("type", "collection"))
            # Before 100.0 mongodump did not write the name.
            name = str(fields.get("collectionName") or unquote_plus(file.name.partition(".metadata.json")[0]))
            stem = dumpformat.file_name(dumpformat.BUCKETS + name if kind == "timeseries" else name)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise DumpError(file, f"it cannot be read as metadata ({type(error).__name__})") from error
        data = file.parent / f"{stem}.bson{'.gz' if file.suffix == '.gz' else ''}"
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


def oplog_of(root: Path) -> Path | None:
    """The oplog in a dump directory, if it holds one."""
    return next((file for name in ("oplog.bson", "oplog.bson.gz") if (file := root / name).exists()), None)


def documents(file: Path) -> Iterator[bytes]:
    """Yield the raw documents of a ``.bson`` file; packed where its name ends in ``.gz``, or its neighbours' do.

    Raises:
        DumpError: it ends within a document, or holds something else.
    """
    try:
        with _open(file) as stream:
            while head := stream.read(4):
                size = int.from_bytes(head, "little")
                if len(head) < 4 or not 5 <= size <= LARGEST_DOCUMENT:  # noqa: PLR2004  # BSON: 4 bytes of length, 1 of end
                    raise DumpError(file, "it holds something that is no BSON document")
                rest = stream.read(size - 4)
                if len(rest) != size - 4 or rest[-1] != 0:
                    raise DumpError(file, "it ends within a document")
                yield head + rest
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DumpError(file, "it cannot be unpacked: it was damaged or cut off") from error
    except OSError as error:
        raise DumpError(file, f"it cannot be read: {error.strerror}") from error


def _open(file: Path) -> BinaryIO:
    # With --gzip mongodump packs the oplog as well, but leaves it its name.
    packed = file.suffix == ".gz" or (file.name == "oplog.bson" and any(file.parent.glob("*/*.gz")))
    return cast("BinaryIO", gzip.open(file, "rb")) if packed else file.open("rb")


def size(file: Path) -> int:
    """How large a file is.

    Raises:
        DumpError: it cannot be asked.
    """
    return _status(file).st_size


def _status(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError as error:
        raise DumpError(file, f"it cannot be read: {error.strerror}") from error
