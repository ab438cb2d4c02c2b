"""A snapshot of Redis as a replica asks for it: the one question whose answer is a file."""

from __future__ import annotations

import time
from collections.abc import Iterator

from monitor.errors import InputError, Unavailable
from monitor.sources.redis_wire import Refused, Wire

MARK_BYTES = 40
"""The length of the end mark of a diskless synchronisation."""
MOST_BYTES = 64 * 1024**3
"""A larger snapshot is no cache's: something else answers, or talks without end."""


def synchronise(wire: Wire, *, most: int = MOST_BYTES, deadline_s: float = 3600.0) -> Iterator[bytes]:
    """Ask for a snapshot as a replica does, and yield the RDB file's bytes. Nothing can be asked afterwards.

    Needs ``+sync +replconf``. ``most`` bounds its size, ``deadline_s`` how long all of it may take.

    Raises:
        InputError: this user may not.
        Unavailable: Redis does not answer, hangs, hangs up early, or sends more than ``most``.
    """
    wire.ends = time.monotonic() + deadline_s
    try:
        for capability in (("rdb-only", "1"), ("capa", "eof")):
            _offer(wire, *capability)
        wire.send("SYNC")
        head = wire.line()
    except Refused as refused:
        if refused.word == "NOPERM":
            raise InputError(
                f"Redis at {wire.place} forbids a snapshot to this user: grant +sync +psync +replconf "
                "(`monitor backup roles --print`)"
            ) from None
        raise Unavailable(f"Redis at {wire.place} gives no snapshot now ({refused.word})") from None
    yield from _payload(wire, head, most)


def _offer(wire: Wire, name: str, value: str) -> None:
    try:
        wire.ask("REPLCONF", name, value)
    except Refused as refused:
        # Before 7.0 it does not know rdb-only: then it goes on talking after the file, and we hang up.
        if refused.word != "ERR":
            raise


def _payload(wire: Wire, head: bytes, most: int) -> Iterator[bytes]:
    mark = head[5:] if head.startswith(b"$EOF:") else b""
    if len(mark) == MARK_BYTES:
        return wire.read_to(mark, most)
    if not (head.startswith(b"$") and head[1:].isdigit()):
        raise Unavailable(f"what answers at {wire.place} does not speak Redis's language")
    if int(head[1:]) > most:
        raise Unavailable(f"the snapshot of Redis at {wire.place} has {int(head[1:])} bytes; {most} are the limit")
    return wire.read(int(head[1:]))
