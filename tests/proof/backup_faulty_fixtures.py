"""The fixtures of the proofs of faults, as a plugin that they name."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator

import pytest

from monitor.backup.keys import Keyset
from tests.contract.backup_server import Place, ReplicaSet
from tests.proof.backup_watched import Ledger


@pytest.fixture
def ledger(backup_set: ReplicaSet) -> Iterator[Ledger]:
    """Sixteen megabytes that do not change, and writes that are noted."""
    backup_set.drop_all()
    backup_set.admin.drop_database("ledger")
    rows = [{"_id": n, "text": random.randbytes(2000).hex()} for n in range(4000)]
    backup_set.admin.shop.orders.insert_many(rows)
    backup_set.admin.shop.orders.create_index("text")
    yield Ledger(backup_set.admin)
    backup_set.drop_all()


@pytest.fixture
def sealed(place: Place) -> Place:
    Keyset.create().write(place.run_dir / "keys.json")
    keys, escrow = place.run_dir / "keys.json", place.run_dir / "escrow.json"
    shutil.copy(keys, escrow)
    return place.changed(backup_compression="zstd", backup_keyset_file=keys, escrow_keyset_file=escrow)
