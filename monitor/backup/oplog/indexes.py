"""Which indexes there are at some point of the oplog. Pure.

Indexes are not built while the oplog is replayed: maintaining them costs more than building them at the end, and an
index whose collection is renamed before its build ends would be built on the wrong one. So they are kept here as
specifications, which follow their collections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from monitor.backup.dumpformat import BUCKETS

Specification = dict[str, Any]
_NOT_OURS = ("ns", "background", "buildUUID", "indexBuildInfo")
"""Fields of older servers, which newer ones refuse, and what a listing says beyond a specification."""


class Indexes:
    """Specifications by namespace (that of the documents: a time series' are its buckets') and by name."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], dict[str, tuple[str, Specification]]] = {}
        self._collated: dict[tuple[str, str], bool] = {}

    def seed(self, database: str, name: str, options: Mapping[str, Any], found: Iterable[Mapping[str, Any]]) -> None:
        """Take over what a dump says of a collection, or of a time series by its own name."""
        data = BUCKETS + name if "timeseries" in options and not name.startswith(BUCKETS) else name
        self.made(database, data, options)
        for specification in found:
            if specification.get("name") != "_id_" and not specification.get("clustered"):
                self._put(database, data, name, specification)

    def made(self, database: str, name: str, options: Mapping[str, Any]) -> None:
        """A collection was made: it has no index."""
        self._of[database, name] = {}
        self._collated[database, name] = "collation" in options

    def add(self, database: str, name: str, specification: Mapping[str, Any]) -> None:
        """An index was built."""
        if specification.get("name") != "_id_":
            self._put(database, name, name, specification)

    def remove(self, database: str, name: str, index: str) -> None:
        """An index was dropped; ``*`` means all."""
        there = self._of.get((database, name), {})
        for one in list(there) if index == "*" else [index]:
            there.pop(one, None)

    def change(self, database: str, name: str, wanted: Mapping[str, Any]) -> None:
        """An index was changed by ``collMod``: found by its name or key, the rest is what it is now."""
        for index, (target, specification) in self._of.get((database, name), {}).items():
            same_key = "keyPattern" in wanted and list(wanted["keyPattern"].items()) == list(
                specification["key"].items()
            )
            if index == wanted.get("name") or same_key:
                changed = {key: value for key, value in wanted.items() if key not in {"name", "keyPattern"}}
                merged = specification | changed
                if merged.get("unique"):
                    merged.pop("prepareUnique", None)
                kept = {key: value for key, value in merged.items() if not _is_default(key, value)}
                self._of[database, name][index] = (target, kept)

    def rename(self, source: tuple[str, str], target: tuple[str, str]) -> None:
        """A collection was renamed; what the target had is gone with it."""
        moved = self._of.pop(source, {})
        self._of[target] = {name: (target[1], specification) for name, (_, specification) in moved.items()}
        self._collated[target] = self._collated.pop(source, False)

    def dropped(self, database: str, name: str) -> None:
        """A collection was dropped."""
        self._of.pop((database, name), None)
        self._collated.pop((database, name), None)

    def dropped_database(self, database: str) -> None:
        """A database was dropped."""
        for one in [one for one in self._of if one[0] == database]:
            self.dropped(*one)

    def wanted(self) -> list[tuple[str, str, list[Specification]]]:
        """What is to be built: database, collection (of a time series by its own name: its view), specifications."""
        found: dict[tuple[str, str], list[Specification]] = {}
        for (database, _), there in sorted(self._of.items()):
            for target, specification in there.values():
                found.setdefault((database, target), []).append(specification)
        return [(database, name, specifications) for (database, name), specifications in found.items()]

    def to_state(self) -> list[dict[str, Any]]:
        """For a progress document."""
        return [
            {"db": database, "name": name, "collated": self._collated.get((database, name), False)}
            | {"indexes": [{"target": target, "spec": spec} for target, spec in there.values()]}
            for (database, name), there in self._of.items()
        ]

    @classmethod
    def of_state(cls, state: Iterable[Mapping[str, Any]]) -> Indexes:
        """Read back what ``to_state`` gave."""
        indexes = cls()
        for one in state:
            key = (one["db"], one["name"])
            indexes._of[key] = {i["spec"]["name"]: (i["target"], dict(i["spec"])) for i in one["indexes"]}
            indexes._collated[key] = bool(one["collated"])
        return indexes

    def _put(self, database: str, data: str, target: str, found: Mapping[str, Any]) -> None:
        specification = {key: value for key, value in found.items() if key not in _NOT_OURS}
        if self._collated.get((database, data)) and "collation" not in specification:
            # The server leaves the simple collation out where it lists indexes, and takes the collection's for it.
            specification["collation"] = {"locale": "simple"}
        self._of.setdefault((database, data), {})[str(specification["name"])] = (target, specification)


def _is_default(key: str, value: object) -> bool:
    return key in {"hidden", "unique", "prepareUnique"} and value is False
