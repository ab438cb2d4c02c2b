"""Puts transactions together: their entries are held until the one that commits them, or dropped when they abort. Pure.

A transaction's entries may reach back before the first one that was handed in (a base backup was taken in between).
They are linked backwards by ``prevOpTime``, so what is missing is fetched, and nothing has to be guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bson.timestamp import Timestamp

from monitor.backup.oplog.entries import NULL, Entry

APPLIED_SEPARATELY = 1
"""``multiOpType``: looks like a transaction, and is a batch of inserts that stand alone (MongoDB 8.0)."""

Fetch = Callable[[Timestamp], Entry]
"""Gives the entry at a timestamp; raises ``KeyError`` where there is none."""


class BeginningMissingError(Exception):
    """A transaction is committed whose first entries are nowhere."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One entry of an open transaction. ``previous`` is where the one before it stands; ``NULL``: it is the first."""

    at: Timestamp
    previous: Timestamp
    operations: tuple[Any, ...]


def is_part(entry: Entry) -> bool:
    """Whether an entry belongs to a transaction."""
    command = entry["o"]
    if entry["op"] != "c" or "lsid" not in entry or "txnNumber" not in entry:
        return False
    if "commitTransaction" in command or "abortTransaction" in command:
        return True
    return "applyOps" in command and entry.get("multiOpType") != APPLIED_SEPARATELY


class Transactions:
    """The transactions that are open at some point of the oplog."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._open: dict[tuple[bytes, int], list[_Part]] = {}

    def feed(self, entry: Entry) -> list[Any] | None:
        """Take a part; if it commits its transaction, return all of that one's operations.

        Raises:
            BeginningMissingError: earlier parts of it are nowhere.
        """
        key = (bytes(entry["lsid"].raw), int(entry["txnNumber"]))
        if "abortTransaction" in entry["o"]:
            self._open.pop(key, None)
            return None
        part = _part(entry)
        if entry["o"].get("partialTxn") or entry["o"].get("prepare"):
            self._open.setdefault(key, []).append(part)
            return None
        parts = [*self._open.pop(key, ()), part]
        while parts[0].previous != NULL:
            try:
                parts.insert(0, _part(self._fetch(parts[0].previous)))
            except KeyError as error:
                raise BeginningMissingError from error
        return [operation for one in parts for operation in one.operations]

    @property
    def empty(self) -> bool:
        """Whether none is open."""
        return not self._open


def _part(entry: Entry) -> _Part:
    # An entry without prevOpTime is of a server that writes a transaction as one.
    previous = entry["prevOpTime"]["ts"] if "prevOpTime" in entry else NULL
    return _Part(entry["ts"], previous, tuple(entry["o"].get("applyOps", ())))
