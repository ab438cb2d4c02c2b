"""A mongod of its own with three users, for what an embedded stack is too much for: one member, authentication on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from exporters.settings import Settings
from monitor.stack.programs import locate_mongod
from tests.ports import free_ports

PASSWORD = "only-for-this-test"
Client = pymongo.MongoClient[dict[str, Any]]
ROLES: dict[str, list[Any]] = {
    "exporters": [{"role": "clusterMonitor", "db": "admin"}],
    "stranger": [{"role": "read", "db": "clinic"}],
}


@dataclass(slots=True)
class Mongod:
    """A running server."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    def client(self, user: str = "admin") -> Client:
        return pymongo.MongoClient(
            f"mongodb://{self.name}/", username=user, password=PASSWORD, directConnection=True, timeoutMS=20_000
        )

    def settings(self, user: str = "exporters", **more: Any) -> Settings:
        file = self.folder / "password"
        file.write_text(PASSWORD, encoding="utf-8")
        return Settings(
            mongodb_uri=f"mongodb://{self.name}/", mongodb_username=user, mongodb_password_file=file, **more
        )

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def mongod(folder: Path) -> Iterator[Mongod]:
    """Run a replica set of one, with the administrator ``admin`` and the users of ``ROLES``."""
    port = free_ports("mongod")["mongod"]
    key = folder / "key"
    key.write_text("only0for0this0test", encoding="ascii")
    key.chmod(0o600)
    (folder / "data").mkdir()
    where = ("--dbpath", str(folder / "data"), "--port", str(port), "--bind_ip", "127.0.0.1")
    small = ("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "16", "--logpath", str(folder / "log"))
    secure = ("--replSet", "rs0", "--keyFile", str(key), "--setParameter", "diagnosticDataCollectionEnabled=false")
    process = subprocess.Popen([locate_mongod(), *where, *small, *secure], stdout=subprocess.DEVNULL)
    try:
        _prepare(port)
        yield Mongod(folder, port, process)
    finally:
        process.terminate()
        process.wait(60)


def _prepare(port: int) -> None:
    plain: Client
    with pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/", directConnection=True, timeoutMS=20_000) as plain:
        member = {"_id": 0, "host": f"127.0.0.1:{port}"}
        plain.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        ends = time.monotonic() + 60
        while True:
            try:
                plain.admin.command("createUser", "admin", pwd=PASSWORD, roles=["root"])
                break
            except PyMongoError:
                assert time.monotonic() < ends, "it did not become a primary"
                time.sleep(0.05)
    admin: Client
    with pymongo.MongoClient(
        f"mongodb://127.0.0.1:{port}/", username="admin", password=PASSWORD, directConnection=True
    ) as admin:
        for user, roles in ROLES.items():
            admin.admin.command("createUser", user, pwd=PASSWORD, roles=roles)


def fill(client: Client, database: str, collections: int) -> None:
    """Make that many collections, the later ones larger, each with a document and an index of its own."""

    def one(number: int) -> None:
        collection = client[database][f"c{number:04}"]
        collection.insert_one({"at": number, "text": "x" * number})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(collections)))
