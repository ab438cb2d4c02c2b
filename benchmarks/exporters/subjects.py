"""The exporters that are measured: ours, and each peer that is on this machine or was given by path."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.exporters.mongodb_server import USER, MongodbServer
from benchmarks.exporters.processes import free_port, running
from benchmarks.exporters.redis_server import RedisServer

OURS = "ours"
_VERSION = ("--version", "-version")


@dataclass(frozen=True, slots=True)
class Peers:
    """Binaries of others; an empty tuple where there are none."""

    redis: tuple[Path, ...] = ()
    mongodb: tuple[Path, ...] = ()
    node: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """How one exporter is started."""

    name: str
    command: tuple[str, ...]
    """``{port}`` stands for the port that it is to listen on."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """An exporter that answers."""

    name: str
    port: int
    pid: int


def found(given: Sequence[Path], program: str) -> tuple[Path, ...]:
    """Return the binaries to run: those given, and Debian's where it is installed."""
    installed = shutil.which(program)
    return (*((Path(installed),) if installed else ()), *given)


def version(binary: Path) -> str:
    """Return what a binary says of its version: a short word, or ``?``."""
    for flag in _VERSION:
        try:
            told = subprocess.run([binary, flag], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return "?"
        words = (told.stdout + told.stderr).replace(",", " ").replace("v=", " ").split()
        for word in words:
            number = word.strip('"').lstrip("v")
            if number[:1].isdigit() and number.count(".") >= 1 and "/" not in number and ":" not in number:
                return number
    return "?"


def ours(*flags: str, environment: Mapping[str, str] | None = None, name: str = OURS) -> Subject:
    return Subject(name, (sys.executable, "-m", "exporters", "--listen", "127.0.0.1:{port}", *flags), environment or {})


def redis_peers(peers: Peers, server: RedisServer) -> list[Subject]:
    return [
        Subject(
            f"redis_exporter {version(binary)}",
            (str(binary), "-redis.addr", server.uri.removesuffix("/0"), "-web.listen-address", "127.0.0.1:{port}"),
        )
        for binary in peers.redis
    ]


def mongodb_peers(peers: Peers, server: MongodbServer, *, everything: bool) -> list[Subject]:
    """Percona's exporter, as it comes and with its pool of connections."""
    what = (
        ("--collect-all", "--compatible-mode", "--discovering-mode")
        if everything
        else ("--collector.diagnosticdata", "--collector.replicasetstatus", "--compatible-mode")
    )
    uri = f"mongodb://127.0.0.1:{server.ports[0]}/admin"
    login = {"MONGODB_USER": USER, "MONGODB_PASSWORD": server.password}
    return [
        Subject(
            f"mongodb_exporter {version(binary)}{kind}",
            (str(binary), f"--mongodb.uri={uri}", "--web.listen-address=127.0.0.1:{port}", *what, *pool),
            login,
        )
        for binary in peers.mongodb
        for kind, pool in (("", ("--no-mongodb.global-conn-pool",)), (" pooled", ("--mongodb.global-conn-pool",)))
    ]


def node_peers(peers: Peers, *, collectors: Sequence[str] = ()) -> list[Subject]:
    """node_exporter as it comes, or with ``collectors`` only."""
    chosen = ("--collector.disable-defaults", *(f"--collector.{name}" for name in collectors)) if collectors else ()
    kind = ", our collectors only" if collectors else ""
    return [
        Subject(
            f"node_exporter {version(binary)}{kind}", (str(binary), "--web.listen-address=127.0.0.1:{port}", *chosen)
        )
        for binary in peers.node
    ]


@contextlib.contextmanager
def started(subjects: Sequence[Subject], place: Path) -> Iterator[list[Running]]:
    """Run all of them while the block is open."""
    place.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        made = []
        for number, subject in enumerate(subjects):
            port = free_port()
            command = [word.replace("{port}", str(port)) for word in subject.command]
            process = stack.enter_context(running(command, port, place / f"{number}.log", subject.environment))
            made.append(Running(subject.name, port, process.pid))
        yield made
