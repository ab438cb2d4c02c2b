"""Indexes: which are used, and which only cost (``$indexStats``). Optional: few people look at it every day."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar
from weakref import WeakKeyDictionary

from pymongo.errors import OperationFailure

from exporters.collector import CollectError, Deadline
from exporters.declare import family
from exporters.mongodb import percona
from exporters.mongodb.asking import aggregate
from exporters.mongodb.chosen import Chosen, Rest
from exporters.mongodb.source import Document, Member, Mongodb
from exporters.mongodb.sweep import Namespace, SweepCollector
from exporters.readings import OTHER, Readings
from exporters.settings import Settings
from telemetry.metric import Metric

_LABELS = ("member", "database", "collection", "index")
ACCESSES = family(
    "mongodb_index_accesses_total",
    "Operations that used this index since the server (or the index) began; __other__ counts, since the exporters "
    "began, those that have no series of their own.",
    *_LABELS,
    source="$indexStats.accesses.ops",
    cost="slow",
)
UNUSED_SECONDS = family(
    "mongodb_index_unused_seconds",
    "For how long nobody has used this index, as far as is known: since the server began, or since the exporters saw "
    "its last use. Left out are indexes that are needed unused: _id, unique ones, and those that let documents expire.",
    *_LABELS,
    source="$indexStats.accesses",
    cost="slow",
)
UNUSED = family(
    "mongodb_indexes_unused",
    "Indexes of all collections that nobody has used since the server (or the index) began, needed ones left out.",
    "member",
    source="$indexStats.accesses.ops",
    cost="slow",
)

_NEEDED = {
    "$or": [{"$eq": ["$name", "_id_"]}, {"$eq": ["$spec.unique", True]}, {"$gte": ["$spec.expireAfterSeconds", 0]}]
}
_STAGES: list[Document] = [
    {"$indexStats": {}},
    {
        "$project": {
            "name": 1,
            "ops": "$accesses.ops",
            "age": {"$subtract": ["$$NOW", "$accesses.since"]},
            "needed": _NEEDED,
        }
    },
]
_NOT_THERE = 40_602
"""A time series is a view inside: nobody counts its documents at this place."""
_HOW_MANY: list[Document] = [{"$collStats": {"count": {}}}, {"$project": {"count": 1}}]


@dataclass(frozen=True, slots=True)
class Index:
    """One index: how often it was used, and since when it has not been."""

    name: str
    accesses: int
    needed: bool
    unused_since: float
    """By our monotonic clock."""


@dataclass(frozen=True, slots=True)
class Indexes:
    """One collection's indexes, and how many documents they cover."""

    documents: float
    indexes: tuple[Index, ...]

    @property
    def weight(self) -> float:
        """How much there is to maintain."""
        return self.documents * len(self.indexes)


class IndexstatsCollector(SweepCollector[Indexes]):
    """The indexes of the largest collections have series of their own; the rest are one sum."""

    name: ClassVar[str] = "mongodb_indexstats"
    optional: ClassVar[bool] = True
    metrics: ClassVar[tuple[Metric, ...]] = (ACCESSES, UNUSED_SECONDS, UNUSED, *percona.INDEXSTATS)

    def __init__(self, source: Mongodb, settings: Settings) -> None:
        super().__init__(source, settings)
        self._chosen: WeakKeyDictionary[Member, Chosen[Namespace]] = WeakKeyDictionary()
        self._rest: WeakKeyDictionary[Member, Rest[tuple[Namespace, str]]] = WeakKeyDictionary()

    async def ask(self, member: Member, readings: Readings, deadline: Deadline) -> None:
        """Ask those that are due, and write all that is known."""
        found = await self.sweep(member, readings, deadline, partial(self._collection, member, deadline))
        known = found.values
        listed = self._chosen.setdefault(member, Chosen(self.settings.mongodb_collection_budget)).update(
            {name: indexes.weight for name, indexes in known.items()}
        )
        counts = {(name, index.name): (index.accesses,) for name, of in known.items() for index in of.indexes}
        rest = self._rest.setdefault(member, Rest(1))
        rest.update(counts, {key for key in counts if key[0] in listed}, born=False)
        write(member.name, known, listed, rest.totals[0], readings)
        if self.percona:
            percona.write_indexstats(member.name, {name: known[name].indexes for name in sorted(listed)}, readings)

    async def _collection(self, member: Member, deadline: Deadline, name: Namespace) -> Indexes:
        database, collection = name
        # One question for both: how many documents there are says which indexes matter.
        count: Document = {"$unionWith": {"coll": collection, "pipeline": _HOW_MANY}}
        try:
            rows = await aggregate(member, database, collection, [*_STAGES, count], deadline)
        except CollectError as error:
            if not isinstance(error.__cause__, OperationFailure) or error.__cause__.code != _NOT_THERE:
                raise
            rows = await aggregate(member, database, collection, _STAGES, deadline)
        before = self.sweeps[member].last(name)
        return read(rows, before, time.monotonic())


def read(rows: list[Document], before: Indexes | None, now: float) -> Indexes:
    """Read an answer; an index that was used at some time counts as unused from the last reading that saw it grow."""
    last = {index.name: index for index in before.indexes} if before else {}
    indexes = []
    for row in rows:
        if "name" not in row:
            continue
        seen, ops = last.get(row["name"]), int(row["ops"])
        if ops == 0:
            since = now - float(row["age"]) / 1000
        else:
            since = seen.unused_since if seen and seen.accesses == ops else now
        indexes.append(Index(str(row["name"]), ops, bool(row["needed"]), since))
    return Indexes(float(sum(row.get("count", 0) for row in rows)), tuple(indexes))


def write(
    member: str, known: Mapping[Namespace, Indexes], listed: frozenset[Namespace], rest: float, readings: Readings
) -> None:
    """Write one member's indexes: those of the listed collections, and the sum of all others."""
    now = time.monotonic()
    for database, collection in sorted(listed):
        for index in known[database, collection].indexes:
            readings.add(ACCESSES, index.accesses, member, database, collection, index.name)
            if not index.needed:
                unused = max(0.0, now - index.unused_since)
                readings.add(UNUSED_SECONDS, unused, member, database, collection, index.name)
    readings.add(ACCESSES, rest, member, OTHER, OTHER, OTHER)
    everything = [index for indexes in known.values() for index in indexes.indexes]
    readings.add(UNUSED, sum(index.accesses == 0 and not index.needed for index in everything), member)
