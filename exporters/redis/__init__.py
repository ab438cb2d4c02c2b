"""Redis: one kept connection, one write and one read a scrape."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Self

from exporters.collector import CollectError, Deadline
from exporters.readings import Readings
from exporters.reasons import ODD, Reason
from exporters.redis import families as f
from exporters.redis import info, modes, replication
from exporters.redis.info import Info
from exporters.redis.server import FIRST, Server
from exporters.redis.shape import text, whole
from exporters.redis.source import Redis
from exporters.redis.wire import Command, Refusal, Reply
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.metric import Metric

_REASONS = [(reason,) for reason in f.REASONS]
_NONE_HOLDS = [0] * len(_REASONS)
Answers = dict[tuple[str, str], list[Reply]]
"""What was answered, by the first two words of the command."""


class RedisCollector:
    """Reads one Redis server, cluster's node or sentinel."""

    name: ClassVar[str] = "redis"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = f.METRICS

    def __init__(self, source: Redis) -> None:
        self._source = source
        self._server: Server | None = None
        self._reader = info.Reader()

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """There must be a Redis to read."""
        return None if settings.redis_uri else "--redis"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Share the connection."""
        return cls(sources.use(Redis))

    async def start(self) -> None:
        """Nothing runs between scrapes."""

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Ask everything at once; only a server that was not known before is first asked what it is."""
        del deadline  # the scrape's own guard cancels us, and the source then hangs up
        found, server, answers = await self._ask(readings)
        readings.add(f.UP, 1)
        readings.extend(f.UP_REASON, _REASONS, _NONE_HOLDS)
        info.write(found, server.numbers, readings)
        server.commands.write(found.commands, readings)
        server.errors.write(found.errors, readings)
        replication.write(found, readings)
        modes.write_sentinel(found, readings)
        started_at = server.started_at(found)
        if started_at is not None:
            readings.add(f.START_TIME, started_at)
        _write_answers(answers, server, readings)
        await self._count_slow(server, found, answers, readings)
        if server.denials:
            readings.partial.append(Reason.DENIED)

    def lost(self, readings: Readings, reason: Reason) -> None:
        """Say that Redis is down, and why."""
        if not readings.has(f.UP):
            readings.add(f.UP, 0)
            readings.states(f.UP_REASON, reason.value, f.REASONS)

    async def close(self) -> None:
        """Leave the connection to its owner."""

    async def _ask(self, readings: Readings) -> tuple[Info, Server, Answers]:
        server = self._server
        if server is not None:
            server.denials.over(self._source.connection)
            asked = server.questions()
            status, *replies = await self._source.ask(server.info, *asked)
            if not isinstance(status, Refusal) or status.reason is not Reason.ERROR:
                found = self._read(status)
                if server.is_still(found):
                    return found, server, _sort(server, asked, replies, readings)
            self._server = None  # another server answers at this address now
        (status,) = await self._source.ask(FIRST)
        found = self._read(status)
        server = self._server = Server(found)
        server.denials.over(self._source.connection)
        asked = server.questions()
        return found, server, _sort(server, asked, await self._source.ask(*asked), readings)

    def _read(self, status: Reply) -> Info:
        if isinstance(status, Refusal):
            self._source.drop()  # with rights or a password that changed, only a new connection gets further
            raise CollectError(status.reason) from status
        found = self._reader.read(status) if isinstance(status, str) and info.is_sane(status) else Info()
        if "redis_version" not in found.fields:
            self._source.drop()
            raise CollectError(Reason.MALFORMED)
        return found

    async def _count_slow(self, server: Server, found: Info, answers: Answers, readings: Readings) -> None:
        for newest in answers.get(("SLOWLOG", "GET"), ()):
            entries = newest
            if more := server.slow_log.missing(newest):
                (entries,) = await self._source.ask(("SLOWLOG", "GET", str(more)))
            _understand(lambda entries: server.slow_log.count(entries, found.commands), entries, readings)
            server.slow_log.write(readings)


def _sort(server: Server, asked: tuple[Command, ...], replies: list[Reply], readings: Readings) -> Answers:
    """Keep what was answered, and let the server remember what will not be."""
    answers: Answers = {}
    for command, reply in zip(asked, replies, strict=True):
        if isinstance(reply, Refusal):
            server.refused(command, reply)
            if reply.reason is Reason.BUSY:  # it is still loading its data
                readings.partial.append(Reason.BUSY)
        else:
            server.allowed(command)
            answers.setdefault((command[0], command[1]), []).append(reply)
    return answers


def _write_answers(answers: Answers, server: Server, readings: Readings) -> None:
    writers: dict[tuple[str, str], Callable[[Reply], None]] = {
        ("SLOWLOG", "LEN"): lambda length: readings.add(f.SLOWLOG_LENGTH, length),
        ("LATENCY", "LATEST"): lambda spikes: _write_spikes(spikes, readings),
        ("LATENCY", "HISTOGRAM"): lambda histograms: server.commands.write_latency(histograms, readings),
        ("CLUSTER", "INFO"): lambda status: modes.write_cluster(status, readings),
        ("SENTINEL", "MASTERS"): lambda masters: modes.write_quorum(masters, readings),
    }
    for command, replies in answers.items():
        if command in writers:
            _understand(writers[command], replies[0], readings)
    _understand(lambda replies: server.config.write(replies, readings), answers.get(("CONFIG", "GET"), ()), readings)


def _understand(read: Callable[[Reply], None], reply: Reply, readings: Readings) -> None:
    """Read one answer. One of another shape (a proxy's, a relative's of Redis) costs its own families only."""
    try:
        read(reply)
    except ODD:
        readings.partial.append(Reason.MALFORMED)


def _write_spikes(spikes: Reply, readings: Readings) -> None:
    for spike in spikes:
        event, at, milliseconds, worst = text(spike[0]), whole(spike[1]), whole(spike[2]), whole(spike[3])
        readings.add(f.SPIKE_LAST, at, event)
        readings.add(f.SPIKE_SECONDS, milliseconds / 1000, event)
        readings.add(f.SPIKE_WORST, worst / 1000, event)
