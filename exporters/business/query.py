"""One question to the database: when it is due, what it cost, and how long its answer counts."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import ClassVar

from exporters.business import families as f
from exporters.business.cells import rounded
from exporters.business.moment import Moment
from exporters.business.reader import Reader
from exporters.collector import CollectError
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.slow import KEPT_INTERVALS

SHARE = 50
"""A query rests for at least this many times as long as it took: at most 2 % of one server's time, at any size."""
SLOW = 10
"""What looks at all of a collection, or at a month, has this many times the interval: 5 minutes with 30 s."""
FEW = 10_000
"""Until it has more than this to look at, it is asked with the others: some milliseconds, and a young practice (or a
demo) sees its figures move."""
_EXAMINED_STEP = 100
"""Costs are looked at by the hundred; one entry more or less is no cost, but somebody's booking."""


class Query(ABC):
    """Asks, keeps the answer, and writes it. The answer holds numbers by closed labels, never a document."""

    name: ClassVar[str]
    slow: ClassVar[bool] = False

    @abstractmethod
    async def ask(self, reader: Reader, at: Moment) -> None:
        """Read, and keep the answer.

        Raises:
            CollectError: there was none.
        """

    @abstractmethod
    def write(self, readings: Readings, smallest: int) -> None:
        """Write the answer that was kept."""


class Turn:
    """One query's clock."""

    def __init__(self, query: Query, interval: float) -> None:
        self.query = query
        self._interval = interval
        self._rests_until = 0.0
        self._good_until = 0.0
        self._seconds = 0.0
        self._examined = 0
        self._answered_at = 0.0

    def is_due(self) -> bool:
        """Whether it should be asked again."""
        return time.monotonic() >= self._rests_until

    def waited(self) -> float:
        """Seconds since it was due; who waited longest is asked first."""
        return time.monotonic() - self._rests_until

    async def run(self, reader: Reader, at: Moment) -> None:
        """Ask.

        Raises:
            CollectError: there was no answer; the one before counts on until it is too old.
        """
        started = time.monotonic()
        try:
            async with reader.deadline.guard():
                await self.query.ask(reader, at)
        except TimeoutError as error:
            raise CollectError(Reason.TIMEOUT) from error
        finally:
            took = time.monotonic() - started
            every = self._interval * (SLOW if self.query.slow and reader.examined > FEW else 1)
            # A little less than the interval, or the clock's jitter would skip every other turn.
            rest = max(0.75 * every, SHARE * took)
            self._rests_until = time.monotonic() + rest
        self._seconds, self._examined, self._answered_at = took, reader.examined, at.now.timestamp()
        self._good_until = time.monotonic() + KEPT_INTERVALS * max(every, rest)

    @property
    def is_known(self) -> bool:
        """Whether there is an answer that is not too old."""
        return time.monotonic() <= self._good_until

    def write(self, readings: Readings, smallest: int) -> None:
        """Write the answer and its cost, unless it is too old or there never was one."""
        if not self.is_known:
            return
        self.query.write(readings, smallest)
        readings.add(f.QUERY_SECONDS, self._seconds, self.query.name)
        # Rounded with the figures: it is a count of the same people, and would give away what they hide.
        step = max(smallest, _EXAMINED_STEP) if smallest > 1 else smallest
        readings.add(f.QUERY_EXAMINED, rounded(self._examined, step), self.query.name)
        readings.add(f.QUERY_TIMESTAMP, self._answered_at, self.query.name)
