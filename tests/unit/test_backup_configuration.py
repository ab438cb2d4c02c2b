"""Backups of configuration: what is secret stays out of an open store, and what comes out is what went in."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from monitor import clock
from monitor.backup import configuration, documents
from monitor.backup.configuration import Gathered, own
from monitor.backup.configuration.artifacts import artifacts
from monitor.backup.configuration.files import local, tree
from monitor.backup.configuration.model import Missing, Part
from monitor.backup.configuration.secrecy import holds_secret
from monitor.backup.depot import Damaged, Depot, LocalDepot
from monitor.backup.keys import Keyset
from monitor.backup.sealed import SealedDepot
from monitor.errors import InputError, SettingsError, Unsafe
from monitor.settings import Settings, load

PARTS = (Part(name="a/one.yml", content=b"one: 1\n"), Part(name="state/0/x.tfstate", content=b"{}", secret=True))
FOUND = Gathered(parts=PARTS, missing=(Missing(name="mongodb", reason="away"),), artifacts=())


def sealed(folder: Path) -> SealedDepot:
    return SealedDepot(LocalDepot(folder), Keyset.create())


def saved(depot: Depot) -> str:
    return configuration.save(depot, FOUND, clock.now()).id


def test_what_was_kept_comes_out_again(tmp_path: Path) -> None:
    depot = sealed(tmp_path / "depot")
    saved(depot)
    found = configuration.extract(depot, configuration.newest(depot), tmp_path / "out" / "here")
    files = {path.relative_to(tmp_path / "out/here").as_posix(): path for path in (tmp_path / "out").rglob("*.*")}
    assert {name: file.read_bytes() for name, file in files.items()} == {part.name: part.content for part in PARTS}
    assert {file.stat().st_mode & 0o777 for file in files.values()} == {0o600}
    assert found.missing == FOUND.missing
    with pytest.raises(InputError, match="there already"):
        configuration.extract(depot, found.id, tmp_path / "out" / "here")


def test_secrets_do_not_go_into_an_open_store(tmp_path: Path) -> None:
    depot = LocalDepot(tmp_path / "depot")
    with pytest.raises(Unsafe, match="hold secrets"):
        saved(depot)
    assert depot.keys() == []
    kept = configuration.save(depot, FOUND, clock.now(), without_secrets=True)
    assert kept.left_out == ("state/0/x.tfstate",)
    assert not depot.keys(f"configuration/{kept.id}/files/state")


def change(name: str, content: bytes | None) -> Callable[[Depot, str], None]:
    def done(depot: Depot, backup_id: str) -> None:
        key = f"configuration/{backup_id}/{name}"
        depot.delete(key)
        if content is not None:
            depot.put(key, [content])

    return done


def renamed(name: str) -> Callable[[Depot, str], None]:
    """A manifest that was written again, digest and all, by somebody who may write into the store."""

    def done(depot: Depot, backup_id: str) -> None:
        found, _ = configuration.load(depot, backup_id)
        files = (dataclasses.replace(found.files[0], name=name),)
        depot.put(
            f"configuration/{backup_id}/manifest.json", [documents.encode(dataclasses.replace(found, files=files))]
        )

    return done


@pytest.mark.parametrize(
    "fault",
    [
        change("files/a/one.yml", b"one: 2\n"),
        change("files/a/one.yml", None),
        change("manifest.json", b"{}"),
        change("manifest.json", b"{}\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n"),
        renamed("../../escaped"),
        renamed("/etc/escaped"),
        renamed("a/../../escaped"),
        renamed("a//b"),
        renamed("a\x1b[2J"),
        renamed(""),
    ],
)
def test_what_was_changed_comes_out_not_at_all(tmp_path: Path, fault: Callable[[Depot, str], None]) -> None:
    depot = sealed(tmp_path / "depot")
    backup_id = saved(depot)
    fault(depot, backup_id)
    with pytest.raises(Damaged):
        configuration.extract(depot, backup_id, tmp_path / "out" / "here")
    assert [path for path in (tmp_path / "out").rglob("*") if path.name != "out"] == []
    assert list(tmp_path.rglob("escaped")) == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password: hunter2", True),
        ("  smtp_auth_password: 'x y'", True),
        ('"routing_key": "abc"', True),
        ("-----BEGIN RSA PRIVATE KEY-----", True),
        ("url: https://user:word@example.org/", True),
        ("APP_TOKEN=abc", True),
        ("password_file: /run/secrets/x", False),
        ("basic_auth_password_file: x", False),
        ("password: ${PASSWORD}", False),
        ("password: <secret>", False),
        ("PASSWORD_FILE=/run/x", False),
        ("max_tokens: 5", False),
        ("url: https://example.org:9093/", False),
        ("secret: true", False),
    ],
)
def test_what_looks_like_a_secret(text: str, secret: bool) -> None:  # noqa: FBT001  # a table
    assert holds_secret(f"first: line\n{text}\n".encode()) == secret


def names(found: Iterable[Part | Missing]) -> set[str]:
    return {one.name for one in found if isinstance(one, Part)}


def test_links_and_special_files_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").write_text("x")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    (tmp_path / "linked").symlink_to(folder)
    found = list(tree("name", tmp_path / "linked"))
    assert names(found) == {"name/below/file"}
    assert [one.name for one in found if isinstance(one, Missing)] == ["name/pipe"]
    assert [type(one) for one in tree("gone", tmp_path / "gone")] == [Missing]


def test_what_this_place_has_is_kept(tmp_path: Path) -> None:
    state = tmp_path / "terraform.tfstate"
    state.write_text("{}")
    settings = Settings(run_dir=tmp_path / "run", state_files=(state,))
    found = {one.name: one for one in local(settings) if isinstance(one, Part)}
    assert found["state/0/terraform.tfstate"].secret
    assert {"catalogue/recovery.yaml", "generated/rules/alertmanager.yml", "deploy/docker-compose.yml"} <= found.keys()
    told = list(artifacts(found.values()))
    assert {"program", "wheel", "image"} == {one.kind for one in told}
    wheel = next(one for one in told if one.name == "pymongo")
    assert wheel.version
    assert wheel.sha256
    assert next(one for one in told if one.name == "mongo").version


def test_the_state_file_is_copied_while_others_write(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        connection.execute("INSERT INTO t VALUES (2)")
        (part,) = own.state(path)
    connection.close()
    assert isinstance(part, Part)
    (tmp_path / "copy.db").write_bytes(part.content)
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT x FROM t").fetchall() == [(1,)]
    copy.close()
    path.write_bytes(b"nothing like a database" * 100)
    assert [type(one) for one in own.state(path)] == [Missing]


def test_paths_in_settings(tmp_path: Path) -> None:
    (tmp_path / "monitor.toml").write_text('state_files = ["a", "b"]\n')
    found = load(environ={"MONITOR_CONFIGURATION_FILES": "c:d"}, flags={"run_dir": tmp_path})
    assert (found.state_files, found.configuration_files) == ((Path("a"), Path("b")), (Path("c"), Path("d")))
    for wrong in ('state_files = "s3://x/y"', "state_files = [1]"):
        (tmp_path / "monitor.toml").write_text(wrong)
        with pytest.raises(SettingsError):
            load(environ={}, flags={"run_dir": tmp_path})
