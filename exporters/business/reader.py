"""Asks the one member that should answer: a secondary where there is one, since nobody's booking waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from exporters.collector import CollectError, Deadline
from exporters.mongodb.source import Document, Member, Mongodb
from exporters.reasons import Reason

STALEST = timedelta(seconds=60)
"""A secondary that is further behind than this is no source of today's figures."""
PATIENCE = timedelta(minutes=5)
"""So far behind our own clock it may be where no primary tells how far it is: clocks differ, elections take a while."""
MOST_ROWS = 20_000
"""More groups than this only come from documents that the app did not write."""
_HELLO = 2.0


class Reader:
    """Reads one database at one member, and counts what the server had to look at for it."""

    def __init__(self, member: Member, database: str, deadline: Deadline, behind: timedelta = timedelta()) -> None:
        self.examined = 0
        self.behind = behind
        """What happened within this time may be missing at this member, besides what settles within ``STALEST``."""
        self.deadline = deadline
        self._member = member
        self._database = database

    async def count(self, collection: str, query: Mapping[str, Any], hint: str) -> int:
        """Count documents; all of them are in one range of the index ``hint``.

        Raises:
            CollectError: there was no answer.
        """
        answer = await self._run({"count": collection, "query": query, "hint": hint})
        self.examined += int(answer["n"])
        return int(answer["n"])

    async def size(self, collection: str) -> int:
        """Return how many documents a collection has, as its metadata say.

        Raises:
            CollectError: there was no answer.
        """
        return int((await self._run({"count": collection}))["n"])

    async def rows(self, collection: str, pipeline: Sequence[Mapping[str, Any]], hint: str) -> list[Document]:
        """Aggregate by way of the index ``hint``; each row says in ``n`` how many documents went into it.

        Where the index is missing this fails: figures are then absent, instead of a scan that everybody waits for.

        Raises:
            CollectError: there was no answer, or one too large to be right.
        """
        bounded = [*pipeline, {"$limit": MOST_ROWS + 1}]
        found = await self._first_batch(
            {"aggregate": collection, "pipeline": bounded, "hint": hint, "cursor": {"batchSize": MOST_ROWS + 2}},
            collection,
        )
        self.examined += sum(int(row.get("n", 0)) for row in found)
        return found

    async def find(self, collection: str, query: Mapping[str, Any], fields: Sequence[str]) -> list[Document]:
        """Find documents of a small collection.

        Raises:
            CollectError: there was no answer, or the collection is not small.
        """
        command = {"find": collection, "filter": query, "projection": dict.fromkeys(fields, 1)}
        found = await self._first_batch(
            command | {"limit": MOST_ROWS + 1, "batchSize": MOST_ROWS + 2, "singleBatch": True}, collection
        )
        self.examined += len(found)
        return found

    async def _first_batch(self, command: Mapping[str, Any], collection: str) -> list[Document]:
        cursor = (await self._run(command))["cursor"]
        if cursor["id"]:
            await self._run({"killCursors": collection, "cursors": [cursor["id"]]})
        if cursor["id"] or len(cursor["firstBatch"]) > MOST_ROWS:
            raise CollectError(Reason.MALFORMED)
        return list(cursor["firstBatch"])

    async def _run(self, command: Mapping[str, Any]) -> Document:
        return await self._member.run(command, self.deadline, database=self._database)


class Choice(NamedTuple):
    """Whom to read from."""

    member: Member
    behind: timedelta
    """How far behind it may be where no primary was there to say; nothing where one was."""


async def choose(source: Mongodb, deadline: Deadline, now: datetime) -> Choice:
    """Return the member to read from: the freshest secondary, or else who takes the writes; never one that struggles.

    Raises:
        CollectError: nobody who holds data answers and has time for it.
    """
    bearers = [member for member in source.members if member.bears_data]
    # One that is known to be down would keep the others waiting; of a sharded cluster only the routers are known.
    candidates = [member for member in bearers if member.up] or bearers or list(source.members)
    within = Deadline(min(_HELLO, deadline.remaining()))
    answers = await asyncio.gather(*(_hello(member, within) for member in candidates))
    known = [
        (member, hello) for member, hello in zip(candidates, answers, strict=True) if not isinstance(hello, Reason)
    ]
    if freshest := _freshest(known, now):
        return freshest
    for member, hello in known:
        if hello.get("isWritablePrimary") and not member.struggling:
            return Choice(member, timedelta())
    otherwise = Reason.BUSY if any(member.struggling for member, _ in known) else Reason.REFUSED
    raise CollectError(next((hello for hello in answers if isinstance(hello, Reason)), otherwise))


def _freshest(known: Sequence[tuple[Member, Document]], now: datetime) -> Choice | None:
    """Return the freshest secondary: measured by the primary, or by our own clock where no primary answers.

    Secondaries measured by each other could all be behind by the same hour, and none would look it.
    """
    written = {member.name: _last_write(hello) for member, hello in known if "lastWrite" in hello}
    has_primary = any(hello.get("isWritablePrimary") for _, hello in known)
    newest, patience = (max(written.values(), default=now), STALEST) if has_primary else (now, PATIENCE)
    found = [
        (newest - written[member.name], member.name, member)
        for member, hello in known
        if hello.get("secondary")
        and not member.struggling
        and member.name in written
        and newest - written[member.name] <= patience
    ]
    if not found:
        return None
    lag, _, member = min(found, key=lambda one: one[:2])
    return Choice(member, timedelta() if has_primary else max(timedelta(), lag))


def _last_write(hello: Document) -> datetime:
    date: datetime = hello["lastWrite"]["lastWriteDate"]
    return date.replace(tzinfo=UTC)


async def _hello(member: Member, deadline: Deadline) -> Document | Reason:
    try:
        return await member.run({"hello": 1}, deadline)
    except CollectError as error:
        return error.reason
