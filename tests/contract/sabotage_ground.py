"""What the sabotage tests stand on: a real clinic with patients, three backups of it, and its oplog in slices."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pymongo

from monitor import backup
from monitor.backup.backup_store import BackupStore
from monitor.backup.depot import Depot
from monitor.backup.keys import Keyset
from monitor.backup.model import Verification
from monitor.backup.opening import open_store
from monitor.backup.oplog import owner
from monitor.catalogue.load import load
from monitor.catalogue.model import Recovery
from monitor.settings import Settings
from monitor.sources.mongodb import Client
from monitor.store import Store
from tests.contract.app_api import Person, working_day
from tests.contract.clinic import Clinic, clinic

PASSWORD = "of a backup that is verified"
ROLES = ("backup", "clusterMonitor", "readAnyDatabase")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def promised() -> Recovery:
    found = load(None, "local").recovery
    assert found is not None
    return found


@dataclass(slots=True)
class Ground:
    """The clinic's server, where its backups go, and what verification is told."""

    clinic: Clinic
    admin: Client
    settings: Settings
    store: Store
    recovery: Recovery = field(default_factory=promised)

    @property
    def home(self) -> BackupStore:
        return open_store(self.settings)

    @property
    def depot(self) -> Depot:
        return self.home.depot

    def take(self) -> str:
        taken = backup.take(self.settings, store=self.store)
        assert taken.outcome == "passed", taken.reason
        return taken.id

    def capture(self) -> None:
        with owner.alone(self.settings):
            owner.once(self.settings, self.depot, self.store, lambda: None)

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Capture meanwhile, as `monitor work` does."""
        stop = threading.Event()
        run = partial(owner.run, self.settings, self.depot, lambda: None, every_s=0.3, stop=stop)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def verify(self, backup_id: str | None = None, *, application: bool = False, **how: Any) -> Verification:
        recovery = self.recovery if application else replace(self.recovery, application_check=())
        return backup.verify(self.settings, backup_id, recovery=recovery, store=how.pop("store", self.store), **how)

    @contextmanager
    def spoiled(self) -> Iterator[str]:
        """Take a backup of a source that was harmed; it goes again, and is forgotten."""
        store = Store.migrate(self.settings.state.with_name("spoiled.db"))
        taken = backup.take(self.settings, store=store)
        store.close()
        try:
            yield taken.id
        finally:
            assert self.home.remove(taken.id)


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    # Upkeep would repair, or hold against the data, what these tests break.
    with clinic(folder, upkeep_interval="3600", practitioners="5") as running:
        admin: Client = pymongo.MongoClient(f"mongodb://127.0.0.1:{running.ports['mongod']}/?replicaSet=rs0")
        with admin:
            _furnish(admin)
            settings = _settings(folder, running)
            store = Store.migrate(settings.state)
            yield Ground(running, admin, settings, store)
            store.close()


def _furnish(admin: Client) -> None:
    """Give the server what can be lost: users and roles, bulk, indexes, and documents that are due to expire."""
    admin.admin.command({"setParameter": 1, "ttlMonitorEnabled": False})
    admin.admin.command({"createRole": "teller", "roles": [{"role": "read", "db": "bulk"}], "privileges": []})
    for name in ("backup", "clerk", "teller"):
        admin.admin.command({"createUser": name, "pwd": PASSWORD, "roles": list(ROLES) if name == "backup" else []})
    chance = Random(6)
    admin.bulk.filler.insert_many([{"_id": n, "text": chance.randbytes(8000)} for n in range(200)])
    admin.bulk.filler.create_index("text", name="by_text", sparse=True)
    admin.bulk.sessions.insert_many([{"_id": n, "at": LONG_AGO + timedelta(seconds=n)} for n in range(50)])
    admin.bulk.sessions.create_index("at", name="gone_after_a_day", expireAfterSeconds=86_400)
    # Their ids say when they were made: now.
    admin.bulk.visits.insert_many([{"n": n} for n in range(60)])


def _settings(folder: Path, running: Clinic) -> Settings:
    password = folder / "backup-password"
    password.write_text(PASSWORD)
    live, escrow, field_key = folder / "keyset.json", folder / "escrow" / "keyset.json", folder / "escrow" / "field-key"
    Keyset.create().write(live)
    escrow.parent.mkdir()
    shutil.copy(live, escrow)
    shutil.copy(running.folder / "field-key", field_key)
    return replace(
        Settings(run_dir=folder / "run"),
        mongodb_uri=f"mongodb://127.0.0.1:{running.ports['mongod']}/?replicaSet=rs0",
        backup_password_file=password,
        backup_keyset_file=live,
        escrow_keyset_file=escrow,
        escrow_field_key_file=field_key,
        mongod=running.started["mongod"][0][0],
    )


async def furnish_with_history(made: Ground) -> None:
    """Book appointments, and take three backups with the oplog from before the first to after the last."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(12)) as session:
        for number in range(1, 4):
            person = await Person(session, made.clinic.edge).join()
            await person.book((await person.free(f"practitioner-0{number}", working_day(2)))[0])
    made.capture()
    for number in range(3):
        made.take()
        made.admin.bulk.visits.insert_one({"n": 100 + number})
        made.capture()
