"""What is proven of a chain of slices: where it is continuous, and where it is not."""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.backup.model import ClusterTime
from monitor.backup.oplog import chain, point, slices
from monitor.backup.oplog.chain import Gap, Span
from monitor.backup.oplog.slices import Header, Name, SliceError
from monitor.errors import InputError


def at(number: int) -> ClusterTime:
    return ClusterTime(time=1000 + number // 10, increment=number % 10)


def made(ends: list[int], timeline: str = "000001-aaaa", member: str = "m:1") -> list[Header]:
    """Slices that follow each other and end where told; the first number is where the timeline begins."""
    found: list[Header] = []
    for begin, end in pairwise(ends):
        header = Header(
            replica_set="rs0",
            timeline=timeline,
            begin=at(begin),
            end=at(end),
            count=1,
            size=5,
            sha256=hashlib.sha256(b"").hexdigest(),
            previous=found[-1].digest if found else "",
            member=member,
            term=1,
        )
        found.append(header)
    return found


def named(headers: list[Header]) -> list[Name]:
    names = [slices.parse_key(header.key) for header in headers]
    return sorted(name for name in names if name is not None)


def way(headers: list[Header], start: int, end: int) -> Span | Gap:
    by_key = {header.key: header for header in headers}
    return chain.way(named(headers), at(start), at(end), lambda name: by_key[name.key])


ENDS = st.lists(st.integers(0, 300), min_size=3, max_size=30, unique=True).map(sorted)


@given(ENDS, st.randoms(use_true_random=False))
def test_a_whole_chain_is_one_span_in_whatever_order_its_slices_come(ends: list[int], rng: random.Random) -> None:
    headers = made(ends)
    mixed = rng.sample(headers, len(headers))
    (span,) = chain.spans(mixed)
    assert (span.begin, span.end, span.slices) == (at(ends[0]), at(ends[-1]), tuple(headers))
    assert chain.gaps([span]) == ()


@given(ENDS, st.data())
def test_exactly_what_is_missing_is_a_gap(ends: list[int], data: st.DataObject) -> None:
    headers = made(ends)
    gone = data.draw(st.sets(st.integers(0, len(headers) - 1), max_size=len(headers)))
    left = [header for number, header in enumerate(headers) if number not in gone]
    start = data.draw(st.integers(ends[0], ends[-1] - 1))
    end = data.draw(st.integers(start + 1, ends[-1]))
    needed = [n for n, header in enumerate(headers) if header.end > at(start) and header.begin < at(end)]
    found = way(left, start, end)
    if gone.isdisjoint(needed):
        assert isinstance(found, Span)
        assert found.between(at(start), at(end)) == tuple(headers[n] for n in needed)
    else:
        assert isinstance(found, Gap)
    covered = [span for span in chain.spans(left) if span.covers(at(start), at(end))]
    assert bool(covered) == isinstance(found, Span)
    # What is in no gap and in no span was never captured; together they are everything.
    spans, gaps = chain.spans(left), chain.gaps(chain.spans(left))
    inside = sum(len(range(ends.index(_number(s.begin)), ends.index(_number(s.end)))) for s in spans)
    missing = sum(len(range(ends.index(_number(g.after)), ends.index(_number(g.before)))) for g in gaps)
    at_the_ends = len(_run(sorted(gone), 0, 1)) + len(_run(sorted(gone, reverse=True), len(headers) - 1, -1))
    if left:
        assert inside + missing + at_the_ends == len(headers)


def _number(moment: ClusterTime) -> int:
    return (moment.time - 1000) * 10 + moment.increment


def _run(numbers: list[int], first: int, step: int) -> list[int]:
    return [n for place, n in enumerate(numbers) if n == first + place * step]


@given(ENDS, st.integers(0, 28))
def test_a_changed_slice_breaks_the_chain_behind_it(ends: list[int], number: int) -> None:
    headers = made(ends)
    number %= len(headers) - 1
    other = made(ends, member="m:2")[number]
    changed = [*headers[:number], other, *headers[number + 1 :]]
    found = way(changed, ends[0], ends[-1])
    assert isinstance(found, Gap)
    assert found.before == headers[number].end


def test_of_two_captures_at_once_the_way_leads_over_one() -> None:
    ours = made([0, 10, 20, 30])
    theirs = made([0, 10, 25], member="m:1")
    assert theirs[0] == ours[0]
    found = way([*ours, theirs[1]], 0, 30)
    assert isinstance(found, Span)
    assert found.slices == tuple(ours)
    shorter = way([*ours, theirs[1]], 5, 22)
    assert isinstance(shorter, Span)


def test_a_new_timeline_is_not_reached_from_the_old_one() -> None:
    old, new = made([0, 10, 20]), made([25, 30, 40], timeline="000002-bbbb")
    found = way([*old, *new], 5, 35)
    assert found == Gap(after=at(20), before=at(25))
    assert isinstance(way([*old, *new], 25, 40), Span)
    assert isinstance(way([*old, *new], 5, 20), Span)


def test_of_two_histories_the_last_one_happened() -> None:
    old, new = made([0, 10, 20, 30]), made([15, 22, 40], timeline="000002-bbbb")
    found = way([*old, *new], 15, 25)
    assert isinstance(found, Span)
    assert {one.timeline for one in found.slices} == {"000002-bbbb"}


def test_a_damaged_slice_stops_only_who_has_no_other_way() -> None:
    ours, theirs = made([0, 10, 20, 30]), made([0, 10, 25])

    def read(damaged: set[str]) -> Span | Gap:
        by_key = {header.key: header for header in [*ours, *theirs]}

        def header(name: Name) -> Header:
            if name.key in damaged:
                raise SliceError(f"{name.key}: it was damaged")
            return by_key[name.key]

        return chain.way(named([*ours, theirs[1]]), at(0), at(22), header)

    for damaged, other in ((ours[2], theirs[1]), (theirs[1], ours[2])):
        found = read({damaged.key})
        assert isinstance(found, Span)
        assert found.slices[-1] == other
    with pytest.raises(SliceError, match="it was damaged"):
        read({ours[2].key, theirs[1].key})
    with pytest.raises(SliceError, match="it was damaged"):
        read({ours[0].key})


def test_no_older_history_stands_in_for_a_damaged_one() -> None:
    old, new = made([0, 10, 20, 30]), made([0, 22, 40], timeline="000002-bbbb")
    by_key = {header.key: header for header in [*old, *new]}

    def read(name: Name) -> Header:
        if name.timeline == "000002-bbbb":
            raise SliceError(f"{name.key}: it was damaged")
        return by_key[name.key]

    with pytest.raises(SliceError, match="000002-bbbb"):
        chain.way(named([*old, *new]), at(0), at(25), read)


@given(st.binary(max_size=3000), st.integers(0, 2**32 - 1))
def test_a_slice_is_read_back_as_it_was_written(raw: bytes, increment: int) -> None:
    header = _of(raw, increment)
    assert slices.decode(header.key, slices.encode(header, raw)) == (header, raw)
    name = slices.parse_key(header.key)
    assert name is not None
    assert (name.begin, name.end, name.timeline) == (header.begin, header.end, header.timeline)


@given(st.binary(min_size=20, max_size=500), st.data())
def test_no_damage_goes_unnoticed(raw: bytes, data: st.DataObject) -> None:
    header = _of(raw, 7)
    whole = bytearray(b"".join(slices.encode(header, raw)))
    place = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    damaged = (
        bytes(whole[:place])
        if cut
        else bytes((*whole[:place], whole[place] ^ (1 << data.draw(st.integers(0, 7))), *whole[place + 1 :]))
    )
    try:
        found, content = slices.decode(header.key, iter([damaged]))
    except SliceError:
        return
    # A flip within the header that leaves it readable makes another header: the chain does not lead over it. And zstd
    # has bits without a meaning: what comes out is what went in.
    assert content == raw
    assert found.digest != header.digest or found == header


@pytest.mark.parametrize("raw", [b"\1", b"\0" * 9, b"\xff" * 20])
def test_entries_that_are_none_are_refused(raw: bytes) -> None:
    header = _of(raw, 1)
    found, content = slices.decode(header.key, slices.encode(header, raw))
    assert found == header
    with pytest.raises(SliceError, match="no entries"):
        list(slices.documents(content))


def _of(raw: bytes, increment: int) -> Header:
    return Header(
        replica_set="rs0",
        timeline="000001-aaaa",
        begin=ClusterTime(time=1, increment=increment),
        end=ClusterTime(time=2, increment=increment),
        count=1,
        size=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        previous="",
        member="127.0.0.1:27017",
        term=3,
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b'{"schema": 2}',
        b'{"schema": 1, "replica_set": "../../x"}',
        b"x" * 10_000,
    ],
)
def test_what_is_no_header_is_refused_with_its_place(line: bytes) -> None:
    with pytest.raises(SliceError, match="oplog/rs0"):
        slices.read_header("oplog/rs0/000001-aaaa/1.1_2.2.slice", [line + b"\n"])


def test_a_moved_slice_is_refused() -> None:
    header = _of(b"", 1)
    with pytest.raises(SliceError, match="moved"):
        slices.read_header(header.key.replace("rs0", "rs1"), [header.line()])


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_points_sort_as_their_names_do(seconds: int, increment: int) -> None:
    here = ClusterTime(time=seconds, increment=increment)
    assert point.parse(point.padded(here)) == point.parse(point.text(here)) == here
    assert point.before(here) <= here
    later = ClusterTime(time=min(seconds + 1, 2**32 - 1), increment=increment)
    assert (point.padded(here) <= point.padded(later)) == (here <= later)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-22", "12:00", "2026-11-22T17:15:00", "1.2.3", "99999999999.1"]
)
def test_no_time_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(InputError, match="latest"):
        point.parse_target(text)
