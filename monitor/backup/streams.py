"""Between programs that pull bytes (iterators) and libraries that push them into files, or read them from files."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


class Reader(io.RawIOBase):
    """A file that reads what an iterator yields.

    ``failed`` keeps what the iterator raised: a library in between may tell it as an error of its own.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        super().__init__()
        self.failed: Exception | None = None
        self._chunks = iter(chunks)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` as far as the present chunk goes; 0 at the end."""
        while not self._left:
            try:
                chunk = next(self._chunks, None)
            except Exception as error:
                self.failed = error
                raise
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)


class Gatherer(io.RawIOBase):
    """A file that keeps what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, chunk: Any) -> int:
        """Keep a copy."""
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken, self._chunks = b"".join(self._chunks), []
        return taken


@dataclass(frozen=True, slots=True)
class Digest:
    """What passed: its size, and its SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


class Tally:
    """Counts and hashes what passes through it."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._bytes = 0

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Hand the same bytes on."""
        for chunk in chunks:
            self._sha256.update(chunk)
            self._bytes += len(chunk)
            yield chunk

    @property
    def digest(self) -> Digest:
        """Of everything so far."""
        return Digest(self._bytes, self._sha256.hexdigest())
