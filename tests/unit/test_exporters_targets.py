"""A file of targets is taken as a whole or not at all, with every fault named; its changes touch only what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters import targets
from exporters.fleet import Fleet
from exporters.process import Process
from exporters.secrets import masked
from exporters.settings import Settings, SettingsError

GOOD = """
[cache]
redis_uri = "redis://127.0.0.1:6379"

["orders.db-1:27017"]
mongodb_uri = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
collect = ["mongodb"]
names = "percona"
scrape_budget = 2
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "targets.toml"


def test_each_table_is_a_target_in_the_words_of_the_settings(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    found = targets.read(file)
    assert list(found) == ["cache", "orders.db-1:27017"]
    assert found["cache"] == Settings(redis_uri="redis://127.0.0.1:6379")
    assert found["orders.db-1:27017"].chosen == ("mongodb",)
    assert found["orders.db-1:27017"].scrape_budget == 2
    assert targets.read(None) == {}


def test_every_fault_is_named_with_its_target_and_field(file: Path) -> None:
    file.write_text(
        """
        stray = 1
        [one]
        redis_uri = "redis://127.0.0.1:6379?password=hunter2"
        scrape_budget = 0
        [two]
        redis_url = "redis://127.0.0.1"
        listen = "0.0.0.0:80"
        probe_url = 5
        ["three/../x"]
        redis_uri = "redis://127.0.0.1:6379"
        """,
        encoding="utf-8",
    )
    with pytest.raises(SettingsError) as told:
        targets.read(file)
    faults = [fault.removeprefix(f"{file}: ") for fault in str(told.value).splitlines()]
    assert [fault.partition("]")[0] for fault in faults] == [
        "[stray",
        "[one",
        "[one",
        "[two",
        "[two",
        "[two",
        "[three/../x",
    ]
    assert "redis_uri carries a user or password" in faults[1]
    assert "scrape_budget should be above zero" in faults[2]
    assert "listen belongs to the whole process" in faults[3]
    assert "probe_url should be text" in faults[4]
    assert "there is no setting redis_url" in faults[5]
    assert "name has letters" in faults[6]
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(("text", "says"), [("[a", "is not TOML"), ("\xff", "is not TOML"), (None, "cannot read")])
def test_a_file_that_cannot_be_read_is_named(file: Path, text: str | None, says: str) -> None:
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=says) as told:
        targets.read(file)
    assert str(file) in str(told.value)


def write_what_cannot_be_built(file: Path) -> None:
    file.write_text(
        '[one]\ncollect = "nonsense"\n[two]\ncollect = "mongodb"\n[three]\nscrape_budget = 1\n'
        '[four]\nredis_uri = "redis://127.0.0.1"\nredis_password_file = "/nonexistent"\n',
        encoding="utf-8",
    )


async def test_what_cannot_be_built_is_named_for_every_target(file: Path) -> None:
    write_what_cannot_be_built(file)
    with pytest.raises(SettingsError) as told:
        Fleet.of(Settings(targets_file=file, collect="host"), targets.read(file), Process())
    faults = [fault.removeprefix(f"{file}: ") for fault in str(told.value).splitlines()]
    assert [fault.partition(":")[0] for fault in faults] == ["[one]", "[two]", "[three]", "[four]"]
    assert "nonsense" in faults[0]
    assert "--mongodb" in faults[1]
    assert "nothing to watch" in faults[2]
    assert "/nonexistent" in faults[3]


def fleet(before: Fleet | None = None, **found: Settings) -> Fleet:
    return Fleet.of(Settings(collect="host"), found, Process(), before)


async def test_what_did_not_change_goes_on_untouched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one", encoding="utf-8")
    same = Settings(redis_uri="redis://127.0.0.1:1")
    guarded = Settings(redis_uri="redis://127.0.0.1:2", redis_password_file=secret)
    before = fleet(same=same, guarded=guarded, gone=same)
    unchanged = fleet(before, same=same, guarded=guarded, gone=same)
    assert dict(unchanged.all()) == dict(before.all())
    secret.write_text("two", encoding="utf-8")
    after = fleet(before, same=same, guarded=guarded, new=same)
    assert after.main is before.main
    assert after.targets["same"] is before.targets["same"]
    assert after.targets["guarded"] is not before.targets["guarded"], "a new password in an old file is a change"
    assert set(after.targets) == {"same", "guarded", "new"}
    await before.close(but=after)
    await after.close()


@pytest.mark.parametrize(
    "typed",
    [
        "redis://user:hunter2@host:1",
        "redis://:hunter2@host",
        "redis://user:a/hunter2@host",
        "redis://user:a@hunter2@host",
        "redis://user:a hunter2@host and more",
        "listen = 'user:hunter2@127.0.0.1'",
        "redis://host?password=hunter2",
        "--redis-password hunter2",
        "--redis-password=hunter2",
        '{"secret": "hunter2"}',
        "API_KEY=hunter2",
    ],
)
def test_passwords_are_masked_wherever_they_hide(typed: str) -> None:
    assert "hunter2" not in masked(typed)
    assert "***" in masked(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "cannot read a password from /run/secrets/redis: No such file",
        "redis_password_file = /run/secrets/redis",
        "mongodb://a:27017,b:27018/?replicaSet=rs0",
        "listen = '127.0.0.1:9400' should be host:port",
    ],
)
def test_what_is_no_secret_stays_readable(typed: str) -> None:
    assert masked(typed) == typed
