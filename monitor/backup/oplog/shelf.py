"""The slices of one replica set in a depot: what is there, the newest, reading and writing."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from contextlib import closing

from monitor.backup.depot import Damaged, Depot
from monitor.backup.model import ClusterTime
from monitor.backup.oplog import chain, slices
from monitor.backup.oplog.slices import Header, Name, SliceError


class Shelf:
    """Every method may raise what a ``Depot`` raises, and ``SliceError`` for what is not as it was written."""

    def __init__(self, depot: Depot, replica_set: str) -> None:
        self.depot = depot
        self.replica_set = replica_set
        self._headers: dict[str, Header] = {}
        self._names: list[Name] | None = None

    def names(self) -> list[Name]:
        """What was there when first asked, and what was put since; by timeline, then by time."""
        if self._names is None:
            keys = self.depot.keys(slices.prefix(self.replica_set))
            self._names = sorted(name for key in keys if (name := slices.parse_key(key)) is not None)
        return self._names

    def newest(self) -> Header | None:
        """The newest timeline's newest slice."""
        names = self.names()
        return self.header(names[-1]) if names else None

    def header(self, name: Name) -> Header:
        """Read a header only."""
        if name.key not in self._headers:
            with closing(_open(self.depot, name.key)) as content:
                self._headers[name.key], _ = slices.read_header(name.key, content)
        return self._headers[name.key]

    def entries(self, header: Header) -> bytes:
        """Read a slice's entries, every byte checked, and that it is still the one whose header was seen."""
        with closing(_open(self.depot, header.key)) as content:
            found, raw = slices.decode(header.key, content)
        if found != header:
            raise SliceError(f"{header.key}: it was replaced while it was being used")
        return raw

    def put(self, header: Header, raw: bytes) -> None:
        """Write a slice, durably."""
        self.depot.put(header.key, slices.encode(header, raw))
        self._headers[header.key] = header
        if self._names is not None:
            name = Name(timeline=header.timeline, begin=header.begin, end=header.end, key=header.key)
            bisect.insort(self._names, name)

    def way(self, start: ClusterTime, end: ClusterTime) -> chain.Span | chain.Gap:
        """The slices from one point to another; ``chain.way``."""
        return chain.way(self.names(), start, end, self.header)

    def since(self, head: Header) -> ClusterTime:
        """How far back the timeline of a slice reaches, by the keys that are there."""
        return min((name.begin for name in self.names() if name.timeline == head.timeline), default=head.begin)


def replica_sets(depot: Depot) -> tuple[str, ...]:
    """Whose slices a depot holds."""
    return tuple(sorted({key.split("/")[1] for key in depot.keys(f"{slices.ROOT}/") if slices.parse_key(key)}))


def _open(depot: Depot, key: str) -> _Content:
    try:
        return _Content(depot.get(key))
    except KeyError:
        raise SliceError(f"{key}: it is not there any more") from None
    except Damaged as error:
        raise SliceError(str(error)) from error


class _Content:
    """An object's chunks, that can be left before their end: the file or connection behind them is then let go."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """The next chunk."""
        try:
            return next(self._chunks)
        except Damaged as error:
            raise SliceError(str(error)) from error

    def close(self) -> None:
        """Let go."""
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
