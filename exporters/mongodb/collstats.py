"""Collections: how much each holds, and what it is asked (``$collStats``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar
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

_LABELS = ("member", "database", "collection")


def _size(name: str, text: str, field: str) -> Metric:
    return family(name, text, *_LABELS, source=f"$collStats.storageStats.{field}", cost="slow", additive=True)


SIZES: dict[str, Metric] = {
    "count": _size("mongodb_collection_documents", "Documents in this collection.", "count"),
    "size": _size("mongodb_collection_data_bytes", "Size of its documents, before compression.", "size"),
    "storageSize": _size("mongodb_collection_storage_bytes", "Disk space of its documents.", "storageSize"),
    "freeStorageSize": _size(
        "mongodb_collection_reusable_bytes", "How much of that disk space is free for new documents.", "freeStorageSize"
    ),
    "totalIndexSize": _size("mongodb_collection_index_bytes", "Disk space of its indexes.", "totalIndexSize"),
}
OPERATIONS_OF = {"read": "reads", "write": "writes", "command": "commands"}
_NOTE = "__other__ counts, since the exporters began, those that have no series of their own."
OPERATIONS = family(
    "mongodb_collection_operations_total",
    f"Operations on this collection, our own question each five minutes among them; {_NOTE}",
    *_LABELS,
    "op",
    source="$collStats.latencyStats.<op>.ops",
    cost="slow",
)
OPERATION_SECONDS = family(
    "mongodb_collection_operation_seconds_total",
    f"Time that operations on this collection took; {_NOTE}",
    *_LABELS,
    "op",
    source="$collStats.latencyStats.<op>.latency",
    cost="slow",
)
COLLECTIONS = family(
    "mongodb_collections",
    "Collections that this member has, views and MongoDB's own left out.",
    "member",
    source="listCollections",
    cost="slow",
)
UNREAD = family(
    "mongodb_collections_unread",
    "Collections that were not read yet, or could not be; they are in no sum.",
    "member",
    source="listCollections",
    cost="slow",
)

_UNKNOWN_FIELD = 40_415
_LEAN: Document = {"numericOnly": True, "waitForLock": False}
"""What mongod's own recorder asks for: leaves out most of WiredTiger's statistics, which take longest to gather."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one collection said, in numbers."""

    sizes: tuple[float | None, ...]
    """In the order of ``SIZES``; ``None`` where it did not say (a time series does not count its documents)."""
    counts: tuple[float, ...]
    """Operations and microseconds of each kind, in the order of ``OPERATIONS_OF``."""
    document: Document
    """The answer itself."""

    @property
    def weight(self) -> float:
        """Space on disk."""
        by_name = dict(zip(SIZES, self.sizes, strict=True))
        return (by_name["storageSize"] or 0) + (by_name["totalIndexSize"] or 0)


class CollstatsCollector(SweepCollector[Figures]):
    """The largest collections have series of their own; the rest are one sum."""

    name: ClassVar[str] = "mongodb_collstats"
    metrics: ClassVar[tuple[Metric, ...]] = (
        *SIZES.values(),
        OPERATIONS,
        OPERATION_SECONDS,
        COLLECTIONS,
        UNREAD,
        *percona.COLLSTATS,
    )

    def __init__(self, source: Mongodb, settings: Settings) -> None:
        super().__init__(source, settings)
        self._chosen: WeakKeyDictionary[Member, Chosen[Namespace]] = WeakKeyDictionary()
        self._rest: WeakKeyDictionary[Member, Rest[Namespace]] = WeakKeyDictionary()
        self._spec: Document = _LEAN

    async def ask(self, member: Member, readings: Readings, deadline: Deadline) -> None:
        """Ask those that are due, and write all that is known."""
        found = await self.sweep(member, readings, deadline, partial(self._collection, member, deadline))
        known = found.values
        listed = self._chosen.setdefault(member, Chosen(self.settings.mongodb_collection_budget)).update(
            {name: figures.weight for name, figures in known.items()}
        )
        rest = self._rest.setdefault(member, Rest(2 * len(OPERATIONS_OF)))
        rest.update({name: figures.counts for name, figures in known.items()}, listed, born=False)
        readings.add(COLLECTIONS, len(found.names), member.name)
        readings.add(UNREAD, len(found.names) - len(known), member.name)
        write(member.name, known, listed, rest.totals, readings)
        if self.percona:
            percona.write_collstats(member.name, {name: known[name] for name in sorted(listed)}, readings)

    async def _collection(self, member: Member, deadline: Deadline, name: Namespace) -> Figures:
        try:
            rows = await aggregate(member, *name, pipeline(self._spec), deadline)
        except CollectError as error:
            unknown = isinstance(error.__cause__, OperationFailure) and error.__cause__.code == _UNKNOWN_FIELD
            if not unknown or not self._spec:
                raise
            self._spec = {}  # a version that does not know the lean way
            rows = await aggregate(member, *name, pipeline(self._spec), deadline)
        return figures_of(rows[0] if rows else {})


def pipeline(spec: Document) -> list[Document]:
    """Ask for sizes and latencies, and bring home nothing else."""
    sizes = {f"storageStats.{field}": 1 for field in (*SIZES, "totalSize", "indexSizes")}
    latencies = {f"latencyStats.{key}.{what}": 1 for key in OPERATIONS_OF.values() for what in ("ops", "latency")}
    return [{"$collStats": {"storageStats": spec, "latencyStats": {}}}, {"$project": {**sizes, **latencies}}]


def figures_of(answer: Document) -> Figures:
    """Read an answer."""
    sizes: Mapping[str, Any] = answer.get("storageStats", {})
    latencies: Mapping[str, Any] = answer.get("latencyStats", {})
    return Figures(
        tuple(sizes.get(field) for field in SIZES),
        tuple(latencies.get(key, {}).get(what, 0) for key in OPERATIONS_OF.values() for what in ("ops", "latency")),
        answer,
    )


def write(
    member: str,
    known: Mapping[Namespace, Figures],
    listed: frozenset[Namespace],
    rest: list[float],
    readings: Readings,
) -> None:
    """Write one member's collections: the listed ones, and the sum of all others."""
    others = [figures.sizes for name, figures in known.items() if name not in listed]
    sums = tuple(sum(one or 0 for one in column) for column in zip(*others, strict=True)) or (0,) * len(SIZES)
    rows = {name: (known[name].sizes, known[name].counts) for name in sorted(listed)}
    rows[OTHER, OTHER] = (sums, tuple(rest))
    for (database, collection), (sizes, counts) in rows.items():
        for metric, value in zip(SIZES.values(), sizes, strict=True):
            if value is not None:
                readings.add(metric, value, member, database, collection)
        for index, op in enumerate(OPERATIONS_OF):
            readings.add(OPERATIONS, counts[2 * index], member, database, collection, op)
            readings.add(OPERATION_SECONDS, counts[2 * index + 1] / 1e6, member, database, collection, op)
