"""One connection to Redis: a write, and as many answers as there were commands in it.

Not redis-py's: its connection adds 0.3 ms to a scrape of 0.3 ms, and its own parser 1.5 ms where 194 kinds of commands
were seen (``docs/decisions.md``). hiredis reads the answers, this class counts them.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any, cast

import hiredis

from exporters.collector import CollectError
from exporters.reasons import Reason

Command = tuple[str, ...]
Reply = Any
"""What hiredis makes of an answer: text, whole numbers, ``None``, lists of these, or a ``Refusal``."""

_MOST_BYTES = 8 << 20
"""More than this is no answer to anything we ask: a server that talks without end must not fill our memory, nor take
the time of all others. CLIENT LIST, the longest, is not asked of more than 2,000 clients."""

_LONG_LISTS = tuple((kind, re.compile(re.escape(kind) + rb"\d{5}")) for kind in (b"*", b"%", b"~", b">", b"|"))
"""Headers of 10,000 elements or more. hiredis reserves room for all of them at once: the 13 bytes ``*1000000000`` would
cost 8 GB, and seconds to give them back. One pattern for each kind, since each then is a search for its first byte."""
_LINE_END = b"\r\n"
_CUT = re.compile(rb"[*%~>|]\d{0,4}\Z")
"""What might turn out to be such a header when more has come."""
_LONGEST_CUT = 5
_TEXT = re.compile(rb"\$(\d{1,9})\r\n")

_REASONS = (
    ("NOAUTH", Reason.AUTH),
    ("WRONGPASS", Reason.AUTH),
    ("ERR invalid password", Reason.AUTH),
    ("ERR AUTH", Reason.AUTH),
    ("ERR Client sent AUTH", Reason.AUTH),
    ("ERR max number of clients", Reason.REFUSED),
    ("NOPERM", Reason.DENIED),
    ("DENIED", Reason.DENIED),
    ("BUSY", Reason.BUSY),
    ("LOADING", Reason.BUSY),
)


class Refusal(Exception):  # noqa: N818  # an answer like any other; it is handed over, hardly ever raised
    """Redis answered with an error."""

    @property
    def reason(self) -> Reason:
        """The closed word for it."""
        text = str(self)
        return next((reason for start, reason in _REASONS if text.startswith(start)), Reason.ERROR)


class Wire(asyncio.Protocol):
    """The connection's end. One exchange at a time; after a failed one it must be aborted."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(encoding="utf-8", errors="replace", replyError=Refusal)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._expected = 0
        self._lost: Exception | None = None
        self._held = b""
        """The last bytes received, where they may be the beginning of a header."""
        self.replies: list[Reply] = []
        self.times: list[float] = []
        """When each of the replies was complete, by ``time.perf_counter``."""
        self.received = 0

    @property
    def closed(self) -> bool:
        """Whether the other side has hung up, or said something that was not asked for."""
        return self._lost is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by behaviour only

    def data_received(self, data: bytes) -> None:
        """Take what has come, and wake the waiting when it is all."""
        self.received += len(data)
        try:
            self._read(self._held + data)
        except (hiredis.ProtocolError, MemoryError) as error:
            self._end(CollectError(Reason.MALFORMED), error)
        if self.received > _MOST_BYTES or len(self.replies) > self._expected:
            # One who refuses us at the door says so before being asked.
            early = self.replies[0] if self.replies and not self._expected else None
            self._end(CollectError(early.reason if isinstance(early, Refusal) else Reason.MALFORMED))
        elif self._waiting is not None and len(self.replies) == self._expected and not self._waiting.done():
            self._waiting.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the waiting."""
        self._end(CollectError(Reason.REFUSED), exc or ConnectionResetError("the server hung up"))

    async def exchange(self, packed: bytes, count: int) -> Sequence[Reply]:
        """Send ``packed``, which holds ``count`` commands, and return as many replies.

        Raises:
            CollectError: the connection broke, or what came is not Redis's language.
        """
        if self._lost is not None:
            raise self._lost
        assert self._transport is not None
        self.replies, self.times, self.received, self._expected = [], [], 0, count
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(packed)
        try:
            await self._waiting
        finally:
            self._waiting = None
        return self.replies

    def abort(self) -> None:
        """Hang up at once; answers under way are nobody's."""
        if self._transport is not None:
            self._transport.abort()

    def _read(self, data: bytes) -> None:
        cut = _CUT.search(data, max(0, len(data) - _LONGEST_CUT))
        end = cut.start() if cut else len(data)
        self._held = data[end:]
        fed = 0
        # INFO is the longest answer, and nothing in it is a header.
        text = None if self._reader.has_data() else _TEXT.match(data)
        for at in _long_lists(data, text.end() + int(text[1]) if text else 0):
            self._feed(data[fed:at])
            fed = at
            # What looks like a header is one unless it is part of a text that is still being read: data of somebody's.
            if not self._reader.has_data():
                raise hiredis.ProtocolError("a list is too long")
        self._feed(data[fed:end])

    def _feed(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self.replies.append(reply)
            self.times.append(time.perf_counter())

    def _end(self, told: Exception, cause: BaseException | None = None) -> None:
        if self._lost is None:
            told.__cause__ = cause
            self._lost = told
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(self._lost)
        self.abort()


def _long_lists(data: bytes, start: int) -> list[int]:
    """Return where headers of absurd length seem to be: at the beginning of a line, or where we cannot see that."""
    if not any(kind in data and pattern.search(data, start) for kind, pattern in _LONG_LISTS):
        return []
    found = sorted(match.start() for _, pattern in _LONG_LISTS for match in pattern.finditer(data, start))
    return [at for at in found if at < len(_LINE_END) or data.startswith(_LINE_END, at - len(_LINE_END))]


def pack(commands: Sequence[Command]) -> bytes:
    """Write commands as Redis reads them."""
    # Their stub declares a tuple of one element.
    return b"".join(hiredis.pack_command(command) for command in commands)  # type: ignore[arg-type]
