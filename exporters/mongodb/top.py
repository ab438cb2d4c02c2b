"""Who keeps the server busy: time and operations by namespace and kind (``top``).

The busiest namespaces have series of their own. Which these are follows what they did lately: one that has long been
quiet makes room for one that is loud now, yet two that are alike do not take turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from weakref import WeakKeyDictionary

from exporters.collector import Deadline
from exporters.declare import family
from exporters.mongodb import percona
from exporters.mongodb.asking import SYSTEM_DATABASES, MemberCollector
from exporters.mongodb.chosen import Chosen, Rest
from exporters.mongodb.source import Document, Member, Mongodb
from exporters.readings import OTHER, Readings
from exporters.settings import Settings
from telemetry.metric import Metric

KINDS = ("queries", "getmore", "insert", "update", "remove", "commands")
_FADING = 0.95
"""What is left of a namespace's weight after a turn: in a quarter of an hour half of it has faded."""

_LABELS = ("member", "database", "collection", "op")
_NOTE = "__other__ counts, since the exporters began, those that have no series of their own."
SECONDS = family(
    "mongodb_namespace_operation_seconds_total",
    f"Time that operations on this collection took, by kind; {_NOTE}",
    *_LABELS,
    source="top.totals.<namespace>.<kind>.time",
    cost="slow",
)
OPERATIONS = family(
    "mongodb_namespace_operations_total",
    f"Operations on this collection, by kind; {_NOTE}",
    *_LABELS,
    source="top.totals.<namespace>.<kind>.count",
    cost="slow",
)

Totals = Mapping[str, Document]
"""What ``top`` says, by namespace."""


class Ranking:
    """What is remembered of one member."""

    def __init__(self, limit: int) -> None:
        self.chosen: Chosen[str] = Chosen(limit)
        self.rest: Rest[str] = Rest(2 * len(KINDS))
        self.weights: dict[str, float] = {}
        self.last: dict[str, float] = {}

    def weigh(self, totals: Totals) -> frozenset[str]:
        """Weigh each namespace by the time it took, the latest most; its whole past counts once, at first."""
        now = {name: float(row["total"]["time"]) for name, row in totals.items()}
        self.weights = {
            name: self.weights.get(name, 0.0) * _FADING
            + time
            - (last if (last := self.last.get(name, 0.0)) <= time else 0)
            for name, time in now.items()
        }
        self.last = now
        return self.chosen.update(self.weights)


class TopCollector(MemberCollector):
    """Asks each member for its totals."""

    name: ClassVar[str] = "mongodb_top"
    metrics: ClassVar[tuple[Metric, ...]] = (SECONDS, OPERATIONS, *percona.TOP)
    every: ClassVar[float] = 60.0

    def __init__(self, source: Mongodb, settings: Settings) -> None:
        super().__init__(source, settings)
        self._rankings: WeakKeyDictionary[Member, Ranking] = WeakKeyDictionary()

    async def ask(self, member: Member, readings: Readings, deadline: Deadline) -> None:
        """Ask once; what MongoDB does for itself is left out."""
        answer = await member.run({"top": 1}, deadline)
        totals = {name: row for name, row in answer["totals"].items() if is_users(name)}
        ranking = self._rankings.setdefault(member, Ranking(self.settings.mongodb_namespace_budget))
        listed = ranking.weigh(totals)
        ranking.rest.update({name: numbers(row) for name, row in totals.items()}, listed)
        write(member.name, {name: totals[name] for name in sorted(listed)}, ranking.rest.totals, readings)
        if self.percona:
            percona.write_top(member.name, {split(name): totals[name] for name in sorted(listed)}, readings)


def write(member: str, listed: Totals, rest: list[float], readings: Readings) -> None:
    """Write one member's busiest namespaces, and the sum of all others."""
    rows = {split(name): numbers(row) for name, row in listed.items()}
    for (database, collection), values in {**rows, (OTHER, OTHER): rest}.items():
        for index, kind in enumerate(KINDS):
            readings.add(SECONDS, values[2 * index] / 1e6, member, database, collection, kind)
            readings.add(OPERATIONS, values[2 * index + 1], member, database, collection, kind)


def numbers(row: Document) -> list[float]:
    """Return time (microseconds) and count of each kind, one after the other."""
    return [row[kind][what] for kind in KINDS for what in ("time", "count")]


def is_users(namespace: str) -> bool:
    """Tell whether this is a collection of the users' own; ``note`` is a remark that stands among the namespaces."""
    database, collection = split(namespace)
    of_the_system = collection.startswith("system.") and not collection.startswith("system.buckets.")
    return bool(collection) and database not in SYSTEM_DATABASES and not of_the_system


def split(namespace: str) -> tuple[str, str]:
    """Split at the first dot: a collection's name may have dots, a database's may not."""
    database, _, collection = namespace.partition(".")
    return database, collection
