"""The fast questions: what one member is asked at each scrape, at most four commands side by side.

getDiagnosticData would be cheaper for the server, but it is up to a second old, and lacks the latency histograms.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from pymongo.errors import OperationFailure

from exporters.collector import CollectError, Deadline
from exporters.mongodb import status as server_status
from exporters.mongodb.faults import Document, plainly, reason
from exporters.mongodb.member import SPARE, Member
from exporters.mongodb.views import checked
from exporters.reasons import ODD, Reason

_LEFT_OUT = (
    "apiVersions",
    "batchedDeletes",
    "defaultRWConcern",
    "freeMonitoring",
    "indexBulkBuilder",
    "indexStats",
    "mirroredReads",
    "readConcernCounters",
    "scramCache",
    "shardSplits",
    "shardingStatistics",
    "tenantMigrations",
    "trafficRecording",
    "twoPhaseCommitCoordinator",
)
"""Sections of serverStatus that no family reads."""
_SERVER_STATUS = {
    "serverStatus": 1,
    "opLatencies": {"histograms": True},
    "oplog": 1,
    **dict.fromkeys(_LEFT_OUT, 0),
    # Names of single operators: a tenth of the whole answer. Servers before 6.0 send it all the same.
    "metrics": dict.fromkeys(("aggStageCounters", "apiVersions", "operatorCounters"), False),
}
_REPLSET_STATUS = {"replSetGetStatus": 1}
_POOLS = {"connPoolStats": 1}
_OPLOG = {"collStats": "oplog.rs"}
_OPLOG_INTERVAL = 60.0
_NO_SET = frozenset({26, 76, 94})
"""NamespaceNotFound (there is no oplog), NoReplicationEnabled, NotYetInitialized."""
_NOT_A_MEMBER = 93
"""InvalidReplicaSetConfig: this server is in no configuration that it knows of."""
REMOVED = 10
ARBITER = 7
MONGOS = "mongos"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one member said. What it does not have, or may not tell, is ``None``."""

    status: Document | None
    """``None`` from an arbiter, or a member in its initial sync, that lets nobody log in."""
    replset: Document | None = None
    state: int | None = None
    """Its state in the replica set."""
    pools: Document | None = None
    partial: tuple[Reason, ...] = ()


Answers = dict[Member, Answer | Reason]


async def ask_all(members: tuple[Member, ...], deadline: Deadline, so_far: Answers) -> Answers:
    """Ask all members side by side; a dead or frozen one costs only its own samples.

    ``so_far`` has each answer as soon as it has come.
    """

    async def ask(member: Member) -> Answer | Reason:
        so_far[member] = await _or_reason(member, deadline)
        return so_far[member]

    return dict(zip(members, await asyncio.gather(*map(ask, members)), strict=True))


async def _or_reason(member: Member, deadline: Deadline) -> Answer | Reason:
    started = time.monotonic()
    try:
        with plainly():
            async with deadline.guard(spare=SPARE):
                answer = await _ask(member, deadline)
    except CollectError as error:
        member.lost()
        return error.reason
    except ODD:
        member.lost()
        return Reason.MALFORMED
    member.up, member.is_known, member.state = True, True, answer.state
    member.seconds["mongodb"] = time.monotonic() - started
    return answer


async def _ask(member: Member, deadline: Deadline) -> Answer:
    if member.state == ARBITER and not member.bears_data:
        answer = await _as_stranger(member, deadline)
        if answer is not None:
            return answer
    try:
        return await _as_known(member, deadline)
    except OperationFailure as error:
        if reason(error) is not Reason.AUTH:
            raise
        was_starting = member.starting
        answer = await _as_stranger(member, deadline)
        if answer is not None:
            return answer
        if not was_starting:
            raise
        # Its users have arrived meanwhile.
        await member.renew()
        return await _as_known(member, deadline)


async def _as_stranger(member: Member, deadline: Deadline) -> Answer | None:
    """Take what an arbiter or a member in its initial sync tells everybody: neither has users (yet) to log in as."""
    hello = await member.hello(deadline)
    arbiter = bool(hello.get("arbiterOnly"))
    starting = "setName" in hello and not hello.get("isWritablePrimary") and not hello.get("secondary")
    member.starting = starting and not arbiter
    if not arbiter and not starting:
        return None
    member.bears_data, member.in_set = False, True
    member.busy = False
    member.own_name = str(hello.get("me", member.name))
    return Answer(status=None, state=ARBITER if arbiter else None)


async def _as_known(member: Member, deadline: Deadline) -> Answer:
    partial: list[Reason] = []
    look_at_oplog = member.in_set is not False and time.monotonic() >= member.oplog_due
    status, pools, replset, oplog = await _side_by_side(
        member.command(_SERVER_STATUS, deadline),
        _optional(member, _POOLS, deadline, partial),
        _nothing() if member.in_set is False else _replset(member, deadline, partial),
        _optional(member, _OPLOG, deadline, partial, database="local") if look_at_oplog else _nothing(),
    )
    member.in_set = "repl" in status
    if look_at_oplog:
        member.oplog = oplog if oplog is not None and "maxSize" in oplog else None
        member.oplog_due = time.monotonic() + _OPLOG_INTERVAL
    member.busy = server_status.struggling(status)
    state = replset.get("myState") if replset else _own_state(status) if member.in_set else None
    member.bears_data = state != ARBITER and not str(status.get("process", "")).endswith(MONGOS)
    for row in replset["members"] if replset else ():
        if row.get("self"):
            member.own_name = str(row["name"])
    return Answer(status, replset, state, pools, tuple(partial))


async def _side_by_side(
    status: Awaitable[Document], *others: Awaitable[Document | None]
) -> tuple[Document, Document | None, Document | None, Document | None]:
    """Wait for all, whatever goes wrong: of several failures serverStatus's own says best what is the matter.

    A login that is refused breaks the connections of whoever asks at that moment.
    """
    results = await asyncio.gather(status, *others, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]  # none of them is a failure, as just seen


async def _nothing() -> None:
    """Stand in for a question that need not be asked."""


def _own_state(status: Document) -> int | None:
    """Say what can be said without replSetGetStatus."""
    repl = status["repl"]
    if repl.get("isWritablePrimary") or repl.get("ismaster"):
        return 1
    return 2 if repl.get("secondary") else ARBITER if repl.get("arbiterOnly") else None


async def _replset(member: Member, deadline: Deadline, partial: list[Reason]) -> Document | None:
    try:
        return checked(await member.command(_REPLSET_STATUS, deadline))
    except ODD:
        partial.append(Reason.MALFORMED)
        return None
    except OperationFailure as error:
        if error.code == _NOT_A_MEMBER:
            return {"myState": REMOVED, "members": ()}
        if error.code not in _NO_SET and "mongos" not in str(error):
            partial.append(reason(error))
        return None


async def _optional(
    member: Member, command: Document, deadline: Deadline, partial: list[Reason], *, database: str = "admin"
) -> Document | None:
    """Ask for what is not worth losing the rest over."""
    try:
        return await member.command(command, deadline, database=database)
    except OperationFailure as error:
        if reason(error) is Reason.AUTH:
            raise
        if error.code not in _NO_SET:
            partial.append(reason(error))
        return None
