"""Sealed objects: nobody reads them without the key, and nobody changes, cuts or swaps them unnoticed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.backup.depot import Damaged, LocalDepot
from monitor.backup.keys import Keyset
from monitor.backup.sealed import HEAD, NoKey, SealedDepot, sealed_with
from monitor.cli import main
from monitor.errors import SettingsError, Unavailable

CANARY = b"Hypatia of Alexandria, born 1970-01-01"
KEYS = Keyset.create()


def read(depot: SealedDepot, key: str) -> bytes:
    return b"".join(depot.get(key))


def test_what_is_sealed_comes_back_and_shows_nothing(tmp_path: Path) -> None:
    depot = SealedDepot(LocalDepot(tmp_path), KEYS)
    content = CANARY * 100_000
    stored = depot.put("a/b", (content[i : i + 70_000] for i in range(0, len(content), 70_000)))
    raw = (tmp_path / "a/b").read_bytes()
    assert stored == len(raw) == depot.sizes()["a/b"]
    assert CANARY[:8] not in raw
    assert read(depot, "a/b") == content
    assert sealed_with(depot.inner, "a/b") == KEYS.primary


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024 - 100, 1024 * 1024, 3 * 1024 * 1024 + 7])
def test_any_size_comes_back(tmp_path: Path, size: int) -> None:
    depot, content = SealedDepot(LocalDepot(tmp_path), KEYS), random.randbytes(size)
    depot.put("x", [content])
    assert read(depot, "x") == content


@pytest.mark.parametrize(
    "harm",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[: HEAD + 1],
        lambda raw: raw[: HEAD - 1],
        lambda raw: raw + b"\0",
        lambda raw: raw + raw[HEAD:],
        lambda _: b"",
        lambda _: b"plain text in its place",
    ],
    ids=["cut", "half", "head only", "no head", "longer", "twice", "empty", "plain"],
)
def test_what_was_cut_or_replaced_is_told(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    depot = SealedDepot(LocalDepot(tmp_path), KEYS)
    depot.put("x", [random.randbytes(2_500_000)])
    file = tmp_path / "x"
    file.write_bytes(harm(file.read_bytes()))
    with pytest.raises(Damaged, match="x "):
        read(depot, "x")


def test_any_flipped_bit_is_told(tmp_path: Path) -> None:
    depot = SealedDepot(LocalDepot(tmp_path), KEYS)
    depot.put("x", [random.randbytes(500)])
    raw = (tmp_path / "x").read_bytes()
    for offset in range(len(raw)):
        changed = bytearray(raw)
        changed[offset] ^= 1 << random.randrange(8)
        (tmp_path / "x").write_bytes(changed)
        with pytest.raises((Damaged, NoKey)):
            read(depot, "x")
    (tmp_path / "x").write_bytes(raw)
    assert len(read(depot, "x")) == 500


def test_swapped_objects_are_told(tmp_path: Path) -> None:
    depot = SealedDepot(LocalDepot(tmp_path), KEYS)
    depot.put("monday/x", [b"one"])
    depot.put("tuesday/x", [b"two"])
    one, two = tmp_path / "monday/x", tmp_path / "tuesday/x"
    contents = one.read_bytes(), two.read_bytes()
    two.write_bytes(contents[0])
    one.write_bytes(contents[1])
    for key in ("monday/x", "tuesday/x"):
        with pytest.raises(Damaged, match="another's place"):
            read(depot, key)


def test_without_the_key_it_is_said_which_one_is_missing(tmp_path: Path) -> None:
    inner = LocalDepot(tmp_path)
    SealedDepot(inner, KEYS).put("x", [b"secret"])
    with pytest.raises(NoKey, match=f"the key {KEYS.primary}, which is not in the keyset"):
        read(SealedDepot(inner, Keyset.create()), "x")


def test_after_rotation_the_new_key_seals_and_the_old_one_opens(tmp_path: Path) -> None:
    inner, rotated = LocalDepot(tmp_path), KEYS.rotated()
    SealedDepot(inner, KEYS).put("old", [b"1"])
    depot = SealedDepot(inner, rotated)
    depot.put("new", [b"2"])
    assert (read(depot, "old"), read(depot, "new")) == (b"1", b"2")
    assert sealed_with(inner, "new") == rotated.primary != KEYS.primary
    with pytest.raises(NoKey):
        read(SealedDepot(inner, KEYS), "new")


def test_storage_that_breaks_off_is_not_called_damage(tmp_path: Path) -> None:
    inner = LocalDepot(tmp_path)
    SealedDepot(inner, KEYS).put("x", [random.randbytes(3_000_000)])

    class Breaking(LocalDepot):
        def get(self, key: str) -> Iterator[bytes]:
            yield next(super().get(key))
            raise Unavailable("the storage broke off")

    with pytest.raises(Unavailable, match="broke off"):
        read(SealedDepot(Breaking(tmp_path), KEYS), "x")


def monitor(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, list(arguments))
    return done.exit_code, done.output


def test_keys_are_made_rotated_and_escrowed_by_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, escrow = tmp_path / "safe/keys.json", tmp_path / "usb/keys.json"
    monkeypatch.setenv("MONITOR_BACKUP_KEYSET_FILE", str(file))
    monkeypatch.setenv("MONITOR_RUN_DIR", str(tmp_path / "run"))
    assert monitor("backup", "keys", "create")[0] == 0
    first = Keyset.read(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert monitor("backup", "keys", "rotate")[0] == 0
    assert monitor("backup", "keys", "escrow", "--out", str(escrow))[0] == 0
    kept = Keyset.read(escrow)
    assert (kept.ids, kept.primary) == (Keyset.read(file).ids, Keyset.read(file).primary)
    assert first.primary in kept.ids
    assert kept.primary != first.primary

    secrets = [key["keyData"]["value"] for key in json.loads(file.read_text())["key"]]
    for command in (["create"], ["escrow", "--out", str(escrow)], ["escrow", "--out", str(tmp_path / "run/backups/k")]):
        code, said = monitor("backup", "keys", *command)
        assert code == 2
        assert not any(secret in said for secret in secrets)
    assert not (tmp_path / "run/backups").exists()
    assert sorted(path.name for path in file.parent.iterdir()) == ["keys.json"]


@pytest.mark.parametrize(
    "content",
    [
        *("", "{}", "[]", "null", "[" * 99999),
        *('{"primaryKeyId": 1, "key": []}', '{"primaryKeyId": 1, "key": [{"keyId": 1}]}'),
    ],
)
def test_a_file_without_keys_is_one_sentence_that_quotes_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys").write_text(content)
    with pytest.raises(SettingsError, match="holds no keyset") as caught:
        Keyset.read(tmp_path / "keys")
    assert caught.value.__cause__ is None


def test_a_keyset_on_another_medium_is_replaced_there(tmp_path: Path) -> None:
    medium, link = tmp_path / "medium" / "keys", tmp_path / "keys"
    keyset = Keyset.create()
    keyset.write(medium)
    link.symlink_to(medium)
    keyset.rotated().write(link, replace=True)
    assert link.is_symlink()
    assert len(Keyset.read(medium).ids) == 2
