"""Takes a snapshot of Redis: SYNC, as a replica asks for it, straight into a depot.

Nothing of it is written on the server's disk where that can do without, and no access to its files is needed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from monitor import clock
from monitor.backup import documents
from monitor.backup.depot import Depot
from monitor.backup.redis.model import Keys, RedisSnapshot
from monitor.backup.redis.stored import DUMP, MANIFEST, key
from monitor.errors import Unavailable
from monitor.sources.redis import MOST_BYTES, synchronise
from monitor.sources.redis_wire import Address, Refused, connected

_HEAD = re.compile(rb"REDIS(\d{4})")
_KEYSPACE = re.compile(r"^db(\d+):keys=(\d+),expires=(\d+)", re.MULTILINE)
_FIELD = re.compile(r"^(\w+):(.*?)\r?$", re.MULTILINE)
_END = 9
"""The file's last bytes: 0xff for its end, and a checksum of 8 bytes."""
_STATISTICS = ("expired_keys", "evicted_keys")


@dataclass(slots=True)
class _Seen:
    """What passes through on its way into the depot."""

    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    size: int = 0
    head: bytes = b""
    tail: bytes = b""

    def through(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.sha256.update(chunk)
            self.size += len(chunk)
            if len(self.head) < _END:
                self.head += chunk[:_END]
            self.tail = (self.tail + chunk[-_END:])[-_END:]
            yield chunk
        if not _HEAD.match(self.head) or len(self.tail) < _END or self.tail[0] != 0xFF:  # noqa: PLR2004  # the file's own end mark
            # Raised while the object is still being written, so that none appears.
            raise Unavailable("what Redis sent is no RDB file, or not the whole of one")


def take(depot: Depot, address: Address, *, most: int = MOST_BYTES, deadline_s: float = 3600.0) -> RedisSnapshot:
    """Take a snapshot into a depot. Killed at any moment, it leaves none that is listed.

    Raises:
        InputError: user or password is refused, or may not.
        Unavailable: Redis or the depot does not answer, or what came is no snapshot.
    """
    started = clock.now()
    snapshot_id = clock.new_id("redis", started)
    before = _told(address)
    seen = _Seen()
    with connected(address) as wire:
        depot.put(key(snapshot_id, DUMP), seen.through(synchronise(wire, most=most, deadline_s=deadline_s)))
    after = _told(address)
    snapshot = RedisSnapshot(
        id=snapshot_id,
        started_at=started,
        finished_at=clock.now(),
        source=address.place,
        redis_version=after.get("redis_version", ""),
        rdb_version=int(seen.head[5:9]),
        checksum=any(seen.tail[1:]),
        bytes=seen.size,
        sha256=seen.sha256.hexdigest(),
        before=_keys(before),
        after=_keys(after),
        quiet=_quiet(before, after),
    )
    depot.put(key(snapshot_id, MANIFEST), [documents.encode(snapshot)])
    return snapshot


def _told(address: Address) -> dict[str, str]:
    """What INFO says, where this user may ask for it: it is not needed for the snapshot."""
    with suppress(Refused), connected(address) as wire:
        text = wire.ask("INFO").decode(errors="replace")
        return dict(_FIELD.findall(text))
    return {}


def _keys(told: dict[str, str]) -> dict[str, Keys]:
    found = _KEYSPACE.findall("\n".join(f"{name}:{value}" for name, value in told.items()))
    return {number: Keys(keys=int(keys), expires=int(expires)) for number, keys, expires in found}


def _quiet(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether nothing was written in between. A snapshot by way of the disk sets the count of changes back."""
    if not before or not after or _keys(before) != _keys(after):
        return False
    if any(before.get(name) != after.get(name) for name in ("run_id", *_STATISTICS)):
        return False
    changes = "rdb_changes_since_last_save"
    if after.get(changes) == "0":
        # Nothing since the snapshot began, or since before.
        return True
    saves = ("rdb_saves", "rdb_last_save_time")
    return after.get(changes) == before.get(changes) and all(after.get(one) == before.get(one) for one in saves)
