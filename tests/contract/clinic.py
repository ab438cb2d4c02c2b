"""One small clinic: a real mongod, Redis and app behind a real HAProxy, and a secret for synthetic patients."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from pymongo import MongoClient

from monitor.stack.programs import locate, locate_mongod
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(slots=True)
class Clinic:
    """Where everything is, and what a test may do to it."""

    folder: Path
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    started: dict[str, tuple[tuple[str, ...], dict[str, str]]] = field(default_factory=dict)

    @property
    def edge(self) -> str:
        return f"http://127.0.0.1:{self.ports['edge']}"

    @property
    def secret_file(self) -> Path:
        return self.folder / "synthetic-secret"

    def start(self, name: str, *command: str, env: dict[str, str] | None = None) -> None:
        self.started[name] = (command, env or {})
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, env={**os.environ, **(env or {})}
            )

    def restart(self, name: str) -> None:
        self.processes[name].terminate()
        self.processes[name].wait(60)
        command, env = self.started[name]
        self.start(name, *command, env=env)

    def stop(self) -> None:
        """End who asks before who answers: a client without its server waits before it gives up."""
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, name: str) -> list[dict[str, Any]]:
        lines = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    @contextlib.contextmanager
    def database(self) -> Iterator[Any]:
        client: MongoClient[dict[str, Any]] = MongoClient(
            f"mongodb://127.0.0.1:{self.ports['mongod']}/", directConnection=True, timeoutMS=60_000, tz_aware=True
        )
        with client:
            yield client["appointments"]

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that there is of patients, by collection."""
        with self.database() as data:
            names = ("appointments", "users", "patients", "erasures")
            return {name: list(data[name].find().sort("_id")) for name in names}

    def counted(self, where: str = "metrics") -> Samples:
        """What the app (or the edge) has on its metrics page."""
        with urlopen(f"http://127.0.0.1:{self.ports[where]}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        families = text_string_to_metric_families(text)
        return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


@contextlib.contextmanager
def clinic(folder: Path, **app_settings: str) -> Iterator[Clinic]:
    """Run one; ``app_settings`` are the app's, as in ``upkeep_interval="0.5"``."""
    running = Clinic(folder, free_ports("mongod", "redis", "app", "metrics", "edge", "edge-metrics"))
    try:
        _start_stores(running)
        _start_app(running, app_settings)
        _start_edge(running)
        until(lambda: answers(f"{running.edge}/readyz"))
        yield running
    finally:
        running.stop()


def _start_stores(running: Clinic) -> None:
    (running.folder / "db").mkdir()
    port = str(running.ports["mongod"])
    where = ("--bind_ip", "127.0.0.1", "--port", port, "--dbpath", "db", "--nounixsocket")
    quick = ("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100")
    running.start("mongod", locate_mongod(), *where, *quick, "--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25")
    running.start(
        "redis", locate("redis-server"), "--port", str(running.ports["redis"]), "--bind", "127.0.0.1", "--save", ""
    )
    with running.database() as data:
        member = {"_id": 0, "host": f"127.0.0.1:{port}"}
        data.client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        until(lambda: data.client.admin.command("hello")["isWritablePrimary"])


def _start_app(running: Clinic, app_settings: dict[str, str]) -> None:
    content = {"field-key": secrets.token_bytes(96), "jwt-key": secrets.token_urlsafe(48).encode()}
    for name, text in (content | {"synthetic-secret": secrets.token_urlsafe(48).encode() + b"\n"}).items():
        (running.folder / name).write_bytes(text)
    environment = {
        "PYTHONPATH": str(ROOT),
        "APP_LISTEN": f"127.0.0.1:{running.ports['app']}",
        "APP_METRICS_LISTEN": f"127.0.0.1:{running.ports['metrics']}",
        "APP_MONGODB_URI": f"mongodb://127.0.0.1:{running.ports['mongod']}/?replicaSet=rs0",
        "APP_REDIS_URI": f"redis://127.0.0.1:{running.ports['redis']}/0",
        "APP_FIELD_KEY_FILE": str(running.folder / "field-key"),
        "APP_JWT_KEY_FILE": str(running.folder / "jwt-key"),
        "APP_SYNTHETIC_SECRET_FILE": str(running.secret_file),
        "APP_DRAIN_DELAY": "0.1",
        "APP_SHUTDOWN_TIMEOUT": "1",
    }
    environment |= {f"APP_{name.upper()}": value for name, value in app_settings.items()}
    running.start("app", sys.executable, "-m", "app", env=environment)


def _start_edge(running: Clinic) -> None:
    app = f"127.0.0.1:{running.ports['app']}"
    environment = {
        "EDGE_BIND": f"127.0.0.1:{running.ports['edge']}",
        "EDGE_METRICS_BIND": f"127.0.0.1:{running.ports['edge-metrics']}",
        "APP_1": app,
        "APP_2": app,
    }
    running.start("edge", locate("haproxy"), "-db", "-f", str(ROOT / "deploy" / "haproxy.cfg"), env=environment)


def answers(url: str) -> bool:
    with contextlib.suppress(URLError, OSError), urlopen(url, timeout=2) as answer:  # noqa: S310  # our own address
        return bool(answer.status == 200)
    return False


def until(condition: Callable[[], object], within_s: float = 90) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends, "not in time"
        time.sleep(0.05)
