"""Capturing a real oplog: killed, across elections and gaps, and against who puts older slices back."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from monitor import backup
from monitor.backup.depot import LocalDepot
from monitor.backup.model import ClusterTime
from monitor.backup.oplog import chain, entries, owner, point, slices, source
from monitor.backup.oplog.anchor import Memory
from monitor.backup.oplog.capture import Round
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.recovery import bases
from monitor.backup.recovery.target import connected
from monitor.catalogue.load import load
from monitor.errors import Unavailable, Unsafe
from monitor.settings import Settings
from monitor.work import capturing
from monitor.work.capturing import Capturing, reached
from tests.contract.backup_server import Place, write_place
from tests.contract.exporters_mongod import PASSWORD
from tests.contract.exporters_replset import Servers, replset

pytestmark = pytest.mark.timeout(240)

ROLES = ("backup", "clusterMonitor", "readAnyDatabase")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A set of two and an arbiter, with an oplog of 16 MB."""
    with replset(tmp_path_factory.mktemp("oplog")) as found:
        with found.first.client() as admin:
            both = {"w": 2, "wtimeout": 20_000}
            admin.admin.command("createUser", "backup", pwd=PASSWORD, roles=list(ROLES), writeConcern=both)
            restorer = ["restore", "readWriteAnyDatabase", "dbAdminAnyDatabase"]
            admin.admin.command("createUser", "restorer", pwd=PASSWORD, roles=restorer, writeConcern=both)
        yield found


@pytest.fixture
def place(servers: Servers, tmp_path: Path) -> Place:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    uri = f"mongodb://{servers.first.name},{servers.second.name}/?replicaSet=rs0"
    return write_place(replace(Settings(run_dir=tmp_path / "run"), mongodb_uri=uri, backup_password_file=secret))


@contextmanager
def writing(servers: Servers, pause_s: float = 0.001) -> Iterator[None]:
    """Write small documents, majority acknowledged, whoever is primary."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            try:
                with servers.primary().client() as client:
                    majority = client.shop.get_collection(
                        "orders", write_concern=WriteConcern("majority", wtimeout=9000)
                    )
                    while not stop.is_set():
                        majority.insert_one({"text": "x" * 100})
                        time.sleep(pause_s)
            except PyMongoError:
                time.sleep(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def captured(place: Place) -> Round:
    depot = bases.depot_of(place.settings)
    with place.store() as store, owner.alone(place.settings):
        return owner.once(place.settings, depot, store, lambda: bases.newest_recovery_point(place.settings))


def shelf_of(place: Place) -> Shelf:
    return Shelf(LocalDepot(place.backups), "rs0")


def written(place: Place) -> list[chain.Span]:
    shelf = shelf_of(place)
    return list(chain.spans(shelf.header(name) for name in shelf.names()))


MANY = 100
"""Entries, of which a slice that was lost or doubled would be some."""


def same_as_the_oplog(place: Place, span: chain.Span) -> int:
    """Hold every captured entry against the oplog's own; returns how many there are."""
    shelf = shelf_of(place)
    ours = [raw for header in span.slices for raw in slices.documents(shelf.entries(header))]
    with source.opened(place.settings, source.members(place.settings)[0]) as oplog:
        start = point.of(entries.parse(ours[0])["ts"])
        theirs = [raw for batch in oplog.read(start) for raw in slices.documents(batch)]
    assert ours == theirs[: len(ours)]
    return len(ours)


def test_a_capture_killed_at_any_moment_loses_nothing_and_doubles_nothing(servers: Servers, place: Place) -> None:
    captured(place)
    with writing(servers):
        for attempt in range(8):
            process = place.spawn("backup", "capture", "--once")
            with contextlib.suppress(subprocess.TimeoutExpired):
                # Starting Python takes most of it: the last ones are killed while they read and write.
                process.wait(0.5 + attempt * random.uniform(0.05, 0.2))
            process.kill()
            process.communicate()
        done = captured(place)
        # However little a busy machine wrote meanwhile.
        while sum(header.count for span in written(place) for header in span.slices) <= MANY:
            captured(place)
    assert done.found == []
    (span,) = written(place)
    assert same_as_the_oplog(place, span) > MANY


def test_an_election_changes_the_member_and_the_term_but_not_the_chain(servers: Servers, place: Place) -> None:
    before = captured(place).head
    assert before is not None
    primary = servers.primary()
    with writing(servers):
        captured(place)
        with primary.client() as client:
            # Its successor is the other: the arbiter holds no data.
            client.admin.command({"replSetStepDown": 20, "secondaryCatchUpPeriodSecs": 10})
        assert servers.primary() is not primary
        captured(place)
        primary.end()
        primary.start()
        servers.primary()
    done = _until_it_answers(place)
    assert done.head is not None
    assert done.head.term > before.term
    (span,) = written(place)
    assert {header.timeline for header in span.slices} == {before.timeline}
    same_as_the_oplog(place, span)


def _until_it_answers(place: Place) -> Round:
    ends = time.monotonic() + 60
    while True:
        try:
            return captured(place)
        except Unavailable:
            # A majority holds nothing new while one of two is away.
            assert time.monotonic() < ends
            time.sleep(0.2)


def test_what_the_oplog_lost_is_a_gap_that_is_said_and_not_restored_across(servers: Servers, place: Place) -> None:
    with servers.primary().client() as client:
        client.shop.orders.insert_one({"n": 1})
    old = _until_it_answers(place).head
    assert old is not None
    assert backup.take(place.settings).outcome == "passed"
    # As if the capture had stopped long ago: where it ended the oplog has nothing any more.
    long_ago = replace(old, begin=_earlier(old.begin), end=_earlier(old.end), timeline="000001-aaaa")
    shutil.rmtree(place.backups / "oplog")
    shelf_of(place).put(long_ago, b"")
    done = captured(place)
    assert done.head is not None
    # Other tests restored into this set: its oplog says so.
    assert {reason for reason, _ in done.found} - {"restored"} == {"put back", "gap"}
    assert done.head.timeline > long_ago.timeline
    (gap,) = chain.gaps(written(place))
    assert gap.after == long_ago.end
    inside = place.monitor("restore", "--at", point.text(replace(gap.before, increment=0)), "--dry-run")
    assert (inside.exit_code, "before the oldest backup" in inside.output) == (2, True)
    with place.store() as store:
        (note,) = [r.body for r in store.records("capture") if r.body["reason"] == "gap"]
        assert "cannot be restored" in note["sentence"]
    assert captured(place).found == []


def _earlier(moment: ClusterTime) -> ClusterTime:
    return replace(moment, time=moment.time - 100_000)


def test_an_entry_that_was_rolled_back_is_a_gap(servers: Servers, place: Place) -> None:
    old = _until_it_answers(place).head
    assert old is not None
    shutil.rmtree(place.backups / "oplog")
    shelf_of(place).put(replace(old, term=old.term + 1), b"")
    deadline = time.monotonic() + 60
    with writing(servers):
        # Nothing is amiss before something was written after it.
        while (done := captured(place)).found[-1:] and done.found[-1][0] != "gap":
            assert time.monotonic() < deadline, done.found
    assert done.found[-1][0] == "gap"
    assert done.head is not None
    assert done.head.timeline != old.timeline


def test_an_older_chain_put_back_is_noticed_and_made_whole_again(
    servers: Servers, place: Place, tmp_path: Path
) -> None:
    with writing(servers):
        captured(place)
        shutil.copytree(place.backups / "oplog", tmp_path / "kept")
        newest = captured(place).head
        assert newest is not None
    shutil.rmtree(place.backups / "oplog")
    shutil.copytree(tmp_path / "kept", place.backups / "oplog")
    assert backup.take(place.settings).outcome == "passed"
    refused = place.monitor("restore", "--at", point.text(newest.end), "--dry-run")
    assert refused.exit_code == 2
    with writing(servers):
        done = captured(place)
    assert [reason for reason, _ in done.found] == ["put back"]
    assert point.text(newest.end) in done.found[0][1]
    (span,) = written(place)
    same_as_the_oplog(place, span)
    assert captured(place).found == []


def test_a_chain_of_somebody_elses_is_noticed(servers: Servers, place: Place, tmp_path: Path) -> None:
    head = captured(place).head
    assert head is not None
    forged = replace(head, sha256="0" * 64)
    shelf_of(place).put(forged, b"")
    with writing(servers):
        time.sleep(0.2)
    assert [reason for reason, _ in captured(place).found] == ["put back"]


def test_only_one_captures_at_a_time(servers: Servers, place: Place) -> None:
    with owner.alone(place.settings):
        refused = place.monitor("backup", "capture", "--once")
    assert refused.exit_code == 2
    assert "monitor work" in refused.output
    with pytest.raises(Unsafe), owner.alone(place.settings), owner.alone(place.settings):
        raise AssertionError("two at once")


async def test_work_captures_by_itself_and_writes_a_last_slice(servers: Servers, place: Place) -> None:
    catalogue = load(None, "local")
    assert catalogue.recovery is not None
    running = Capturing(place.settings, catalogue)
    # Another test may have restored into this set just now, which begins a timeline; seconds are all that is compared,
    # and those of a backup are of the last that was written.
    await asyncio.sleep(2 - time.time() % 1)
    with servers.primary().client() as client:
        client.shop.get_collection("orders", write_concern=WriteConcern("majority")).insert_one({"after": "it"})
    assert backup.take(place.settings).outcome == "passed"
    listed = backup.list_backups(backup.open_store(place.settings))
    with place.store() as store:
        assert reached(capturing.captured(place.settings, store), listed) is None
        running.start()
        ends = time.monotonic() + 60
        while reached(capturing.captured(place.settings, store), listed) is None:
            assert time.monotonic() < ends
            await asyncio.sleep(0.05)
        with servers.primary().client() as client:
            client.shop.get_collection("orders", write_concern=WriteConcern("majority")).insert_one({"last": True})
            last = client.local["oplog.rs"].find_one({"ns": "shop.orders"}, sort=[("$natural", -1)])
        await running.stop()
        assert last is not None
        anchor = Memory(store, str(place.backups)).anchor("rs0")
        assert anchor is not None
        assert anchor.end >= point.of(last["ts"])
        assert reached(capturing.captured(place.settings, store), listed) == anchor.end.at


def test_a_restore_into_the_captured_set_begins_a_new_history(servers: Servers, place: Place, tmp_path: Path) -> None:
    with servers.primary().client() as client:
        client.drop_database("shop")
        majority = client.shop.get_collection("orders", write_concern=WriteConcern("majority"))
        majority.insert_many([{"_id": n} for n in range(50)])
        majority.create_index("n")
    captured(place)
    assert backup.take(place.settings).outcome == "passed"
    with servers.primary().client() as client:
        majority = client.shop.get_collection("orders", write_concern=WriteConcern("majority"))
        majority.update_many({}, {"$set": {"n": 1}})
        good = client.local["oplog.rs"].find_one({"ns": "shop.orders"}, sort=[("$natural", -1)])
        assert good is not None
        majority.delete_many({})
    before = captured(place).head
    uri = f"mongodb://{servers.first.name},{servers.second.name}/?replicaSet=rs0"
    login = ("--username", "restorer", "--password-file", str(place.settings.backup_password_file))
    what = ("restore", "--at", point.text(point.of(good["ts"])), "--into", uri, *login)
    hosts = f"{servers.first.name},{servers.second.name}"
    for missing in ((), ("--overwrite", "--confirm", hosts)):
        refused = place.monitor(*what, *missing)
        assert (refused.exit_code, "--i-mean-production" in refused.output) == (2, True)
    occupied = place.monitor(*what, "--i-mean-production")
    assert (occupied.exit_code, "is not empty" in occupied.output) == (2, True)
    unconfirmed = place.monitor(*what, "--i-mean-production", "--overwrite", "--confirm", "localhost:1")
    assert (unconfirmed.exit_code, "nothing was changed" in unconfirmed.output) == (2, True)
    done = place.monitor(*what, "--i-mean-production", "--overwrite", "--confirm", hosts)
    assert done.exit_code == 0, done.output
    with servers.primary().client() as client:
        assert client.shop.orders.count_documents({"n": 1}) == 50
        assert "n_1" in client.shop.orders.index_information()
        assert "monitor_restore" not in client.list_database_names()
    after = captured(place)
    assert {reason for reason, _ in after.found} == {"restored"}
    assert before is not None
    assert after.head is not None
    assert after.head.timeline > before.timeline
    refused = place.monitor("restore", "--at", "latest", "--dry-run")
    assert (refused.exit_code, "is missing" in refused.output) == (2, True)


def test_a_login_in_the_address_is_refused() -> None:
    with pytest.raises(Exception, match="--password-file") as refused, connected("mongodb://u:secret@h/", "", None):
        pass
    assert "secret" not in str(refused.value)
