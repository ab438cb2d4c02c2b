"""The edge to Redis: which times of a practitioner's day are taken. An optimisation that may be gone at any time."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import date
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.metrics import Metrics
from app.settings import Settings, read_password
from telemetry.logs import get_logger

T = TypeVar("T")

log = get_logger()

_REST = 1.0
"""Seconds without asking after a failure: a frozen Redis must not cost each request its time-out."""


def connect(settings: Settings) -> Redis:
    """Make the client; it connects when first used.

    Raises:
        SettingsError: the password file cannot be read.
    """
    password = read_password(settings.redis_password_file, "redis_password")
    return Redis.from_url(
        settings.redis_uri,
        username=settings.redis_username if password else None,
        password=password,
        socket_timeout=settings.cache_timeout,
        socket_connect_timeout=settings.cache_timeout,
        retry=Retry(NoBackoff(), 0),
        max_connections=20,
    )


class SlotCache:
    """Busy start times by practitioner and day. Every failure is a miss, counted as an error."""

    def __init__(self, redis: Redis, settings: Settings, metrics: Metrics) -> None:
        self._redis = redis
        self._ttl = settings.cache_ttl
        self._metrics = metrics
        self._asks_again_at = 0.0

    async def get(self, practitioner: str, days: list[date]) -> dict[date, frozenset[str]]:
        """Return what is known; days that are not are left out."""
        found = await self._ask("MGET", lambda: self._redis.mget([_key(practitioner, day) for day in days]))
        if found is None:
            self._metrics.slot_cache["error"].inc(len(days))
            return {}
        known = {day: frozenset(json.loads(value)) for day, value in zip(days, found, strict=True) if value is not None}
        self._metrics.slot_cache["hit"].inc(len(known))
        self._metrics.slot_cache["miss"].inc(len(days) - len(known))
        return known

    async def put(self, practitioner: str, busy: dict[date, frozenset[str]]) -> None:
        """Remember for a short time."""

        async def write() -> bool:
            async with self._redis.pipeline(transaction=False) as pipe:
                for day, starts in busy.items():
                    await pipe.set(_key(practitioner, day), json.dumps(sorted(starts)), ex=self._ttl)
                await pipe.execute()
            return True

        await self._ask("SET", write)

    async def forget(self, practitioner: str, days: Iterable[date]) -> None:
        """A booking or cancellation changed these days. If this fails the entries expire by themselves."""
        await self._ask("DEL", lambda: self._redis.delete(*(_key(practitioner, day) for day in days)))

    async def close(self) -> None:
        """Close the connections; a Redis that is gone needs no goodbye."""
        with suppress(RedisError, OSError):
            await self._redis.aclose()

    async def _ask(self, name: str, operation: Callable[[], Awaitable[T]]) -> T | None:
        started = time.perf_counter()
        if time.monotonic() < self._asks_again_at:
            return None
        outcome = "error"
        try:
            result = await operation()
            outcome = "ok"
        except (RedisError, OSError, TimeoutError) as error:
            if not self._asks_again_at:
                log.warning("app.store_unavailable", system="redis", error=error)
            self._asks_again_at = time.monotonic() + _REST
            return None
        finally:
            self._metrics.operation("redis", name, outcome, time.perf_counter() - started)
        if self._asks_again_at:
            self._asks_again_at = 0.0
            log.info("app.store_recovered", system="redis")
        return result


def _key(practitioner: str, day: date) -> str:
    return f"slots:{practitioner}:{day.isoformat()}"
