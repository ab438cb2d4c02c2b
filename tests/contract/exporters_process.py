"""The exporters as a process of their own, and the stores of an embedded stack for them to read."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families

from monitor.stack.client import StackClient
from monitor.stack.layout import Layout
from monitor.stack.teardown import tear_down
from tests.conftest import start_on_free_ports

STORES = ("mongo-1", "mongo-2", "mongo-3", "redis")
Series = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Stores:
    """A replica set and a Redis with the stack's users."""

    layout: Layout
    client: StackClient

    def environment(self) -> dict[str, str]:
        return {
            "EXPORTERS_MONGODB_USERNAME": "exporters",
            "EXPORTERS_MONGODB_PASSWORD_FILE": str(self.layout.mongodb_password("exporters")),
            "EXPORTERS_REDIS_USERNAME": "exporters",
            "EXPORTERS_REDIS_PASSWORD_FILE": str(self.layout.redis_password("exporters")),
        }

    def flags(self) -> tuple[str, ...]:
        return ("--redis", self.layout.redis_uri, "--mongodb", self.layout.mongodb_uri)

    def passwords(self) -> list[str]:
        layout = self.layout
        files = (layout.mongodb_password("exporters"), layout.redis_password("exporters"))
        return [file.read_text(encoding="utf-8").strip() for file in files]


@contextlib.contextmanager
def stores(run_dir: Path) -> Iterator[Stores]:
    """Run MongoDB and Redis as the embedded stack does, on a block of free ports."""
    layout = start_on_free_ports(run_dir, only=STORES)
    try:
        yield Stores(layout, StackClient(layout.control_socket))
    finally:
        tear_down(run_dir)


@dataclass(slots=True)
class Page:
    """One answer of /metrics."""

    body: str
    seconds: float
    content_type: str = ""
    samples: dict[Series, float] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]

    def values(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        return {labels: value for (found, labels), value in self.samples.items() if found == name}


@dataclass(slots=True)
class Exporters:
    """A running ``python -m exporters``."""

    process: subprocess.Popen[str]
    url: str
    log: list[str]

    def get(self, path: str = "/metrics", *, accept: str = "", timeout: float | None = None, user: str = "") -> Page:
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(timeout)} if timeout else {}
        headers |= {"Accept": accept} if accept else {}
        headers |= {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"} if user else {}
        started = time.monotonic()
        with urlopen(Request(self.url + path, headers=headers), timeout=60) as answer:  # noqa: S310  # our own address
            body = answer.read().decode()
            page = Page(body, time.monotonic() - started, answer.headers["Content-Type"])
        if path == "/metrics" and not accept:
            page.samples = samples(body)
        return page

    def until(self, good: Callable[[Page], bool], *, within_s: float, timeout: float = 5) -> Page:
        ends = time.monotonic() + within_s
        while True:
            page = self.get(timeout=timeout)
            if good(page):
                return page
            assert time.monotonic() < ends, f"not within {within_s} s; the last page was:\n{page.body[:4000]}"
            time.sleep(0.2)


def samples(body: str) -> dict[Series, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


@contextlib.contextmanager
def exporters(*flags: str, environment: Mapping[str, str] | None = None) -> Iterator[Exporters]:
    """Start the process on a free port; it must end with status 0 when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "exporters", "--listen", "127.0.0.1:0", *flags],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log: list[str] = []
    address: list[str] = []
    started = threading.Event()
    reader = threading.Thread(target=_follow, args=(process, log, address, started), daemon=True)
    reader.start()
    try:
        assert started.wait(60), log
        assert address, log
        yield Exporters(process, f"http://{address[0]}", log)
    finally:
        process.terminate()
        status = process.wait(60)
        reader.join(60)
        assert process.stdout is not None
        process.stdout.close()
        assert status == 0, log


def _follow(process: subprocess.Popen[str], log: list[str], address: list[str], started: threading.Event) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        log.append(line)
        with contextlib.suppress(ValueError):
            event: dict[str, Any] = json.loads(line)
            if event.get("event") == "exporters.started":
                address.append(event["address"])
                started.set()
    started.set()
