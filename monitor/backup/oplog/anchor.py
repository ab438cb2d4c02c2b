"""What the monitor's own file remembers of a chain of slices: its newest, and what was noticed about it.

Whoever can write into a store of backups can put an older state of it back, chain and all. He cannot do so here.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitor import clock
from monitor.backup.model import ClusterTime
from monitor.backup.oplog import point
from monitor.backup.oplog.slices import Header
from monitor.errors import Unavailable
from monitor.store import Store

Reason = Literal["first", "gap", "restored", "damaged", "put back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The newest slice that was written. ``since`` is how far back its timeline reaches."""

    replica_set: str
    key: str
    digest: str
    end: ClusterTime
    since: ClusterTime


class Memory:
    """Anchors and findings about one depot in a store; without a store nothing is known and nothing kept."""

    def __init__(self, store: Store | None, depot: str) -> None:
        self._store = store
        self._depot = depot

    def anchor(self, replica_set: str) -> Anchor | None:
        """The newest slice that was written, as far as is known."""
        record = self._store.get("anchor", self._id(replica_set)) if self._store is not None else None
        return None if record is None else _anchor(record.body)

    def remember(self, head: Header, since: ClusterTime) -> None:
        """Write down which slice is the newest.

        Raises:
            Unavailable: the store does not take it. The slice stands.
        """
        body = {
            "replica_set": head.replica_set,
            "depot": self._depot,
            "key": head.key,
            "digest": head.digest,
            "end": point.text(head.end),
            "since": point.text(since),
        }
        self._put("anchor", self._id(head.replica_set), body, head.end.at)

    def note(self, replica_set: str, reason: Reason, sentence: str) -> None:
        """Write down what was noticed.

        Raises:
            Unavailable: the store does not take it.
        """
        now = clock.now()
        body = {"replica_set": replica_set, "depot": self._depot, "reason": reason, "sentence": sentence}
        self._put("capture", clock.new_id("capture", now), body, now)

    def _id(self, replica_set: str) -> str:
        return f"{replica_set} {self._depot}"

    def _put(self, kind: Literal["anchor", "capture"], name: str, body: dict[str, str], at: datetime) -> None:
        if self._store is None:
            return
        try:
            self._store.put(kind, name, body, at=at)
        except sqlite3.Error as error:
            raise Unavailable(
                f"capturing the oplog: {self._store.path} does not take how far it is ({type(error).__name__}): "
                "is its disk full?"
            ) from error


def anchors(store: Store, depot: str) -> tuple[Anchor, ...]:
    """Every replica set's newest slice in a depot, as remembered."""
    return tuple(_anchor(record.body) for record in store.records("anchor") if record.body["depot"] == depot)


def _anchor(body: dict[str, str]) -> Anchor:
    return Anchor(
        replica_set=body["replica_set"],
        key=body["key"],
        digest=body["digest"],
        end=point.parse(body["end"]),
        since=point.parse(body["since"]),
    )
