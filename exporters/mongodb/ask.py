"""The fast questions: what one member is asked at each scrape."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from pymongo.errors import OperationFailure, PyMongoError

from exporters.collector import CollectError, Deadline
from exporters.mongodb.member import SPARE, Document, Member, reason
from exporters.reasons import Reason

_LEFT_OUT = ("locks", "tcmalloc", "tenantMigrations", "mirroredReads", "logicalSessionRecordCache", "catalogStats")
"""Sections of serverStatus that no family reads; leaving them out halves the work of decoding."""
_SERVER_STATUS = {
    "serverStatus": 1,
    "opLatencies": {"histograms": True},
    "oplog": 1,
    **dict.fromkeys(_LEFT_OUT, 0),
}
_NO_REPLICATION = 76
_NOT_YET_INITIALIZED = 94


@dataclass(frozen=True, slots=True)
class Answer:
    """What one member said: ``replset`` is ``None`` where it belongs to no replica set."""

    status: Document
    replset: Document | None


async def ask(member: Member, deadline: Deadline) -> Answer:
    """Return the member's own words.

    Raises:
        CollectError: it did not give them in time, or at all.
    """
    try:
        async with deadline.guard(spare=SPARE):
            status = await member.command(_SERVER_STATUS, deadline)
            return Answer(status, await _replset(member, deadline))
    except TimeoutError as error:
        raise CollectError(Reason.TIMEOUT) from error
    except PyMongoError as error:
        raise CollectError(reason(error)) from error
    except OSError as error:
        raise CollectError(Reason.REFUSED) from error


async def ask_all(members: tuple[Member, ...], deadline: Deadline) -> list[Answer | Reason]:
    """Ask all members side by side; a dead or frozen one costs only its own samples."""
    return await asyncio.gather(*(_or_reason(member, deadline) for member in members))


async def _or_reason(member: Member, deadline: Deadline) -> Answer | Reason:
    started = time.monotonic()
    try:
        answer = await ask(member, deadline)
    except CollectError as error:
        member.up = False
        return error.reason
    member.up = True
    member.seconds["mongodb"] = time.monotonic() - started
    return answer


async def _replset(member: Member, deadline: Deadline) -> Document | None:
    try:
        return await member.command({"replSetGetStatus": 1}, deadline)
    except OperationFailure as error:
        if error.code in {_NO_REPLICATION, _NOT_YET_INITIALIZED}:
            return None
        raise
