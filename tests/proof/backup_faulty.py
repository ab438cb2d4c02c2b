"""What the proofs of faults share: what must hold after any fault."""

from __future__ import annotations

import os
import time

from monitor.backup.depot import Depot
from monitor.backup.listing import list_backups
from monitor.backup.oplog import chain
from monitor.backup.oplog.shelf import Shelf
from tests.contract.backup_server import Place, faults_of
from tests.proof.backup_watched import numbers_of, restored_copy

SEED = os.environ.get("PROOF_FAULTS_SEED", str(time.time_ns()))
MEMBERS = ("mongo-1", "mongo-2", "mongo-3")


def sound(place: Place) -> set[str]:
    """Read every byte of every backup that is listed as good; returns which those are."""
    good = {listed.id for listed in list_backups(place.home) if listed.state == "complete"}
    for backup_id in good:
        assert faults_of(place.home, backup_id) == [], backup_id
    return good


def spans_of(depot: Depot) -> int:
    """Read every slice; returns how many histories they make: more than one is a gap."""
    shelf = Shelf(depot, "rs0")
    headers = [shelf.header(name) for name in shelf.names()]
    for header in headers:
        shelf.entries(header)
    return len(list(chain.spans(headers)))


def whole(place: Place, owed: set[int]) -> None:
    """A restore to the newest point has every write that was acknowledged before the last capture."""
    with restored_copy(place.settings, place.run_dir) as (copy, _):
        assert owed - numbers_of(copy) == set()
        assert copy.shop.orders.count_documents({}) == 4000
