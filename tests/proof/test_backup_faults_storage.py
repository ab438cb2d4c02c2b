"""Full disks, and storage that refuses, cuts, is slow or falls silent: told in a sentence, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor import backup
from tests.contract.backup_server import Place, small_disk
from tests.contract.object_store import ObjectStore
from tests.contract.oplog_restored import capture
from tests.proof.backup_faulty import SEED, sound, spans_of, whole
from tests.proof.backup_watched import Ledger, numbers_of, restored_copy, tell
from tests.proof.storage_weather import Coast, Weather

pytest_plugins = (
    "tests.contract.backup_fixtures",
    "tests.proof.backup_faulty_fixtures",
    "tests.contract.object_store_fixtures",
)
pytestmark = [pytest.mark.proof, pytest.mark.timeout(2700)]

LEASE_S = 150.0
"""A bucket's lease whose holder could not give it back ends after 120 s."""
LEFT_BYTES = 64 * 1024
"""On a disk that is full: some slices still find room."""


@contextmanager
def no_room(place: Place, how: str, store: Path) -> Iterator[Path]:
    """A disk of its own (root), which is filled, or files that may not grow."""
    if how == "disk":
        # What other tests left in the databases and in the oplog must find room, whatever was run before.
        with small_disk(store, "128m"):
            yield store
        return
    store.mkdir(exist_ok=True)
    yield store


@pytest.mark.parametrize("how", ["disk", "file size"])
def test_a_full_disk(sealed: Place, ledger: Ledger, tmp_path: Path, how: str) -> None:
    store = tmp_path / "store"
    store.mkdir()
    with ledger.writing(), no_room(sealed, how, store):
        place = sealed.changed(backup_store=str(store))
        assert backup.take(place.settings).outcome == "passed"
        capture(place)
        before = sound(place)
        filler = store / "filler"
        with filled(how, filler):
            ran = place.monitor("backup", "run", "--json")
            told = json.loads(ran.stdout)
            assert (ran.exit_code, told["outcome"]) == (1, "failed"), told
            assert "MB left" in told["reason"] or "cannot write" in told["reason"]
            assert sound(place) == before
            # Until even the smallest slice finds no room.
            deadline = time.monotonic() + 120
            while (captured := place.monitor("backup", "capture", "--once")).exit_code == 0:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert captured.exit_code in {1, 2, 3}, captured.output
            assert "monitor: " in captured.stderr
            assert "Traceback" not in captured.output
            assert spans_of(place.home.depot) == 1
        filler.unlink(missing_ok=True)
        again = place.monitor("backup", "capture", "--once", "--json")
        assert (again.exit_code, json.loads(again.stdout)["found"]) == (0, [])
        assert spans_of(place.home.depot) == 1
        assert place.monitor("backup", "prune", "--keep", "1").exit_code == 0
        if how == "file size":
            assert place.monitor("backup", "run").exit_code == 0
        owed = set(ledger.acknowledged)
        capture(place)
        with restored_copy(place.settings, tmp_path) as (copy, _):
            assert owed - numbers_of(copy) == set()
    tell(f"{how} full: backup and capture refused in a sentence, nothing lost of {len(owed)} writes")


@contextmanager
def filled(how: str, filler: Path) -> Iterator[None]:
    if how == "disk":
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(64 * 1024))
        os.truncate(filler, filler.stat().st_size - LEFT_BYTES)
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The monitor's own state file is larger already, and its journal may grow up to this.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_below_a_restore(sealed: Place, ledger: Ledger, tmp_path: Path) -> None:
    assert backup.take(sealed.settings).outcome == "passed"
    capture(sealed)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with small_disk(scratch, "24m"):
        ran = sealed.monitor("restore", "--at", "latest", "--scratch", str(scratch))
        assert ran.exit_code in {1, 3}, ran.output
        assert "Traceback" not in ran.output
        assert [path.name for path in scratch.iterdir()] == []
    assert sealed.monitor("restore", "--at", "latest").exit_code == 0


@pytest.fixture
def coast(object_store: ObjectStore) -> Iterator[Coast]:
    coast = Coast(object_store.url)
    yield coast
    coast.close()


@pytest.fixture
def in_bucket(sealed: Place, object_store: ObjectStore, coast: Coast) -> Place:
    name = f"faults-{random.SystemRandom().randrange(10**9)}"
    object_store.admin.create_bucket(Bucket=name)
    return sealed.changed(
        backup_store=f"s3://{name}/clinic",
        backup_endpoint_url=coast.url,
        backup_credentials_file=object_store.credentials(sealed.run_dir.parent),
        backup_prune_credentials_file=object_store.credentials(sealed.run_dir.parent, "pruner"),
    )


@pytest.mark.parametrize("weather", ["refusing", "cut", "slow", "silent"])
def test_storage_in_bad_weather(in_bucket: Place, ledger: Ledger, coast: Coast, weather: Weather) -> None:
    rng = random.Random(f"{SEED}-{weather}")
    place = in_bucket
    assert backup.take(place.settings).outcome == "passed"
    capture(place)
    said: list[str] = []
    with ledger.writing():
        for kind, size in (("run", 8_000_000), ("capture", 20_000)):
            coast.turn(weather, rng.randrange(size))
            command = ["run", "--json"] if kind == "run" else ["capture", "--once", "--json"]
            begun = time.monotonic()
            ran = place.monitor("backup", *command)
            said.append(f"{kind} {ran.exit_code} in {time.monotonic() - begun:.0f} s")
            assert "Traceback" not in ran.output
            assert ran.exit_code in ({0} if weather == "slow" else {0, 1, 3}), ran.output
            assert time.monotonic() - begun < 240, "every call has a deadline"
            coast.clear_up()
            sound(place)
            assert spans_of(place.home.depot) == 1
            succeed(place, command)
            sound(place)
        owed = set(ledger.acknowledged)
        again = place.monitor("backup", "capture", "--once", "--json")
        assert json.loads(again.stdout)["found"] == []
    assert spans_of(place.home.depot) == 1
    whole(place, owed)
    tell(f"storage {weather}: {', '.join(said)}; {len(owed)} writes, all there")


def succeed(place: Place, command: list[str]) -> None:
    """The next run succeeds, once the lease of one that could not give it back has ended."""
    deadline = time.monotonic() + LEASE_S
    while (ran := place.monitor("backup", *command)).exit_code != 0:
        assert ran.exit_code == 2, ran.output
        assert "is writing to" in ran.stderr
        assert time.monotonic() < deadline, ran.output
        time.sleep(3)
