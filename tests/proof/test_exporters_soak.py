"""Ten thousand scrapes with faults in the middle leave nothing behind: no connection, task, memory or descriptor."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest

from benchmarks.exporters import pages
from benchmarks.exporters.client import PROMETHEUS, Client
from benchmarks.exporters.processes import free_port, rss_mb, running
from tests.contract.exporters_process import Stores, stores

WARM, ALL = 2_000, 10_000
"""Scrapes after which nothing new should be needed, and scrapes altogether."""
SCRAPERS, EACH = 50, 20
PATIENCE = 2.0
"""Seconds that the scraper says it waits, so that the frozen minutes do not last."""
DOWN_FOR = 2
FROZEN_FOR = 10.0
RSS_MORE_MB = 6.0
MORE = 3
"""What may be open or under way at the moment of counting; a leak would show by the hundred."""
WELL_WITHIN = 60.0

pytestmark = [pytest.mark.stack, pytest.mark.proof, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Held:
    """What the process holds at one moment, while nobody asks it anything."""

    rss_mb: float
    fds: int
    sockets: int
    tasks: tuple[str, ...]
    threads: int
    connections: int
    """At the servers: what MongoDB and Redis say that the user ``exporters`` has open."""


class Soak:
    """One exporters process under way."""

    def __init__(self, servers: Stores, pid: int, port: int, told: Path) -> None:
        self.servers = servers
        self.pid = pid
        self.port = port
        self._told = told
        self.scrapes = 0
        self.slowest = 0.0

    def scrape(self, client: Client) -> str:
        answer = client.get(PROMETHEUS | {"X-Prometheus-Scrape-Timeout-Seconds": str(PATIENCE)})
        self.scrapes += 1
        self.slowest = max(self.slowest, answer.seconds)
        return answer.text

    def until(self, client: Client, count: int) -> None:
        while self.scrapes < count:
            self.scrape(client)

    def until_well(self, client: Client) -> str:
        ends = time.monotonic() + WELL_WITHIN
        while not is_well(page := self.scrape(client)):
            assert time.monotonic() < ends, page
            time.sleep(0.2)
        return page

    def held(self) -> Held:
        self._told.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        eventually(self._told.exists)
        told = json.loads(self._told.read_text(encoding="utf-8"))
        links = [link for entry in Path(f"/proc/{self.pid}/fd").iterdir() if (link := target(entry))]
        return Held(
            rss_mb=rss_mb(self.pid),
            fds=len(links),
            sockets=sum(link.startswith("socket:") for link in links),
            tasks=tuple(told["tasks"]),
            threads=told["threads"],
            connections=mongodb_connections(self.servers) + redis_connections(self.servers),
        )


def test_ten_thousand_scrapes_and_three_faults_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with soaking(tmp_path) as soak, Client(soak.port) as client:
        soak.until_well(client)
        soak.until(client, WARM)
        before = soak.held()

        soak.until(client, 3_000)
        restart_redis(soak, client)
        soak.until(client, 5_000)
        freeze_a_member(soak, client)
        soak.until(client, 7_000)
        crowd(soak)
        soak.until(client, ALL - 1)

        page = soak.until_well(client)
        after = soak.held()
    with capsys.disabled():
        sys.stdout.write(f"\n{soak.scrapes} scrapes, slowest {soak.slowest:.2f} s\nbefore {before}\nafter  {after}\n")
    assert soak.scrapes >= ALL
    assert soak.slowest < PATIENCE
    assert pages.total(page, "exporter_scrapes_total") <= soak.scrapes
    assert after.rss_mb - before.rss_mb <= RSS_MORE_MB
    assert after.fds - before.fds <= MORE
    assert after.sockets - before.sockets <= MORE
    assert after.connections - before.connections <= MORE
    assert len(after.tasks) - len(before.tasks) <= MORE, Counter(after.tasks) - Counter(before.tasks)
    assert after.threads - before.threads <= MORE


@contextmanager
def soaking(place: Path) -> Iterator[Soak]:
    with stores(place / "stores") as servers:
        port, told = free_port(), place / "held.json"
        command = (sys.executable, "-m", "tests.proof.exporters_watched", told)
        flags = ("--listen", f"127.0.0.1:{port}", *servers.flags(), "--collect", "all")
        with running((*command, *flags), port, place / "exporters.log", servers.environment()) as process:
            yield Soak(servers, process.pid, port, told)


def restart_redis(soak: Soak, client: Client) -> None:
    """Let it die while it is scraped, and start anew; the page says so in between, and is well afterwards."""
    soak.servers.client.hold("redis", DOWN_FOR)  # by itself it is back so soon that no scrape may fall in between
    soak.servers.client.kill("redis")
    ends = time.monotonic() + WELL_WITHIN
    while pages.value(soak.scrape(client), "redis_up"):
        assert time.monotonic() < ends, "it was never seen to be down"
    soak.until_well(client)


def freeze_a_member(soak: Soak, client: Client) -> None:
    """Freeze a mongod; every page in between comes in time and says that it is down."""
    soak.servers.client.pause("mongo-3", FROZEN_FOR + 60)
    ends = time.monotonic() + FROZEN_FOR
    try:
        while time.monotonic() < ends:
            assert pages.total(soak.scrape(client), "mongodb_up") == 2
    finally:
        soak.servers.client.resume("mongo-3")
    soak.until_well(client)


def crowd(soak: Soak) -> None:
    """Let fifty ask at once, each over a connection of its own."""

    def ask(_: int) -> int:
        with Client(soak.port) as client:
            return sum(is_well(client.get(PROMETHEUS).text) for _ in range(EACH))

    with ThreadPoolExecutor(SCRAPERS) as pool:
        assert sum(pool.map(ask, range(SCRAPERS))) == SCRAPERS * EACH
    soak.scrapes += SCRAPERS * EACH


def is_well(page: str) -> bool:
    return pages.samples(page, "mongodb_up") == [1, 1, 1] and pages.value(page, "redis_up") == 1


def mongodb_connections(servers: Stores) -> int:
    password = servers.layout.mongodb_password("admin").read_text(encoding="utf-8").strip()
    stages: list[dict[str, Any]] = [
        {"$currentOp": {"allUsers": True, "idleConnections": True}},
        {"$match": {"appName": "exporters"}},
    ]
    found = 0
    for number in (1, 2, 3):
        port = servers.layout.port(f"mongo-{number}")
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            port=port, directConnection=True, username="admin", password=password
        )
        with client:
            found += len(list(client.admin.aggregate(stages)))
    return found


def redis_connections(servers: Stores) -> int:
    from tests.contract.test_exporters_servers import redis_admin  # noqa: PLC0415  # its fixtures are not needed here

    with redis_admin(servers) as admin:
        return sum(client["user"] == "exporters" for client in admin.client_list())


def target(entry: Path) -> str | None:
    try:
        return str(entry.readlink())
    except OSError:
        return None


def eventually(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)
