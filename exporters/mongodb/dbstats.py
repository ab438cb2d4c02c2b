"""Databases: how much each holds (``dbStats``), once a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from weakref import WeakKeyDictionary

from exporters.collector import Deadline
from exporters.declare import family
from exporters.mongodb import percona
from exporters.mongodb.asking import MemberCollector, databases
from exporters.mongodb.chosen import Chosen
from exporters.mongodb.source import Document, Member, Mongodb
from exporters.readings import OTHER, Readings
from exporters.settings import Settings
from telemetry.metric import Metric


def _of(name: str, text: str, field: str) -> tuple[str, Metric]:
    return field, family(name, text, "member", "database", source=f"dbStats.{field}", cost="slow", additive=True)


FIELDS: dict[str, Metric] = dict(
    (
        _of("mongodb_database_data_bytes", "Size of this database's documents, before compression.", "dataSize"),
        _of("mongodb_database_storage_bytes", "Disk space of this database's collections.", "storageSize"),
        _of("mongodb_database_index_bytes", "Disk space of this database's indexes.", "indexSize"),
        _of("mongodb_database_documents", "Documents in this database.", "objects"),
        _of("mongodb_database_collections", "Collections in this database.", "collections"),
        _of("mongodb_database_indexes", "Indexes in this database.", "indexes"),
        _of("mongodb_database_views", "Views in this database.", "views"),
    )
)
FS_USED = family(
    "mongodb_filesystem_used_bytes",
    "Used space of the file system that holds this member's data.",
    "member",
    source="dbStats.fsUsedSize",
    cost="slow",
)
FS_SIZE = family(
    "mongodb_filesystem_size_bytes",
    "Size of the file system that holds this member's data.",
    "member",
    source="dbStats.fsTotalSize",
    cost="slow",
)


class DbstatsCollector(MemberCollector):
    """Asks each member about each database; the largest have series of their own, the rest are one sum."""

    name: ClassVar[str] = "mongodb_dbstats"
    metrics: ClassVar[tuple[Metric, ...]] = (*FIELDS.values(), FS_USED, FS_SIZE, *percona.DBSTATS)
    every: ClassVar[float] = 60.0
    limit: ClassVar[float] = 20.0

    def __init__(self, source: Mongodb, settings: Settings) -> None:
        super().__init__(source, settings)
        self._chosen: WeakKeyDictionary[Member, Chosen[str]] = WeakKeyDictionary()

    async def ask(self, member: Member, readings: Readings, deadline: Deadline) -> None:
        """Ask about one database after the other: on a server of thousands this takes its time."""
        answers = {
            name: await member.run({"dbStats": 1}, deadline, database=name)
            for name in await databases(member, readings, deadline)
        }
        chosen = self._chosen.setdefault(member, Chosen(self.settings.mongodb_collection_budget))
        listed = chosen.update({name: _size(answer) for name, answer in answers.items()})
        write(member.name, answers, listed, readings)
        if self.percona:
            percona.write_dbstats(member.name, {name: answers[name] for name in listed}, readings)


def write(member: str, answers: Mapping[str, Document], listed: frozenset[str], readings: Readings) -> None:
    """Write one member's databases; ``listed`` are those with series of their own."""
    for field, metric in FIELDS.items():
        for name in sorted(listed):
            if field in answers[name]:
                readings.add(metric, answers[name][field], member, name)
        if len(listed) < len(answers):
            rest = sum(answer.get(field, 0) for name, answer in answers.items() if name not in listed)
            readings.add(metric, rest, member, OTHER)
    for answer in answers.values():
        if "fsTotalSize" in answer:  # every database tells it of the same file system
            readings.add(FS_USED, answer["fsUsedSize"], member)
            readings.add(FS_SIZE, answer["fsTotalSize"], member)
            return


def _size(answer: Document) -> float:
    return float(answer.get("storageSize", 0)) + float(answer.get("indexSize", 0))
