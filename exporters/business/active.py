"""Active patients, from the HyperLogLogs that the app keeps in Redis: an estimate of how many, and of nobody who."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from exporters.business import families as f
from exporters.business.cells import rounded
from exporters.business.moment import Moment
from exporters.business.query import Query
from exporters.business.reader import Reader
from exporters.collector import CollectError
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.redis.source import Redis
from exporters.redis.wire import Refusal

_MINUTE, _HOUR = 60, 3_600
_WINDOWS = {"5m": (_MINUTE, 5), "1h": (_MINUTE, 60), "24h": (_HOUR, 24)}
"""Of which length the counted pieces are, and how many make up a window besides the one that has only begun."""
_NAMES = {_MINUTE: "minute", _HOUR: "hour"}


class Active(Query):
    """How many patients asked for something lately."""

    name: ClassVar[str] = "active"

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._counts: dict[str, int] = {}

    async def ask(self, reader: Reader, at: Moment) -> None:  # noqa: ARG002  # asks Redis, not MongoDB
        """Let Redis unite the pieces of each window."""
        replies = await self._redis.ask(*(("PFCOUNT", *pieces(window, at.now)) for window in f.ACTIVE))
        for reply in replies:
            if not isinstance(reply, int):
                raise CollectError(reply.reason if isinstance(reply, Refusal) else Reason.MALFORMED)
        self._counts = dict(zip(f.ACTIVE, replies, strict=True))

    def write(self, readings: Readings, smallest: int) -> None:
        """Write every window, at zero too."""
        for window, count in self._counts.items():
            readings.add(f.ACTIVE_USERS, rounded(count, smallest), window)


def pieces(window: str, now: datetime) -> Iterator[str]:
    """Name the keys of a window's pieces, as app/activity.py does."""
    length, count = _WINDOWS[window]
    last = int(now.timestamp()) // length
    return (f"active:{_NAMES[length]}:{number}" for number in range(last - count, last + 1))
