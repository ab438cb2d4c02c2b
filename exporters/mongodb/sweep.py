"""Reads collection after collection, each once in five minutes, however many there are, at a bounded price.

A question about one collection costs its server a millisecond. So all of them are never asked at once: every quarter
of a minute there is a turn, and a turn asks those that are due until its share of the server's time is spent. Two
thousand collections are read within two minutes after the start, and then take 1 % of one processor; of fifty
thousand each is simply asked less often.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar
from weakref import WeakKeyDictionary

from exporters.collector import CollectError, Deadline
from exporters.mongodb.asking import MemberCollector, Pace, collections, databases, is_gone
from exporters.mongodb.source import Member, Mongodb
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings

TURN = 15.0
"""Seconds between two turns."""
REFRESH = 300.0
"""Seconds after which a collection is due again."""
_RELIST = 60.0
"""Seconds after which the names are listed again; what was dropped meanwhile is noticed when it is asked about."""
_LISTING_SHARE = 50
"""Listing takes at most one part in so many of the time: of thousands of databases it is done less often."""
_FIRST = 0.25
"""Seconds of questions in the first turn: the first page waits for it."""
_KEPT = 3
"""A figure that is this many times as old as it should be by now is not shown any more."""

Namespace = tuple[str, str]
"""Database and collection."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Known(Generic[_T]):
    value: _T
    at: float


class Sweep(Generic[_T]):
    """What is known of one member's collections."""

    def __init__(self) -> None:
        self.names: set[Namespace] = set()
        self._known: dict[Namespace, _Known[_T]] = {}
        self._tried: dict[Namespace, float] = {}
        self._list_due = 0.0
        self._cost = 0.0

    async def turn(
        self,
        member: Member,
        readings: Readings,
        deadline: Deadline,
        *,
        share: float,
        ask: Callable[[Namespace], Awaitable[_T]],
    ) -> None:
        """Ask about those that are due, the longest waiting first, until the share of the turn's time is spent.

        Raises:
            CollectError: nothing is known at all.
        """
        budget = share * TURN if self._known else min(_FIRST, share * TURN)
        pace, reasons = Pace(budget), set[Reason]()
        try:
            await self._list(member, readings, deadline)
            for name in self._due():
                if pace.spent or deadline.remaining() < 1:
                    break
                self._tried[name] = time.monotonic()
                try:
                    async with pace:
                        value = await ask(name)
                except CollectError as error:
                    self._known.pop(name, None)
                    if is_gone(error):
                        self.names.discard(name)
                    elif error.reason is Reason.DENIED:
                        reasons.add(error.reason)
                    else:
                        raise
                else:
                    self._known[name] = _Known(value, time.monotonic())
        except CollectError as error:
            if not self._known:
                raise
            reasons.add(error.reason)
        if self.names and reasons and not self._known:
            raise CollectError(next(iter(reasons)))
        readings.partial += sorted(reasons)
        self._note_cost(pace, share)

    @property
    def values(self) -> dict[Namespace, _T]:
        """What was read, by collection, but what is too old."""
        ends = time.monotonic() - _KEPT * max(REFRESH, self._cost)
        return {name: known.value for name, known in self._known.items() if known.at >= ends}

    def last(self, name: Namespace) -> _T | None:
        """What was read of one collection, however long ago."""
        known = self._known.get(name)
        return known.value if known else None

    @property
    def oldest(self) -> float:
        """Seconds since the longest waiting of those was read."""
        return time.monotonic() - min((known.at for known in self._known.values()), default=time.monotonic())

    async def _list(self, member: Member, readings: Readings, deadline: Deadline) -> None:
        started = time.monotonic()
        if started < self._list_due:
            return
        names = set()
        for database in await databases(member, readings, deadline):
            names |= {(database, name) for name in await collections(member, database, deadline)}
        ended = time.monotonic()
        self._list_due = ended + max(_RELIST, _LISTING_SHARE * (ended - started))
        self.names = names
        self._known = {name: known for name, known in self._known.items() if name in names}
        self._tried = {name: tried for name, tried in self._tried.items() if name in names}

    def _due(self) -> list[Namespace]:
        before = time.monotonic() - REFRESH
        due = [(tried, name) for name in self.names if (tried := self._tried.get(name, before)) <= before]
        return [name for _, name in sorted(due)]

    def _note_cost(self, pace: Pace, share: float) -> None:
        """Work out how long it takes to ask about all of them, at this share of the server's time."""
        if pace.asked:
            self._cost = len(self.names) * (pace.seconds / pace.asked) / share


class SweepCollector(MemberCollector, Generic[_T]):
    """A collector that reads collection after collection."""

    every: ClassVar[float] = TURN
    limit: ClassVar[float] = 12.0

    def __init__(self, source: Mongodb, settings: Settings) -> None:
        super().__init__(source, settings)
        self.sweeps: WeakKeyDictionary[Member, Sweep[_T]] = WeakKeyDictionary()

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Show the last turn's result, and as its age that of the oldest figure in it."""
        await super().collect(readings, deadline)
        readings.age = max([readings.age, *(found.oldest for member, found in self.sweeps.items() if member.up)])

    async def sweep(
        self, member: Member, readings: Readings, deadline: Deadline, ask: Callable[[Namespace], Awaitable[_T]]
    ) -> Sweep[_T]:
        """Take one turn at this member.

        Raises:
            CollectError: nothing is known of it.
        """
        found = self.sweeps.setdefault(member, Sweep())
        await found.turn(member, readings, deadline, share=self.settings.mongodb_time_budget, ask=ask)
        return found
