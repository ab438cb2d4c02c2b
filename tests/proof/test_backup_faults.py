"""Backups, captures, prunings and restores are killed, run into full disks, bad storage and elections.

Whatever happens: nothing half is listed as good, the oplog's chain has no gap that is not said, and the next run of
the same command succeeds.

``PROOF_FAULTS_SEED`` with ``PROOF_FAULTS_FIRST`` take a proof up again at a trial; ``PROOF_FAULTS_TRIALS`` (50) is how
often is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pymongo
import pytest

from monitor import backup
from monitor.backup.depot import Depot
from monitor.backup.keys import Keyset
from monitor.backup.listing import list_backups
from monitor.backup.oplog import chain, owner
from monitor.backup.oplog.shelf import Shelf
from monitor.backup.progress import Progress
from monitor.backup.recovery import bases
from monitor.backup.scratch import PREFIX
from monitor.sources.mongodb import Client
from tests.conftest import EmbeddedStack, running_stack
from tests.contract.backup_server import Place, ReplicaSet, faults_of, small_disk
from tests.contract.exporters_replset import Server
from tests.contract.object_store import ObjectStore
from tests.contract.oplog_restored import capture
from tests.contract.telemetry_receivers import free_ports
from tests.proof.backup_watched import Ledger, Worker, await_true, numbers_of, restored_copy, tell
from tests.proof.storage_weather import Coast, Weather

pytest_plugins = ("tests.contract.backup_fixtures", "tests.contract.object_store_fixtures")
pytestmark = [pytest.mark.proof, pytest.mark.timeout(2700)]

TRIALS = int(os.environ.get("PROOF_FAULTS_TRIALS", "50"))
FIRST = int(os.environ.get("PROOF_FAULTS_FIRST", "0"))
SEED = os.environ.get("PROOF_FAULTS_SEED", str(time.time_ns()))
LEASE_S = 150.0
"""A bucket's lease whose holder could not give it back ends after 120 s."""
LEFT_BYTES = 64 * 1024
"""On a disk that is full: some slices still find room."""
MEMBERS = ("mongo-1", "mongo-2", "mongo-3")


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Three members of this proof's own: it kills them."""
    yield from running_stack(tmp_path_factory.mktemp("replica-set"), only=MEMBERS)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Server]:
    """A server of no set, to restore into."""
    folder = tmp_path / "alone"
    folder.mkdir()
    server = Server(folder, free_ports("alone")["alone"], ())
    server.start()
    yield server
    server.end()


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


# --- killed


@dataclass
class Killing:
    """What is killed, trial by trial, and how long each takes when it is not."""

    place: Place
    ledger: Ledger
    alone: Server
    took: dict[str, float] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    unharmed: Counter[str] = field(default_factory=Counter)

    def command(self, kind: str) -> list[str]:
        return {
            "backup": ["backup", "run", "--max-mb-per-second", "16"],
            "capture": ["backup", "capture", "--once"],
            "prune": ["backup", "prune", "--keep", "1"],
            "restore": ["restore", "--at", "latest", "--into", f"mongodb://{self.alone.name}/"],
        }[kind]

    def prepare(self, kind: str) -> None:
        if kind == "prune":
            for _ in range(2):
                assert backup.take(self.place.settings).outcome == "passed"
                capture(self.place)
        if kind == "restore":
            empty(self.alone.client(None))

    def run(self, kind: str) -> None:
        """Unharmed, and it has to succeed."""
        begun = time.monotonic()
        with self.place.spawn(*self.command(kind)) as process:
            _, told = process.communicate(timeout=120)
        assert process.returncode == 0, (kind, told)
        assert "gap" not in told
        self.took[kind] = time.monotonic() - begun

    def kill(self, kind: str, rng: random.Random) -> float:
        """Kill it, most often within what it does once Python has started."""
        after_s = rng.uniform(0.35, 1.0) * self.took[kind]
        process = self.place.spawn(*self.command(kind))
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            self.killed[kind] += 1
        else:
            self.unharmed[kind] += 1
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return after_s

    def look(self, kind: str) -> None:
        """After each: nothing half is good, nothing is missing, no server is left, and the same command succeeds."""
        before = sound(self.place)
        assert before
        assert spans_of(self.place.home.depot) == 1
        if kind == "restore" and self.is_restored():
            # It was killed when nothing was left to do: the next one needs an empty server again.
            empty(self.alone.client(None))
        self.run(kind)
        if kind == "backup":
            assert len(sound(self.place)) == len(before) + 1
        assert spans_of(self.place.home.depot) == 1
        assert not list(self.place.backups.glob(".tmp-*"))
        if kind == "restore":
            assert self.is_restored()
        assert scratch_servers(self.place.run_dir) == []

    def is_restored(self) -> bool:
        """Whether a restore has ended; then everything has to be there."""
        with self.alone.client(None) as there:
            names = there.list_database_names()
            if "shop" not in names or "monitor_restore" in names:
                return False
            assert there.shop.orders.count_documents({}) == 4000
            assert "text_1" in there.shop.orders.index_information()
            return True


def empty(client: Client) -> None:
    with client:
        for name in client.list_database_names():
            if name not in {"admin", "config", "local"}:
                client.drop_database(name)


def scratch_servers(below: Path) -> list[str]:
    """Scratch mongods that still run there."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if PREFIX in words and str(below) in words and "mongod" in words:
            found.append(words)
    return found


def killed_worker(sealed: Place, rng: random.Random, folder: Path) -> float:
    """`monitor work` in a new place makes a backup first thing, and captures: it is killed, and started again."""
    folder.mkdir()
    run_dir = folder / "run"
    place = replace(sealed, run_dir=run_dir, settings=replace(sealed.settings, run_dir=run_dir)).changed()
    worker = Worker(place)
    try:
        after_s = rng.uniform(1.5, 6)
        time.sleep(after_s)
        worker.kill_and_start()
        sound(place)
        await_true(lambda: sound(place), 60, "no backup is made after the worker was started again")
        await_true(lambda: (worker.recovery_point_age() or 999) < 60, 60, "nothing is captured")
        assert spans_of(place.home.depot) == 1
        assert worker.stop() == 0
        assert spans_of(place.home.depot) == 1
        assert scratch_servers(run_dir) == []
    finally:
        worker.kill()
    shutil.rmtree(folder)
    return after_s


def test_killed_at_fifty_moments(sealed: Place, ledger: Ledger, alone: Server, tmp_path: Path) -> None:
    killing = Killing(sealed, ledger, alone)
    kinds = ("backup", "capture", "prune", "restore", "work")
    begun = time.monotonic()
    with ledger.writing():
        for kind in ("backup", "capture", "prune", "restore"):
            killing.prepare(kind)
            killing.run(kind)
        for trial in range(FIRST, TRIALS):
            rng, kind = random.Random(f"{SEED}-{trial}"), kinds[trial % len(kinds)]
            where = f"PROOF_FAULTS_SEED={SEED} PROOF_FAULTS_FIRST={trial}: {kind}"
            try:
                if kind == "work":
                    killed_worker(sealed, rng, tmp_path / f"work-{trial}")
                    killing.killed[kind] += 1
                    continue
                killing.prepare(kind)
                killing.kill(kind, rng)
                killing.look(kind)
            except BaseException:
                tell(where)
                raise
    owed = set(ledger.acknowledged)
    capture(sealed)
    whole(sealed, owed)
    assert backup.verify(sealed.settings, sealed.home.newest()).outcome == "passed"
    took = time.monotonic() - begun
    tell(f"seed {SEED}: killed {dict(killing.killed)}, ended before {dict(killing.unharmed)}, in {took:.0f} s")
    tell(f"{len(owed)} acknowledged writes, all there after a restore; a history without a gap")
    assert sum(killing.killed.values()) >= 0.7 * (TRIALS - FIRST)


# --- full disks


@contextmanager
def no_room(place: Place, how: str, store: Path) -> Iterator[Path]:
    """A disk that is full but for half a megabyte (root), or files that may not grow beyond that."""
    if how == "disk":
        with small_disk(store, "24m"):
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


# --- storage


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


# --- elections


def _kill_primary(replica_set: EmbeddedStack, backup_set: ReplicaSet) -> None:
    addresses = {replica_set.layout.address(name): name for name in MEMBERS}
    replica_set.client.kill(addresses[backup_set.primary()])


def _wait_for_three(backup_set: ReplicaSet) -> None:
    def states() -> Counter[str]:
        members = backup_set.admin.admin.command("replSetGetStatus")["members"]
        return Counter(member["stateStr"] for member in members)

    await_true(lambda: states() == {"PRIMARY": 1, "SECONDARY": 2}, 60, "the set is not whole again")


def test_an_election_during_backup_and_capture(
    replica_set: EmbeddedStack, backup_set: ReplicaSet, sealed: Place, ledger: Ledger
) -> None:
    depot, stop = bases.depot_of(sealed.settings), threading.Event()
    rounds: list[bool] = []

    def run() -> None:
        owner.run(
            sealed.settings,
            depot,
            lambda: bases.newest_recovery_point(sealed.settings),
            every_s=1,
            stop=stop,
            watch=lambda done: rounds.append(done is not None),
        )

    def struck(kill: Callable[[], None]) -> Callable[[Progress], None]:
        struck: list[str] = []

        def look(progress: Progress) -> None:
            if progress.step == "reading" and progress.done > progress.total / 3 and not struck:
                struck.append(progress.step)
                kill()

        return look

    capturing = threading.Thread(target=run)
    with ledger.writing():
        capturing.start()
        try:
            for _ in range(3):
                _wait_for_three(backup_set)
                shows = struck(lambda: _kill_primary(replica_set, backup_set))
                record = backup.take(sealed.settings, progress=shows, max_bytes_per_second=8e6)
                assert record.outcome == "passed", record.reason
                assert sound(sealed)
        finally:
            _wait_for_three(backup_set)
            stop.set()
            capturing.join()
        owed = set(ledger.acknowledged)
        capture(sealed)
    shelf = Shelf(depot, "rs0")
    terms = {shelf.header(name).term for name in shelf.names()}
    assert spans_of(depot) == 1
    assert len(terms) >= 4
    whole(sealed, owed)
    failed = rounds.count(False)
    tell(f"3 elections during backups: terms {sorted(terms)}, {failed} of {len(rounds)} rounds failed, no gap")


def test_an_election_during_a_restore(sealed: Place, ledger: Ledger, tmp_path: Path) -> None:
    capture(sealed)
    assert backup.take(sealed.settings).outcome == "passed"
    with ledger.writing(writers=4):
        time.sleep(5)
    capture(sealed)
    rng, exits = random.Random(f"{SEED}-restore"), list[int | None]()
    with contextlib.contextmanager(running_stack)(tmp_path / "target", only=MEMBERS) as stack:
        file = stack.layout.mongodb_password("admin")
        login = ("--username", "admin", "--password-file", str(file))
        command = ["restore", "--at", "latest", "--into", stack.layout.mongodb_uri, *login]
        client: Client = pymongo.MongoClient(
            stack.layout.mongodb_uri, username="admin", password=file.read_text().strip()
        )
        with client:
            there = ReplicaSet(client, "", stack.settings)
            for _ in range(3):
                _wait_for_three(there)
                for name in ("shop", "ledger", "monitor_restore"):
                    client.drop_database(name)
                process = sealed.spawn(*command)
                await_true(lambda: "shop" in client.list_database_names(), 60, "nothing is restored")
                time.sleep(rng.uniform(0, 1))
                _kill_primary(stack, there)
                _, told = process.communicate(timeout=180)
                exits.append(process.returncode)
                if process.returncode:
                    assert process.returncode == 3, told
                    again = sealed.spawn(*command)
                    _, told = again.communicate(timeout=180)
                    assert again.returncode == 0, told
                assert client.shop.orders.count_documents({}) == 4000
                assert numbers_of(client) >= set(ledger.acknowledged)
    tell(f"elections during restores: exit codes {exits}, and 0 with the same command again; every document is there")
