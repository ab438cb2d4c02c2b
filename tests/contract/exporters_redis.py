"""Redis servers of a test's own, in every mode, and the exporters' page about one of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from exporters.collectors import choose
from exporters.page import Flavour
from exporters.scrape import Scraper
from exporters.settings import load
from exporters.sources import Sources
from tests.contract.exporters_process import Page, samples
from tests.ports import free_port

PROGRAM = shutil.which("redis-server") or "redis-server"
START_LIMIT = 60.0
CLIENTS = 10_000
"""How many clients the everyday server has room for."""


@dataclass(slots=True)
class Server:
    """A redis-server on a port of its own."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def uri(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> Redis:
        return Redis(port=self.port, decode_responses=True, protocol=2, socket_timeout=10, **options)

    def ask(self, *words: str) -> Any:
        with self.client() as client:
            return client.execute_command(*words)

    def info(self, section: str = "everything") -> dict[str, Any]:
        with self.client() as client:
            return dict(client.info(section))

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def redis_server(directory: Path, *options: str, port: int = 0, sentinel: bool = False) -> Iterator[Server]:
    port = port or free_port()
    directory.mkdir(exist_ok=True)
    # By default a cluster's node listens 10,000 above its port as well, where connections go out.
    bus = [f"cluster-port {free_port()}"] if "cluster-enabled yes" in options else []
    config = directory / f"{port}.conf"
    config.write_text(
        "\n".join(
            [f"port {port}", "bind 127.0.0.1", f"dir {directory}", *([] if sentinel else ['save ""']), *bus, *options]
        ),
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [PROGRAM, str(config), *(["--sentinel"] if sentinel else [])], stdout=subprocess.DEVNULL, cwd=directory
    )
    server = Server(process, port)
    try:
        _wait(server)
        yield server
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(60)


@contextlib.contextmanager
def everyday_server(directory: Path) -> Iterator[Server]:
    """A server with everything switched on that can be watched."""
    options = (
        "slowlog-log-slower-than 5000",
        "latency-monitor-threshold 5",
        "appendonly yes",
        f"maxclients {CLIENTS + 2_000}",
        "repl-diskless-sync-delay 0",
    )
    open_files_limit(CLIENTS + 2_000)  # inherited by the server
    with redis_server(directory, *options) as running:
        yield running


def _wait(server: Server) -> None:
    ends = time.monotonic() + START_LIMIT
    while True:
        try:
            server.ask("PING")
        except (RedisError, OSError):
            assert server.process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.02)
        else:
            return


def until(good: Any, *, within_s: float = 60) -> None:
    ends = time.monotonic() + within_s
    while not good():
        assert time.monotonic() < ends, f"not within {within_s} s"
        time.sleep(0.05)


class Watch:
    """The exporters' scraper in this process, without HTTP."""

    def __init__(self, uri: str, collect: str = "redis", **settings: Any) -> None:
        values = load({"redis_uri": uri, "collect": collect, **settings}, environ={})
        sources = Sources(values)
        self.scraper = Scraper([kind.make(sources) for kind in choose(values)], sources)

    async def page(self, header: float = 3) -> Page:
        started = time.monotonic()
        snapshot = await self.scraper.scrape(str(header))
        body = self.scraper.render(snapshot, Flavour.TEXT).decode()
        return Page(body, time.monotonic() - started, samples=samples(body))

    async def until(self, good: Callable[[Page], bool], *, within_s: float = 60) -> Page:
        ends = time.monotonic() + within_s
        while not good(page := await self.page()):
            assert time.monotonic() < ends, f"not within {within_s} s"
            await asyncio.sleep(0.05)
        return page


@contextlib.asynccontextmanager
async def watching(uri: str, collect: str = "redis", **settings: Any) -> AsyncIterator[Watch]:
    watch = Watch(uri, collect, **settings)
    await watch.scraper.start()
    try:
        yield watch
    finally:
        await watch.scraper.close()


def busy(server: Server, milliseconds: int) -> None:
    """Keep Redis busy for so long with one command."""
    script = (
        "local function now() local t = redis.call('time') return t[1] * 1000000 + t[2] end "
        f"local ends = now() + {milliseconds * 1000} while now() < ends do end"
    )
    server.ask("EVAL", script, "0")


def open_files_limit(wanted: int) -> int:
    """Raise this process's limit of open files, and return what it is."""
    import resource  # noqa: PLC0415  # not everywhere

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard >= 0 else wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
