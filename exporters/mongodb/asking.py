"""How slow collectors ask: each member that holds data, side by side, and none faster than it may be asked."""

from __future__ import annotations

import asyncio
import sys
import time
from abc import abstractmethod
from typing import ClassVar, Self
from weakref import WeakKeyDictionary

from pymongo.errors import OperationFailure

from exporters.collector import CollectError, Deadline
from exporters.mongodb.percona import PERCONA
from exporters.mongodb.source import Document, Member, Mongodb
from exporters.readings import Readings
from exporters.reasons import ODD, Reason
from exporters.settings import Settings
from exporters.slow import KEPT_INTERVALS, SlowCollector
from exporters.sources import Sources

SYSTEM_DATABASES = frozenset({"admin", "config", "local"})
"""MongoDB's own: what is worth knowing of them is in serverStatus and replSetGetStatus."""
_INTRODUCTION = 1.0
"""Seconds in which a member should have said what it is."""
_GONE = frozenset({26, 73, 166})
"""NamespaceNotFound, InvalidNamespace, CommandNotSupportedOnView: dropped since it was listed, or become a view."""


class MemberCollector(SlowCollector):
    """A slow collector that asks each member; one that fails costs only its own samples."""

    every: ClassVar[float]
    """Seconds between two readings."""
    limit: ClassVar[float] = 10.0
    """Seconds that one reading may take, all its questions and rests together."""
    spares: ClassVar[bool] = True
    """Whether a member that struggles is left alone."""

    def __init__(self, source: Mongodb, settings: Settings) -> None:
        super().__init__(interval=self.every, limit=self.limit)
        self.source = source
        self.settings = settings
        self.percona = settings.names == PERCONA
        self._read_at: WeakKeyDictionary[Member, float] = WeakKeyDictionary()

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """There must be a server to ask."""
        return None if settings.mongodb_uri else "--mongodb"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Share the clients with the other collectors of MongoDB."""
        return cls(sources.use(Mongodb), sources.settings)

    def struggling(self) -> bool:
        """Pause when nobody is left to ask."""
        return self.spares and self.source.struggling

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Show the last reading, and as its age that of the oldest figures in it."""
        await super().collect(readings, deadline)
        now = time.monotonic()
        readings.age = max([readings.age, *(now - at for member, at in self._read_at.items() if member.up)])

    async def read(self, readings: Readings, deadline: Deadline) -> None:
        """Ask all members that hold data, side by side; of those that struggle the last figures stay for a while."""
        await self.source.resolve(deadline)
        if await self._nobody_bears_data(deadline):
            return
        members = [member for member in self.source.members if member.bears_data and member.up]
        spared = {member for member in members if self.spares and member.struggling}
        asked = [member for member in members if member not in spared]
        answers = await asyncio.gather(*(self._ask(member, deadline) for member in asked))
        failed = [answer for answer in answers if isinstance(answer, Reason)]
        if len(failed) == len(asked):
            raise CollectError(failed[0] if failed else Reason.BUSY if spared else Reason.REFUSED)
        readings.partial += failed
        for answer in answers:
            if not isinstance(answer, Reason):
                self._take(answer, readings)
        oldest = time.monotonic() - KEPT_INTERVALS * self.interval
        shown = {member: at for member, at in self._read_at.items() if member in members and at >= oldest}
        self._read_at = WeakKeyDictionary(shown)
        self._keep({member.name for member in spared if member in shown}, readings)

    async def _nobody_bears_data(self, deadline: Deadline) -> bool:
        """Tell whether there is nothing to read: only routers or arbiters are watched, and one of them answers."""
        strangers = [member for member in self.source.members if member.up and not member.is_known]
        # One that is silent must not take the others' time.
        within = Deadline(min(_INTRODUCTION, deadline.remaining()))
        await asyncio.gather(*(member.introduce(within) for member in strangers))
        members = self.source.members
        return any(member.up for member in members) and not any(member.bears_data for member in members)

    def _take(self, answer: Readings, readings: Readings) -> None:
        for metric in self.metrics:
            readings.extend(metric, *answer.series[metric.name])
        readings.partial += answer.partial

    def _keep(self, names: set[str], readings: Readings) -> None:
        if not names or self._kept is None:
            return
        for metric in self.metrics:
            pairs = [pair for pair in zip(*self._kept.series[metric.name], strict=True) if pair[0][0] in names]
            readings.extend(metric, [key for key, _ in pairs], [value for _, value in pairs])

    @abstractmethod
    async def ask(self, member: Member, readings: Readings, deadline: Deadline) -> None:
        """Ask one member, and write its samples. What fails, or answers in another shape, is left out as a whole.

        Raises:
            CollectError: it did not answer.
        """

    async def _ask(self, member: Member, deadline: Deadline) -> Readings | Reason:
        started, readings = time.monotonic(), Readings(self.metrics, cap=sys.maxsize)
        try:
            await self.ask(member, readings, deadline)
        except (CollectError, *ODD) as error:
            self._read_at.pop(member, None)
            return error.reason if isinstance(error, CollectError) else Reason.MALFORMED
        self._read_at[member] = time.monotonic()
        member.seconds[self.name] = self._read_at[member] - started
        return readings


class Pace:
    """Keeps one reading's questions within a budget of the server's time, with a rest as long as each question."""

    def __init__(self, budget: float) -> None:
        self._left = budget
        self._began = 0.0
        self.asked = 0
        self.seconds = 0.0

    @property
    def spent(self) -> bool:
        """Whether the budget is used up; what was not asked has to wait for its next turn."""
        return self._left <= 0

    async def __aenter__(self) -> None:
        self._began = time.perf_counter()

    async def __aexit__(self, *_: object) -> None:
        took = time.perf_counter() - self._began
        self._left -= took
        self.seconds += took
        self.asked += 1
        await asyncio.sleep(took)


async def databases(member: Member, readings: Readings, deadline: Deadline) -> list[str]:
    """List the databases but MongoDB's own; where that is denied, those that we have rights on.

    Raises:
        CollectError: it did not answer.
    """
    question = {"listDatabases": 1, "nameOnly": True}
    try:
        answer = await member.run({**question, "authorizedDatabases": False}, deadline)
    except CollectError as error:
        if error.reason is not Reason.DENIED:
            raise
        readings.partial.append(error.reason)
        answer = await member.run(question, deadline)
    return sorted(row["name"] for row in answer["databases"] if row["name"] not in SYSTEM_DATABASES)


async def collections(member: Member, database: str, deadline: Deadline) -> list[str]:
    """List what holds documents: no views, no system collections; a time series once, by the name its users know.

    ``authorizedCollections`` makes do with the right to read statistics, where listing needs one to read documents.

    Raises:
        CollectError: it did not answer.
    """
    question = {"listCollections": 1, "nameOnly": True, "authorizedCollections": True, "cursor": {"batchSize": 100_000}}
    cursor = (await member.run(question, deadline, database=database))["cursor"]
    rows = list(cursor["firstBatch"])
    while cursor["id"]:
        more: Document = {"getMore": cursor["id"], "collection": "$cmd.listCollections"}
        cursor = (await member.run(more, deadline, database=database))["cursor"]
        rows += cursor["nextBatch"]
    return [row["name"] for row in rows if row["type"] != "view" and not row["name"].startswith("system.")]


async def aggregate(
    member: Member,
    database: str,
    collection: str | int,
    stages: list[Document],
    deadline: Deadline,
    *,
    urgent: bool = False,
) -> list[Document]:
    """Run a pipeline whose answer fits one batch.

    Raises:
        CollectError: it did not answer.
    """
    command: Document = {"aggregate": collection, "pipeline": stages, "cursor": {"batchSize": 1_000}}
    answer = await member.run(command, deadline, database=database, urgent=urgent)
    return list(answer["cursor"]["firstBatch"])


def is_gone(error: CollectError) -> bool:
    """Tell whether a question failed because what it was about is no collection any more."""
    return isinstance(error.__cause__, OperationFailure) and error.__cause__.code in _GONE
