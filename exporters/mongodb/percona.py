"""The names of Percona's mongodb_exporter, for the dashboards that the community has: what the slow collectors read.

``--names percona`` adds them. Units and labels are Percona's, but for two things: every series has ``member``, since
one page of ours shows a whole replica set, and none has a role or a state as a label, since a failover would rename
it. Types are right where the name allows it; what counts up without being called ``_total`` is of unknown type.
docs/compatibility.md says what is claimed and what is not, from ``percona_claims.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from exporters.declare import family
from exporters.mongodb.source import Document
from exporters.readings import Readings
from telemetry.metric import Cost, Metric, MetricType

PERCONA = "percona"
"""The value of the setting ``names`` that adds these families."""
Namespace = tuple[str, str]


class _Figures(Protocol):
    @property
    def document(self) -> Document: ...


class _Index(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def accesses(self) -> int: ...


def named(
    name: str, source: str, *labels: str, kind: MetricType | None = None, unit: str = "", cost: Cost = "fast"
) -> Metric:
    """Declare a family under Percona's name; ``unit`` is said where it is not a base unit."""
    return family(
        name,
        f"{source}{f' ({unit})' if unit else ''}, as mongodb_exporter names it; only with --names percona.",
        "member",
        *labels,
        kind=kind,
        source=source,
        cost=cost,
        like=("mongodb_exporter",),
    )


_DB_FIELDS = (
    "collections",
    "views",
    "objects",
    "avgObjSize",
    "dataSize",
    "storageSize",
    "indexes",
    "indexSize",
    "totalSize",
    "fsUsedSize",
    "fsTotalSize",
)
_DBSTATS: dict[str, tuple[Metric, ...]] = {
    field: (named(f"mongodb_dbstats_{field}", f"dbStats.{field}", "database", cost="slow"),) for field in _DB_FIELDS
}
_DBSTATS["dataSize"] += (named("mongodb_mongod_db_data_size_bytes", "dbStats.dataSize", "database", cost="slow"),)
_DBSTATS["indexSize"] += (named("mongodb_mongod_db_index_size_bytes", "dbStats.indexSize", "database", cost="slow"),)
DBSTATS = tuple(metric for metrics in _DBSTATS.values() for metric in metrics)

_STORAGE = {
    field: named(
        f"mongodb_collstats_storageStats_{field}",
        f"$collStats.storageStats.{field}",
        "database",
        "collection",
        cost="slow",
    )
    for field in ("count", "size", "storageSize", "totalIndexSize", "totalSize")
}
_INDEX_SIZE = named(
    "mongodb_collstats_storageStats_indexSizes",
    "$collStats.storageStats.indexSizes",
    "database",
    "collection",
    "index_name",
    cost="slow",
)
_LATENCIES = {
    (kind, what): named(
        f"mongodb_collstats_latencyStats_{kind}_{what}",
        f"$collStats.latencyStats.{kind}.{what}",
        "database",
        "collection",
        kind="unknown",
        unit="microseconds" if what == "latency" else "",
        cost="slow",
    )
    for kind in ("reads", "writes", "commands")
    for what in ("latency", "ops")
}
COLLSTATS = (*_STORAGE.values(), _INDEX_SIZE, *_LATENCIES.values())

_INDEX_OPS = named(
    "mongodb_indexstats_accesses_ops",
    "$indexStats.accesses.ops",
    "database",
    "collection",
    "key_name",
    kind="unknown",
    cost="slow",
)
INDEXSTATS = (_INDEX_OPS,)

_TOP = {
    (kind, what): named(
        f"mongodb_top_{kind}_{what}",
        f"top.totals.{kind}.{what}",
        "database",
        "collection",
        kind="unknown",
        unit="microseconds" if what == "time" else "",
        cost="slow",
    )
    for kind in ("total", "readLock", "writeLock", "queries", "getmore", "insert", "update", "remove", "commands")
    for what in ("time", "count")
}
TOP = tuple(_TOP.values())


def write_dbstats(member: str, answers: Mapping[str, Document], readings: Readings) -> None:
    """Write dbStats of one member's databases."""
    for name, answer in answers.items():
        for field, metrics in _DBSTATS.items():
            if field in answer:
                for metric in metrics:
                    readings.add(metric, answer[field], member, name)


def write_collstats(member: str, known: Mapping[Namespace, _Figures], readings: Readings) -> None:
    """Write $collStats of one member's listed collections."""
    for namespace, figures in known.items():
        sizes, latencies = figures.document.get("storageStats", {}), figures.document.get("latencyStats", {})
        for field, metric in _STORAGE.items():
            if field in sizes:
                readings.add(metric, sizes[field], member, *namespace)
        for index, size in sizes.get("indexSizes", {}).items():
            readings.add(_INDEX_SIZE, size, member, *namespace, index)
        for (kind, what), metric in _LATENCIES.items():
            readings.add(metric, latencies.get(kind, {}).get(what, 0), member, *namespace)


def write_indexstats(member: str, known: Mapping[Namespace, Iterable[_Index]], readings: Readings) -> None:
    """Write $indexStats of one member's listed collections."""
    for namespace, indexes in known.items():
        for index in indexes:
            readings.add(_INDEX_OPS, index.accesses, member, *namespace, index.name)


def write_top(member: str, totals: Mapping[Namespace, Document], readings: Readings) -> None:
    """Write top of one member's listed namespaces."""
    for namespace, row in totals.items():
        for (kind, what), metric in _TOP.items():
            readings.add(metric, row[kind][what], member, *namespace)
