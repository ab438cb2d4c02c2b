"""Indexes on a server that is slow to build them: none is begun again for ever, and only the guards are waited for."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from prometheus_client import CollectorRegistry
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from app.metrics import Metrics
from app.mongodb import Database, connect, ensure_guards, ensure_indexes
from app.settings import Settings
from monitor.stack.programs import locate_mongod
from tests.contract.clinic import answers, clinic, until
from tests.ports import free_ports

GUARDS = {"practitioner_cells", "patient_cells", "idempotency"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A mongod that can be told to be slow."""
    folder, port = tmp_path_factory.mktemp("mongod"), free_ports("mongod")["mongod"]
    where = ("--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket")
    more = ("--setParameter", "enableTestCommands=1", "--wiredTigerCacheSizeGB", "0.25", "--logpath", f"{folder}/log")
    process = subprocess.Popen([locate_mongod(), *where, *more], stdout=subprocess.DEVNULL)
    try:
        yield f"mongodb://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def slow(uri: str, milliseconds: int) -> Iterator[Any]:
    """Make the next attempt to create indexes take so long, and every one that a client gave up and repeats."""
    data = {"failCommands": ["createIndexes"], "blockConnection": True, "blockTimeMS": milliseconds}
    with pymongo.MongoClient[dict[str, Any]](uri, timeoutMS=20_000) as client:
        client.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
        try:
            yield client["appointments"]
        finally:
            client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@pytest.mark.parametrize(("ensure", "missing"), [(ensure_guards, {"status_start"}), (ensure_indexes, set())])
async def test_an_index_is_built_however_short_other_operations_are(uri: str, ensure: Any, missing: set[str]) -> None:
    settings = Settings(mongodb_uri=uri, operation_timeout=0.2, attempt_timeout=0.1)
    metrics = Metrics(CollectorRegistry(), version="0")
    async with connect(settings, metrics) as client:
        with slow(uri, 500) as data:
            data.client.drop_database("appointments")
            await ensure(Database(client, settings, metrics).data)
            names = set(data["appointments"].index_information())
    assert GUARDS | ({"status_start"} - missing) <= names
    assert not missing & names


def replaced(collection: Collection[dict[str, Any]], name: str) -> bool:
    """Whether another index has the name of one; the app, which looks for its own all the time, may be faster."""
    with contextlib.suppress(OperationFailure):
        collection.drop_index(name)
        collection.create_index("other", name=name)
        return True
    return False


def test_the_app_is_ready_while_an_index_that_guards_nothing_cannot_be_built(tmp_path: Path) -> None:
    # Begins as any other; then an index of the same name and another key stands in the way of the real one.
    with clinic(tmp_path, upkeep_interval="0.2", practitioners="5") as place:
        with place.database() as data:
            until(lambda: "status_start" in data["appointments"].index_information())
            data["appointments"].drop_index("practitioner_cells")
            until(lambda: replaced(data["appointments"], "status_start"))
            until(lambda: "practitioner_cells" in data["appointments"].index_information())
        until(lambda: [line for line in place.log("app") if line.get("job") == "indexes"])
        place.restart("app")
        until(lambda: answers(f"http://127.0.0.1:{place.ports['app']}/readyz"))
