"""How one scrape went: what each collector said, and what is written of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exporters import own
from exporters.collector import Collector, Deadline
from exporters.page import Flavour
from exporters.readings import Readings
from exporters.reasons import Reason


@dataclass(slots=True)
class Result:
    """How one collector fared in one scrape."""

    readings: Readings
    seconds: float
    reason: Reason | None
    error: BaseException | None = None
    noted: bool = False
    """Whether it has been seen to: two scrapes may wait for one answer."""
    counted: bool = False
    """Whether the failure was counted before, when somebody else could not wait for it."""

    @property
    def series(self) -> dict[str, int]:
        """The number of series by family; counted when somebody asks, which is not at each scrape."""
        return {name: len(keys) for name, (keys, _) in self.readings.series.items() if keys}


@dataclass(slots=True)
class Asked:
    """One collector that is being asked, for all who wait for it."""

    collector: Collector
    deadline: Deadline
    readings: Readings
    task: asyncio.Task[Result]


@dataclass(slots=True, eq=False)
class Snapshot:
    """One scrape: what is said about the scrape itself, and each collector's readings. Callers who share it share it.

    What was written of it stays with it, so that fifty callers cost one page.
    """

    collectors: Sequence[Collector]
    summary: Readings
    readings: list[Readings]
    bodies: dict[tuple[Flavour, bool], bytes] = field(default_factory=dict)
    """By format, and whether compressed."""

    def spoil(self, place: int) -> Collector:
        """Take out readings that cannot be written: they are lost, as if their source had answered in no language."""
        collector, readings = self.collectors[place], Readings(self.collectors[place].metrics)
        if self.readings[place].fault is not Reason.MALFORMED:  # else it cannot even say that it is lost
            collector.lost(readings, Reason.MALFORMED)
        readings.fault = Reason.MALFORMED
        self.readings[place] = readings
        keys, values = self.summary.series[own.SUCCESS.name]
        values[keys.index((collector.name,))] = 0
        return collector


@dataclass(frozen=True, slots=True)
class LastScrape:
    """What the last whole scrape said, for people who look at the other pages."""

    at: float
    results: Mapping[str, Result]
    """By collector."""


def lost(collector: Collector, reason: Reason, seconds: float, error: BaseException | None = None) -> Result:
    """Return what a collector says of which nothing came."""
    readings = Readings(collector.metrics)
    collector.lost(readings, reason)
    return Result(readings, seconds, reason, error)


def unfinished(asked: Asked, seconds: float) -> Result:
    """Return what a collector says that is still being asked, to somebody who has no time to wait for it."""
    readings = asked.readings.copy()
    try:
        asked.collector.lost(readings, Reason.TIMEOUT)
    except Exception:  # noqa: BLE001  # what it has read so far is odd; it will say so itself when it is through
        return lost(asked.collector, Reason.TIMEOUT, seconds)
    return Result(readings, seconds, Reason.TIMEOUT)
