"""What the backup tests need of the stack's replica set: all rights on it, and run directories that point at it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pymongo
import pytest
from click.testing import CliRunner, Result
from pymongo.errors import AutoReconnect

from monitor.backup import BackupStore, open_store
from monitor.backup.staging import check_files, read_manifest
from monitor.cli import main
from monitor.errors import Fault
from monitor.settings import Settings
from monitor.sources.mongodb import Client
from monitor.store import Store

DATABASES = ("shop", "bank", "small", "shapes")
"""What these tests write to; nobody else does."""


@dataclass(frozen=True)
class ReplicaSet:
    """The set, a client with all rights, and the settings that ``monitor`` uses there."""

    admin: Client
    password: str
    settings: Settings

    def primary(self) -> str:
        return str(self.admin.admin.command("hello")["primary"])

    def on_each_member(self, command: dict[str, Any]) -> None:
        for address in self.addresses():
            with self._member(address) as member:
                member.admin.command(command)

    def read_by_a_backup(self) -> str:
        """Return the address of the member that a backup is reading now."""
        looking: list[dict[str, Any]] = [
            {"$currentOp": {"allUsers": True, "idleConnections": True}},
            {"$match": {"appName": "monitor", "effectiveUsers.user": "backup"}},
        ]
        for address in self.addresses():
            with self._member(address) as member:
                if member.admin.aggregate(looking).to_list():
                    return address
        raise AssertionError("nobody is being read")

    def addresses(self) -> list[str]:
        return list(self.admin.admin.command("hello")["hosts"])

    def _member(self, address: str) -> Client:
        return pymongo.MongoClient(
            f"mongodb://{address}/", username="admin", password=self.password, directConnection=True
        )

    def drop_all(self) -> None:
        for name in DATABASES:
            # After two seconds of standstill another primary is elected; the driver does not drop a second time.
            ends = time.monotonic() + 60
            while not self._dropped(name):
                assert time.monotonic() < ends
                time.sleep(0.1)

    def _dropped(self, name: str) -> bool:
        try:
            self.admin.drop_database(name)
        except AutoReconnect:
            return False
        return True


def faults_of(home: BackupStore, backup_id: str) -> list[Fault]:
    """Say what is wrong with the files of a backup."""
    faults: list[Fault] = []
    manifest = read_manifest(home, backup_id, faults.append)
    if manifest is not None:
        check_files(home, manifest, faults.append)
    return faults


@dataclass(frozen=True)
class Place:
    """A run directory whose settings point at the set, and the ``monitor`` command in it."""

    run_dir: Path
    settings: Settings

    @property
    def backups(self) -> Path:
        return self.settings.backups

    @property
    def home(self) -> BackupStore:
        return open_store(self.settings)

    @property
    def secret(self) -> str:
        assert self.settings.backup_password_file is not None
        return self.settings.backup_password_file.read_text().strip()

    def monitor(self, *arguments: str) -> Result:
        """Run the command in this process; faster than a new one."""
        return CliRunner().invoke(main, ["--run-dir", str(self.run_dir), *arguments], catch_exceptions=False)

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """Run the command as a process of its own, to be killed."""
        return subprocess.Popen(
            [sys.executable, "-m", "monitor", "--run-dir", str(self.run_dir), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def store(self) -> Store:
        return Store.open(self.settings.state, wait_s=0)

    def changed(self, **settings: Any) -> Place:
        """Return this place with other settings, in its file too."""
        return write_place(replace(self.settings, **settings))


def _toml(value: Any) -> str:
    return str(value) if isinstance(value, float) else json.dumps(str(value))


def write_place(settings: Settings) -> Place:
    run_dir = settings.run_dir
    run_dir.mkdir(mode=0o700, exist_ok=True)
    names = [field.name for field in fields(settings)]
    kept = ("mongo", "backup_", "capture_", "verify_", "escrow_", "offsite_", "erasure_")
    backups = [name for name in names if name.startswith(kept)]
    values = {name: getattr(settings, name) for name in backups}
    lines = [f"{name} = {_toml(value)}\n" for name, value in values.items() if value not in {None, ""}]
    (run_dir / "monitor.toml").write_text("".join(lines))
    Store.migrate(settings.state).close()
    return Place(run_dir, settings)


def next_second() -> None:
    """Wait until what is made now is the newer one: a backup's name tells seconds, within which there is no order."""
    time.sleep(1.001 - time.time() % 1)


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[None]:
    """Put a disk of that size at ``directory``; only root may."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)]
    done = subprocess.run(command, check=False, capture_output=True, text=True) if mount and umount else None
    if done is None or umount is None or done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here, which only root may: {done and done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([umount, str(directory)], check=True)
