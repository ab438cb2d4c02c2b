"""What an entry of the oplog asks for, as steps that another server can take. Pure.

Only ``op``, ``ns``, ``o`` and ``o2`` are kept: with UUIDs the server would ask for rights beyond ``restore``, and
sessions, statement numbers and times belong to the server that wrote them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson.errors import BSONError

from monitor.backup import dumpformat
from monitor.backup.oplog.entries import RESTORE_DATABASE, Entry
from monitor.backup.oplog.indexes import Indexes
from monitor.backup.oplog.transactions import Transactions, is_part

RECORD_IDS = frozenset({"km", "ci", "cd", "cu"})
"""Operations on replicated record ids and containers: the target has its own."""
IGNORED = frozenset({"startIndexBuild", "setMultikeyMetadata", "createIdent", "dropIdent", "dbCheck"})
"""Commands that say nothing about what is stored. An index counts once its build is committed."""
_CREATE_WITHOUT = frozenset({"o2", "recordIdsReplicated"})


class NotReplayableError(Exception):
    """An entry asks for something that is not known here. The message names the operation, and no data."""


@dataclass(frozen=True, slots=True)
class Write:
    """An insert, update or delete, as ``applyOps`` takes it."""

    operation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of what there is, rather than of what is in it: a collection is made, renamed, dropped."""

    database: str
    command: dict[str, Any]


Step = Write | Change


class Steps:
    """Turns entries into steps. Keeps ``indexes`` as they are after all steps that were taken from it.

    ``settings``: whether what happened to the database ``config`` is wanted as well; a server in use has its own.
    """

    def __init__(self, transactions: Transactions, indexes: Indexes, *, settings: bool = True) -> None:
        self.indexes = indexes
        self._transactions = transactions
        self._not_wanted = frozenset({"local", RESTORE_DATABASE} | (set() if settings else {"config"}))
        self._commands: dict[str, Callable[[str, dict[str, Any]], Iterator[Step]]] = {
            "create": self._create,
            "drop": self._drop,
            "dropDatabase": self._drop_database,
            "renameCollection": self._rename,
            "collMod": self._modify,
            "convertToCapped": self._to_capped,
            "emptycapped": self._as_it_is,
            "applyOps": self._nested,
            "createIndexes": self._index,
            "commitIndexBuild": self._indexes,
            "abortIndexBuild": self._no_indexes,
            "dropIndexes": self._drop_index,
            "deleteIndexes": self._drop_index,
            "deleteIndex": self._drop_index,
            "dropIndex": self._drop_index,
        }

    def of(self, entry: Entry) -> Iterator[Step]:
        """The steps that an entry asks for; none while its transaction is open.

        Raises:
            NotReplayableError: it asks for what is not known here, or is no entry.
            BeginningMissingError: it commits a transaction whose beginning is nowhere.
        """
        try:
            yield from self._of(entry)
        except (LookupError, TypeError, AttributeError, ValueError, BSONError) as error:
            # A dump's oplog may be any file.
            raise NotReplayableError(f"what is no entry of an oplog ({type(error).__name__})") from error

    def _of(self, entry: Entry) -> Iterator[Step]:
        if entry["op"] == "c" and is_part(entry):
            for operation in self._transactions.feed(entry) or ():
                yield from self._one(operation)
        else:
            yield from self._one(entry)

    def _one(self, entry: Entry) -> Iterator[Step]:
        kind, namespace = entry["op"], entry["ns"]
        if kind in {"i", "u", "d"}:
            if is_replayed(namespace) and namespace.partition(".")[0] not in self._not_wanted:
                operation = {"op": kind, "ns": namespace, "o": entry["o"]}
                if "o2" in entry:
                    operation["o2"] = entry["o2"]
                yield Write(operation)
        elif kind == "c":
            yield from self._command(namespace.partition(".")[0], dict(entry["o"].items()))
        elif kind != "n" and kind not in RECORD_IDS:
            raise NotReplayableError(f"an operation of kind {kind!r}")

    def _command(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        name = next(iter(command), "")
        if name in IGNORED:
            return
        handle = self._commands.get(name)
        if handle is None:
            raise NotReplayableError(f"the command {name!r}")
        target = command[name]
        # applyOps and dropDatabase name no collection, a rename names its database as well.
        if isinstance(target, str) and name != "renameCollection" and not is_replayed(f"{database}.{target}"):
            return
        if database not in self._not_wanted:
            yield from handle(database, command)

    # The catalogue of indexes follows after a step was taken: whoever notes how far he is does so before it.

    def _create(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        yield Change(database, {key: value for key, value in command.items() if key not in _CREATE_WITHOUT})
        self.indexes.made(database, command["create"], command)

    def _drop(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        yield Change(database, {"drop": command["drop"]})
        self.indexes.dropped(database, command["drop"])

    def _drop_database(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        yield Change(database, {"dropDatabase": command["dropDatabase"]})
        self.indexes.dropped_database(database)

    def _rename(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        source, target = command["renameCollection"], command["to"]
        # The UUID of the collection that was there; on the target it has another.
        drop = bool(command.get("dropTarget"))
        yield Change(database, {"renameCollection": source, "to": target, "dropTarget": drop})
        self.indexes.rename(_split(source), _split(target))

    def _modify(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        rest = {key: value for key, value in command.items() if key not in {"index", "dryRun"}}
        if len(rest) > 1:
            yield Change(database, rest)
        if "index" in command:
            self.indexes.change(database, command["collMod"], dict(command["index"].items()))

    def _to_capped(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        yield Change(database, command)
        self.indexes.made(database, command["convertToCapped"], {})

    def _as_it_is(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        yield Change(database, command)

    def _nested(self, _database: str, command: dict[str, Any]) -> Iterator[Step]:
        for operation in command["applyOps"]:
            yield from self._one(operation)

    def _index(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        name = command.pop("createIndexes")
        found: list[Mapping[str, Any]] = list(command.get("indexes", ())) or [command.get("spec", command)]
        for specification in found:
            self.indexes.add(database, name, dict(specification.items()))
        return
        yield

    def _indexes(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        for specification in command["indexes"]:
            self.indexes.add(database, command["commitIndexBuild"], dict(specification.items()))
        return
        yield

    def _no_indexes(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        # A dump's listing shows an index from the beginning of its build on.
        for specification in command.get("indexes", ()):
            self.indexes.remove(database, command["abortIndexBuild"], specification["name"])
        return
        yield

    def _drop_index(self, database: str, command: dict[str, Any]) -> Iterator[Step]:
        self.indexes.remove(database, command[next(iter(command))], command["index"])
        return
        yield


def is_replayed(namespace: str) -> bool:
    """Whether what happens to a namespace is data, and not the state of the server that it happened on."""
    database, _, name = namespace.partition(".")
    if database == "admin":
        return not name.startswith("system.") or name in {"system.users", "system.roles", "system.js", "system.views"}
    if database == "config":
        return name in dumpformat.CONFIG_COLLECTIONS
    return database not in {"local", RESTORE_DATABASE}


def _split(namespace: str) -> tuple[str, str]:
    database, _, name = namespace.partition(".")
    return database, name
