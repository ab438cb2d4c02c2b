"""Proves a snapshot of Redis by loading it.

1. The object is read, and its size and SHA-256 are held against the manifest, before anything is loaded.
2. A scratch redis-server loads it, which checks its own checksum and every value's encoding.
3. What it then holds is compared: exactly, where the source was quiet; within bounds, where it was written to
   meanwhile; with the source's content of now, where asked for and still the same.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import redis

from monitor import clock
from monitor.backup.depot import Damaged, Depot
from monitor.backup.model import Outcome
from monitor.backup.redis import contents, scratch, stored
from monitor.backup.redis.model import Contents, Keys, RedisSnapshot, RedisVerification
from monitor.backup.sealed import NoKey
from monitor.errors import Fault, Unavailable

SLACK_SHARE, SLACK_KEYS = 0.10, 1000
"""How far a busy source's count may be off: it is asked before and after, and the snapshot is of one moment between;
what came and went meanwhile is in neither. A tenth, or a thousand keys where there are few (never more than half), is
more than a cache's traffic of a second, and far less than what an empty or lost database would be off by."""

_Compared = Literal["exact", "plausible", "source", "none"]


@dataclass(slots=True)
class _Findings:
    faults: list[Fault] = field(default_factory=list)
    reason: str = ""
    contents: Contents | None = None
    compared: _Compared = "none"
    restore_seconds: float | None = None
    bytes: int = 0

    @property
    def outcome(self) -> Outcome:
        if self.faults:
            return "failed"
        return "unknown" if self.reason else "passed"


def verify(
    depot: Depot, snapshot_id: str, *, redis_server: str, scratch_dir: Path, source: redis.Redis | None = None
) -> RedisVerification:
    """Verify a snapshot, and say what was found.

    ``source`` is a client that may read everything of the Redis that it was taken from, if there is one: it is then
    read to the last value, so leave it out where Redis must not be held up.

    Raises:
        InputError: there is no such snapshot.
        Unavailable: the depot does not answer.
    """
    at, begun = clock.now(), time.monotonic()
    found = _Findings()
    try:
        snapshot, _ = stored.load(depot, snapshot_id)
    except Damaged as error:
        found.faults.append(_fault(snapshot_id, stored.MANIFEST, "damaged", str(error)))
    except NoKey as error:
        found.reason = str(error)
    else:
        try:
            _check(depot, snapshot, redis_server, scratch_dir, source, found)
        except (Unavailable, NoKey) as error:
            found.reason = str(error)
        except redis.RedisError as error:
            found.reason = f"the scratch Redis stopped answering ({type(error).__name__})"
    return RedisVerification(
        id=clock.new_id("verify", at),
        backup=snapshot_id,
        at=at,
        outcome=found.outcome,
        duration_seconds=time.monotonic() - begun,
        restore_seconds=found.restore_seconds,
        bytes=found.bytes,
        compared=found.compared,
        contents=found.contents,
        faults=tuple(found.faults),
        reason=found.reason,
    )


def _check(
    depot: Depot,
    snapshot: RedisSnapshot,
    redis_server: str,
    parent: Path,
    source: redis.Redis | None,
    found: _Findings,
) -> None:
    found.bytes = snapshot.bytes
    with scratch.room(parent) as directory:
        faults = _fetch(depot, snapshot, directory / scratch.DUMP)
        found.faults += faults
        if faults:
            # Loading what is known to be damaged would only find the same again.
            return
        binary = scratch.find_redis(redis_server)
        begun = time.monotonic()
        try:
            with scratch.loaded(binary, directory) as server:
                found.restore_seconds = time.monotonic() - begun
                found.contents = contents.read(server)
        except scratch.NotLoaded as error:
            found.faults.append(_fault(snapshot.id, stored.DUMP, "restore-failed", str(error)))
            return
    found.compared, faults = _compare(snapshot, found.contents, source)
    found.faults += faults


def _fetch(depot: Depot, snapshot: RedisSnapshot, file: Path) -> list[Fault]:
    """Write the object to a file, and say what is wrong with it."""
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            for chunk in depot.get(stored.key(snapshot.id, stored.DUMP)):
                digest.update(chunk)
                size += len(chunk)
                if size > snapshot.bytes:
                    break
                stream.write(chunk)
    except KeyError:
        return [_fault(snapshot.id, stored.DUMP, "missing", "it is not there")]
    except Damaged as error:
        return [_fault(snapshot.id, stored.DUMP, "changed", str(error))]
    except OSError as error:
        raise Unavailable(f"the snapshot cannot be laid out to be loaded: {error.strerror}") from error
    if size != snapshot.bytes:
        more = "more than" if size > snapshot.bytes else f"{size} bytes, not"
        return [_fault(snapshot.id, stored.DUMP, "changed", f"it has {more} the {snapshot.bytes} that were written")]
    if digest.hexdigest() != snapshot.sha256:
        return [_fault(snapshot.id, stored.DUMP, "changed", "its content is not what was written (SHA-256 differs)")]
    return []


def _compare(snapshot: RedisSnapshot, held: Contents, source: redis.Redis | None) -> tuple[_Compared, list[Fault]]:
    if source is not None and (there := _same_moment(snapshot, held, source)) is not None:
        if there.digest == held.digest:
            return "source", []
        return "source", [_fault(snapshot.id, stored.DUMP, "digest", "its content is not the source's")]
    if not snapshot.after:
        return "none", []
    if snapshot.quiet:
        return "exact", list(_differences(snapshot, held))
    return "plausible", list(_implausible(snapshot, held))


def _same_moment(snapshot: RedisSnapshot, held: Contents, source: redis.Redis) -> Contents | None:
    """Read the source, if it still holds as much as then and nothing is written while it is read."""
    with suppress(redis.RedisError):
        before = contents.read(source, digest=False).databases
        there = contents.read(source)
        if held.expired == 0 and before == snapshot.after == there.databases and there.digest:
            return there
    return None


def _differences(snapshot: RedisSnapshot, held: Contents) -> list[Fault]:
    if held.expired:
        # They were in the file, and are counted by Redis for all databases together.
        loaded = _sum(held.databases) + held.expired
        expected = _sum(snapshot.after)
        return [] if loaded == expected else [_count(snapshot, "all databases", loaded, str(expected))]
    return [
        _count(snapshot, f"database {name}", mine.keys, f"{theirs.keys} ({theirs.expires} of them expire)")
        for name in sorted(snapshot.after.keys() | held.databases.keys())
        if (mine := held.databases.get(name, _NONE)) != (theirs := snapshot.after.get(name, _NONE))
    ]


def _implausible(snapshot: RedisSnapshot, held: Contents) -> list[Fault]:
    loaded = _sum(held.databases) + held.expired
    low, high = sorted((_sum(snapshot.before), _sum(snapshot.after)))
    if low - _slack(low) <= loaded <= high + _slack(high):
        return []
    return [_count(snapshot, "all databases", loaded, f"{low} before and {high} after" if low != high else str(low))]


_NONE = Keys(keys=0, expires=0)


def _sum(databases: dict[str, Keys]) -> int:
    return sum(one.keys for one in databases.values())


def _slack(count: int) -> float:
    return max(SLACK_SHARE * count, min(SLACK_KEYS, count / 2))


def _count(snapshot: RedisSnapshot, where: str, loaded: int, expected: str) -> Fault:
    return _fault(snapshot.id, stored.DUMP, "count", f"{where}: {loaded} keys were loaded, the source had {expected}")


def _fault(snapshot_id: str, name: str, code: str, message: str) -> Fault:
    return Fault(file=stored.key(snapshot_id, name), code=code, message=message)
