"""How the time of a page grows with what there is to read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.exporters import containers, pages
from benchmarks.exporters.arms import Plan, collectors
from benchmarks.exporters.client import PLAIN, Client
from benchmarks.exporters.figures import Growth, growth, quietest
from benchmarks.exporters.mongodb_server import mongodb_server
from benchmarks.exporters.redis_server import clients, redis_server
from benchmarks.exporters.subjects import Running, ours, started

COLLECTIONS = (25, 100, 400, 1600)
DATABASES = (5, 20, 80)
KINDS = (25, 50, 100, 200)
CLIENTS = (100, 400, 1600, 6400)
LISTED_CLIENTS = (30, 120, 480, 1920)
"""Where there are more than 2,000, ours does not ask Redis for the list."""
CONTAINERS = (10, 40, 160, 640)
_DATABASES_OF_COLLECTIONS = 5
_READ_WITHIN = 120.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Curve:
    """Times in milliseconds against sizes."""

    what: str
    against: str
    points: tuple[Point, ...]

    @property
    def fit(self) -> Growth:
        return growth(self.points)


def redis_kinds(plan: Plan) -> Iterator[Curve]:
    """A page of Redis against the kinds of commands that have been called."""
    with redis_server(plan.place / "kinds") as server:
        points = []
        with started([ours("--redis", server.uri, "--collect", collectors("--redis"))], plan.place / "kinds-x") as (
            one,
        ):
            for wanted in KINDS:
                reached = server.reach(wanted)
                points.append((float(reached), _p50(one, plan.scrapes)))
    yield Curve("a page of Redis", "kinds of commands", tuple(points))


def redis_clients(plan: Plan) -> Iterator[Curve]:
    """A page of Redis, and a first reading of everything, against its connected clients."""
    page, reading = [], []
    with redis_server(plan.place / "clients", keys=100) as server:
        fast = ours("--redis", server.uri, "--collect", collectors("--redis", fast_only=True))
        with started([fast], plan.place / "clients-fast") as (one,):
            for count in CLIENTS:
                with clients(server, count):
                    page.append((float(count), _p50(one, plan.scrapes)))
        everything = ours("--redis", server.uri, "--collect", collectors("--redis", optional=True))
        for count in LISTED_CLIENTS:
            # A new process each time: its slow clocks read at once, so their first reading is what is timed.
            with clients(server, count), started([everything], plan.place / f"clients-{count}") as (one,):
                reading.append((float(count), _first_reading_ms(one)))
    yield Curve("a page of Redis", "connected clients", tuple(page))
    yield Curve("Redis's answers to the first reading", "connected clients", tuple(reading))


def mongodb_collections(plan: Plan) -> Iterator[Curve]:
    """A page of MongoDB, and a whole reading of the slow clocks, against collections."""
    sizes = [(_DATABASES_OF_COLLECTIONS, count) for count in COLLECTIONS]
    yield from _mongodb(plan, "collections", sizes, COLLECTIONS)


def mongodb_databases(plan: Plan) -> Iterator[Curve]:
    """The same against databases, of one collection each."""
    yield from _mongodb(plan, "databases", [(count, count) for count in DATABASES], DATABASES)


def _mongodb(plan: Plan, against: str, sizes: Sequence[tuple[int, int]], counts: Sequence[int]) -> Iterator[Curve]:
    page, reading = [], []
    with mongodb_server(plan.place / against) as server:
        flags = ("--mongodb", server.uri, "--collect", collectors("--mongodb", optional=True))
        subject = ours(*flags, environment={**server.environment(), "EXPORTERS_NAMES": "percona"})
        for (databases, collections), count in zip(sizes, counts, strict=True):
            server.fill(databases, collections, with_index=False)
            with started([subject], plan.place / f"{against}-{count}") as (one,):
                reading.append((float(count), _first_reading_ms(one)))
                page.append((float(count), _p50(one, plan.scrapes)))
    yield Curve("a page of MongoDB, everything on", against, tuple(page))
    yield Curve("MongoDB's answers to the first reading", against, tuple(reading))


def containers_running(plan: Plan) -> Iterator[Curve]:
    """A page of containers, from control groups written as the kernel shows them."""
    points = []
    root = plan.place / "cgroup"
    subject = ours("--collect", "containers", environment={"EXPORTERS_CGROUP_ROOT": str(root)})
    for count in CONTAINERS:
        containers.grow(root, count)
        # A new process each time: one that runs looks for new containers now and then only.
        with started([subject], plan.place / f"containers-{count}") as (one,), Client(one.port) as client:
            found = len(pages.samples(client.get(PLAIN).text, "container_cpu_usage_seconds_total"))
            if found < count:
                raise RuntimeError(f"{found} of {count} containers are on the page")
            points.append((float(count), _p50(one, plan.scrapes)))
    yield Curve("a page of containers", "containers", tuple(points))


def _first_reading_ms(one: Running) -> float:
    """Return how long the answers of the source took altogether until every collector has had its first one."""
    ends = time.monotonic() + _READ_WITHIN
    with Client(one.port) as client:
        while True:
            text = client.get(PLAIN).text
            if pages.total(text, "exporter_collector_success") == len(
                pages.samples(text, "exporter_collector_success")
            ):
                return pages.total(text, "exporter_target_command_seconds_total") * 1e3
            if time.monotonic() > ends:
                raise RuntimeError(f"not every collector has read its source within {_READ_WITHIN:.0f} s")
            time.sleep(1)


def _p50(one: Running, scrapes: int) -> float:
    with Client(one.port) as client:
        text = [client.get(PLAIN).text for _ in range(5)][-1]
        if missing := pages.faults(text):
            raise RuntimeError(f"the page says {', '.join(missing)}")
        return quietest([client.get(PLAIN).seconds for _ in range(scrapes)]) * 1e3


GROWTHS: dict[str, Callable[[Plan], Iterator[Curve]]] = {
    "kinds": redis_kinds,
    "clients": redis_clients,
    "collections": mongodb_collections,
    "databases": mongodb_databases,
    "containers": containers_running,
}
