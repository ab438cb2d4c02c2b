"""What may hang for ever has a thread of its own, and takes nobody else with it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from exporters.aside import aside
from exporters.collector import Deadline
from exporters.lookup import Lookup, Loop
from exporters.redis.source import Redis
from exporters.settings import Settings

pytestmark = pytest.mark.usefixtures("steady_time")

HANGING = 40
"""Names without an answer: more than the usual pool of threads would bear."""


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Answers at once, but for names that begin with ``hangs``, before the event is set."""
    answers, known = threading.Event(), socket.getaddrinfo

    def ask(host: Any, *given: Any, **named: Any) -> Any:
        if str(host).startswith("hangs"):
            answers.wait(120)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return known(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    yield answers
    answers.set()


def threads() -> int:
    return sum(thread.name == "aside" for thread in threading.enumerate())


async def given_up(host: str) -> None:
    """Ask Redis at such a name as two scrapes would, each with its deadline."""
    redis = Redis.open(Settings(redis_uri=f"redis://{host}:6379"))
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with Deadline(0.05).guard():
                await redis.ask(("PING",))


def test_names_that_hang_keep_nobody_waiting_whose_name_is_known(resolver: threading.Event) -> None:
    before = threads()

    async def scrapes() -> None:
        await asyncio.gather(*(given_up(f"hangs{number}") for number in range(HANGING)))
        assert threads() <= before + HANGING, "one for each name, however often it is asked for"
        async with asyncio.timeout(60):
            assert await asyncio.get_running_loop().getaddrinfo("localhost", 6379)
            assert await asyncio.to_thread(lambda: 5) == 5, "the pool of threads is free for what it is for"

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(scrapes())
        resolver.set()


def test_the_mongodb_driver_asks_the_loop_too(resolver: threading.Event) -> None:
    before = threads()

    async def scrapes() -> None:
        clients: list[AsyncMongoClient[Any]] = [
            AsyncMongoClient(f"mongodb://hangs{number}:27017/?directConnection=true", serverSelectionTimeoutMS=100)
            for number in range(8)
        ]
        answers = await asyncio.gather(*(one.admin.command("ping") for one in clients), return_exceptions=True)
        assert all(isinstance(answer, PyMongoError) for answer in answers)
        assert threads() <= before + 8
        resolver.set()
        await asyncio.gather(*(one.close() for one in clients))

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(scrapes())


async def test_what_is_no_host_name_is_not_found() -> None:
    with pytest.raises(OSError, match="not a host name"):
        await Lookup().resolve("a" * 64 + ".example")


async def test_who_asks_the_same_waits_for_the_one_thread_and_nothing_is_remembered() -> None:
    go, calls = threading.Event(), []

    def call() -> int:
        go.wait(60)
        calls.append(1)
        return len(calls)

    waiting = [asyncio.create_task(aside("same", call)) for _ in range(3)]
    hurried = asyncio.create_task(aside("same", call))
    await asyncio.sleep(0.02)
    hurried.cancel()
    go.set()
    assert await asyncio.gather(*waiting) == [1, 1, 1]
    assert await aside("same", call) == 2


async def test_what_a_call_raises_reaches_those_who_wait() -> None:
    def call() -> None:
        raise KeyError("nothing")

    with pytest.raises(KeyError, match="nothing"):
        await aside("fails", call)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await aside("sleeps", lambda: time.sleep(0.5))
    assert time.monotonic() - started < 0.4


async def test_where_no_thread_can_be_had_the_next_one_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        with pytest.raises(OSError, match="thread"):
            await aside("full", lambda: 1)
    assert await aside("full", lambda: 1) == 1
