"""The list of erasures: signed and chained; whatever was tampered with, cut off or lost is refused in one sentence."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.backup.depot import LocalDepot
from monitor.backup.erasures import ErasuresRefused, Head, Subject, add, load
from monitor.backup.erasures.chain import Sign, Verify
from monitor.backup.erasures.listing import key, known_head
from monitor.errors import InputError, SettingsError
from monitor.sources import signing_keys
from monitor.store import Store

PATIENTS = [Subject(database="appointments", collection="patients", id=f"{number:032x}") for number in range(4)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("keys")
    signing_keys.make(folder / "private", folder / "public")
    return folder / "private", folder / "public"


@pytest.fixture
def depot(tmp_path: Path, pair: tuple[Path, Path]) -> LocalDepot:
    depot = LocalDepot(tmp_path / "depot")
    put(depot, PATIENTS, signing_keys.signer(pair[0]))
    return depot


@pytest.fixture
def verify(pair: tuple[Path, Path]) -> Verify:
    return signing_keys.verifier(pair[1])


def put(
    depot: LocalDepot, subjects: list[Subject], signing: tuple[Sign, Verify], store: Store | None = None
) -> list[int]:
    exclusive = contextlib.nullcontext()
    added = add(depot, subjects, by="dpo", why="asked to be forgotten", keys=signing, exclusive=exclusive, store=store)
    return [entry.number for entry in added]


def test_what_was_added_is_read_in_order(depot: LocalDepot, verify: Verify, pair: tuple[Path, Path]) -> None:
    entries = load(depot, verify)
    assert [entry.subject for entry in entries] == PATIENTS
    assert put(depot, PATIENTS[:2], signing_keys.signer(pair[0])) == [], "once is enough"
    assert load(depot, verify, [Head(), entries[1].head, entries[3].head]) == entries
    assert pair[0].stat().st_mode & 0o777 == 0o600


def swap(one: bytes, other: bytes) -> Callable[[Path], None]:
    def done(file: Path) -> None:
        file.write_bytes(file.read_bytes().replace(one, other))

    return done


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (2, swap(b"0001", b"0007")),
        (2, swap(b'"by":"dpo"', b'"by":"me!"')),
        (4, swap(b"\n", b"")),
        (4, lambda file: file.write_bytes(file.read_bytes()[:-9])),
        (3, lambda file: file.write_bytes(b"")),
        (3, lambda file: file.write_bytes(b"x" * 100_000)),
        (3, lambda file: file.unlink()),
        (1, lambda file: file.unlink()),
        (2, lambda file: file.rename(file.with_name("00000009.json"))),
        (2, lambda file: file.write_bytes(file.with_name("00000003.json").read_bytes())),
        (4, lambda file: file.rename(file.with_name("4.json"))),
    ],
)
def test_a_list_that_was_tampered_with_is_refused(
    depot: LocalDepot, verify: Verify, number: int, fault: Callable[[Path], None]
) -> None:
    fault(depot.directory / key(number))
    with pytest.raises(ErasuresRefused) as refused:
        load(depot, verify)
    assert "\n" not in str(refused.value)


def test_every_single_bit_matters(depot: LocalDepot, verify: Verify) -> None:
    file = depot.directory / key(2)
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ErasuresRefused):
            load(depot, verify)


def test_a_list_that_was_cut_off_or_replaced_is_known_by_its_anchor(
    depot: LocalDepot, verify: Verify, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    with Store.migrate(tmp_path / "monitor.db") as store:
        subject = Subject(database="appointments", collection="patients", id="f" * 32)
        assert put(depot, [subject], signing_keys.signer(pair[0]), store) == [5]
        anchor = known_head(store)
        depot.delete(key(5))
        with pytest.raises(ErasuresRefused, match="it was cut off"):
            load(depot, verify, [anchor])
        with pytest.raises(ErasuresRefused, match="it was cut off"):
            put(depot, [subject], signing_keys.signer(pair[0]), store)
        put(depot, [PATIENTS[0], Subject(database="a", collection="b", id="c")], signing_keys.signer(pair[0]))
        with pytest.raises(ErasuresRefused, match="the list was replaced"):
            load(depot, verify, [anchor])


def test_who_signs_with_another_key_is_not_believed(depot: LocalDepot, verify: Verify, tmp_path: Path) -> None:
    signing_keys.make(tmp_path / "private", tmp_path / "public")
    signing = signing_keys.signer(tmp_path / "private")
    with pytest.raises(ErasuresRefused, match="not signed"):
        load(depot, signing[1])
    other = LocalDepot(tmp_path / "other")
    put(other, PATIENTS, signing)
    (depot.directory / key(4)).write_bytes((other.directory / key(4)).read_bytes())
    with pytest.raises(ErasuresRefused, match="not signed"):
        load(depot, verify)


def test_a_keyset_is_never_replaced_and_never_quoted(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there already"):
        signing_keys.make(tmp_path / "new", pair[1])
    assert not (tmp_path / "new").exists()
    for public, refused in ((tmp_path / "absent" / "public", OSError), (tmp_path / "new", InputError)):
        with pytest.raises(refused):
            signing_keys.make(tmp_path / "new", public)
        assert not (tmp_path / "new").exists()
    secret = json.loads(pair[0].read_text())["key"][0]["keyData"]["value"]
    with pytest.raises(SettingsError) as wrong:
        signing_keys.verifier(pair[0])
    assert secret not in str(wrong.value)
    for file in (None, tmp_path / "nowhere", pair[1]):
        with pytest.raises(SettingsError):
            signing_keys.signer(file)


@pytest.mark.parametrize(
    "names",
    [
        {"id": "Ada Lovelace"},
        {"id": "ada@example.org"},
        {"id": ""},
        {"id": "x" * 129},
        {"database": "a.b"},
        {"collection": ""},
        {"collection": "$cmd"},
    ],
)
def test_only_opaque_ids(names: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Subject(**({"database": "appointments", "collection": "patients", "id": "1"} | names))


@pytest.mark.parametrize("why", ["", "a\nb", "call ada@example.org", "x" * 201])
def test_no_address_in_a_reason(why: str, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    depot = LocalDepot(tmp_path / "depot")
    exclusive = contextlib.nullcontext()
    with pytest.raises(InputError):
        add(depot, PATIENTS, by="dpo", why=why, keys=signing_keys.signer(pair[0]), exclusive=exclusive)
    assert depot.keys() == []
