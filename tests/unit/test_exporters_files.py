"""A file on a mount that hangs keeps nobody waiting but those who need what it holds."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporters import files, service
from exporters.collector import CollectError, Deadline
from exporters.reasons import Reason
from exporters.redis.source import Redis
from exporters.service import Configuration, Service
from exporters.settings import Settings, SettingsError


@contextmanager
def hanging(path: Path) -> Iterator[Path]:
    """Make a file that nobody can read to its end, as on a mount whose server is gone."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    try:
        yield path
    finally:
        os.close(os.open(path, os.O_RDWR))  # whoever waits for a writer has now seen one, and reads the end


class Silent:
    """A connection that says nothing; that is far enough for a password to be wanted."""

    closed = False

    def abort(self) -> None:
        pass


async def dialled() -> Any:
    return Silent()


def redis(file: Path) -> Redis:
    with files.known({file: b"secret"}):
        source = Redis.open(Settings(redis_uri="redis://127.0.0.1:1", redis_password_file=file))
    source._dial = dialled  # type: ignore[method-assign]  # a unit test opens no sockets
    return source


@pytest.mark.usefixtures("steady_time")
async def test_redis_waits_for_a_password_no_longer_than_the_scrape_may_last(tmp_path: Path) -> None:
    with hanging(tmp_path / "password") as file:
        source, started = redis(file), time.monotonic()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with Deadline(0.05).guard():
                    await source.ask(("PING",))
        assert time.monotonic() - started < 1


async def test_a_password_that_cannot_be_read_is_one_that_is_not_accepted(tmp_path: Path) -> None:
    with pytest.raises(CollectError) as told:
        await redis(tmp_path / "nothing").ask(("PING",))
    assert told.value.reason is Reason.AUTH


async def longest_wait(reload: asyncio.Task[None]) -> float:
    """Return for how long nobody else had a turn while this went on, which has to fail."""
    longest, last = 0.0, time.monotonic()
    while not reload.done():
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    with pytest.raises(SettingsError, match="mount"):
        await reload
    return longest


async def test_a_reload_whose_files_hang_changes_nothing_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_READ_LIMIT", 0.2)
    file = tmp_path / "password"
    file.write_text("secret", encoding="utf-8")

    def read() -> Settings:
        return Settings(redis_uri="redis://127.0.0.1:1", redis_password_file=file, collect="redis")

    running = Service(read, Configuration.read(read))
    before, longest = running.fleet, 1.0
    with hanging(file):
        # Once more, where it was the machine that held us up.
        for _ in range(4):
            longest = min(longest, await longest_wait(asyncio.create_task(running.reload())))
            if longest < 0.15:
                break
    assert longest < 0.15
    assert running.fleet is before
    assert not running.process.reload_successful
    await running.close()


async def test_while_clients_are_built_no_file_is_read(tmp_path: Path) -> None:
    with hanging(tmp_path / "password") as file:
        with files.known({file: b"known"}):
            assert files.content(file) == b"known"
        with files.known({file: FileNotFoundError(2, "gone")}), pytest.raises(FileNotFoundError):
            files.content(file)


def test_a_file_without_certificates_does_not_stand_for_the_systems_authorities(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes("# Autorité\n".encode())
    with pytest.raises(SettingsError, match="authorities"):
        Redis.open(Settings(redis_uri="rediss://cache", redis_ca_file=file))
