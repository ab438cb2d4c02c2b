"""The collector: asks what is due, and shows everything that is not too old."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Self

from exporters.business.access import ThirdNext
from exporters.business.active import Active
from exporters.business.bookings import Cancelled, LeadTimes, Made, Usage
from exporters.business.counts import Due, Registrations, Totals
from exporters.business.families import METRICS
from exporters.business.moment import Moment
from exporters.business.query import Query, Turn
from exporters.business.reader import Reader, choose
from exporters.business.slots import Ahead
from exporters.business.staff import StaffList
from exporters.collector import CollectError, Deadline
from exporters.mongodb.source import Mongodb
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.redis.source import Redis
from exporters.settings import Settings
from exporters.slow import SlowCollector
from exporters.sources import Sources
from telemetry.logs import get_logger
from telemetry.metric import Metric

log = get_logger()

_LIMIT = 10.0
_QUERY_LIMIT = 5.0
_MARGIN = 0.5
"""Seconds of a turn that are kept back: what was read must still be written before the turn's time is over."""


def utc() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)  # noqa: TID251  # the one reading of the clock here


class BusinessCollector(SlowCollector):
    """Keeps the figures fresh in the background, and shows the last ones with their age."""

    name: ClassVar[str] = "business"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS

    def __init__(
        self,
        source: Mongodb,
        redis: Redis | None = None,
        *,
        database: str,
        interval: float,
        smallest_cell: int,
        services: Sequence[str],
        clock: Callable[[], datetime] = utc,
    ) -> None:
        super().__init__(interval=interval, limit=_LIMIT)
        self._source = source
        self._database = database
        self._smallest_cell = smallest_cell
        self._clock = clock
        self._staff = StaffList(services)
        queries: list[Query] = [self._staff, Due(), Ahead(), Made(), Cancelled(), Registrations(), LeadTimes()]
        queries += [Active(redis)] if redis is not None else []
        queries += [ThirdNext(), Usage(), Totals()]
        self._turns = [Turn(query, self.interval) for query in queries]

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """The figures are in MongoDB."""
        return None if settings.mongodb_uri else "--mongodb"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Share the connections of those who watch MongoDB and Redis."""
        settings = sources.settings
        return cls(
            sources.use(Mongodb),
            sources.use(Redis) if settings.redis_uri else None,
            database=settings.database,
            interval=settings.business_interval,
            smallest_cell=settings.smallest_cell,
            services=tuple(name.strip() for name in settings.services.split(",") if name.strip()),
        )

    def struggling(self) -> bool:
        """Wait while bookings need all that every member can do."""
        return self._source.struggling

    async def read(self, readings: Readings, deadline: Deadline) -> None:
        """Ask what is due, who waited longest first, as far as the time goes."""
        await self._source.resolve(deadline)
        now = self._clock()
        member, behind = await choose(self._source, deadline, now)
        due = [turn for turn in self._turns if turn.is_due()]
        due.sort(key=lambda turn: (turn.query is not self._staff, -turn.waited()))
        failed: list[Reason] = []
        for turn in due:
            left = deadline.remaining(spare=_MARGIN)
            if left < _MARGIN:
                break  # it is first in the next turn
            reader = Reader(member, self._database, Deadline(min(_QUERY_LIMIT, left)), behind)
            try:
                await turn.run(reader, Moment(now, self._staff.staff))
            except CollectError as error:
                failed.append(error.reason)
            except Exception as error:  # noqa: BLE001  # a document that nobody foresaw costs its own figures only
                log.warning("exporters.collector_failed", collector=self.name, reason="malformed", error=error)
                failed.append(Reason.MALFORMED)
        if failed and not any(turn.is_known for turn in self._turns):
            raise CollectError(failed[0])
        readings.partial += failed
        for turn in self._turns:
            turn.write(readings, self._smallest_cell)
