"""One round of capture: what a majority holds since the newest slice is read, and written as slices of bounded size.

What was reached is told by the depot itself: a killed capture goes on where its last whole slice ended. The newest
slice is also remembered outside, in the monitor's own file: an older chain that somebody put back is noticed by that.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import OperationFailure

from monitor import clock
from monitor.backup.chains import LEAD_S
from monitor.backup.model import ClusterTime
from monitor.backup.oplog import entries, point, slices
from monitor.backup.oplog.anchor import Anchor, Memory, Reason
from monitor.backup.oplog.entries import Position
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.oplog.slices import Header, SliceError
from monitor.backup.oplog.source import DOING, Oplog
from monitor.errors import Unavailable
from monitor.sources import mongodb

SLICE_BYTES = 16 * 1024 * 1024
"""Of raw entries: a slice ends with the batch that reaches this, so that a backlog never fills the memory."""
POSITION_LOST = 136
"""The server's error when the oplog overwrote what was being read: what was read before stands, the rest is a gap."""
LATER = (0.0, 0.1, 0.5, 1.0)
"""How much of what the oplog still has a new timeline does without, try by try: a server that removes its oldest
entries does not let them be read to the end."""


@dataclass(slots=True, kw_only=True)
class Round:
    """What one round did. ``head`` is the newest slice; ``found`` what was noticed, by reason, a sentence each."""

    head: Header | None = None
    slices: int = 0
    entries: int = 0
    bytes: int = 0
    found: list[tuple[Reason, str]] = field(default_factory=list)
    lost: bool = False

    def body(self) -> dict[str, Any]:
        """As ``--json`` has it."""
        return {
            "slices": self.slices,
            "entries": self.entries,
            "bytes": self.bytes,
            "key": self.head.key if self.head is not None else None,
            "end": point.text(self.head.end) if self.head is not None else None,
            "end_time": clock.to_rfc3339(self.head.end.at) if self.head is not None else None,
            "found": [{"reason": reason, "message": message} for reason, message in self.found],
        }


def capture(
    oplog: Oplog,
    shelf: Shelf,
    memory: Memory,
    newest_base: Callable[[], ClusterTime | None] = lambda: None,
    *,
    done: Round | None = None,
    anew: bool = True,
) -> Round:
    """Write every slice up to the member's commit point.

    ``newest_base`` tells a backup's recovery point: the very first timeline begins before it, if the oplog does. With
    ``anew=False`` no timeline is begun after a gap: ``lost`` says that there would be one, and another member may still
    have what this one has not. ``done`` is what such a try returned.

    Raises:
        Unavailable: the member or the depot stopped answering. What was written stands.
        InputError, OSError: the depot does not take or give a slice.
    """
    done = done or Round()
    done.lost = False
    for last in (False, False, True):
        try:
            with mongodb.one_sentence(DOING, oplog.member):
                _capture(oplog, shelf, memory, newest_base, done, anew=anew)
        except Unavailable as error:
            if last or getattr(error.__cause__, "code", None) != POSITION_LOST:
                raise
        else:
            break
    return done


def _capture(
    oplog: Oplog,
    shelf: Shelf,
    memory: Memory,
    newest_base: Callable[[], ClusterTime | None],
    done: Round,
    *,
    anew: bool,
) -> None:
    ended = None
    try:
        done.head = shelf.newest()
    except SliceError as error:
        ended = shelf.names()[-1].end
        _notice(done, shelf, memory, "damaged", f"the newest slice cannot be used, so a new timeline begins: {error}")
    else:
        ended = None if done.head is None else done.head.end
        if sentence := _put_back(memory.anchor(shelf.replica_set), shelf, done.head):
            _notice(done, shelf, memory, "put back", sentence)
    if ended is not None and oplog.committed.at <= ended:
        # A member that lags, or one that was restored and whose clock has yet to reach where the other history ended.
        return
    writer = _Writer(oplog, shelf, memory, done)
    if done.head is not None and writer.go_on(done.head):
        return
    if ended is not None and not anew:
        done.lost = True
        return
    for share in LATER:
        first = _beginning(oplog, ended, newest_base, share)
        if writer.begin_anew(first, "first" if ended is None else "gap", ended):
            return


def _beginning(
    oplog: Oplog, ended: ClusterTime | None, newest_base: Callable[[], ClusterTime | None], share: float
) -> Position:
    """The entry that a new timeline begins with: after a gap the oldest there is, never one of the time before.

    ``share`` of what there is from there on is left out: the server may be removing it.
    """
    after = ended
    if after is None and (base := newest_base()) is not None and base <= oplog.committed.at:
        after = ClusterTime(time=max(0, base.time - LEAD_S), increment=0)
    oldest = oplog.oldest(after) if after is not None else None
    if oldest is None or share == 1:
        return oplog.committed
    later = oldest.at.time + int((oplog.committed.at.time - oldest.at.time) * share)
    return oldest if share == 0 else oplog.oldest(ClusterTime(time=later, increment=0)) or oplog.committed


def _put_back(anchor: Anchor | None, shelf: Shelf, head: Header | None) -> str:
    """Say in a sentence what is wrong with the newest slice; empty: it is the remembered one, or descends from it."""
    if anchor is None or (head is not None and head.digest == anchor.digest):
        return ""
    reached = "nothing" if head is None else point.shown(head.end)
    remembered = point.shown(anchor.end)
    if head is None or head.end < anchor.end:
        return f"slices are missing: {remembered} was captured, and the store reaches {reached}: was it put back?"
    try:
        there = [shelf.header(name).digest for name in shelf.names() if name.key == anchor.key]
    except SliceError:
        there = []
    if anchor.digest in there:
        return ""  # killed after it wrote a slice, before it remembered it; or another captured meanwhile
    return f"the slice that ended at {remembered} is not the one that was written: it was replaced, or is gone"


def _notice(done: Round, shelf: Shelf, memory: Memory, reason: Reason, sentence: str) -> None:
    if (reason, sentence) not in done.found:
        done.found.append((reason, sentence))
        memory.note(shelf.replica_set, reason, sentence)


class _Writer:
    """Cuts a stream of entries into slices, each linked to the one before."""

    def __init__(self, oplog: Oplog, shelf: Shelf, memory: Memory, done: Round) -> None:
        self._oplog = oplog
        self._shelf = shelf
        self._memory = memory
        self._done = done
        self._timeline = ""
        self._previous = ""
        self._since = self._begin = point.ZERO
        self._last: Position | None = None
        self._parts: list[bytes] = []
        self._size = self._count = 0

    def go_on(self, head: Header) -> bool:
        """Go on where a slice ended; false, and nothing is written, where its last entry is not there any more."""
        self._timeline, self._previous, self._begin = head.timeline, head.digest, head.end
        self._since = self._shelf.since(head)
        return self._read(Position(head.end, head.term), skip_first=True)

    def begin_anew(self, first: Position, reason: Reason, ended: ClusterTime | None) -> bool:
        """Begin a timeline with an entry; false, and nothing is written, where that is gone already."""
        self._new_timeline(point.before(first.at))
        timeline = self._timeline
        if not self._read(first, skip_first=False):
            return False
        sentence = f"the timeline {timeline} begins at {point.shown(first.at)}"
        if ended is not None:
            sentence += f": what was written after {point.shown(ended)} and before it cannot be restored"
        _notice(self._done, self._shelf, self._memory, reason, sentence)
        return True

    def _new_timeline(self, begin: ClusterTime) -> None:
        numbers = [int(name.timeline[:6]) for name in self._shelf.names() if name.timeline[:6].isdigit()]
        self._timeline = f"{max(numbers, default=0) + 1:06}-{secrets.token_hex(2)}"
        self._previous, self._begin, self._since = "", begin, begin

    def _read(self, first: Position, *, skip_first: bool) -> bool:
        """Read from an entry on; false where another one stands there."""
        begun = False
        for batch in self._batches(first.at):
            rest = batch
            if not begun:
                size = int.from_bytes(batch[:4], "little")
                if entries.position(entries.parse(batch[:size])) != first:
                    return False
                begun = True
                rest = batch[size:] if skip_first else batch
            for part, restored in _parts(rest):
                self._add(part)
                if restored or self._size >= SLICE_BYTES:
                    self._write()
                if restored:
                    self._after_a_restore()
        self._write()
        return begun

    def _batches(self, start: ClusterTime) -> Iterator[bytes]:
        """Read; nothing at all where the entry at ``start`` is gone already."""
        begun = False
        try:
            for batch in self._oplog.read(start):
                begun = True
                yield batch
        except OperationFailure as error:
            if error.code != POSITION_LOST or begun:
                self._write()
                raise

    def _after_a_restore(self) -> None:
        assert self._last is not None
        where = point.shown(self._last.at)
        self._new_timeline(self._last.at)
        sentence = f"the set itself was restored into at {where}: the timeline {self._timeline} begins there"
        _notice(self._done, self._shelf, self._memory, "restored", sentence)

    def _add(self, part: bytes) -> None:
        if not part:
            return
        sizes = [len(raw) for raw in slices.documents(part)]
        self._parts.append(part)
        self._size += len(part)
        self._count += len(sizes)
        self._last = entries.position(entries.parse(part[-sizes[-1] :]))

    def _write(self) -> None:
        if self._last is None or not self._parts:
            return
        raw = b"".join(self._parts)
        header = Header(
            replica_set=self._shelf.replica_set,
            timeline=self._timeline,
            begin=self._begin,
            end=self._last.at,
            count=self._count,
            size=len(raw),
            sha256=hashlib.sha256(raw).hexdigest(),
            previous=self._previous,
            member=self._oplog.member,
            term=self._last.term,
        )
        self._shelf.put(header, raw)
        self._memory.remember(header, self._since)
        self._previous, self._begin = header.digest, header.end
        self._done.head = header
        self._done.slices += 1
        self._done.entries += self._count
        self._done.bytes += len(raw)
        self._parts, self._size, self._count = [], 0, 0


def _parts(batch: bytes) -> Iterator[tuple[bytes, bool]]:
    """A batch as it is, or cut behind each entry by which a restore of ours began or ended."""
    if entries.RESTORE_MARK not in batch:
        yield batch, False
        return
    begin = end = 0
    for raw in slices.documents(batch):
        end += len(raw)
        if entries.RESTORE_MARK in raw and entries.namespace(raw) == entries.RESTORE_COMMANDS:
            yield batch[begin:end], True
            begin = end
    if begin < end:
        yield batch[begin:end], False
