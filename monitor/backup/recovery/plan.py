"""Decides what a restore to some time needs, or says in one sentence why there is no way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from monitor import clock
from monitor.backup.model import ClusterTime
from monitor.backup.oplog import chain, point, slices
from monitor.backup.oplog.anchor import Anchor
from monitor.backup.oplog.point import Target
from monitor.backup.oplog.replay import last_until
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.oplog.slices import Header
from monitor.backup.recovery.bases import Base
from monitor.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A base, and the slices that hold every entry after its recovery point up to and with ``at``."""

    base: Base
    at: ClusterTime
    slices: tuple[Header, ...]
    notes: tuple[str, ...] = ()

    @property
    def oplog_bytes(self) -> int:
        """Of raw entries that will be read."""
        return sum(one.size for one in self.slices)

    @property
    def entries(self) -> int:
        """How many entries will be read."""
        return sum(one.count for one in self.slices)

    def body(self) -> dict[str, Any]:
        """As ``--json`` has it."""
        return {
            "at": point.text(self.at),
            "at_time": clock.to_rfc3339(self.at.at),
            "base": self.base.id,
            "base_recovery_point": point.text(self.base.recovery_point),
            "base_bytes": self.base.bytes,
            "slices": [one.key for one in self.slices],
            "oplog_bytes": self.oplog_bytes,
            "oplog_entries": self.entries,
            "missing": [],
            "notes": list(self.notes),
        }


def as_taken(found: Sequence[Base], backup_id: str) -> Target:
    """The instant of a backup: the list tells it to the second only, and slices need not lead to that any more.

    Raises:
        InputError: it is not among those that a restore may begin with.
    """
    for base in found:
        if base.id == backup_id:
            return Target(point=base.recovery_point)
    raise InputError(
        f"restore: no restore can begin with {backup_id}: `monitor backup list` says what is there, and how"
    )


def of_one_set(found: Sequence[Base], target: Target) -> tuple[Base, ...]:
    """The bases of the replica set that was backed up at that time: after a loss another one takes its place.

    That is the set of the newest base before it, or the newest of all where there is none.
    """
    before = [base for base in found if target.latest or base.recovery_point <= _latest(target)]
    chosen = {base.replica_set for base in (before or found)[-1:]}
    return tuple(base for base in found if base.replica_set in chosen)


def _latest(target: Target) -> ClusterTime:
    if target.point is not None:
        return target.point
    assert target.instant is not None, "it is not the latest"
    return ClusterTime(time=int(target.instant.timestamp()) + 1, increment=0)


def make(found: Sequence[Base], shelf: Shelf, target: Target, anchor: Anchor | None = None) -> Plan:
    """Plan a restore from these bases, of one replica set, and its slices.

    Raises:
        InputError: there is no way to that time; the sentence says what there is instead.
    """
    if not found:
        raise InputError(
            "restore: there is no complete backup to begin with: `monitor backup run` takes one, and --at ID restores "
            "one whose verification failed"
        )
    names = shelf.names()
    newest = max((*(name.end for name in names), found[-1].recovery_point))
    at = _resolve(shelf, target, newest, anchor)
    oldest = found[0].recovery_point
    if at < oldest:
        raise InputError(
            f"restore: {_asked(target, at)} is before the oldest backup, which was taken at {point.shown(oldest)}: "
            f"`--at {found[0].id}` restores that one"
        )
    if at > newest:
        raise InputError(
            f"restore: {_asked(target, at)} is after the newest slice, which ends at {point.shown(newest)}: "
            "choose that time or an earlier one, or `--at latest`"
        )
    base = max((one for one in found if one.recovery_point <= at), key=lambda one: (one.recovery_point, one.id))
    way: chain.Span | chain.Gap | None = None
    if at > base.recovery_point:
        way = shelf.way(base.recovery_point, at)
    if isinstance(way, chain.Gap):
        raise InputError(
            f"restore: {_asked(target, at)} cannot be reached from the newest backup before it ({base.id}, "
            f"{point.shown(base.recovery_point)}): the oplog between {point.shown(way.after)} and "
            f"{point.shown(way.before)} is missing; a backup's ID by --at restores it as it was taken"
        )
    needed = () if way is None else way.between(base.recovery_point, at)
    return Plan(base=base, at=at, slices=needed, notes=tuple(_notes(base, at)))


def _resolve(shelf: Shelf, target: Target, newest: ClusterTime, anchor: Anchor | None) -> ClusterTime:
    if target.latest:
        if anchor is not None and anchor.end > newest:
            raise InputError(
                f"restore: {point.shown(anchor.end)} was captured, and the store reaches {point.shown(newest)}: "
                "slices are missing, or an older state was put back; name a time by --at to restore what there is"
            )
        return newest
    if target.point is not None:
        return target.point
    assert target.instant is not None, "a target is latest, a point or an instant"
    floor = point.at_second_start(target.instant)
    whole_second = [n for n in shelf.names() if n.end > floor and n.begin.time <= floor.time]
    timeline = max((name.timeline for name in whole_second), default="")
    raws = (
        raw
        for name in whole_second
        if name.timeline == timeline
        for raw in slices.documents(shelf.entries(shelf.header(name)))
    )
    at, later = last_until(raws, target.instant, floor)
    if not later and newest.time <= floor.time:
        # Its second was not captured to its end: whether something else happened before that instant is not known.
        return max(floor, ClusterTime(time=newest.time, increment=newest.increment + 1))
    return at


def _asked(target: Target, at: ClusterTime) -> str:
    return clock.to_rfc3339(target.instant) if target.instant is not None else point.shown(at)


def _notes(base: Base, at: ClusterTime) -> Iterator[str]:
    if base.live and at.at < base.finished_at:
        yield (
            f"capped collections ({', '.join(base.live[:3])}) were read up to {clock.to_rfc3339(base.finished_at)}: "
            "they may hold what was written after the time that was asked for"
        )
