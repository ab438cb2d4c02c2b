"""``monitor restore --dump``: directories of stock mongodump, whole and harmed."""

from __future__ import annotations

from pathlib import Path

import pytest
from bson import decode_all

from monitor import backup
from monitor.sources.mongodb import Client
from tests.contract.backup_server import Place
from tests.contract.dump_directory import dump_directory

pytest_plugins = ("tests.contract.backup_fixtures", "tests.contract.restore_fixtures")


@pytest.mark.parametrize("zipped", [False, True])
def test_a_stock_dump_is_restored_and_its_oplog_replayed(
    place: Place, empty: tuple[str, Client], tmp_path: Path, *, zipped: bool
) -> None:
    uri, client = empty
    dump = dump_directory(tmp_path / "dump", zipped=zipped)
    told = place.monitor("restore", "--dump", str(dump), "--dry-run")
    assert (told.exit_code, "2 collections, and an oplog" in told.output) == (0, True)
    done = place.monitor("restore", "--dump", str(dump), "--into", uri)
    assert done.exit_code == 0, done.output
    shop = client.shop
    rows = [(row["_id"], row["text"]) for row in shop.orders.find(sort=[("_id", 1)])]
    assert rows == [(0, "before"), (1, "before"), (2, "after"), (3, "known"), (4, "before")]
    assert sorted(shop.list_collection_names()) == ["few", "orders", "renamed", "system.views"]
    assert "x_1" in shop.renamed.index_information()
    assert shop.orders.index_information()["n_1"]["unique"] is True
    assert shop.few.count_documents({}) == 3


def test_a_dump_that_was_cut_off_says_where(place: Place, empty: tuple[str, Client], tmp_path: Path) -> None:
    for zipped in (False, True):
        dump = dump_directory(tmp_path / f"dump{zipped}", zipped=zipped)
        file = dump / "shop" / ("orders.bson.gz" if zipped else "orders.bson")
        file.write_bytes(file.read_bytes()[:-7])
        failed = place.monitor("restore", "--dump", str(dump))
        assert (failed.exit_code, str(file) in failed.output) == (2, True)


def test_a_dump_without_an_oplog_may_hold_a_document_twice(place: Place, tmp_path: Path) -> None:
    """As mongodump leaves it, which reads over a while; mongorestore takes it too."""
    dump = dump_directory(tmp_path / "dump", zipped=False)
    (dump / "oplog.bson").unlink()
    done = place.monitor("restore", "--dump", str(dump))
    assert (done.exit_code, "5 documents" in done.output) == (0, True), done.output


def test_an_oplog_that_is_none_is_refused(place: Place, tmp_path: Path) -> None:
    dump = dump_directory(tmp_path / "dump", zipped=False)
    (dump / "oplog.bson").write_bytes((dump / "shop" / "orders.bson").read_bytes())
    failed = place.monitor("restore", "--dump", str(dump))
    assert (failed.exit_code, "no entry of one" in failed.output) == (1, True), failed.output


def test_what_is_no_dump_is_refused(place: Place, tmp_path: Path) -> None:
    refused = place.monitor("restore", "--dump", str(tmp_path))
    assert (refused.exit_code, "is no mongodump directory" in refused.output) == (2, True)
    neither = place.monitor("restore")
    assert (neither.exit_code, "--at TIME, or --dump DIR" in neither.output) == (2, True)


def test_our_own_backup_is_a_stock_dump(history: str, place: Place, empty: tuple[str, Client]) -> None:
    (listed,) = backup.list_backups(backup.open_store(place.settings))
    dump = place.run_dir / "exported"
    assert place.monitor("backup", "export", listed.id, "--out", str(dump)).exit_code == 0
    assert place.monitor("restore", "--dump", str(dump), "--into", empty[0]).exit_code == 0
    ours = decode_all((dump / "shop" / "orders.bson").read_bytes())
    assert list(empty[1].shop.orders.find(sort=[("_id", 1)])) == ours
