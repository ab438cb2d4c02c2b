"""MongoDB: each member of a replica set is asked directly, all at once; together they say how the set is."""

from __future__ import annotations

from typing import ClassVar, Self

from exporters.collector import Deadline
from exporters.mongodb import families as f
from exporters.mongodb import percona_status, replset, status
from exporters.mongodb.ask import Answer, ask_all
from exporters.mongodb.percona import PERCONA
from exporters.mongodb.source import Mongodb
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.metric import Metric


class MongodbCollector:
    """Reads every member that the URI names."""

    name: ClassVar[str] = "mongodb"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = (*f.METRICS, *percona_status.METRICS)

    def __init__(self, source: Mongodb, *, percona: bool = False) -> None:
        self._source = source
        self._percona = percona

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """There must be a replica set to read."""
        return None if settings.mongodb_uri else "--mongodb"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Share the clients, which connect with the first scrape."""
        return cls(sources.use(Mongodb), percona=sources.settings.names == PERCONA)

    async def start(self) -> None:
        """Nothing runs between scrapes."""

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Ask all members side by side; a dead or frozen one costs only its own samples."""
        targets = self._source.members
        answers = await ask_all(targets, deadline)
        for target, answer in zip(targets, answers, strict=True):
            self._write(target.name, answer, readings)
            if self._percona and isinstance(answer, Answer):
                percona_status.write(target, answer.status, answer.replset, readings)
        self._write_set(answers, readings)

    def lost(self, readings: Readings, reason: Reason) -> None:
        """Say that all members are down, and why."""
        for target in self._source.members:
            self._write(target.name, reason, readings)
        readings.add(f.HAS_PRIMARY, 0)
        readings.add(f.HEALTHY, 0)

    async def close(self) -> None:
        """Leave the clients to the sources."""

    @staticmethod
    def _write(name: str, answer: Answer | Reason, readings: Readings) -> None:
        down = answer if isinstance(answer, Reason) else None
        readings.add(f.UP, int(down is None), name)
        readings.states(f.UP_REASON, down, f.REASONS, name)
        if isinstance(answer, Answer):
            status.write(name, answer.status, readings)

    def _write_set(self, answers: list[Answer | Reason], readings: Readings) -> None:
        replied = [answer for answer in answers if isinstance(answer, Answer)]
        if not replied:
            readings.fault = next(answer for answer in answers if isinstance(answer, Reason))
        elif all(answer.replset is None for answer in replied):
            return  # a server that belongs to no replica set has no such figures
        views = {
            target.name: answer.replset if isinstance(answer, Answer) else None
            for target, answer in zip(self._source.members, answers, strict=True)
        }
        replset.write(views, readings)
