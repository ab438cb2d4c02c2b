"""Erasures, configuration and sets, by the command, on a real replica set and a real Redis."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from monitor import clock
from monitor.backup import application, erasures, scratch
from monitor.backup.erasures import Subject
from monitor.sources import signing_keys
from monitor.stack.programs import locate
from tests.contract.backup_server import Place, ReplicaSet
from tests.ports import free_ports

pytest_plugins = ("tests.contract.backup_fixtures",)

PATIENT, OTHER = "a" * 32, "b" * 32
CANARY = "canary-birdsong"
SUBJECTS = ("--database", "appointments", "--collection", "patients")
SAID = ("--by", "dpo", "--why", "asked to be forgotten")


@pytest.fixture
def ready(place: Place, tmp_path: Path) -> Iterator[Place]:
    """A place with keys for erasures, and a Redis without users."""
    port = free_ports("redis")["redis"]
    folder = tmp_path / "redis"
    folder.mkdir()
    process = subprocess.Popen([locate("redis-server"), "--port", str(port), "--save", "", "--dir", str(folder)])
    signing_keys.make(tmp_path / "private", tmp_path / "public")
    file = place.run_dir / "monitor.toml"
    lines = [
        f'redis_uri = "redis://127.0.0.1:{port}/0"',
        f'erasure_signing_key_file = "{tmp_path / "private"}"',
        f'erasure_verification_key_file = "{tmp_path / "public"}"',
    ]
    file.write_text(file.read_text() + "\n".join(lines) + "\n")
    try:
        with redis_py.Redis(port=port) as client:
            _until_answers(client)
            # By default it waits 5 s for further replicas.
            client.config_set("repl-diskless-sync-delay", 0)
            client.set("a", "b")
        yield place
    finally:
        process.kill()
        process.wait()


def _until_answers(client: redis_py.Redis) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            client.ping()
        except redis_py.RedisError:
            assert time.monotonic() < ends
        else:
            return


@pytest.fixture
def noted(backup_set: ReplicaSet) -> Iterator[ReplicaSet]:
    """A set in which the app has noted an erasure, and has a key vault."""
    backup_set.admin.appointments.erasures.insert_one({"_id": PATIENT})
    backup_set.admin.encryption["__keyVault"].insert_one({"_id": 1, "keyMaterial": b"wrapped"})
    yield backup_set
    backup_set.admin.drop_database("appointments")
    backup_set.admin.drop_database("encryption")


def answer(place: Place, *arguments: str, code: int = 0) -> Any:
    result = place.monitor("backup", *arguments, "--json")
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout)


def test_whom_the_app_erased_is_in_the_list(ready: Place, noted: ReplicaSet) -> None:
    assert answer(ready, "erasure", "collect") == {"noted": 1, "added": 1}
    assert answer(ready, "erasure", "collect") == {"noted": 1, "added": 0}
    (added,) = answer(ready, "erasure", "add", *SUBJECTS, "--id", OTHER, *SAID)
    assert added["number"] == 2
    assert [row["id"] for row in answer(ready, "erasure", "list")] == [PATIENT, OTHER]
    (ready.backups / "erasures" / "00000002.json").unlink()
    cut = ready.monitor("backup", "erasure", "list")
    assert (cut.exit_code, "it was cut off" in cut.stderr) == (2, True)
    refused = ready.monitor("backup", "erasure", "add", *SUBJECTS, "--id", "Ada Lovelace", *SAID)
    assert (refused.exit_code, "Ada" in refused.stderr) == (2, False)


def test_an_erased_patient_does_not_come_back_by_a_restore(ready: Place, tmp_path: Path) -> None:
    for one in (PATIENT, OTHER):
        answer(ready, "erasure", "add", *SUBJECTS, "--id", one, *SAID)
    (tmp_path / "scratch").mkdir()
    with scratch.scratch_mongod(scratch.find_mongod(ready.settings.mongod), tmp_path / "scratch") as client:
        data = client.appointments
        data.patients.insert_many([{"_id": PATIENT, "name": "x"}, {"_id": "c" * 32, "name": "y"}])
        data.users.insert_one({"_id": "u", "patient": PATIENT})
        uri = application.target_of(client).uri
        entries = [_entry(PATIENT)]
        assert [one.subject.id for one in erasures.still_there(client, entries)] == [PATIENT]
        told = answer(ready, "erasure", "apply", "--mongodb", uri)
        assert told == {
            "erasures": 2,
            "removed": 1,
            "application": {"asked": 2, "patients": 1, "users": 1, "cancelled": 0},
        }
        assert erasures.still_there(client, entries) == ()
        assert [row["_id"] for row in data.patients.find()] == ["c" * 32]
        assert data.users.find_one() is None
        assert data.erasures.count_documents({}) == 2, "the app goes on erasing them"
        # Without a command of the application's, the subject itself goes all the same.
        data.patients.insert_one({"_id": PATIENT})
        assert erasures.apply(client, entries).removed == 1
        checked = application.check(("python", "-m", "app", "check"), application.target_of(client))
        assert checked.outcome == "failed"
        assert {one["name"] for one in checked.checks if one["outcome"] == "failed"} >= {"guards", "references"}


def _entry(patient: str) -> erasures.Erasure:
    subject = Subject(database="appointments", collection="patients", id=patient)
    return erasures.Erasure(number=1, at=clock.now(), subject=subject, by="x", why="y", previous="0" * 64)


def test_a_command_of_the_application_that_fails_is_not_taken_for_good() -> None:
    target = application.Target(uri="mongodb://127.0.0.1:1/")
    for command in (("false",), ("true",), ("/nonexistent",), (), ("sh", "-c", "echo '{\"checks\": 3}'")):
        assert application.check(command, target).outcome == ("failed" if command == ("false",) else "unknown")
    skipped = '{"checks": [{"name": "x", "outcome": "skipped"}]}'
    assert application.check(("sh", "-c", f"echo '{skipped}'"), target).outcome == "unknown"
    passed = '{"checks": [{"name": "x", "outcome": "passed", "checked": 1, "findings": []}]}'
    assert application.check(("sh", "-c", f"echo '{passed}'"), target).outcome == "passed"


def test_a_set_ties_one_instant_together(ready: Place, noted: ReplicaSet, tmp_path: Path) -> None:
    refused = ready.monitor("backup", "configuration", "--json")
    told = answer(ready, "set", "--without-secrets")
    assert (refused.exit_code, told["missing"], told["erasures"]) == (2, [], 1)
    assert all(told[part] for part in ("mongodb", "redis", "configuration"))
    shown = ready.monitor("backup", "set", "--show", told["id"])
    assert json.loads(shown.stdout) == told
    assert answer(ready, "verify", told["redis"])["outcome"] == "passed"
    dump = ready.monitor("backup", "redis", "--extract", "newest", "--out", str(tmp_path / "dump.rdb"))
    assert (dump.exit_code, (tmp_path / "dump.rdb").read_bytes()[:5]) == (0, b"REDIS")
    out = tmp_path / "out"
    answer(ready, "configuration", "--extract", "newest", "--out", str(out))
    assert json.loads((out / "mongodb/replica-set.json").read_text())["config"]["_id"] == "rs0"
    assert len(list(out.glob("mongodb/*/parameters.json"))) == 3
    assert json.loads((out / "mongodb/key-vault.json").read_text())[0]["_id"] == {"$numberInt": "1"}
    assert (out / "state/monitor.db").read_bytes().startswith(b"SQLite")
    text = b"".join(
        path.read_bytes() for path in ready.backups.rglob("*") if path.is_file() and "dump" not in path.parts
    )
    assert ready.secret.encode() not in text
    # The monitor's own memory is lost, and the list was cut off: the set remembers where it stood.
    ready.settings.state.unlink()
    (ready.backups / "erasures" / "00000001.json").unlink()
    cut = ready.monitor("backup", "erasure", "list")
    assert (cut.exit_code, "it was cut off" in cut.stderr) == (2, True)
    manifest = ready.backups / "redis" / told["redis"] / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    other = ready.monitor("backup", "set", "--show", told["id"])
    assert (other.exit_code, "is not the one that belongs to it" in other.stderr) == (2, True)


def test_in_a_sealed_store_secrets_are_kept_and_nothing_can_be_read(
    ready: Place, noted: ReplicaSet, tmp_path: Path
) -> None:
    keyset, state = tmp_path / "keyset", tmp_path / "terraform.tfstate"
    state.write_text(f'{{"password": "{CANARY}"}}')
    file = ready.run_dir / "monitor.toml"
    file.write_text(file.read_text() + f'backup_keyset_file = "{keyset}"\nstate_files = ["{state}"]\n')
    assert ready.monitor("backup", "keys", "create").exit_code == 0
    told = answer(ready, "set")
    assert told["missing"] == []
    assert answer(ready, "verify", told["redis"])["outcome"] == "passed"
    assert ready.monitor("backup", "set", "--show", told["id"]).exit_code == 0
    answer(ready, "erasure", "list")
    for path in (path for path in ready.backups.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not [word for word in (CANARY, PATIENT, "REDIS00") if word.encode() in content], path
    answer(ready, "configuration", "--extract", "newest", "--out", str(tmp_path / "out"))
    assert (tmp_path / "out/state/0/terraform.tfstate").read_bytes() == state.read_bytes()
    other = tmp_path / "other"
    ready.monitor("backup", "keys", "create", "--out", str(other))
    unknown = ready.monitor("backup", "verify", told["redis"], "--keyset", str(other), "--json")
    assert (unknown.exit_code, json.loads(unknown.stdout)["outcome"]) == (3, "unknown")


def test_a_part_that_fails_is_told_and_holds_up_none(ready: Place, noted: ReplicaSet) -> None:
    file = ready.run_dir / "monitor.toml"
    file.write_text(re.sub(r"redis://[^/]+", "redis://127.0.0.1:1", file.read_text()))
    told = answer(ready, "set", "--without-secrets", code=1)
    assert [reason.partition(":")[0] for reason in told["missing"]] == ["redis"]
    assert told["redis"] is None
    assert told["mongodb"]
