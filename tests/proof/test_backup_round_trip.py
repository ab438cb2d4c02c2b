"""Three hundred megabytes of every kind of collection, written to meanwhile: backed up, restored, and equal.

Equal is said by a checker that shares nothing with the engine. Sealed files are searched for a patient who is in
every document of a collection.

``PROOF_ROUND_TRIP_MB`` (300) makes it smaller.
"""

from __future__ import annotations

import os
import random
import shutil
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard
from bson.timestamp import Timestamp
from pymongo.errors import PyMongoError

from monitor import backup
from monitor.backup.keys import Keyset
from monitor.backup.oplog import point
from tests.contract.backup_server import Place, ReplicaSet
from tests.contract.backup_shapes import drop_user_and_role, make_shapes
from tests.proof.backup_checker import catalogue, contents, view_rows
from tests.proof.backup_watched import restored_copy, tell

pytest_plugins = ("tests.contract.backup_fixtures",)
pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]

MEGABYTES = int(os.environ.get("PROOF_ROUND_TRIP_MB", "300"))
DATABASES = ("shop", "shapes")
CANARY = "Hypatia-of-Alexandria"
LARGE_BYTES = 15_900_000
PER_DOCUMENT = 2000
WORDS = textwrap.wrap(random.Random(1).randbytes(24_000).hex(), 12)


@pytest.fixture
def filled(backup_set: ReplicaSet) -> Iterator[ReplicaSet]:
    """One of everything, and much of something."""
    backup_set.drop_all()
    make_shapes(backup_set.admin)
    shop, rng = backup_set.admin.shop, random.Random(2)
    shop.large.insert_many([{"_id": n, "picture": rng.randbytes(LARGE_BYTES)} for n in range(2)])
    rest = MEGABYTES * 1_000_000 - 2 * LARGE_BYTES
    for first in range(0, rest // PER_DOCUMENT, 2000):
        shop.orders.insert_many([_order(number, rng) for number in range(first, first + 2000)])
    shop.orders.create_index([("customer", 1), ("at", -1)])
    shop.patients.insert_many([{"_id": n, "name": f"{CANARY} {n}", CANARY: n} for n in range(2000)])
    yield backup_set
    drop_user_and_role(backup_set.admin)
    backup_set.drop_all()


def _order(number: int, rng: random.Random) -> dict[str, object]:
    return {
        "_id": number,
        "customer": rng.randrange(10_000),
        "at": number * 7,
        "text": " ".join(rng.choices(WORDS, k=PER_DOCUMENT // 13)),
    }


@contextmanager
def written_to(backup_set: ReplicaSet, done: list[int]) -> Iterator[None]:
    """Inserts, updates and deletes in collections of several kinds; nothing that changes what collections there are."""
    stop = threading.Event()

    def write() -> None:
        rng, shop, shapes = random.Random(3), backup_set.admin.shop, backup_set.admin.shapes
        while not stop.wait(0.002):
            number = rng.randrange(MEGABYTES * 400)
            try:
                shop.orders.update_one({"_id": number}, {"$set": {"customer": rng.randrange(10_000)}})
                shop.orders.replace_one({"_id": -number}, _order(-number, rng), upsert=True)
                shop.orders.delete_one({"_id": rng.randrange(MEGABYTES * 400)})
                shapes.clustered.update_one({"_id": number}, {"$inc": {"n": 1}}, upsert=True)
                shapes.indexed.update_one({"_id": number % 50}, {"$set": {"s": f"words {number}"}})
            except PyMongoError:
                continue
            done.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def test_what_comes_back_is_what_was_there(filled: ReplicaSet, place: Place) -> None:
    Keyset.create().write(place.run_dir / "keys.json")
    keys, escrow = place.run_dir / "keys.json", place.run_dir / "escrow.json"
    shutil.copy(keys, escrow)
    sealed = place.changed(backup_compression="zstd", backup_keyset_file=keys, escrow_keyset_file=escrow)
    done: list[int] = []
    with written_to(filled, done):
        before = len(done)
        record = backup.take(sealed.settings)
        meanwhile = len(done) - before
        assert (record.outcome, record.reason) == ("passed", "")
        at = sealed.home.manifest(record.id).recovery_point
        there = contents(filled.admin, DATABASES, Timestamp(at.time, at.increment))
        kinds = catalogue(filled.admin, DATABASES)
    begun = time.monotonic()
    with restored_copy(sealed.settings, sealed.run_dir, point.text(at)) as (copy, made):
        took = time.monotonic() - begun
        assert (made.base.id, made.slices) == (record.id, ())
        back, described = contents(copy, DATABASES), catalogue(copy, DATABASES)
        assert view_rows(copy, "shapes", "view") == view_rows(filled.admin, "shapes", "view")
        assert copy.shapes.series.count_documents({}) == filled.admin.shapes.series.count_documents({})
    different = {name for name in there.keys() | back.keys() if there.get(name) != back.get(name)}
    assert different == set()
    assert {name for name in kinds if kinds[name] != described.get(name)} == set()
    assert kinds.keys() == described.keys()
    size = sum(content.bytes for content in there.values())
    documents = sum(content.documents for content in there.values())
    assert meanwhile > 0
    assert size > MEGABYTES * 0.9e6
    verdict = backup.verify(sealed.settings, record.id)
    assert (verdict.outcome, verdict.documents) == ("passed", record.documents)
    seconds, stored = record.duration_seconds, record.stored_bytes / 1e6
    tell(f"{size / 1e6:.0f} MB, {documents} documents, {len(kinds) - 2} collections; {meanwhile} writes meanwhile")
    tell(f"backed up in {seconds:.1f} s to {stored:.0f} MB, sealed; restored in {took:.1f} s; equal")
    assert hits(sealed.backups) == (0, 0)
    plain = place.changed(backup_compression="none", backup_store=str(place.run_dir / "plain"))
    plain = plain.changed(backup_keyset_file=None)
    assert backup.take(plain.settings).outcome == "passed"
    # As what is not sealed shows, the search finds what is there to be found.
    shown, _ = hits(plain.backups)
    assert shown >= 2000
    tell(f"{CANARY}: 0 hits in sealed files and names, {shown} in one that is not sealed")


def hits(store: Path) -> tuple[int, int]:
    """How often the patient is found in files (as they are, and unpacked where they can be), and in names."""
    wanted, files, names = CANARY.encode(), 0, 0
    for path in store.rglob("*"):
        names += CANARY in path.name
        if not path.is_file():
            continue
        content = path.read_bytes()
        files += content.count(wanted)
        try:
            files += zstandard.ZstdDecompressor().decompressobj().decompress(content).count(wanted)
        except zstandard.ZstdError:
            continue
    return files, names
