"""Instants of the oplog as text: ``<seconds>.<increment>``, zero-padded in keys so that names sort. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from bson.timestamp import Timestamp

from monitor import clock
from monitor.backup.model import ClusterTime
from monitor.errors import InputError

ZERO = ClusterTime(time=0, increment=0)
LATEST = "latest"
_MOST = 2**32 - 1
"""Both halves are unsigned 32-bit integers to MongoDB."""
_POINT = re.compile(r"([0-9]{1,10})\.([0-9]{1,10})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a restore is asked for: the newest point (both empty), a point of the oplog, or an instant of the clock."""

    point: ClusterTime | None = None
    instant: datetime | None = None

    @property
    def latest(self) -> bool:
        """Whether the newest point is meant."""
        return self.point is None and self.instant is None


def parse_target(text: str) -> Target:
    """Read ``latest``, ``<seconds>.<increment>`` or an RFC 3339 instant.

    Raises:
        InputError: it is none of them.
    """
    if text == LATEST:
        return Target()
    if "-" not in text and (found := _POINT.fullmatch(text)):
        seconds, increment = int(found[1]), int(found[2])
        if max(seconds, increment) <= _MOST:
            return Target(point=ClusterTime(time=seconds, increment=increment))
    try:
        instant = clock.from_rfc3339(text)
    except ValueError:
        instant = None
    if instant is None or not 0 <= instant.timestamp() <= _MOST:
        raise InputError(
            f"--at {text[:60]!r} is no time: write 2026-11-22T17:15:00Z (with fractions, if need be), "
            "<seconds>.<increment> as MongoDB has it, or latest"
        )
    return Target(instant=instant)


def of(timestamp: Timestamp) -> ClusterTime:
    """Take over BSON's form."""
    return ClusterTime(time=timestamp.time, increment=timestamp.inc)


def bson(point: ClusterTime) -> Timestamp:
    """Give back BSON's form."""
    return Timestamp(point.time, point.increment)


def text(point: ClusterTime) -> str:
    """As people write it: ``1764177501.3``."""
    return f"{point.time}.{point.increment}"


def padded(point: ClusterTime) -> str:
    """As keys have it: as long as the largest, so that names sort as instants do."""
    return f"{point.time:010}.{point.increment:010}"


def parse(written: str) -> ClusterTime:
    """Read what ``text`` or ``padded`` wrote.

    Raises:
        ValueError: it is something else.
    """
    found = _POINT.fullmatch(written)
    if found is None or max(int(found[1]), int(found[2])) > _MOST:
        raise ValueError(f"{written[:60]!r} is no <seconds>.<increment>")
    return ClusterTime(time=int(found[1]), increment=int(found[2]))


def before(point: ClusterTime) -> ClusterTime:
    """The point just before; nothing lies between the two."""
    if point.increment or not point.time:
        return ClusterTime(time=point.time, increment=max(0, point.increment - 1))
    return ClusterTime(time=point.time - 1, increment=_MOST)


def at_second_start(instant: datetime) -> ClusterTime:
    """The last point that is surely not after an instant: entries of its own second have increments from 1 on."""
    return ClusterTime(time=int(instant.timestamp()), increment=0)


def shown(point: ClusterTime) -> str:
    """For people: the second in UTC, and exactly."""
    return f"{clock.to_rfc3339(point.at)} ({text(point)})"
