"""Rounds of capture over oplogs that are made up: what members have, lose and disagree about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from bson import Int64, encode
from pymongo.errors import OperationFailure

from monitor.backup.chains import LEAD_S
from monitor.backup.depot import LocalDepot
from monitor.backup.model import ClusterTime
from monitor.backup.oplog import capture as rounds
from monitor.backup.oplog import chain, entries, owner, point, slices, source
from monitor.backup.oplog.anchor import Memory
from monitor.backup.oplog.capture import Round, capture
from monitor.backup.oplog.entries import Position
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.oplog.source import Oplog
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.store import Store


def at(second: int) -> ClusterTime:
    return ClusterTime(time=second, increment=1)


def entry(second: int, *, term: int = 1, ns: str = "a.b", text: str = "") -> bytes:
    return encode(
        {"ts": point.bson(at(second)), "t": Int64(term), "op": "i", "ns": ns, "o": {"_id": second, "text": text}}
    )


@dataclass
class Member:
    """A member's oplog: what it holds, and where the server stops reading."""

    held: list[bytes]
    member: str = "m:1"
    replica_set: str = "rs0"
    breaks_after: int = 10**9

    @property
    def committed(self) -> Position:
        return entries.position(entries.parse(self.held[-1]))

    def oldest(self, after: ClusterTime = point.ZERO) -> Position | None:
        places = (entries.position(entries.parse(raw)) for raw in self.held)
        return next((place for place in places if place.at > after), None)

    def read(self, start: ClusterTime) -> Iterator[bytes]:
        wanted = [raw for raw in self.held if entries.position(entries.parse(raw)).at >= start]
        for number in range(0, len(wanted), 2):
            if number >= self.breaks_after:
                raise OperationFailure("", rounds.POSITION_LOST)
            yield b"".join(wanted[number : number + 2])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.migrate(tmp_path / "state" / "monitor.db") as store:
        yield store


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(LocalDepot(tmp_path / "depot"), "rs0")


def one(member: Member, shelf: Shelf, store: Store | None = None, **more: Any) -> Round:
    fresh = Shelf(shelf.depot, "rs0")
    return capture(cast("Oplog", member), fresh, Memory(store, shelf.depot.name), **more)


def seconds(shelf: Shelf, span: chain.Span) -> list[int]:
    raws = [raw for header in span.slices for raw in slices.documents(shelf.entries(header))]
    return [entries.parse(raw)["o"]["_id"] for raw in raws]


def spans(shelf: Shelf) -> tuple[chain.Span, ...]:
    fresh = Shelf(shelf.depot, "rs0")
    return chain.spans(fresh.header(name) for name in fresh.names())


def test_nothing_is_captured_twice_and_nothing_left_out(shelf: Shelf, store: Store) -> None:
    held: list[bytes] = []
    for second in range(1, 30):
        held.append(entry(second))
        if second % 4 == 0:
            one(Member(held), shelf, store)
    one(Member(held), shelf, store)
    assert one(Member(held), shelf, store).slices == 0
    (span,) = spans(shelf)
    assert seconds(shelf, span) == list(range(4, 30)), "without a backup, from the first committed entry on"


def test_a_first_timeline_reaches_back_before_the_newest_backup(shelf: Shelf) -> None:
    held = [entry(second) for second in range(1000, 1300, 10)]
    one(Member(held), shelf, newest_base=lambda: at(1250))
    (span,) = spans(shelf)
    assert seconds(shelf, span)[0] == 1250 - LEAD_S
    assert span.covers(at(1250), at(1290))


def test_a_large_backlog_becomes_many_slices(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "SLICE_BYTES", 1000)
    held = [entry(second, text="x" * 100) for second in range(1, 100)]
    done = one(Member(held), shelf, newest_base=lambda: at(5))
    assert done.slices > 5
    (span,) = spans(shelf)
    assert seconds(shelf, span) == list(range(1, 100))


def test_a_member_that_lags_is_no_gap(shelf: Shelf) -> None:
    held = [entry(second) for second in range(1, 20)]
    one(Member(held), shelf)
    assert one(Member(held[:-5], member="m:2"), shelf).found == []
    assert one(Member([*held, entry(21)]), shelf).found == []
    assert len(spans(shelf)) == 1


@pytest.mark.parametrize("lost", [[entry(n) for n in range(25, 40)], [entry(n, term=2) for n in range(10, 40)]])
def test_what_is_not_there_any_more_or_was_rolled_back_is_a_gap(shelf: Shelf, lost: list[bytes]) -> None:
    one(Member([entry(second) for second in range(1, 20)]), shelf)
    done = one(Member(lost), shelf)
    assert [reason for reason, _ in done.found] == ["gap"]
    first, second = spans(shelf)
    assert second.begin >= first.end, "a new history does not speak of the time of the old one"
    assert done.head is not None
    assert done.head.end == at(39)


def test_before_a_gap_is_told_the_other_members_are_asked(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    depot, held = LocalDepot(tmp_path / "depot"), [entry(second) for second in range(1, 20)]
    there = {"new:1": Member(held, member="new:1"), "old:1": Member(held, member="old:1")}

    @contextmanager
    def opened(_: Settings, name: str) -> Iterator[Oplog]:
        yield cast("Oplog", there[name])

    monkeypatch.setattr(source, "opened", opened)
    monkeypatch.setattr(source, "members", lambda _: tuple(there))
    owner.once(Settings(), depot, store, lambda: None)
    # One is copied anew, and its oplog begins late; the other has all.
    there["new:1"] = Member([entry(second) for second in range(30, 40)], member="new:1")
    there["old:1"] = Member([entry(second) for second in range(1, 40)], member="old:1")
    done = owner.once(Settings(), depot, store, lambda: None)
    assert done.found == []
    assert done.head is not None
    assert (done.head.member, done.head.end) == ("old:1", at(39))
    there["old:1"] = there["new:1"] = Member([entry(second) for second in range(50, 60)])
    assert [reason for reason, _ in owner.once(Settings(), depot, store, lambda: None).found] == ["gap"]


def test_an_oplog_that_is_overwritten_while_it_is_read_keeps_what_was_read(shelf: Shelf) -> None:
    held = [entry(second) for second in range(1, 40)]
    one(Member(held[:5]), shelf)
    with pytest.raises(Unavailable):
        one(Member(held, breaks_after=4), shelf)
    (span,) = spans(shelf)
    assert seconds(shelf, span)[-1] > 5
    assert one(Member(held), shelf).found == []
    (span,) = spans(shelf)
    assert seconds(shelf, span) == list(range(5, 40))


def test_an_oldest_entry_that_is_being_removed_is_left_out(shelf: Shelf) -> None:
    class Removing(Member):
        def read(self, start: ClusterTime) -> Iterator[bytes]:
            if start < at(60):
                raise OperationFailure("", rounds.POSITION_LOST)
            yield from super().read(start)

    one(Member([entry(1)]), shelf)
    done = one(Removing([entry(second) for second in range(20, 100)]), shelf)
    assert [reason for reason, _ in done.found] == ["gap"]
    assert seconds(shelf, spans(shelf)[-1])[-1] == 99


def test_a_damaged_newest_slice_begins_a_timeline(shelf: Shelf, store: Store) -> None:
    held = [entry(second) for second in range(1, 20)]
    one(Member(held), shelf, store)
    (name,) = Shelf(shelf.depot, "rs0").names()
    shelf.depot.put(name.key, [b"rubbish\n"])
    done = one(Member([*held, entry(20), entry(21)]), shelf, store)
    assert [reason for reason, _ in done.found][:1] == ["damaged"]
    assert done.head is not None
    assert done.head.end == at(21)


def test_a_stray_file_is_nobodys_newest_slice(shelf: Shelf) -> None:
    """Else each round would begin a timeline, and read the whole oplog for it."""
    held = [entry(second) for second in range(1, 20)]
    one(Member(held), shelf)
    shelf.depot.put("oplog/rs0/zzz/1.1_2.1.slice", [b"rubbish\n"])
    done = one(Member([*held, entry(20)]), shelf)
    assert (done.found, done.entries) == ([], 1)


def test_a_restore_of_ours_ends_a_timeline_and_begins_another(shelf: Shelf) -> None:
    held = [entry(second) for second in range(1, 10)]
    held += [
        entry(10, ns=entries.RESTORE_COMMANDS),
        entry(11, text="in between"),
        entry(12, ns=entries.RESTORE_COMMANDS),
    ]
    held += [entry(13, text=entries.RESTORE_COMMANDS + "\0"), entry(14)]
    done = one(Member(held), shelf, newest_base=lambda: at(3))
    assert [reason for reason, _ in done.found].count("restored") == 2
    found = [seconds(shelf, span) for span in spans(shelf)]
    assert found == [list(range(1, 11)), [11, 12], [13, 14]]
