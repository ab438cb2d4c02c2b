"""How far a restore is, as a document in its target: there it is lost or kept together with what it tells of.

A restore that was broken off goes on: collections that are whole are not loaded again, and the oplog is replayed from
the last noted point. Its collection being made and dropped also tells whoever captures the target's own oplog that what
stands between belongs to no history of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import OperationFailure

from monitor.backup.model import ClusterTime
from monitor.backup.oplog import point
from monitor.backup.oplog.entries import RESTORE_COLLECTION, RESTORE_DATABASE
from monitor.backup.oplog.indexes import Indexes
from monitor.errors import Unsafe
from monitor.sources.mongodb import Client

_ID = "restore"
NAMESPACE_EXISTS = 48


@dataclass(slots=True, kw_only=True)
class State:
    """``loaded`` are namespaces that are whole; ``applied`` is the last point of the oplog that is surely applied."""

    source: str
    """What is restored: a backup's id, or a directory's name."""
    at: ClusterTime
    loaded: list[str] = field(default_factory=list)
    applied: ClusterTime | None = None
    indexes: list[dict[str, Any]] = field(default_factory=list)


class Progress:
    """The document in the target; without ``kept`` (a scratch server, which dies with us) nothing is written."""

    def __init__(self, client: Client, source: str, at: ClusterTime, *, kept: bool = True) -> None:
        self._collection = client[RESTORE_DATABASE][RESTORE_COLLECTION]
        self._database = client[RESTORE_DATABASE]
        self.kept = kept
        self.state = State(source=source, at=at)
        self.resumed = False

    def begin(self) -> None:
        """Make the document, or read the one of a restore of the same that was broken off.

        Raises:
            Unsafe: another restore was broken off here.
            PyMongoError: the target does not take or give it.
        """
        if not self.kept:
            return
        found = self._collection.find_one({"_id": _ID})
        if found is None:
            try:
                # The driver would look first, and call one that is there, left by who was killed right here, invalid.
                self._database.create_collection(RESTORE_COLLECTION, check_exists=False)
            except OperationFailure as error:
                if error.code != NAMESPACE_EXISTS:
                    raise
            self._write()
            return
        if (found["source"], found["at"]) != (self.state.source, point.bson(self.state.at)):
            theirs = point.shown(point.of(found["at"]))
            raise Unsafe(
                f"restore: a restore of {found['source']} to {theirs} was broken off in this target: finish that one, "
                "or begin anew with --overwrite"
            )
        self.resumed = True
        self.state.loaded = list(found["loaded"])
        self.state.applied = point.of(found["applied"]) if found["applied"] is not None else None
        self.state.indexes = list(found["indexes"])

    def loaded(self, namespace: str) -> None:
        """A collection is whole."""
        self.state.loaded.append(namespace)
        self._write()

    def applied(self, at: ClusterTime, indexes: Indexes) -> None:
        """The oplog is applied up to a point."""
        if not self.kept:
            return
        self.state.applied, self.state.indexes = at, indexes.to_state()
        self._write()

    def end(self) -> None:
        """Remove the document: the restore is whole."""
        if self.kept:
            self._collection.drop()

    def _write(self) -> None:
        if not self.kept:
            return
        document = {
            "_id": _ID,
            "source": self.state.source,
            "at": point.bson(self.state.at),
            "loaded": self.state.loaded,
            "applied": point.bson(self.state.applied) if self.state.applied is not None else None,
            "indexes": self.state.indexes,
        }
        self._collection.replace_one({"_id": _ID}, document, upsert=True)
