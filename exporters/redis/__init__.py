"""Redis: one kept connection, one pipelined round trip a scrape."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as NotConnected

from exporters.collector import CollectError, Deadline
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.redis import families as f
from exporters.redis import info
from exporters.settings import Settings, SettingsError, read_password
from exporters.sources import Sources
from telemetry.metric import Metric

_COMMANDS = (
    ("INFO", "everything"),
    ("SLOWLOG", "LEN"),
    ("CONFIG", "GET", "maxmemory"),
    ("CONFIG", "GET", "maxclients"),
)
"""Sent in one write and answered in one read. Only INFO is indispensable; a user may lack the right to the others."""

_START_TOLERANCE = 2.0
"""Redis tells its uptime in whole seconds, so its start time jitters by one; it only moves when Redis restarted."""


class RedisCollector:
    """Reads one Redis server."""

    name: ClassVar[str] = "redis"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = f.METRICS

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._started_at: float | None = None

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """There must be a Redis to read."""
        return None if settings.redis_uri else "--redis"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Prepare the one connection; it opens with the first scrape, and again after a failure."""
        try:
            address: dict[str, Any] = dict(parse_url(sources.settings.redis_uri or ""))
        except ValueError as error:
            raise SettingsError(f"redis_uri is not usable: {error}") from error
        kind: type[AbstractConnection] = address.pop("connection_class", Connection)
        return cls(
            kind(
                **address,
                username=sources.settings.redis_username,
                password=read_password(sources.settings.redis_password_file),
                # Neither a name nor a library: their commands need rights, and would fail the log-in without them.
                driver_info=None,
                encoding_errors="replace",
                decode_responses=True,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
            )
        )

    async def start(self) -> None:
        """Nothing runs between scrapes."""

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Ask everything at once."""
        del deadline  # the scrape's own guard cancels us; what that leaves behind is closed below
        try:
            text, slow, *config = await self._ask()
        except AuthenticationError as error:
            raise CollectError(Reason.AUTH) from error
        except (NotConnected, OSError) as error:
            raise CollectError(Reason.REFUSED) from error
        except RedisError as error:
            raise CollectError(Reason.ERROR) from error
        if isinstance(text, NoPermissionError):
            raise CollectError(Reason.DENIED)
        if not isinstance(text, str):
            raise CollectError(Reason.MALFORMED)
        self._write(text, readings)
        self._write_rest(slow, config, readings)

    def lost(self, readings: Readings, reason: Reason) -> None:
        """Say that Redis is down, and why."""
        readings.add(f.UP, 0)
        readings.states(f.UP_REASON, reason.value, f.REASONS)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.disconnect()

    async def _ask(self) -> list[object]:
        connection = self._connection
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py does not annotate it
            await connection.send_packed_command(connection.pack_commands(_COMMANDS))
            return [await self._answer() for _ in _COMMANDS]
        except BaseException:
            # Also when cancelled: a connection with answers still on their way would give them to the next scrape.
            await connection.disconnect(nowait=True)
            raise

    async def _answer(self) -> object:
        try:
            return await self._connection.read_response()
        except ResponseError as error:
            return error

    def _write(self, text: str, readings: Readings) -> None:
        fields = info.parse(text)
        if "redis_version" not in fields:
            raise CollectError(Reason.MALFORMED)
        readings.add(f.UP, 1)
        readings.states(f.UP_REASON, None, f.REASONS)
        info.write(fields, readings)
        seen = info.start_time(fields)
        if seen is not None:
            if self._started_at is None or abs(seen - self._started_at) > _START_TOLERANCE:
                self._started_at = seen
            readings.add(f.START_TIME, self._started_at)

    @staticmethod
    def _write_rest(slow: object, config: list[object], readings: Readings) -> None:
        if isinstance(slow, int):
            readings.add(f.SLOWLOG_LENGTH, slow)
        settings: dict[str, str] = {}
        for answer in config:
            if isinstance(answer, list):
                settings |= dict(zip(answer[::2], answer[1::2], strict=True))
        for metric, name in ((f.CONFIG_MAXMEMORY, "maxmemory"), (f.CONFIG_MAXCLIENTS, "maxclients")):
            value = info.number(settings.get(name))
            if value is not None:
                readings.add(metric, value)
        if any(isinstance(answer, NoPermissionError) for answer in (slow, *config)):
            readings.partial.append(Reason.DENIED)
