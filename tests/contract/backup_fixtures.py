"""The fixtures of the backup tests, as a plugin that they name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymongo
import pytest

from monitor.settings import Settings
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place, ReplicaSet, write_place


@pytest.fixture(scope="session")
def backup_set(replica_set: Any) -> Iterator[ReplicaSet]:
    """The stack's replica set (an ``EmbeddedStack``), with a client that may do everything."""
    password = replica_set.layout.mongodb_password("admin").read_text().strip()
    admin: Client = pymongo.MongoClient(replica_set.layout.mongodb_uri, username="admin", password=password)
    with admin:
        yield ReplicaSet(admin, password, replica_set.settings)


@pytest.fixture
def place(backup_set: ReplicaSet, tmp_path: Path) -> Place:
    theirs = backup_set.settings
    return write_place(
        replace(
            Settings(run_dir=tmp_path / "run"),
            mongodb_uri=theirs.mongodb_uri,
            backup_password_file=theirs.backup_password_file,
            capture_username=theirs.capture_username,
            capture_password_file=theirs.capture_password_file,
            verify_username=theirs.verify_username,
            verify_password_file=theirs.verify_password_file,
            mongod=theirs.mongod,
            # What most tests look at and damage are plain files; the others are tried in test_backup_ways.
            backup_compression="none",
        )
    )


@pytest.fixture
def documents(backup_set: ReplicaSet) -> Iterator[ReplicaSet]:
    """A set that holds eight megabytes in one collection."""
    backup_set.drop_all()
    rows = [{"_id": n, "text": random.randbytes(2000).hex()} for n in range(2000)]
    backup_set.admin.shop.orders.insert_many(rows)
    yield backup_set
    backup_set.drop_all()
