"""A short pipe between the thread that reads and the one that writes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Self

BATCHES_WAITING = 4
"""How many read batches may wait for the storage, at up to 16 MB each."""


class Broken(Exception):  # noqa: N818  # reads as the sentence it is
    """Whoever reads has failed, and tells why himself: what was written so far is not whole."""


class Pipe:
    """Iterated by whoever writes, filled by whoever reads.

    Left before ``finish``, it fails whoever writes, so that nothing half is taken for whole. ``release`` says that
    nobody takes anything any more.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._finished = False
        self._broken = False
        self._released = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Fail whoever writes, unless everything was sent."""
        with self._changed:
            self._broken = not self._finished
            self._changed.notify_all()

    def send(self, batch: bytes) -> bool:
        """Hand a batch on, as soon as there is room; ``False`` if nobody takes it."""
        with self._changed:
            self._changed.wait_for(lambda: self._released or len(self._waiting) < BATCHES_WAITING)
            self._waiting.append(batch)
            self._changed.notify_all()
            return not self._released

    def finish(self) -> None:
        """Say that this was all."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def release(self, _: object = None) -> None:
        """Let ``send`` no longer wait."""
        with self._changed:
            self._released = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        """Take batches as they come.

        Raises:
            Broken: there will be no more, and this was not all.
        """
        while (batch := self._next()) is not None:
            yield batch

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._finished or self._broken)
            if self._broken:
                raise Broken
            if not self._waiting:
                return None
            batch = self._waiting.popleft()
            self._changed.notify_all()
            return batch
