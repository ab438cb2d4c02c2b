"""Replays entries in order up to a point, and tells now and then how far it is, so that it can be gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.errors import BSONError
from bson.timestamp import Timestamp

from monitor.backup.model import ClusterTime
from monitor.backup.oplog import entries, point
from monitor.backup.oplog.apply import Applier, NotAppliedError
from monitor.backup.oplog.indexes import Indexes
from monitor.backup.oplog.steps import NotReplayableError, Steps, Write
from monitor.backup.oplog.transactions import BeginningMissingError, Fetch, Transactions

Checkpoint = Callable[[ClusterTime], None]


class ReplayError(Exception):
    """The oplog could not be replayed to its end. The message says at which point, and why; it quotes no document."""


@dataclass(slots=True)
class Replayed:
    """How far a replay came, how many entries it read, and how many operations it applied."""

    end: ClusterTime
    entries: int = 0
    operations: int = 0


class Replay:
    """Replays what it is handed, in order; ``begin`` is what was applied before, ``until`` the last that is wanted."""

    def __init__(
        self,
        applier: Applier,
        indexes: Indexes,
        fetch: Fetch,
        *,
        begin: ClusterTime,
        until: ClusterTime,
        resumed: bool = False,
        settings: bool = True,
        checkpoint: Checkpoint = lambda _: None,
    ) -> None:
        self.done = Replayed(end=begin)
        self.indexes = indexes
        self._applier = applier
        self._steps = Steps(Transactions(fetch), indexes, settings=settings)
        self._until = until
        self._again = resumed
        self._checkpoint = checkpoint

    def feed(self, raws: Iterable[bytes]) -> None:
        """Replay entries; those up to ``begin``, and those after ``until``, are passed over.

        Raises:
            ReplayError: one of them cannot be replayed, or was refused.
            PyMongoError: the server stopped answering.
        """
        begin, until = point.bson(self.done.end), point.bson(self._until)
        for raw in raws:
            entry, at = _read(raw)
            if at > begin:
                if at > until:
                    break
                self._one(entry, at, len(raw))
                self.done.entries += 1
        self.flush()

    def flush(self) -> None:
        """Apply what was collected, and note how far that is."""
        try:
            self._applier.flush()
        except NotAppliedError as error:
            raise ReplayError(f"at {point.shown(self.done.end)} or shortly before: {error}") from error
        self.done.operations = self._applier.operations
        self._checkpoint(self.done.end)

    def _one(self, entry: entries.Entry, at: Any, size: int) -> None:
        applier = self._applier
        try:
            for step in self._steps.of(entry):
                if isinstance(step, Write):
                    # Of a transaction the sizes are not known one by one: its writes are measured.
                    applier.write(step, size if entry["op"] != "c" else len(step.operation["o"].raw) + 1024)
                else:
                    applier.flush()
                    # What was written before a change must not be written again after it.
                    self._checkpoint(self.done.end)
                    applier.change(step, again=self._again)
                    self._again = False
        except NotAppliedError as error:
            raise ReplayError(f"at {point.shown(point.of(at))} or shortly before: {error}") from error
        except NotReplayableError as error:
            raise ReplayError(f"at {point.shown(point.of(at))} stands {error}, which cannot be replayed") from error
        except BeginningMissingError as error:
            raise ReplayError(
                f"at {point.shown(point.of(at))} a transaction is committed that began before anything that was "
                "captured: choose a later time, for which there is a newer backup"
            ) from error
        self.done.end = point.of(at)


def _read(raw: bytes) -> tuple[entries.Entry, Timestamp]:
    entry: entries.Entry = {}
    with suppress(BSONError):
        entry = entries.parse(raw)
    at = entry.get("ts")
    if not isinstance(at, Timestamp):
        raise ReplayError("the oplog holds something that is no entry of one: a document without a time")
    return entry, at


def last_until(raws: Iterable[bytes], instant: datetime, floor: ClusterTime) -> tuple[ClusterTime, bool]:
    """The newest of these entries that was written at an instant or before it, by the server's own clock.

    ``floor`` where none after it was. The second value tells whether a later one was seen: else more may follow.
    """
    reached = floor
    milliseconds = instant.timestamp() * 1000
    for raw in raws:
        entry = entries.parse(raw)
        at = point.of(entry["ts"])
        if at <= floor:
            continue
        if at.time > int(instant.timestamp()) or int(entry["wall"]) > milliseconds:
            return reached, True
        reached = at
    return reached, False
