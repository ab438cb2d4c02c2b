"""How many operations a second the oplog is replayed at, into a scratch mongod.

The entries are made here, as a server of version 6.0 writes them: half inserts, half updates by a difference, some of
them deletes, with everything (session, UUID, wall clock) that entries of retryable writes carry.
"""

from __future__ import annotations

import random
import resource
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import ObjectId, encode
from bson.binary import Binary
from bson.timestamp import Timestamp

from monitor.backup import scratch
from monitor.backup.model import ClusterTime
from monitor.backup.oplog.apply import Applier
from monitor.backup.oplog.entries import Entry
from monitor.backup.oplog.indexes import Indexes
from monitor.backup.oplog.replay import Replay

BAR = 20_000
"""Operations a second: what a restore within the RTO of an hour's writes at production's rate is planned with."""
SECOND = 1_764_000_000
PER_SLICE = 20_000


def entries(count: int, rng: random.Random) -> list[bytes]:
    """A collection's history: it is made, then written to."""
    collection, session = Binary.from_uuid(uuid.uuid4()), Binary.from_uuid(uuid.uuid4())
    common: dict[str, Any] = {"ns": "bench.appointments", "ui": collection, "v": 2, "t": 1}
    wall, digest = datetime(2026, 1, 1, tzinfo=UTC), Binary(rng.randbytes(32))
    found = [
        encode(common | {"op": "c", "ns": "bench.$cmd", "ts": Timestamp(SECOND, 1), "o": {"create": "appointments"}})
    ]
    known: list[ObjectId] = []
    for number in range(count):
        at = {"ts": Timestamp(SECOND + 1 + number // 5000, 1 + number % 5000), "wall": wall}
        lsid = {"lsid": {"id": session, "uid": digest}, "txnNumber": number, "stmtId": 0}
        kind = rng.random()
        if not known or kind < 0.5:
            known.append(ObjectId())
            document = {"_id": known[-1], "status": "booked", "slot": number, "note": "x" * rng.randrange(200)}
            found.append(encode(common | at | lsid | {"op": "i", "o": document, "o2": {"_id": known[-1]}}))
        elif kind < 0.95:
            change = {"$v": 2, "diff": {"u": {"status": "arrived", "slot": number}}}
            found.append(encode(common | at | lsid | {"op": "u", "o": change, "o2": {"_id": rng.choice(known)}}))
        else:
            found.append(encode(common | at | lsid | {"op": "d", "o": {"_id": known.pop(rng.randrange(len(known)))}}))
    return found


def nowhere(at: Timestamp) -> Entry:
    raise KeyError(at)


def measure(raws: list[bytes], mongod: Path, parent: Path) -> tuple[float, float]:
    """Replay once; returns operations a second, and a CPU second of client and server (its start included)."""
    before, own = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time()
    rate, done = _replay(raws, mongod, parent)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    server = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return rate, done / (server + time.process_time() - own)


def _replay(raws: list[bytes], mongod: Path, parent: Path) -> tuple[float, int]:
    with scratch.scratch_mongod(mongod, parent) as client:
        replay = Replay(
            Applier(client),
            Indexes(),
            nowhere,
            begin=ClusterTime(time=0, increment=0),
            until=ClusterTime(time=2**32 - 1, increment=0),
        )
        begun = time.perf_counter()
        for start in range(0, len(raws), PER_SLICE):
            replay.feed(raws[start : start + PER_SLICE])
        return replay.done.operations / (time.perf_counter() - begun), replay.done.operations


def rates(operations: int, rounds: int, mongod: Path, parent: Path) -> tuple[list[float], list[float]]:
    """Operations a second of each round, and operations a CPU second."""
    raws = entries(operations, random.Random(1))
    found = [measure(raws, mongod, parent) for _ in range(rounds)]
    return [rate for rate, _ in found], [each for _, each in found]
