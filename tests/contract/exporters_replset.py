"""A replica set of two members and an arbiter, one more server to add to it, and one that belongs to no set."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from exporters.settings import Settings
from monitor.stack.programs import locate_mongod
from tests.contract.exporters_mongod import PASSWORD, Client
from tests.ports import free_ports

USERS: dict[str, list[Any]] = {
    "admin": ["root"],
    "exporters": ["clusterMonitor"],
    "nobody": [],
    "half": [{"role": "half", "db": "admin"}],
}
_HALF = [{"resource": {"cluster": True}, "actions": ["serverStatus"]}]
_LIMIT = 60.0


@dataclass(slots=True)
class Server:
    """One mongod, which may be stopped and started again."""

    folder: Path
    port: int
    options: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        where = ("--dbpath", str(self.folder), "--port", str(self.port), "--bind_ip", "127.0.0.1")
        small = ("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "16", "--logpath", str(self.folder / "log"))
        quiet = ("--logappend", "--setParameter", "diagnosticDataCollectionEnabled=false")
        command = [locate_mongod(), *where, *small, *quiet, *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def client(self, user: str | None = "admin") -> Client:
        return pymongo.MongoClient(
            f"mongodb://{self.name}/",
            username=user,
            password=PASSWORD if user else None,
            directConnection=True,
            timeoutMS=20_000,
        )


@dataclass(slots=True)
class Servers:
    """``first`` and ``second`` hold data, ``arbiter`` votes, ``spare`` waits to be added, ``alone`` has no password."""

    folder: Path
    first: Server
    second: Server
    arbiter: Server
    spare: Server
    alone: Server
    hosts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def all(self) -> tuple[Server, ...]:
        return (self.first, self.second, self.arbiter, self.spare, self.alone)

    def settings(
        self, *seeds: Server, user: str | None = "exporters", password: str = PASSWORD, **more: Any
    ) -> Settings:
        file = self.folder / f"password-{password}"
        file.write_text(password, encoding="utf-8")
        uri = f"mongodb://{','.join(server.name for server in seeds)}/"
        return Settings(
            mongodb_uri=uri, mongodb_username=user, mongodb_password_file=file if user is not None else None, **more
        )

    def primary(self) -> Server:
        """Wait until there is one that takes writes."""
        ends = time.monotonic() + _LIMIT
        while time.monotonic() < ends:
            for server in (self.first, self.second):
                with contextlib.suppress(PyMongoError), server.client() as client:
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return server
            time.sleep(0.05)
        raise AssertionError("nobody was elected")

    def secondary(self) -> Server:
        return self.second if self.primary() is self.first else self.first

    def reconfigure(self, members: list[dict[str, Any]]) -> None:
        with self.primary().client() as client:
            config = client.admin.command("replSetGetConfig")["config"]
            config |= {"version": config["version"] + 1, "members": members}
            client.admin.command("replSetReconfig", config)


@contextlib.contextmanager
def replset(folder: Path) -> Iterator[Servers]:
    names = ("first", "second", "arbiter", "spare", "alone")
    key = folder / "key"
    key.write_text("only0for0this0test", encoding="ascii")
    key.chmod(0o600)
    ports = free_ports(*names)
    secure = ("--replSet", "rs0", "--keyFile", str(key))
    first, second, arbiter, spare, alone = (
        Server(folder / name, ports[name], () if name == "alone" else secure) for name in names
    )
    servers = Servers(folder, first, second, arbiter, spare, alone)
    try:
        for server in servers.all:
            server.folder.mkdir()
            server.start()
        _initiate(servers)
        yield servers
    finally:
        for server in servers.all:
            server.end()


def _initiate(servers: Servers) -> None:
    servers.hosts = [
        {"_id": 0, "host": servers.first.name, "priority": 2},
        {"_id": 1, "host": servers.second.name},
        {"_id": 2, "host": servers.arbiter.name, "arbiterOnly": True},
    ]
    fast = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
    with servers.first.client(user=None) as plain:
        configuration = {"_id": "rs0", "members": servers.hosts, "settings": fast}
        _until_done(lambda: plain.admin.command("replSetInitiate", configuration))
        _until_done(lambda: plain.admin.command("createUser", "admin", pwd=PASSWORD, roles=USERS["admin"]))
    with servers.first.client() as admin:
        admin.admin.command("setDefaultRWConcern", 1, defaultWriteConcern={"w": 1})
        admin.admin.command("createRole", "half", privileges=_HALF, roles=[])
        for user, roles in USERS.items():
            if user != "admin":
                both = {"w": 2, "wtimeout": 20_000}
                admin.admin.command("createUser", user, pwd=PASSWORD, roles=roles, writeConcern=both)


def _until_done(step: Any) -> None:
    ends = time.monotonic() + _LIMIT
    while True:
        try:
            step()
        except PyMongoError:
            assert time.monotonic() < ends
            time.sleep(0.05)
        else:
            return
