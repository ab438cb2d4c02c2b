"""What is compared with what, on which servers."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.exporters import bars, pages
from benchmarks.exporters.client import HEADERS, PLAIN, Client
from benchmarks.exporters.figures import Row
from benchmarks.exporters.measure import Target, alternate, together
from benchmarks.exporters.mongodb_server import mongodb_server
from benchmarks.exporters.redis_server import RedisServer, redis_server
from benchmarks.exporters.subjects import (
    OURS,
    Peers,
    Running,
    Subject,
    mongodb_peers,
    node_peers,
    ours,
    redis_peers,
    started,
)
from exporters.collectors import COLLECTORS
from exporters.settings import Settings
from exporters.slow import SlowCollector

DATABASES = 5
COLLECTIONS = 50
FEW, MANY = 30, 194
NODE_COLLECTORS = (
    "cpu",
    "diskstats",
    "filefd",
    "filesystem",
    "loadavg",
    "meminfo",
    "netdev",
    "netstat",
    "pressure",
    "sockstat",
    "stat",
    "time",
    "uname",
    "vmstat",
)
"""What our host collector stands in for."""
PATIENCE = 5.0
"""Seconds that a scraper of a frozen server waits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every arm needs to know."""

    place: Path
    peers: Peers
    scrapes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """How one exporter answered while its server was frozen."""

    exporter: str
    seconds: float
    up: float | None
    """What its page says of the server; ``None`` where no page came in time, so Prometheus stores nothing."""


def collectors(flag: str, *, fast_only: bool = False, optional: bool = False) -> str:
    """Return what ``--collect`` should say to read what ``flag`` names and nothing else."""
    nothing = Settings()
    return ",".join(
        kind.name
        for kind in COLLECTORS
        if kind.missing(nothing) == flag
        and (optional or not kind.optional)
        and not (fast_only and issubclass(kind, SlowCollector))
    )


def redis(plan: Plan) -> Iterator[Row]:
    """Redis with few and with many kinds of commands called: whole pages, the same families, and eight clients."""
    for kinds, arm in ((FEW, bars.REDIS_30), (MANY, bars.REDIS_194)):
        with redis_server(plan.place / f"redis-{kinds}") as server:
            subjects = [
                ours("--redis", server.uri, "--collect", collectors("--redis")),
                *redis_peers(plan.peers, server),
            ]
            with started(subjects, plan.place / f"redis-{kinds}-exporters") as running:
                _reach(server, running, kinds)
                yield from _both(arm, running, server, plan.scrapes)
                if kinds == MANY:
                    yield from together(f"{arm}, 8 clients", running, scrapes=plan.scrapes)
        # Without latencies: ours shows them as histograms and the peer as percentiles, which are not the same family.
        without = ("--latency-tracking", "no")
        with redis_server(plan.place / f"redis-{kinds}-same", flags=without) as server:
            yield from _same_families(plan, server, kinds)


def _reach(server: RedisServer, running: Sequence[Running], kinds: int) -> None:
    """Have exactly so many kinds called, those that the exporters themselves call among them."""
    for one in running:
        with Client(one.port) as client:
            client.get(PLAIN)
    reached = server.reach(kinds)
    if reached != kinds:
        raise RuntimeError(
            f"{reached} kinds of commands were called instead of {kinds}: Redis {server.port} knows no more"
        )


def _same_families(plan: Plan, server: RedisServer, kinds: int) -> Iterator[Row]:
    """Compare per series; the peer's page cannot be narrowed, so all of its own series count for it."""
    flags = ("--redis", server.uri, "--collect", collectors("--redis"))
    place = plan.place / f"redis-{kinds}-same-exporters"
    for number, peer in enumerate(redis_peers(plan.peers, server)):
        peer_alone = Subject(peer.name, (*peer.command, "-redis-only-metrics"))
        with started([ours(*flags), peer_alone], place / f"{number}-wide") as running:
            _reach(server, running, kinds)
            names = [pages.families(_page(one)) for one in running]
        families = place / f"{number}.families"
        families.write_text("\n".join(sorted(pages.shared(*names, prefix="redis_"))), encoding="utf-8")
        narrow = (sys.executable, "-m", "benchmarks.exporters.narrowed", str(families), "--listen", "127.0.0.1:{port}")
        with started([Subject(OURS, (*narrow, *flags)), peer_alone], place / f"{number}-narrow") as running:
            yield from _both(f"{bars.SAME_FAMILIES}, {kinds} kinds", running, server, plan.scrapes)


def mongodb(plan: Plan) -> Iterator[Row]:
    """One member of a replica set: what is on by default, and everything."""
    with mongodb_server(plan.place / "mongodb") as server:
        server.fill(DATABASES, COLLECTIONS)
        flags = ("--mongodb", server.uri, "--collect")
        fast = ours(*flags, collectors("--mongodb", fast_only=True), environment=server.environment())
        subjects = [fast, *mongodb_peers(plan.peers, server, everything=False)]
        with started(subjects, plan.place / "mongodb-fast") as running:
            yield from _both(bars.MONGODB_FAST, running, server, plan.scrapes)
            yield from together(f"{bars.MONGODB_FAST}, 8 clients", running, scrapes=plan.scrapes)
        wide = {**server.environment(), "EXPORTERS_NAMES": "percona"}
        everything = ours(*flags, collectors("--mongodb", optional=True), environment=wide)
        subjects = [everything, *mongodb_peers(plan.peers, server, everything=True)]
        with started(subjects, plan.place / "mongodb-all") as running:
            yield from _both(bars.MONGODB_ALL, running, server, plan.scrapes)


def host(plan: Plan) -> Iterator[Row]:
    """The host, against node_exporter as it comes and with the same collectors as ours."""
    subjects = [ours("--collect", "host"), *node_peers(plan.peers), *node_peers(plan.peers, collectors=NODE_COLLECTORS)]
    with started(subjects, plan.place / "host") as running:
        yield from _both("host", running, None, plan.scrapes)


def whole(plan: Plan) -> Iterator[Row]:
    """Everything that there is, in one process."""
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(redis_server(plan.place / "whole-redis"))
        database = stack.enter_context(mongodb_server(plan.place / "whole-mongodb"))
        database.fill(DATABASES, COLLECTIONS)
        store.reach(FEW)
        environment = {**database.environment(), "EXPORTERS_NAMES": "percona"}
        flags = ("--redis", store.uri, "--mongodb", database.uri, "--probe", "http://127.0.0.1:9", "--collect", "all")
        everything = ours(*flags, environment=environment)
        with started([everything], plan.place / "whole-exporters") as running:
            yield from _both(bars.ALL_COLLECTORS, running, None, plan.scrapes)


def frozen(plan: Plan) -> list[Frozen]:
    """Freeze Redis and MongoDB, and see who tells of it before Prometheus gives up."""
    told = []
    with redis_server(plan.place / "frozen-redis", keys=100) as server:
        subjects = [ours("--redis", server.uri, "--collect", collectors("--redis")), *redis_peers(plan.peers, server)]
        with started(subjects, plan.place / "frozen-redis-exporters") as running:
            told += _freeze(server, running, "redis_up")
    with mongodb_server(plan.place / "frozen-mongodb") as database:
        flags = ("--mongodb", database.uri, "--collect", collectors("--mongodb", fast_only=True))
        subjects = [
            ours(*flags, environment=database.environment()),
            *mongodb_peers(plan.peers, database, everything=False),
        ]
        with started(subjects, plan.place / "frozen-mongodb-exporters") as running:
            told += _freeze(database, running, "mongodb_up")
    return told


def _freeze(server: Target, running: Sequence[Running], up: str) -> list[Frozen]:
    headers = HEADERS["prometheus"] | {"X-Prometheus-Scrape-Timeout-Seconds": f"{PATIENCE:g}"}
    told = []
    for one in running:
        with Client(one.port, timeout=30) as client:
            client.get(headers)
            os.kill(server.pid, signal.SIGSTOP)
            try:
                answer = client.get(headers)
            except OSError:
                told.append(Frozen(exporter=one.name, seconds=30, up=None))
            else:
                stored = pages.value(answer.text, up) if answer.seconds < PATIENCE else None
                told.append(Frozen(exporter=one.name, seconds=answer.seconds, up=stored))
            finally:
                os.kill(server.pid, signal.SIGCONT)
    return told


def _both(arm: str, running: Sequence[Running], target: Target | None, scrapes: int) -> Iterator[Row]:
    for headers in HEADERS:
        yield from alternate(arm, running, target, scrapes=scrapes, headers=headers)


def _page(one: Running) -> str:
    with Client(one.port) as client:
        return client.get(PLAIN).text


ARMS: dict[str, Callable[[Plan], Iterator[Row]]] = {"redis": redis, "mongodb": mongodb, "host": host, "whole": whole}
