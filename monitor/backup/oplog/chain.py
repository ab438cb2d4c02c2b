"""Which slices lead from one instant to another without a gap. Pure.

The way is walked backwards by digest: each slice names the one before it, so there is at most one way, whatever else
lies beside it (what two captures at once wrote, what somebody put there).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from monitor.backup.model import ClusterTime
from monitor.backup.oplog.slices import Header, Name, SliceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Between ``after`` and ``before`` something is missing; ``before`` is the first point that is there again."""

    after: ClusterTime
    before: ClusterTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is continuous: every entry after ``begin`` up to and with ``end``."""

    begin: ClusterTime
    end: ClusterTime
    slices: tuple[Header, ...]

    def covers(self, start: ClusterTime, end: ClusterTime) -> bool:
        """Whether every entry after ``start`` up to and with ``end`` is in it."""
        return self.begin <= start <= end <= self.end

    def between(self, start: ClusterTime, end: ClusterTime) -> tuple[Header, ...]:
        """The slices that hold the entries after ``start`` up to and with ``end``."""
        return tuple(one for one in self.slices if one.end > start and one.begin < end)


def spans(headers: Iterable[Header]) -> tuple[Span, ...]:
    """Every longest continuous way that these slices hold, oldest first; of two that share slices, each is whole."""
    known = {header.digest: header for header in headers}
    followed = {header.previous for header in known.values() if _follows(known.get(header.previous), header)}
    ends = [header for digest, header in known.items() if digest not in followed]
    found = [_back(end, known.get) for end in ends]
    return tuple(sorted(found, key=lambda span: (span.end, span.begin)))


def gaps(found: Sequence[Span]) -> tuple[Gap, ...]:
    """What is missing between spans, oldest first; what one span lacks another may have."""
    missing = []
    reached: ClusterTime | None = None
    for span in sorted(found, key=lambda span: (span.begin, span.end)):
        if reached is not None and span.begin > reached:
            missing.append(Gap(after=reached, before=span.begin))
        reached = span.end if reached is None else max(reached, span.end)
    return tuple(missing)


def way(names: Sequence[Name], start: ClusterTime, end: ClusterTime, read: Callable[[Name], Header]) -> Span | Gap:
    """The slices from ``start`` to ``end``; reads only the headers on the way. A gap where there is no way.

    Of several timelines that reach ``end`` the newest is taken: what came last is what happened. For the same reason no
    older one stands in for it where a slice of it is damaged and no other there leads the same way.

    Raises:
        SliceError: such a slice.
    """
    best: Gap | None = None
    for timeline in sorted({name.timeline for name in names}, reverse=True):
        of_it = sorted(name for name in names if name.timeline == timeline)
        by_end: dict[ClusterTime, list[Name]] = {}
        for name in of_it:
            by_end.setdefault(name.end, []).append(name)
        refused: SliceError | None = None
        for last in (name for name in of_it if name.begin < end <= name.end):
            try:
                span = _walk(read(last), by_end, start, read)
            except SliceError as error:
                refused = refused or error
                continue
            if span.covers(start, end):
                return span
            found = Gap(after=_reached(names, start, span.begin), before=span.begin)
            best = found if best is None or found.before < best.before else best
        if refused is not None:
            raise refused
    if best is not None:
        return best
    return Gap(after=_reached(names, start, end), before=min((n.begin for n in names if n.begin >= end), default=end))


def _walk(
    last: Header, by_end: dict[ClusterTime, list[Name]], start: ClusterTime, read: Callable[[Name], Header]
) -> Span:
    walked = [last]
    while walked[-1].begin > start and walked[-1].previous:
        before = _before(walked[-1], by_end.get(walked[-1].begin, ()), read)
        if before is None:
            break
        walked.append(before)
    return Span(begin=walked[-1].begin, end=last.end, slices=tuple(reversed(walked)))


def _before(after: Header, names: Sequence[Name], read: Callable[[Name], Header]) -> Header | None:
    """The one of these slices that is followed by ``after``; a damaged one matters only where no other is."""
    refused: SliceError | None = None
    for name in names:
        try:
            header = read(name)
        except SliceError as error:
            refused = refused or error
        else:
            if _follows(header, after):
                return header
    if refused is not None:
        raise refused
    return None


def _back(end: Header, find: Callable[[str], Header | None]) -> Span:
    walked = [end]
    while (before := find(walked[-1].previous)) is not None and _follows(before, walked[-1]):
        walked.append(before)
    return Span(begin=walked[-1].begin, end=end.end, slices=tuple(reversed(walked)))


def _follows(before: Header | None, after: Header) -> bool:
    """Whether one slice is the other's successor; a digest alone would not bind what it leads to."""
    return (
        before is not None
        and before.digest == after.previous
        and (before.timeline, before.replica_set, before.end) == (after.timeline, after.replica_set, after.begin)
    )


def _reached(names: Sequence[Name], start: ClusterTime, limit: ClusterTime) -> ClusterTime:
    """The newest end that is not after ``limit``; ``start`` where none is after that."""
    return max((name.end for name in names if start <= name.end <= limit), default=start)
