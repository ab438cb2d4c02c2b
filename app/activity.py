"""How many patients are active: counted in Redis without keeping who.

Each piece of time has a HyperLogLog: some kilobytes from which the number of different patients can be estimated, but
no patient be had back. What goes in is a keyed hash, so that nobody who can read Redis, and knows a patient's id, can
try whether it is in there. Pieces are forgotten after a day. The estimate is 1 % off, which is enough for what it
is for.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.clock import now

PIECES = {"minute": (60, 2 * 3_600), "hour": (3_600, 26 * 3_600)}
"""The pieces' length and how long each is kept, in seconds: minutes serve the last hour, hours the last day."""

_MOST = 50_000
"""Patients held between two writes; there are no more even in the worst minute, and Redis may be gone for long."""


class Activity:
    """Notes who asks, and writes it down every few seconds: no request waits for Redis."""

    def __init__(self, redis: Redis, key: bytes) -> None:
        self._redis = redis
        self._key = hmac.digest(key, b"activity", hashlib.sha256)
        self._seen: set[str] = set()

    def seen(self, patient: str) -> None:
        """A patient asked for something."""
        if len(self._seen) < _MOST:
            self._seen.add(patient)

    async def run(self, interval: float) -> None:
        """Write down who was seen, every ``interval`` seconds, until cancelled."""
        while True:
            await asyncio.sleep(interval)
            await self.write()

    async def write(self) -> None:
        """Add those seen since the last time to the pieces of now; if Redis is away they are lost, and no harm done."""
        hashes = [hmac.digest(self._key, patient.encode(), hashlib.sha256)[:16] for patient in self._seen]
        self._seen.clear()
        if not hashes:
            return
        instant = int(now().timestamp())
        with suppress(RedisError, OSError, TimeoutError):
            async with self._redis.pipeline(transaction=False) as pipe:
                for name, (length, kept) in PIECES.items():
                    piece = f"active:{name}:{instant // length}"
                    await pipe.pfadd(piece, *hashes)
                    await pipe.expire(piece, kept)
                await pipe.execute()
