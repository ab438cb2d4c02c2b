"""A MongoDB to be watched: a replica set with users, as it is in production, and as many collections as an arm asks."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from benchmarks.exporters.processes import free_port, running
from monitor.stack.programs import locate_mongod

SET = "rs0"
USER = "exporters"
_PRIMARY_WITHIN = 40.0
_ROLES = [{"role": "clusterMonitor", "db": "admin"}, {"role": "readAnyDatabase", "db": "admin"}]
_DOCUMENTS = 20

Admin = MongoClient[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class MongodbServer:
    """A running replica set; ``pid`` is its first member's, which is the one that peers are pointed at."""

    ports: tuple[int, ...]
    pid: int
    admin: Admin
    password_file: Path

    @property
    def uri(self) -> str:
        return f"mongodb://{','.join(f'127.0.0.1:{port}' for port in self.ports)}/?replicaSet={SET}"

    @property
    def password(self) -> str:
        return self.password_file.read_text(encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Return what our exporters need to log in."""
        return {"EXPORTERS_MONGODB_USERNAME": USER, "EXPORTERS_MONGODB_PASSWORD_FILE": str(self.password_file)}

    def fill(self, databases: int, collections: int, *, with_index: bool = True) -> None:
        """Have ``databases`` databases with ``collections`` collections altogether; what is there is kept."""
        for number in range(collections):
            collection = self.admin[f"clinic_{number % databases}"][f"things_{number // databases}"]
            if collection.estimated_document_count() == 0:
                collection.insert_many([{"number": n, "text": "x" * 100} for n in range(_DOCUMENTS)])
                if with_index:  # which takes longer than everything else about a collection
                    collection.create_index("number")
                collection.find_one({"number": 3})

    def bill(self) -> tuple[float, float]:
        """Return connections accepted and commands run so far."""
        status = self.admin.admin.command("serverStatus", metrics={"commands": True})
        commands = sum(
            int(counts["total"])
            for name, counts in status["metrics"]["commands"].items()
            # The members' own talk, and what drivers ask to see that the server still lives.
            if isinstance(counts, dict)
            and name not in {"hello", "isMaster", "replSetHeartbeat", "replSetUpdatePosition"}
        )
        return float(status["connections"]["totalCreated"]), float(commands)

    @property
    def own_commands(self) -> int:
        """How many commands asking for the bill takes."""
        return 1


@contextlib.contextmanager
def mongodb_server(place: Path, *, members: int = 1) -> Iterator[MongodbServer]:
    """Run a replica set with a user for exporters."""
    place.mkdir(parents=True, exist_ok=True)
    keyfile, password = _secret(place / "keyfile"), _secret(place / "password")
    with contextlib.ExitStack() as stack:
        ports, pids = [], []
        for number in range(members):
            port, data = free_port(), place / f"member-{number}"
            data.mkdir(exist_ok=True)
            flags = (
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
                "--wiredTigerCacheSizeGB",
                "0.25",
                "--oplogSize",
                "128",
            )
            started = running(
                (
                    locate_mongod(),
                    "--port",
                    str(port),
                    "--dbpath",
                    data,
                    "--replSet",
                    SET,
                    "--keyFile",
                    keyfile,
                    *flags,
                ),
                port,
                place / f"member-{number}.log",
            )
            pids.append(stack.enter_context(started).pid)
            ports.append(port)
        _establish(ports, password.read_text(encoding="utf-8"))
        admin: Admin = stack.enter_context(
            MongoClient(
                port=ports[0],
                directConnection=True,
                username="admin",
                password=password.read_text(encoding="utf-8"),
                maxPoolSize=1,
            )
        )
        yield MongodbServer(tuple(ports), pids[0], admin, password)


def _secret(file: Path) -> Path:
    file.write_text(secrets.token_hex(32), encoding="utf-8")
    file.chmod(0o600)
    return file


def _establish(ports: list[int], password: str) -> None:
    """Make the set and its users, through the exception that MongoDB makes for localhost until there is one."""
    configuration = {
        "_id": SET,
        # The first is preferred: peers are pointed at one member, and should meet the same one in each run.
        "members": [
            {"_id": number, "host": f"127.0.0.1:{port}", "priority": 2 if number == 0 else 1}
            for number, port in enumerate(ports)
        ],
        "settings": {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 1000},
    }
    client: Admin = MongoClient(port=ports[0], directConnection=True)
    with client:
        client.admin.command("replSetInitiate", configuration)
        ends = time.monotonic() + _PRIMARY_WITHIN
        while not client.admin.command("hello").get("isWritablePrimary"):
            if time.monotonic() > ends:
                raise RuntimeError(f"no primary within {_PRIMARY_WITHIN:.0f} s")
            time.sleep(0.1)
        client.admin.command("createUser", "admin", pwd=password, roles=["root"])
    ready: Admin = MongoClient(port=ports[0], directConnection=True, username="admin", password=password)
    with ready:
        while True:
            try:
                ready.admin.command("createUser", USER, pwd=password, roles=_ROLES, writeConcern={"w": len(ports)})
            except PyMongoError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.2)
            else:
                return
