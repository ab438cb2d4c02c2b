"""Twelve ways in which backups are wrong although every file is as written: verification fails, and names the fault."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from monitor import clock
from monitor.backup import erasures, manifest, scratch
from monitor.backup.keys import Keyset
from monitor.backup.model import Verification
from monitor.backup.oplog.point import Target
from monitor.backup.oplog.slices import parse_key
from monitor.backup.recovery import bases
from monitor.sources import signing_keys
from monitor.sources.mongodb import Client
from monitor.store import Store
from tests.contract.backup_server import next_second, write_place
from tests.contract.sabotage_ground import LONG_AGO, PASSWORD, Ground, furnish_with_history, ground


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """Three backups of a clinic with three patients."""
    with ground(tmp_path_factory.mktemp("clinic")) as made:
        await furnish_with_history(made)
        yield made


def codes(verdict: Verification) -> set[str]:
    assert verdict.outcome == "failed", (verdict.outcome, verdict.reason)
    return {fault.code for fault in verdict.faults}


def said(verdict: Verification) -> str:
    return "\n".join(map(str, verdict.faults))


def test_a_sound_backup_passes_every_step_by_the_command(kept: Ground) -> None:
    place = write_place(kept.settings)
    done = place.monitor("backup", "verify", "--random", "--seed", "3", "--json")
    verdict = json.loads(done.stdout)
    assert (done.exit_code, verdict["outcome"], verdict["faults"], verdict["reason"]) == (0, "passed", [], "")
    assert verdict["application"]["outcome"] == "passed"
    assert verdict["choice"]["seed"] == 3
    assert verdict["prediction"]["seconds"] > 0
    assert {"files", "start", "data", "indexes", "compare", "validate", "application"} <= set(verdict["steps"])
    assert verdict["restore_seconds"] > 0
    recorded = kept.store.get("verification", verdict["id"])
    assert recorded is not None
    assert recorded.body == verdict
    again = json.loads(place.monitor("backup", "verify", verdict["backup"], "--random", "--seed", "3", "--json").stdout)
    assert again["choice"]["point"] == verdict["choice"]["point"]


@pytest.mark.parametrize(
    "flags", [("--at", "latest", "--random"), ("--random", "--exact"), ("--seed", "3"), ("--at", "yesterday")]
)
def test_what_says_two_instants_or_none_is_refused(kept: Ground, flags: tuple[str, ...]) -> None:
    done = write_place(kept.settings).monitor("backup", "verify", *flags)
    assert (done.exit_code, done.stdout) == (2, "")


def test_what_was_not_captured_yet_is_unknown_not_damaged(kept: Ground) -> None:
    verdict = kept.verify(at=Target(instant=clock.now() + timedelta(hours=1)))
    assert (verdict.outcome, verdict.faults) == ("unknown", ())
    assert "was captured up to" in verdict.reason


def test_the_exact_proof_against_the_source_under_load(kept: Ground) -> None:
    """Writes go on all the while, transactions among them, and a collection is made, renamed and dropped."""
    with kept.capturing(), writing(kept.admin) as written:
        verdict = kept.verify(against_source=True)
    assert (verdict.outcome, verdict.faults, verdict.reason) == ("passed", (), "")
    proof = verdict.told["exact"]
    assert (proof["outcome"], proof["different_count"]) == ("equal", 0)
    assert set(proof["unknown"]) <= {"load.moved", "load.moving"}
    assert proof["equal"] >= 10
    assert verdict.told["choice"]["point"] == proof["point"]
    assert written[0] > 20


@contextmanager
def writing(admin: Client) -> Iterator[list[int]]:
    """Write to a database of its own, that goes with it; yields how often that was done."""
    stop, rounds = threading.Event(), [0]

    def write() -> None:
        load = admin.load
        while not stop.is_set():
            number = rounds[0] = rounds[0] + 1
            load.counts.insert_many([{"_id": number * 10 + n, "round": number} for n in range(10)])
            load.counts.update_many({"round": number - 1}, {"$inc": {"changed": 1}, "$push": {"when": number}})
            load.counts.delete_many({"round": number - 5})
            with admin.start_session() as session, session.start_transaction():
                load.counts.update_one({"_id": 10}, {"$set": {"n": number}}, upsert=True, session=session)
                load.pairs.update_one({"_id": 1}, {"$set": {"n": number}}, upsert=True, session=session)
            if number % 10 == 0:
                load.moving.insert_one({"n": number})
                load.moving.rename("moved", dropTarget=True)

    admin.load.pairs.insert_one({"_id": 0})
    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield rounds
    finally:
        stop.set()
        thread.join()
        admin.drop_database("load")


def test_an_empty_collection(kept: Ground) -> None:
    rows = list(kept.admin.bulk.visits.find())
    kept.admin.bulk.visits.delete_many({})
    with kept.spoiled() as backup_id:
        verdict = kept.verify(backup_id)
    kept.admin.bulk.visits.insert_many(rows)
    assert codes(verdict) == {"empty"}
    assert "bulk.visits is empty, usually 6" in said(verdict)


def test_a_stale_source(kept: Ground) -> None:
    """The backup is read from a server that has stood still for long; its oplog's clock goes on."""
    rows = list(kept.admin.bulk.visits.find())
    booked = list(kept.admin.appointments.appointments.find())
    old = LONG_AGO - timedelta(days=1)
    kept.admin.bulk.visits.delete_many({})
    kept.admin.bulk.visits.insert_many(
        [{"_id": ObjectId(ObjectId.from_datetime(old).binary[:4] + row["_id"].binary[4:])} for row in rows]
    )
    kept.admin.appointments.appointments.update_many({}, {"$set": {"created": old}})
    kept.verify(kept.home.ids()[0])
    with kept.spoiled() as backup_id:
        verdict = kept.verify(backup_id)
    kept.admin.bulk.visits.delete_many({})
    kept.admin.bulk.visits.insert_many(rows)
    for row in booked:
        kept.admin.appointments.appointments.replace_one({"_id": row["_id"]}, row)
    assert codes(verdict) == {"stale"}
    assert "older than that of an earlier backup" in said(verdict)


def test_the_wrong_database(kept: Ground) -> None:
    """The settings name another server: a set of the same name, with other data."""
    held = {name: kept.admin[name] for name in ("appointments", "bulk")}
    renamed: list[tuple[str, str]] = []
    for name, database in held.items():
        for collection in database.list_collection_names():
            kept.admin.admin.command(
                {"renameCollection": f"{name}.{collection}", "to": f"other_{name}.x{len(renamed)}"}
            )
            renamed.append((f"{name}.{collection}", f"other_{name}.x{len(renamed)}"))
    with kept.spoiled() as backup_id:
        verdict = kept.verify(backup_id)
    for original, other in renamed:
        kept.admin.admin.command({"renameCollection": other, "to": original})
    assert codes(verdict) == {"wrong-database"}
    assert "is it another database?" in said(verdict)


def test_users_missing(kept: Ground) -> None:
    kept.admin.admin.command({"dropUser": "clerk"})
    kept.admin.admin.command({"dropRole": "teller"})
    with kept.spoiled() as backup_id:
        verdict = kept.verify(backup_id)
    kept.admin.admin.command({"createRole": "teller", "roles": [{"role": "read", "db": "bulk"}], "privileges": []})
    kept.admin.admin.command({"createUser": "clerk", "pwd": PASSWORD, "roles": []})
    assert codes(verdict) == {"users", "roles"}
    assert "2 users, usually 3" in said(verdict)


def test_an_index_missing(kept: Ground) -> None:
    kept.admin.bulk.filler.drop_index("by_text")
    with kept.spoiled() as backup_id:
        verdict = kept.verify(backup_id)
    kept.admin.bulk.filler.create_index("text", name="by_text", sparse=True)
    assert codes(verdict) == {"indexes"}
    assert "bulk.filler: 1 indexes, usually 2" in said(verdict)


def test_size_halved(kept: Ground) -> None:
    """Nothing is missing by number, but what each document held is."""
    rows = list(kept.admin.bulk.filler.find())
    kept.admin.bulk.filler.update_many({}, {"$set": {"text": b"short"}})
    with kept.spoiled() as backup_id:
        verdict = kept.verify(backup_id)
    for row in rows:
        kept.admin.bulk.filler.replace_one({"_id": row["_id"]}, row)
    assert codes(verdict) == {"size"}
    assert "MB, usually" in said(verdict)


def test_documents_eaten_by_ttl_on_scratch(kept: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's mongod expires documents all the same: the copy is not what was restored."""
    original = scratch.scratch_mongod

    @contextmanager
    def with_ttl(*arguments: Any) -> Iterator[Any]:
        with original(*arguments) as client:
            client.admin.command({"setParameter": 1, "ttlMonitorSleepSecs": 1})
            client.admin.command({"setParameter": 1, "ttlMonitorEnabled": True})
            yield client

    monkeypatch.setattr(scratch, "scratch_mongod", with_ttl)
    verdict = kept.verify()
    assert codes(verdict) == {"expired"}


def test_the_key_vault_missing(kept: Ground) -> None:
    vault = kept.admin.encryption["__keyVault"]
    rows = list(vault.find())
    vault.delete_many({})
    with kept.spoiled() as backup_id:
        verdict = kept.verify(backup_id, application=True)
    vault.insert_many(rows)
    assert codes(verdict) == {"key-vault", "empty", "application"}
    assert "no data keys are in the copy" in said(verdict)
    assert "patient-fields" in said(verdict)


@pytest.fixture
def lost(kept: Ground, tmp_path: Path) -> Iterator[Ground]:
    """The store as a copy, that can be harmed."""
    place = tmp_path / "store"
    shutil.copytree(kept.settings.backups, place)
    state = tmp_path / "state"
    state.mkdir()
    # Somewhere else nothing is remembered of this store, but for what a test lets be.
    store = Store.migrate(state / "monitor.db")
    yield replace_settings(kept, store, backup_store=str(place), state_dir=state)
    store.close()


def replace_settings(there: Ground, store: Store, **settings: Any) -> Ground:
    return Ground(there.clinic, there.admin, replace(there.settings, **settings), store)


def slices(ground: Ground) -> list[Path]:
    """By time, which their names do not sort by: increments have as many digits as they need."""
    names = filter(None, map(parse_key, ground.depot.keys("oplog/rs0")))
    return [ground.settings.backups / name.key for name in sorted(names)]


def first(ground: Ground) -> str:
    """The backup that was taken first: those of one second have IDs in any order."""
    return min(ground.home.ids(), key=lambda backup_id: ground.home.manifest(backup_id).recovery_point)


def test_a_slice_missing(lost: Ground) -> None:
    slices(lost)[-2].unlink()
    verdict = lost.verify(first(lost), at=_latest())
    assert codes(verdict) == {"gap"}
    assert "is missing" in said(verdict)
    # It is none of the backup's faults: restores to what is there still begin with it.
    assert verdict.backup in {base.id for base in bases.bases(lost.settings, lost.store)}


def test_a_slice_missing_is_found_wherever_chance_leads(lost: Ground) -> None:
    slices(lost)[-2].unlink()
    verdict = lost.verify(by_chance=True, seed=1)
    assert codes(verdict) == {"gap"}


def test_a_slice_of_another_timeline(lost: Ground) -> None:
    """It bears the right times, and belongs to another history."""
    there = slices(lost)[-2]
    other = there.parent.with_name("000009-abcd") / there.name
    other.parent.mkdir()
    there.rename(other)
    verdict = lost.verify(first(lost), at=_latest())
    assert codes(verdict) <= {"gap", "slice"}
    # The same under the name of the one that is missing: sealed for another place, it does not open there.
    shutil.copy(other, there)
    assert lost.verify(first(lost), at=_latest()).outcome == "passed"
    shutil.copy(slices(lost)[0], there)
    assert codes(lost.verify(first(lost), at=_latest())) == {"slice"}


def test_an_older_state_put_back(kept: Ground, lost: Ground) -> None:
    """Everything in it is sound; only what is remembered outside tells that it is not the newest."""
    next_second()
    lost.take()
    lost.admin.bulk.visits.insert_one({"n": 200})
    lost.capture()
    assert lost.verify().outcome == "passed"
    shutil.rmtree(lost.settings.backups)
    shutil.copytree(kept.settings.backups, lost.settings.backups)
    verdict = lost.verify()
    assert codes(verdict) == {"put-back"}
    assert "was captured up to" in said(verdict)
    assert "was taken into this store, is the newest, and is gone" in said(verdict)


def test_an_older_manifest_put_back(lost: Ground) -> None:
    """The same backup, with the manifest that it had before: as whole as the one it has now."""
    taken = lost.take()
    there = lost.home.manifest(taken)
    older = replace(there, started_at=there.started_at - timedelta(hours=1))
    lost.depot.put(f"{taken}/{manifest.NAME}", [manifest.encode(older)])
    verdict = lost.verify(taken)
    assert codes(verdict) == {"put-back"}
    assert "not the manifest that was written" in said(verdict)


@pytest.fixture
def erased(lost: Ground, tmp_path: Path) -> tuple[Ground, str]:
    """One patient asked to be forgotten after the backups were taken."""
    private, public = tmp_path / "sign", tmp_path / "verify"
    signing_keys.make(private, public)
    ground = replace_settings(lost, lost.store, erasure_signing_key_file=private, erasure_verification_key_file=public)
    patient = next(iter(ground.admin.appointments.patients.find({}, {"_id": 1})))["_id"]
    erasures.add(
        ground.depot,
        [erasures.Subject(database="appointments", collection="patients", id=str(patient))],
        by="a test",
        why="asked for",
        keys=signing_keys.signer(private),
        exclusive=ground.home.exclusive("erasure"),
        store=ground.store,
    )
    return ground, str(patient)


def test_an_erased_patient_stays_erased(erased: tuple[Ground, str]) -> None:
    ground, _ = erased
    verdict = ground.verify(application=True)
    assert (verdict.outcome, verdict.faults, verdict.reason) == ("passed", (), "")
    assert verdict.told["erasures"]["erasures"] == 1


def test_an_erased_patient_who_came_back(erased: tuple[Ground, str], monkeypatch: pytest.MonkeyPatch) -> None:
    ground, patient = erased
    monkeypatch.setattr("monitor.backup.erasures.apply", lambda *_, **__: erasures.Applied(erasures=1, removed=0))
    verdict = ground.verify()
    assert codes(verdict) == {"erased"}
    assert patient not in said(verdict)


def test_the_newest_erasures_cut_off(erased: tuple[Ground, str]) -> None:
    ground, _ = erased
    for key in ground.depot.keys("erasures/"):
        ground.depot.delete(key)
    assert codes(ground.verify()) == {"erasures"}


def test_only_escrowed_keys_open(lost: Ground, tmp_path: Path) -> None:
    """With the live host's keys alone nothing is known; with an escrow copy of before a rotation, it fails."""
    unknown = replace_settings(lost, lost.store, escrow_keyset_file=None).verify()
    assert (unknown.outcome, unknown.faults) == ("unknown", ())
    assert "escrowed keys alone" in unknown.reason
    other = tmp_path / "other.json"
    Keyset.create().write(other)
    assert codes(replace_settings(lost, lost.store, escrow_keyset_file=other).verify()) == {"escrow"}


def _latest() -> Any:
    return Target()
