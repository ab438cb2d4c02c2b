"""A Redis to be watched: keys, clients, and as many kinds of commands really called as an arm asks for."""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from benchmarks.exporters.processes import free_port, running
from monitor.stack.programs import locate

KEYS = 20_000
_BATCH = 2_000
_WORDS = """
get set del exists expire ttl incr decr mget mset hset hget hgetall hdel lpush rpush lpop lrange sadd srem smembers
zadd zrange zrem setex append strlen getset type scan
"""
EVERYDAY = tuple(_WORDS.split())
"""What an application calls, most usual first: the commands of the arms with few kinds."""
_DANGEROUS = """
shutdown monitor subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe sync psync replconf replicaof
slaveof failover cluster migrate debug quit reset hello auth multi exec discard watch unwatch asking readonly readwrite
flushall flushdb swapdb save bgsave bgrewriteaof client config acl script function module wait blpop brpop brpoplpush
blmove blmpop bzpopmin bzpopmax bzmpop xread xreadgroup restore-asking pfselftest latency memory command slowlog info
select
"""
_NEVER = frozenset(_DANGEROUS.split())
"""Left out: what ends or freezes the connection or the server, waits, forgets counts, or is asked by exporters."""
_CONTAINERS = frozenset({"object", "pubsub", "xinfo", "xgroup"})
"""Whose subcommands are called as well: each is a kind of its own."""
_INFO = "commandstats"


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running Redis."""

    port: int
    pid: int
    admin: Redis

    @property
    def uri(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def kinds(self) -> set[str]:
        """Return the commands that have been called, as commandstats names them."""
        return {name.removeprefix("cmdstat_") for name in self._info(_INFO)}

    def reach(self, wanted: int) -> int:
        """Call commands until ``wanted`` kinds have been called, and return how many that are.

        Each is called with as many arguments as it needs; most then end in an error of their own, which counts as a
        call all the same. What exporters ask is called already when this is.
        """
        found = len(self.kinds())
        for words, arity in self._callable():
            if found >= wanted:
                break
            arguments = ["probe:1", "1", "1", "1", "1", "1"][: arity - len(words)]
            with contextlib.suppress(RedisError):
                self._run(" ".join(words), *arguments)
            found = len(self.kinds())
        return found

    def bill(self) -> tuple[float, float]:
        """Return connections accepted and commands run so far."""
        stats = self._info("stats")
        return float(stats["total_connections_received"]), float(stats["total_commands_processed"])

    @property
    def own_commands(self) -> int:
        """How many commands asking for the bill takes."""
        return 1

    def _run(self, *words: str) -> Any:
        return self.admin.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py does not annotate it

    def _info(self, section: str) -> dict[str, Any]:
        info: dict[str, Any] = self.admin.info(section)
        return info

    def _callable(self) -> list[tuple[list[str], int]]:
        """Return commands as they are written, with the number of words that they need; everyday ones first."""
        names: list[str] = self._run("COMMAND LIST")
        rest = sorted(name for name in names if name not in EVERYDAY and _is_harmless(name))
        chosen = (*(name for name in EVERYDAY if name in names), *rest)
        known: list[dict[str, Any]] = [self._describe(name) for name in chosen]
        return [(name.split("|"), abs(int(one["arity"]))) for name, one in zip(chosen, known, strict=True)]

    def _describe(self, name: str) -> dict[str, Any]:
        described: dict[str, dict[str, Any]] = self._run("COMMAND", "INFO", name)
        return next(iter(described.values()))


def _is_harmless(name: str) -> bool:
    container, bar, _ = name.partition("|")
    return container in _CONTAINERS if bar else name not in _NEVER and name not in _CONTAINERS


@contextlib.contextmanager
def redis_server(place: Path, *, keys: int = KEYS, flags: Sequence[str] = ()) -> Iterator[RedisServer]:
    """Run a Redis with ``keys`` keys, a tenth of them with an end."""
    port = free_port()
    place.mkdir(parents=True, exist_ok=True)
    usual = ("--bind", "127.0.0.1", "--save", "", "--dir", place, "--maxclients", "20000", "--databases", "16")
    command: Sequence[str | Path] = (locate("redis-server"), "--port", str(port), *usual, *flags)
    # Some of the commands called answer with bytes that are no text.
    told = functools.partial(Redis, port=port, decode_responses=True, encoding_errors="replace")
    with running(command, port, place / "redis.log") as process, told() as admin:
        for first in range(0, keys, _BATCH):
            pipeline = admin.pipeline(transaction=False)
            for number in range(first, min(first + _BATCH, keys)):
                pipeline.set(f"key:{number}", "x" * 32, ex=86_400 if number % 10 == 0 else None)
            pipeline.execute()
        yield RedisServer(port, process.pid, admin)


@contextlib.contextmanager
def clients(server: RedisServer, count: int) -> Iterator[None]:
    """Keep ``count`` idle connections open, each with a name of a few."""
    opened: list[socket.socket] = []
    try:
        for number in range(count):
            one = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            opened.append(one)
            one.sendall(f"CLIENT SETNAME app-{number % 5}\r\n".encode())
            one.recv(16)
        yield
    finally:
        for one in opened:
            one.close()
