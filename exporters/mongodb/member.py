"""One MongoDB server: its own client, connected to it alone, kept between scrapes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect

from exporters.collector import CollectError, Deadline
from exporters.mongodb.faults import Document, is_refusal, met, plainly, reached, reason
from exporters.sources import Bill

__all__ = ["SPARE", "Access", "Document", "Member", "reason"]

_CONNECT_MS = 2000
_SIDE_BY_SIDE = 2
"""Commands that the slow clock may have under way at one member."""
_POOL = 4 + _SIDE_BY_SIDE + 1
"""Connections to one member: slow commands never keep the fast ones waiting for one."""
_LOGIN = frozenset({"authsource", "authmechanism", "authmechanismproperties"})
"""Options of a URI that say how to log in."""
_ROUTER = "isdbgrid"
"""What a mongos says in ``hello``."""
SPARE = 0.1
"""Seconds before the deadline at which a silent member is given up, so that the others still make the page."""
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True, slots=True)
class Access:
    """How to get in: the URI's options, and who we are."""

    options: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def client(self, name: str, *, known: bool = True) -> AsyncMongoClient[Document]:
        """Make a client of one server; ``known=False`` makes one that does not log in."""
        # The driver itself knows where each mechanism's users are: in admin, unless the URI says otherwise, or outside.
        options = self.options if known else _without_login(self.options)
        return AsyncMongoClient(
            f"mongodb://{name}/?{options}",
            appname="exporters",
            maxPoolSize=_POOL,
            connectTimeoutMS=_CONNECT_MS,
            serverSelectionTimeoutMS=_CONNECT_MS,
            username=self.username if known else None,
            password=self.password if known else None,
        )


def _without_login(options: str) -> str:
    return urlencode([pair for pair in parse_qsl(options, keep_blank_values=True) if pair[0].lower() not in _LOGIN])


class Member:
    """Asks one mongod or mongos. What it is and how it fares is kept by the collector of the fast figures."""

    def __init__(self, name: str, access: Access, bill: Bill) -> None:
        self.name = name
        self.own_name = name
        """What its replica set calls it; the URI may know it by another name of the same host."""
        self.up = True
        """Whether it answered when it was last asked for the fast figures; nobody is called down unasked."""
        self.bears_data = True
        """Whether it holds data of its own: neither an arbiter nor a mongos does."""
        self.is_known = False
        """Whether it has said what it is; until then it counts as one that holds data."""
        self.starting = False
        """Whether nobody could log in when it was last asked, because it has yet to copy the users."""
        self.in_set: bool | None = None
        """Whether it belongs to a replica set; not known before it has answered."""
        self.state: int | None = None
        """Its state in the replica set as it says itself (1 is the primary); ``None`` outside of one."""
        self.busy = False
        """Whether it had more work than it could do."""
        self.behind = False
        """Whether its data is so far behind the primary's that it has to catch up."""
        self.seconds: dict[str, float] = {}
        """How long each collector took to read it, last time."""
        self.oplog: Document | None = None
        """How large its oplog is, as of the last look; the next one is at ``oplog_due``."""
        self.oplog_due = 0.0
        self._access = access
        self._bill = bill
        self._client = access.client(name)
        self._stranger: AsyncMongoClient[Document] | None = None
        self._slow = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._urgent = asyncio.Semaphore(1)

    @property
    def struggling(self) -> bool:
        """Whether it has more important things to do than to answer costly questions."""
        return self.busy or self.behind

    def lost(self) -> None:
        """Note that it does not answer: nothing else that was known of how it fares holds any longer."""
        self.up = self.busy = self.behind = False

    async def run(
        self, command: Document, deadline: Deadline, *, database: str = "admin", urgent: bool = False
    ) -> Document:
        """Run one command of a slow collector; the server gives it up when the deadline has come.

        An ``urgent`` one does not wait behind the costly ones.

        Raises:
            CollectError: there was no answer in time, or at all.
        """
        with plainly():
            async with deadline.guard(spare=SPARE), self._urgent if urgent else self._slow:
                return await self.command(command, deadline, database=database)

    async def introduce(self, deadline: Deadline) -> None:
        """Let it say what it is, for a slow collector that comes before the first fast figures."""
        with contextlib.suppress(CollectError):
            hello = await self.run({"hello": 1}, deadline, urgent=True)
            self.bears_data = not hello.get("arbiterOnly") and hello.get("msg") != _ROUTER
            self.is_known = True

    async def command(self, command: Document, deadline: Deadline, *, database: str = "admin") -> Document:
        """Run one command and enter it in the bill.

        Raises:
            PyMongoError: it failed.
            OSError: nobody listens.
        """
        return await self._run(self._client, command, deadline, database)

    async def hello(self, deadline: Deadline) -> Document:
        """Ask who it is without logging in: an arbiter has no users, so nobody can.

        Raises:
            PyMongoError: it failed.
            OSError: nobody listens.
        """
        if self._stranger is None:
            self._stranger = self._access.client(self.name, known=False)
        return await self._run(self._stranger, {"hello": 1}, deadline, "admin")

    async def _run(
        self, client: AsyncMongoClient[Document], command: Document, deadline: Deadline, database: str
    ) -> Document:
        if not reached(client):
            if (refusal := met(client)) is not None and is_refusal(refusal):
                # The driver would wait in vain; once its monitor has seen the server again it may try a new login.
                raise refusal
            await self._knock()
        sent = {**command, "maxTimeMS": max(1, int(1000 * deadline.at_most(spare=SPARE)))}
        started, received = time.perf_counter(), 0
        try:
            # Undecoded, so that the bill has its size; decoding it whole in C is then as fast as it gets.
            answer = await client[database].command(sent, codec_options=_RAW)
            received = len(answer.raw)
            return bson.decode(answer.raw)
        except AutoReconnect as error:
            raise met(client) or error from error
        finally:
            seconds = time.perf_counter() - started
            self._bill.note(next(iter(command)), seconds, sent=len(bson.encode(sent)), received=received)

    async def renew(self) -> None:
        """Log in anew at once, where the driver would go on believing the last refusal for seconds."""
        old, self._client = self._client, self._access.client(self.name)
        await old.close()

    async def close(self) -> None:
        """Close its connections."""
        await asyncio.gather(*(client.close() for client in (self._client, self._stranger) if client is not None))

    async def _knock(self) -> None:
        """Try the port of a member that was not there last time.

        The driver keeps looking for one until its time is over, closed port or not; every scrape would last as long.

        Raises:
            OSError: nobody listens.
        """
        host, _, port = self.name.rpartition(":")
        _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.close()
