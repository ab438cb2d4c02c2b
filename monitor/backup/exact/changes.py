"""Which collections an oplog says were made, dropped, renamed or the like, and not only written to. Pure.

Commands as MongoDB 4.2 to 8.0 write them (``oplog_entry.idl``, ``oplog.cpp``). One that is not known here is held to
have changed everything in its database: what is not understood proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

OF_COLLECTION = frozenset({"create", "drop", "collMod", "convertToCapped", "emptycapped"})
"""Commands whose value is the collection that they change."""
OF_INDEXES = frozenset(
    {"createIndexes", "dropIndexes", "deleteIndexes", "startIndexBuild", "commitIndexBuild", "abortIndexBuild"}
)
"""The same for indexes: documents stay as they are, but until 7.0 the server may refuse to read from before it."""
OF_NOTHING = frozenset({"commitTransaction", "abortTransaction", "dbCheck", "km", "setFeatureCompatibilityVersion"})
"""Commands that are about no collection, or about one's writes, which a snapshot keeps apart by itself."""


@dataclass(frozen=True, slots=True)
class Changes:
    """By namespace, the commands that changed a collection; ``whole`` by database, and ``""`` for all of them."""

    collections: dict[str, set[str]] = field(default_factory=dict)
    indexes: dict[str, set[str]] = field(default_factory=dict)
    whole: dict[str, set[str]] = field(default_factory=dict)

    def of(self, namespace: str) -> str:
        """Say what changed a collection, other than its indexes; empty for nothing."""
        database = namespace.partition(".")[0]
        found = self.collections.get(namespace, set()) | self.whole.get(database, set()) | self.whole.get("", set())
        return ", ".join(sorted(found))

    def of_indexes(self, namespace: str) -> str:
        """Say what changed a collection's indexes; empty for nothing."""
        return ", ".join(sorted(self.indexes.get(namespace, ())))

    def namespaces(self) -> set[str]:
        """Every collection that was changed, other than in its indexes."""
        return set(self.collections)


def find(entries: Iterable[Mapping[str, Any]]) -> Changes:
    """Look through entries of an oplog; those of writes may be left out."""
    found = Changes()
    for entry in entries:
        if entry.get("op") == "c":
            _command(found, str(entry["ns"]).partition(".")[0], entry["o"])
    return found


def _command(found: Changes, database: str, command: Mapping[str, Any]) -> None:
    name = next(iter(command), "")
    value = command.get(name)
    if name == "applyOps" and isinstance(value, Iterable):
        # A transaction, or the command itself, by which operations, renames among them, are moved from elsewhere.
        for inner in value:
            if inner.get("op") == "c":
                _command(found, str(inner["ns"]).partition(".")[0], inner["o"])
    elif name == "renameCollection" and isinstance(value, str):
        for side in (value, str(command["to"])):
            found.collections.setdefault(side, set()).add(name)
    elif name in OF_COLLECTION and isinstance(value, str):
        found.collections.setdefault(f"{database}.{value}", set()).add(name)
    elif name in OF_INDEXES and isinstance(value, str):
        found.indexes.setdefault(f"{database}.{value}", set()).add(name)
    elif name not in OF_NOTHING:
        found.whole.setdefault(database, set()).add(name or "an entry without a command")
