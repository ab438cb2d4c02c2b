"""Does a restore: data, oplog, indexes, and last whoever asked to be forgotten is forgotten again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure, PyMongoError

from monitor.backup import mongodump, restore
from monitor.backup.erasures import Applied
from monitor.backup.model import ClusterTime
from monitor.backup.oplog import chain, entries, point, slices
from monitor.backup.oplog.apply import Applier
from monitor.backup.oplog.indexes import Indexes
from monitor.backup.oplog.replay import Replay
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.oplog.slices import Header
from monitor.backup.progress import Progress as Shown
from monitor.backup.progress import ShowProgress
from monitor.backup.recovery.progress import Progress
from monitor.errors import Unavailable
from monitor.sources import mongodb
from monitor.sources.mongodb import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a restore did, and how long each part of it took, in seconds."""

    at: ClusterTime
    documents: int
    bytes: int
    entries: int
    operations: int
    data_seconds: float
    oplog_seconds: float
    index_seconds: float
    forgotten: Applied
    resumed: bool = False

    def body(self) -> dict[str, Any]:
        """As ``--json`` has it."""
        return {
            "at": point.text(self.at),
            "documents": self.documents,
            "bytes": self.bytes,
            "oplog_entries": self.entries,
            "oplog_operations": self.operations,
            "data_seconds": round(self.data_seconds, 3),
            "oplog_seconds": round(self.oplog_seconds, 3),
            "index_seconds": round(self.index_seconds, 3),
            "erasures": self.forgotten.body(),
            "resumed": self.resumed,
        }


class Entries:
    """The oplog that a restore replays: slices in order, and single entries from before them."""

    def __init__(self, shelf: Shelf | None, needed: tuple[Header, ...]) -> None:
        self._shelf = shelf
        self._needed = needed

    def slices(self) -> Iterator[tuple[int, Iterable[bytes]]]:
        """Size and entries of each slice, checked."""
        for header in self._needed:
            assert self._shelf is not None, "what needs slices comes with a shelf"
            raw = self._shelf.entries(header)
            yield len(raw), slices.documents(raw)

    def fetch(self, at: Timestamp) -> entries.Entry:
        """The entry at a timestamp, from whichever slice holds it.

        Raises:
            KeyError: none does.
        """
        for header in self._holding(point.of(at)):
            assert self._shelf is not None, "what needs slices comes with a shelf"
            for raw in slices.documents(self._shelf.entries(header)):
                entry = entries.parse(raw)
                if entry["ts"] == at:
                    return entry
        raise KeyError(at)

    def _holding(self, wanted: ClusterTime) -> tuple[Header, ...]:
        """The slices that may hold an entry: linked with those that are needed, or among them."""
        if self._shelf is None or not self._needed:
            return ()
        found = self._shelf.way(point.before(wanted), self._needed[-1].end)
        return () if isinstance(found, chain.Gap) else found.between(point.before(wanted), wanted)


class DumpOplog(Entries):
    """The ``oplog.bson`` of a mongodump directory: one stream, with nothing before it."""

    def __init__(self, file: Path) -> None:
        super().__init__(None, ())
        self._file = file

    def slices(self) -> Iterator[tuple[int, Iterable[bytes]]]:
        """The file, a thousand entries at a time."""
        batch: list[bytes] = []
        for raw in mongodump.documents(self._file):
            batch.append(raw)
            if len(batch) == 1000:  # noqa: PLR2004  # any number does
                yield sum(map(len, batch)), batch
                batch = []
        if batch:
            yield sum(map(len, batch)), batch

    def fetch(self, at: Timestamp) -> entries.Entry:
        """The entry at a timestamp.

        Raises:
            KeyError: it is not in the file.
        """
        for raw in mongodump.documents(self._file):
            entry = entries.parse(raw)
            if entry["ts"] == at:
                return entry
        raise KeyError(at)


def restore_into(
    client: Client,
    dump: tuple[mongodump.Dumped, ...],
    oplog: Entries,
    kept: Progress,
    *,
    begin: ClusterTime,
    forget: Callable[[Client], Applied],
    total: int = 0,
    fuzzy: bool = False,
    progress: ShowProgress,
) -> Done:
    """Restore a dump and replay the oplog after ``begin`` up to ``kept.state.at`` into an empty target.

    ``forget`` erases those who asked for it (``forgetting``): who is restored is never left in the target without it.
    ``fuzzy``: the dump was not read at one instant; ``total`` is how many bytes of entries there are.

    Raises:
        DumpError, SliceError: what is restored is not as it was written.
        RestoreError, ReplayError: the target refused something.
        Unavailable: it stopped answering, or somebody could not be forgotten. The same restore can be gone on with.
        InputError: the list of erasures cannot be trusted any more.
    """
    begun = time.monotonic()
    if kept.kept:
        # A server in use has settings of its own (its default write concern, say), and keeps them; and older backups
        # hold how far another restore was.
        dump = tuple(one for one in dump if one.database not in {"config", entries.RESTORE_DATABASE})
    with _sentence():
        kept.begin()
        state = kept.state
        documents = size = 0
        if state.applied is None:
            there = frozenset(state.loaded) if kept.resumed else None
            documents, size = restore.load_data(
                client, dump, progress=progress, there=there, loaded=kept.loaded, twice=fuzzy
            )
        loaded = time.monotonic()
        finished = replay(client, dump, oplog, kept, begin=begin, total=total, fuzzy=fuzzy, progress=progress)
        replayed = time.monotonic()
        build_indexes(client, finished.indexes, progress)
        built = time.monotonic()
        forgotten = forget(client)
        kept.end()
    return Done(
        at=state.at,
        documents=documents,
        bytes=size,
        entries=finished.done.entries,
        operations=finished.done.operations,
        data_seconds=loaded - begun,
        oplog_seconds=replayed - loaded,
        index_seconds=built - replayed,
        forgotten=forgotten,
        resumed=kept.resumed,
    )


@contextmanager
def _sentence() -> Iterator[None]:
    try:
        yield
    except OperationFailure as error:
        name = (error.details or {}).get("codeName", "no name")
        raise Unavailable(
            f"restore: the target refused with error {error.code} ({name}); the same command goes on where this was"
        ) from error
    except PyMongoError as error:
        raise Unavailable(
            f"restore: the target stopped answering ({type(error).__name__}): is it running, is its disk full? The "
            "same command goes on where this was"
        ) from error


def replay(
    client: Client,
    dump: tuple[mongodump.Dumped, ...],
    oplog: Entries,
    kept: Progress,
    *,
    begin: ClusterTime,
    total: int = 0,
    fuzzy: bool = False,
    progress: ShowProgress,
) -> Replay:
    """Replay the oplog on what was loaded; see ``restore_into``."""
    state = kept.state
    resumed = state.applied is not None
    indexes = Indexes.of_state(state.indexes) if resumed else _indexes(dump)
    replaying = Replay(
        Applier(client, fuzzy=fuzzy),
        indexes,
        oplog.fetch,
        begin=state.applied or begin,
        until=state.at,
        resumed=resumed,
        settings=not kept.kept,
        checkpoint=lambda at: kept.applied(at, indexes),
    )
    replaying.flush()
    done = 0
    for size, raws in oplog.slices():
        replaying.feed(raws)
        done += size
        progress(Shown(step="replaying the oplog", done=done, total=max(total, done)))
    return replaying


def _indexes(dump: tuple[mongodump.Dumped, ...]) -> Indexes:
    indexes = Indexes()
    for dumped in dump:
        if not dumped.is_authorization and not dumped.is_server_state and dumped.type != "view":
            indexes.seed(dumped.database, dumped.name, dumped.options, dumped.indexes)
    return indexes


def build_indexes(client: Client, indexes: Indexes, progress: ShowProgress) -> None:
    """Build what the oplog left to be built."""
    wanted = indexes.wanted()
    for number, (database, name, specifications) in enumerate(wanted):
        progress(Shown(step="building indexes", done=number, total=len(wanted), unit="collections"))
        try:
            mongodb.build_indexes(client, database, name, specifications)
        except PyMongoError as error:
            raise restore.refused(Path(f"{database}.{name}"), "its indexes could not be built", error) from error
