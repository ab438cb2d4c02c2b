"""Turns one member's ``serverStatus`` into samples. Pure: recorded replies test it without a server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, Self

from bson import Int64

from exporters.mongodb import families as f
from exporters.mongodb import status_parts as parts
from exporters.mongodb.faults import Document
from exporters.mongodb.fields import Field, Path
from exporters.mongodb.status_parts import below, number
from exporters.readings import Key, Readings
from telemetry.metric import Metric

_QUEUED = 20
"""So many operations waiting for a lock or a ticket are more than a moment's crowd."""
_NUMBERS = (int, float)
_PLAIN = frozenset({int, float, Int64})


@dataclass(frozen=True, slots=True)
class _Group:
    """One family: in which documents its numbers are, under which keys, and what they are divided or multiplied by."""

    metric: Metric
    sections: tuple[Path, ...]
    """One for all leaves, or one for each."""
    leaves: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    times: int
    per: int

    @classmethod
    def of(cls, metric: Metric, fields: tuple[Field, ...]) -> Self:
        """Make a group of one family's fields."""
        paths = [field.paths[0] for field in fields]
        sections = tuple(path[:-1] for path in paths)
        return cls(
            metric,
            sections[:1] if len(set(sections)) == 1 else sections,
            tuple(path[-1] for path in paths),
            tuple(field.labels for field in fields),
            fields[0].times,
            fields[0].per,
        )


_MOVED = tuple(field for field in f.FIELDS if len(field.paths) > 1)
"""What versions keep in different places."""
_GROUPS = tuple(
    _Group.of(metric, tuple(fields))
    for metric, fields in groupby((one for one in f.FIELDS if len(one.paths) == 1), key=lambda one: one.metric)
)
_SECTIONS = tuple(dict.fromkeys(section for group in _GROUPS for section in group.sections))
"""Each is looked up once."""


@lru_cache(maxsize=256)
def _keys(member: str) -> tuple[tuple[Key, ...], ...]:
    """Put the member's name before each group's labels; the same at each scrape."""
    return tuple(tuple((member, *labels) for labels in group.labels) for group in _GROUPS)


def write(member: str, status: Document, readings: Readings) -> None:
    """Write every family that serverStatus feeds; what this version or role lacks is left out."""
    process = str(status.get("process", "")).rpartition("/")[2]
    readings.add(f.VERSION_INFO, 1, member, str(status.get("version", "")), process)
    _write_groups(member, status, readings)
    for field in _MOVED:
        found = next((value for path in field.paths if (value := number(status, path)) is not None), None)
        if found is not None:
            value = found * field.times if field.per == 1 else found / field.per
            readings.add(field.metric, value, member, *field.labels)
    parts.write_latencies(member, status, readings)
    parts.write_locks(member, status, readings)
    parts.write_logins(member, status, readings)
    parts.write_oplog(member, status, readings)


def _write_groups(member: str, status: Document, readings: Readings) -> None:
    """Write most of the page; this is the exporters' busiest loop."""
    documents = {section: below(status, section) for section in _SECTIONS}
    for group, keys in zip(_GROUPS, _keys(member), strict=True):
        if len(group.sections) == 1:
            values: list[Any] = [*map(documents[group.sections[0]].get, group.leaves)]
        else:
            values = [documents[place].get(leaf) for place, leaf in zip(group.sections, group.leaves, strict=True)]
        if not _PLAIN.issuperset(map(type, values)):
            # Some versions lack some of them, and truth is a number to Python.
            known = [pair for pair in zip(keys, values, strict=True) if isinstance(pair[1], _NUMBERS)]
            if not known:
                continue
            keys = tuple(key for key, _ in known)  # noqa: PLW2901  # what is left of them
            values = [value if value.__class__ in _PLAIN else int(value) for _, value in known]
        if group.per != 1:
            values = [value / group.per for value in values]
        elif group.times != 1:
            values = [value * group.times for value in values]
        readings.extend(group.metric, keys, values)


def struggling(status: Document) -> bool:
    """Tell whether this member has more work than it can do: whoever can wait should.

    That a primary slows its writers down (flow control) says nothing about the primary: others lag, or one is dead.
    """
    if (number(status, ("globalLock", "currentQueue", "total")) or 0) >= _QUEUED:
        return True
    for place in (("queues", "execution"), ("wiredTiger", "concurrentTransactions")):
        for operation in ("read", "write"):
            tickets = below(status, (*place, operation))
            # From 7.0 on few tickets are handed out, and none left is a busy moment; a queue tells more.
            queue = number(tickets, ("normalPriority", "queueLength")) or number(tickets, ("queueLength",))
            if (queue or 0) >= _QUEUED or (queue is None and tickets.get("available") == 0):
                return True
    return False
