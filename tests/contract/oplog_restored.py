"""Restores to an instant, and what then differs from what was read live at it."""

from __future__ import annotations

import time
from typing import Any

from monitor.backup import mongodump, scratch
from monitor.backup.erasures import Applied
from monitor.backup.oplog import owner, point
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.recovery import bases, plan
from monitor.backup.recovery.progress import Progress
from monitor.backup.recovery.run import Done, Entries, restore_into
from monitor.sources import mongodb
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place
from tests.contract.oplog_load import DATABASES, Seen, catalogue

NOBODY = Applied(erasures=0, removed=0)


def capture(place: Place) -> None:
    """Rounds, as `monitor work` does them, until all that was written before is captured.

    One is not always enough: a member hears a moment later that what it holds is on a majority.
    """
    settings, depot = place.settings, bases.depot_of(place.settings)
    with mongodb.connect(settings.mongodb_uri, *settings.capture_login()) as client:
        last = client.local["oplog.rs"].find_one(sort=[("$natural", -1)])
        replica_set = client.admin.command("hello")["setName"]
    assert last is not None
    deadline = time.monotonic() + 60
    with place.store() as store:
        newest = bases.newest_recovery_point(settings)
        while True:
            owner.once(settings, depot, store, lambda: newest)
            head = Shelf(depot, replica_set).newest()
            if head is not None and head.end >= point.of(last["ts"]):
                return
            assert time.monotonic() < deadline, f"captured up to {head}, and {last['ts']} was written"


def differences(copy: Client, seen: Seen) -> dict[str, Any]:
    """What is not there, not equal, or too much: by dbHash, options, indexes, users and roles."""
    found: dict[str, str] = {}
    for database in DATABASES:
        hashes = copy[database].command("dbHash")["collections"]
        found |= {f"{database}.{name}": digest for name, digest in hashes.items()}
    there = catalogue(copy)
    wrong: dict[str, Any] = {n: (found.get(n), told) for n, told in seen.digests.items() if found.get(n) != told}
    wrong |= {n: (there.get(n), told) for n, told in seen.catalogue.items() if there.get(n) != told}
    return wrong | {name: ("too much", there[name]) for name in there if name not in seen.catalogue}


def restored(place: Place, seen: Seen) -> tuple[dict[str, Any], Done]:
    """Restore to what was seen into a scratch server; returns what differs."""
    found = bases.bases(place.settings, None)
    shelf = Shelf(bases.depot_of(place.settings), found[-1].replica_set)
    made = plan.make(found, shelf, point.parse_target(point.text(seen.at)))
    with (
        bases.staged(place.settings, made.base, lambda _: None) as root,
        scratch.scratch_mongod(scratch.find_mongod(place.settings.mongod), place.run_dir) as copy,
    ):
        done = restore_into(
            copy,
            mongodump.read_dump(root),
            Entries(shelf, made.slices),
            Progress(copy, made.base.id, made.at, kept=False),
            begin=made.base.recovery_point,
            forget=lambda _: NOBODY,
            progress=lambda _: None,
        )
        return differences(copy, seen), done


def whole(client: Client) -> None:
    """See that all is there that the fixture ``history`` captured, and nothing that was written after it."""
    assert client.shop.orders.count_documents({"n": 3}) == 200
    assert sorted(client.shop.list_collection_names()) == ["kept0", "kept1", "kept2", "orders"]
    assert [client.shop[f"kept{n}"].count_documents({}) for n in range(3)] == [20, 20, 20]
    assert "n_1" in client.shop.orders.index_information()
