"""What a Redis server holds, said so that two servers can be compared, however each of them keeps it.

The payloads of DUMP would not do: two servers keep the same set in different orders. So values are read by their own
commands, members sorted where they have no order, and hashed with their key, type and expiry.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from monitor.backup.redis.model import Contents, Keys

AT_ONCE = 1000
_EXPIRY_AS_INSTANT = 7
"""The first major version that tells when a key ends; what is left of it differs with each look."""

Server = redis.Redis


def read(server: Server, *, digest: bool = True) -> Contents:
    """Read everything. The digest is a sum over the keys, so that their order does not matter; without it, only counts.

    Of a Redis before 7.0 there is no digest.

    Raises:
        redis.RedisError: the server stopped answering.
    """
    info = server.info("everything")
    digest = digest and int(str(info["redis_version"]).partition(".")[0]) >= _EXPIRY_AS_INSTANT
    databases = {
        name.removeprefix("db"): Keys(keys=int(told["keys"]), expires=int(told["expires"]))
        for name, told in sorted(server.info("keyspace").items())
    }
    types: Counter[str] = Counter()
    total = 0
    with _connection(server) as connection:
        for number in databases:
            _ask(connection, ("SELECT", number))
            for names in _batches(connection):
                kinds = _ask(connection, *(("TYPE", name) for name in names))
                types.update(kind.decode() for kind in kinds)
                if digest:
                    total += sum(_digests(connection, number, names, kinds))
    return Contents(
        databases=databases,
        types=dict(sorted(types.items())),
        digest=f"{total % (1 << 256):064x}" if digest else "",
        expired=int(info.get("rdb_last_load_keys_expired", 0)),
    )


def _digests(connection: Any, number: str, names: list[bytes], kinds: list[Any]) -> Iterator[int]:
    values = _ask(connection, *(_question(name, kind) for name, kind in zip(names, kinds, strict=True)))
    ends = _ask(connection, *(("PEXPIRETIME", name) for name in names))
    for name, kind, value, end in zip(names, kinds, values, ends, strict=True):
        parts = [number.encode(), name, kind, str(end).encode(), *_canonical(kind, value)]
        # Each with its length, so that no two lists of parts look alike.
        text = b"".join(b"%d:" % len(part) + part for part in parts)
        yield int.from_bytes(hashlib.sha256(text).digest(), "big")


_COMMANDS: dict[bytes, Callable[[bytes], tuple[Any, ...]]] = {
    b"string": lambda name: ("GET", name),
    b"list": lambda name: ("LRANGE", name, 0, -1),
    b"set": lambda name: ("SMEMBERS", name),
    b"hash": lambda name: ("HGETALL", name),
    b"zset": lambda name: ("ZRANGE", name, 0, -1, "WITHSCORES"),
    b"stream": lambda name: ("XRANGE", name, "-", "+"),
}


def _question(name: bytes, kind: bytes) -> tuple[Any, ...]:
    # A module's own type has no command that we know; its payload must do.
    ask = _COMMANDS.get(kind)
    return ask(name) if ask else ("DUMP", name)


def _canonical(kind: bytes, value: Any) -> list[bytes]:
    if kind == b"set":
        return sorted(value)
    if kind == b"hash":
        pairs = value.items() if isinstance(value, dict) else zip(value[::2], value[1::2], strict=True)
        return [part for pair in sorted(pairs) for part in pair]
    return _flat(value)


def _flat(value: Any) -> list[bytes]:
    if isinstance(value, list | tuple):
        return [b"[", *(part for one in value for part in _flat(one)), b"]"]
    return [value if isinstance(value, bytes) else repr(value).encode()]


def _batches(connection: Any) -> Iterator[list[bytes]]:
    """All keys of the selected database, each once."""
    cursor, seen = b"0", set[bytes]()
    while True:
        ((cursor, names),) = _ask(connection, ("SCAN", cursor, "COUNT", AT_ONCE))
        # While a table grows or shrinks, SCAN tells some twice.
        new = [name for name in dict.fromkeys(names) if name not in seen]
        seen.update(new)
        if new:
            yield new
        if cursor == b"0":
            return


@contextmanager
def _connection(server: Server) -> Iterator[Any]:
    """One connection for all questions: a database is chosen for a connection."""
    connection = server.connection_pool.get_connection()
    try:
        yield connection
    finally:
        # Not given back: another database is chosen on it.
        connection.disconnect()  # type: ignore[no-untyped-call]  # redis-py annotates it not
        server.connection_pool.release(connection)


def _ask(connection: Any, *commands: tuple[Any, ...]) -> list[Any]:
    """Send commands in one write; answers as the protocol has them, not as the library would like them."""
    connection.send_packed_command(connection.pack_commands(commands))
    return [connection.read_response(disable_decoding=True) for _ in commands]
