"""How far the slices of the oplog carry a backup: read from their names alone. Pure.

A slice is named ``oplog/<replica set>/<timeline>/<from>_<to>.slice``; both ends are ``<seconds>.<increment>`` and
belong to it, so one begins with what the one before it ended with. Another timeline continues nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from monitor.backup.model import ClusterTime

FOLDER = "oplog"
_NAME = re.compile(rf"{FOLDER}/([^/]+)/([^/]+)/(\d+)\.(\d+)_(\d+)\.(\d+)\.slice\Z")

LEAD_S = 120
"""How long before a backup's recovery point the oplog is kept. A transaction that was open then has its first entries
before it: twice the server's ``transactionLifetimeLimitSeconds``, 60 s."""

Point = tuple[int, int]
"""Seconds and increment."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """What one slice holds: everything from ``start`` to ``end``, both included."""

    start: Point
    end: Point
    replica_set: str
    timeline: str
    key: str


def spans(keys: Iterable[str]) -> tuple[Span, ...]:
    """Return what the slices among these keys hold, in order of time; other keys are none."""
    found = []
    for key in keys:
        if (name := _NAME.fullmatch(key)) is not None:
            replica_set, timeline, *numbers = name.groups()
            begun, begun_inc, ended, ended_inc = map(int, numbers)
            found.append(Span((begun, begun_inc), (ended, ended_inc), replica_set, timeline, key))
    return tuple(sorted(found))


def reach(point: ClusterTime, replica_set: str, slices: Iterable[Span]) -> ClusterTime:
    """Return the newest instant that a backup of ``point`` can be carried to without a gap; itself if to none."""
    begun = (point.time, point.increment)
    ends: dict[str, Point] = {}
    for span in slices:
        end = ends.get(span.timeline, begun)
        if span.replica_set == replica_set and span.start <= end < span.end:
            ends[span.timeline] = span.end
    time, increment = max(ends.values(), default=begun)
    return ClusterTime(time=time, increment=increment)


def unneeded(slices: Iterable[Span], oldest: ClusterTime) -> tuple[str, ...]:
    """Return the keys of slices from before the oldest backup's instant: nothing is restored from those.

    What ends shortly before it stays, for a transaction may have been open then; and so does the newest of all, by
    which the capture knows where it is.
    """
    found = sorted(slices, key=lambda span: (span.timeline, span.end))
    newest = {span.replica_set: span.key for span in found}.values()
    since = (oldest.time - LEAD_S, oldest.increment)
    return tuple(span.key for span in sorted(found) if span.end < since and span.key not in newest)
