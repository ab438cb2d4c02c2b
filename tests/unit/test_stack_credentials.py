"""The stack's secrets: private, made once, and least privilege where they are used."""

from __future__ import annotations

import hashlib
import stat
import tomllib
from pathlib import Path

import pytest

from monitor import settings
from monitor.sources import mongodb_roles
from monitor.stack import credentials, server_files
from monitor.stack.layout import MONGODB_USERS, REDIS_USERS, Layout
from monitor.stack.replica_set import ROLES


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(run_dir=tmp_path)


def test_every_secret_is_for_its_owner_alone(layout: Layout) -> None:
    credentials.make(layout)
    assert stat.S_IMODE(layout.secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in layout.secrets.iterdir()} == {0o600}


def test_secrets_are_made_once_and_opened_modes_are_closed_again(layout: Layout) -> None:
    credentials.make(layout)
    before = {file.name: file.read_bytes() for file in layout.secrets.iterdir()}
    layout.field_key.chmod(0o644)
    credentials.make(layout)
    assert {file.name: file.read_bytes() for file in layout.secrets.iterdir()} == before
    assert stat.S_IMODE(layout.field_key.stat().st_mode) == 0o600


def test_no_two_secrets_are_equal(layout: Layout) -> None:
    credentials.make(layout)
    assert layout.escrowed_field_key.read_bytes() == layout.field_key.read_bytes()
    contents = [file.read_bytes() for file in layout.secrets.iterdir() if file != layout.escrowed_field_key]
    assert len(set(contents)) == len(contents)


def test_the_field_key_is_as_long_as_mongodb_wants_it(layout: Layout) -> None:
    credentials.make(layout)
    assert len(layout.field_key.read_bytes()) == 96


def test_redis_keeps_hashes_and_closes_the_default_user(layout: Layout) -> None:
    credentials.make(layout)
    acl = credentials.redis_acl_file(layout).read_text(encoding="utf-8")
    assert acl.startswith("user default off ")
    for user in REDIS_USERS:
        password = layout.redis_password(user).read_text(encoding="utf-8")
        assert password not in acl
        assert f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} " in acl


def test_only_the_admin_may_do_everything_in_redis() -> None:
    assert [user for user, rules in credentials.REDIS_RULES.items() if "+@all" in rules] == ["admin"]
    assert [user for user, rules in credentials.REDIS_RULES.items() if "~*" in rules] == ["admin"]


def test_the_exporters_may_ask_redis_what_they_ask_and_nothing_else() -> None:
    rules = credentials.REDIS_RULES["exporters"].split()
    allowed = {rule[1:] for rule in rules if rule.startswith("+")}
    # What the collectors ask; pfcount is for the figures about active users, on keys that hold nothing else.
    server = {"info", "config|get", "latency|latest", "latency|histogram", "slowlog|get", "slowlog|len", "client|list"}
    assert allowed == server | {"pfcount"}
    assert "-@all" in rules
    assert [rule for rule in rules if rule.startswith(("~", "%", "&"))] in ([], ["~active:*"])


def test_only_the_admin_is_root_in_mongodb() -> None:
    assert set(ROLES) == set(MONGODB_USERS)
    assert [user for user, roles in ROLES.items() if any(role["role"] == "root" for role in roles)] == ["admin"]


def test_backups_and_restores_run_by_the_documented_roles() -> None:
    by = {user: [role["role"] for role in ROLES[user]] for user in ("backup", "capture", "verify", "restore")}
    assert sorted(name for names in by.values() for name in names) == sorted(role.name for role in mongodb_roles.ROLES)


def test_the_settings_file_is_what_every_command_reads(layout: Layout) -> None:
    text = server_files.monitor_toml(layout, mongod="/opt/mongod", environment="local", catalogue=None)
    (layout.run_dir / "monitor.toml").write_text(text, encoding="utf-8")
    read = settings.load(environ={}, flags={"run_dir": layout.run_dir})
    assert read.mongod == "/opt/mongod"
    assert read.control_socket == layout.control_socket
    assert read.mongodb_uri == layout.mongodb_uri
    assert read.backup_password_file == layout.mongodb_password("backup")
    assert read.capture_password_file == layout.mongodb_password("capture")
    assert read.verify_password_file == layout.mongodb_password("verify")
    assert read.state == layout.state


def test_a_path_with_quotes_survives_the_settings_file(tmp_path: Path) -> None:
    layout = Layout(run_dir=tmp_path / 'a "quoted" \\ place')
    text = server_files.monitor_toml(layout, mongod="mongod", environment="local", catalogue=None)
    assert tomllib.loads(text)["ledger_dir"] == str(layout.ledger)
