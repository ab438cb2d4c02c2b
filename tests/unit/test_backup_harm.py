"""Whatever is done to a sealed backup in its store is found: a thousand trials are a proof, these are their sample."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.backup.compression import Compression
from monitor.backup.keys import Keyset
from monitor.backup.staging import BackupDamaged, check_files, read_manifest, staged
from monitor.backup.storage import LocalStore
from monitor.errors import Fault
from tests.made_manifests import made_manifest

ID = "20261122T100000Z-full-0001"
OTHER = "20261122T110000Z-full-0002"
KEYS = Keyset.create().rotated()
TRIALS = 25


def take(home: LocalStore, backup_id: str, compression: Compression) -> Path:
    """Make a backup of a few files, as a run does."""
    with home.exclusive("test"), home.draft(backup_id, compression) as draft:
        files = tuple(
            draft.write(f"dump/shop/{name}.bson", [random.randbytes(size // 2), bytes(size // 2)])
            for name, size in (("orders", 60_000), ("patients", 60_000), ("empty", 0), ("one", 2))
        )
        draft.publish(made_manifest(backup_id, files, compression=draft.compression, key_id=draft.key_id))
    return home.directory / backup_id


def faults_of(home: LocalStore) -> list[Fault]:
    faults: list[Fault] = []
    manifest = read_manifest(home, ID, faults.append)
    if manifest is not None:
        check_files(home, manifest, faults.append)
    return faults


def flip(files: list[Path], _: Path) -> None:
    file = random.choice([each for each in files if each.stat().st_size])
    content = bytearray(file.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    file.write_bytes(content)


def flip_in_a_head(files: list[Path], _: Path) -> None:
    file = random.choice([each for each in files if each.stat().st_size])
    content = bytearray(file.read_bytes())
    content[random.randrange(min(12, len(content)))] ^= 1 << random.randrange(8)
    file.write_bytes(content)


def cut(files: list[Path], _: Path) -> None:
    file = random.choice([each for each in files if each.stat().st_size])
    file.write_bytes(file.read_bytes()[: random.randrange(file.stat().st_size)])


def lengthen(files: list[Path], _: Path) -> None:
    file = random.choice(files)
    file.write_bytes(file.read_bytes() + random.randbytes(random.randint(1, 99)))


def swap(files: list[Path], _: Path) -> None:
    one, two = random.sample(files, 2)
    contents = one.read_bytes(), two.read_bytes()
    two.write_bytes(contents[0])
    one.write_bytes(contents[1])


def take_from_another(files: list[Path], other: Path) -> None:
    file = random.choice([each for each in files if each.stat().st_size])
    file.write_bytes((other / file.relative_to(other.parent / ID)).read_bytes())


def lose(files: list[Path], _: Path) -> None:
    random.choice(files).unlink()


def add(files: list[Path], _: Path) -> None:
    files[0].with_name("more.bson").write_bytes(b"")


HARMS = (flip, flip_in_a_head, cut, lengthen, swap, take_from_another, lose, add)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_harm_is_found(tmp_path: Path, harm: Callable[[list[Path], Path], None]) -> None:
    home = LocalStore(tmp_path / "store", KEYS)
    taken, other = take(home, ID, "zstd"), take(home, OTHER, "zstd")
    assert faults_of(home) == []
    whole = {file: file.read_bytes() for file in taken.rglob("*") if file.is_file()}
    for trial in range(TRIALS):
        harm(sorted(whole), other)
        assert faults_of(home), f"{harm.__name__} {trial}"
        for file in taken.rglob("*"):
            if file.is_file() and file not in whole:
                file.unlink()
        for file, content in whole.items():
            file.write_bytes(content)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_what_is_staged_is_plain_and_goes_again(tmp_path: Path, compression: Compression) -> None:
    home = LocalStore(tmp_path / "store", KEYS)
    take(home, ID, compression)
    with staged(home, ID, tmp_path) as dump:
        assert {file.name: file.stat().st_size for file in (dump / "shop").iterdir()} == {
            "orders.bson": 60_000,
            "patients.bson": 60_000,
            "empty.bson": 0,
            "one.bson": 2,
        }
        assert tmp_path in dump.parents
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_what_is_plain_is_checked_where_it_lies(tmp_path: Path) -> None:
    home = LocalStore(tmp_path / "store")
    taken = take(home, ID, "none")
    with staged(home, ID, tmp_path) as dump:
        assert dump == taken / "dump"
    (taken / "dump/shop/one.bson").write_bytes(b"xx")
    with pytest.raises(BackupDamaged, match=r"dump/shop/one.bson"), staged(home, ID, tmp_path):
        pytest.fail("damaged bytes were handed out")
