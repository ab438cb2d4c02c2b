"""What the supervisor does when something fails between it and a component: real processes, a real store."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from signal import Signals
from typing import Any

import pytest

from monitor.errors import InputError, Unavailable
from monitor.stack import control, launch, logfiles
from monitor.stack import keeper as keeper_module
from monitor.stack.client import StackClient
from monitor.stack.component import Component, HttpProbe
from monitor.stack.keeper import Keeper
from monitor.stack.launch import start_detached
from monitor.stack.layout import Layout
from monitor.stack.probes import Prober
from monitor.stack.procfs import MARKER, find_marked
from monitor.stack.run import Plan
from monitor.stack.supervisor import Supervisor
from monitor.store import ComponentChange, Store
from tests.contract.web_server import NOBODY

SLEEPER = Component(name="redis", argv=("sleep", "60"), probe=HttpProbe(url=NOBODY))


async def test_a_change_that_cannot_be_recorded_costs_neither_the_next_ones_nor_the_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(run_dir=tmp_path)
    layout.logs.mkdir(parents=True)
    told: list[ComponentChange] = []
    supervisor = Supervisor(layout, (SLEEPER,), (), environ=os.environ, listener=told.append)
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop))
    try:
        await until(lambda: recorded(layout) == ["starting"])
        alter(layout, "ALTER TABLE component_changes RENAME TO away")
        client = StackClient(layout.control_socket)
        await asyncio.to_thread(client.stop, "redis")
        await until(lambda: "stack.record_failed" in capsys.readouterr().out)
        alter(layout, "ALTER TABLE away RENAME TO component_changes")
        await asyncio.to_thread(client.start, "redis")
        await until(lambda: recorded(layout) == ["starting", "starting"])
        alter(layout, "DROP TABLE component_changes")
    finally:
        stop.set()
        await running
    assert [change.state for change in told] == ["starting", "stopped", "starting", "stopped"]


async def test_what_is_stopped_while_it_is_being_spawned_does_not_run(tmp_path: Path) -> None:
    async with Prober() as prober:
        keeper = Keeper(
            SLEEPER,
            log=tmp_path / "redis.log",
            environ={**os.environ, MARKER: str(tmp_path)},
            prober=prober,
            on_change=lambda _: None,
        )
        life = asyncio.create_task(keeper.keep())
        # One turn of the loop: the process is being made, and is not known to the keeper yet.
        await asyncio.sleep(0)
        assert keeper.pid is None
        await keeper.stop()
        await until(lambda: not find_marked(tmp_path))
        await asyncio.sleep(0.3)
        assert (keeper.pid, keeper.state) == (None, "stopped")
        assert not find_marked(tmp_path)
        keeper.start()
        await until(lambda: keeper.pid is not None)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
    assert not find_marked(tmp_path)


async def test_a_component_whose_log_cannot_be_opened_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "FIRST_REST_S", 0.05)
    log = tmp_path / "run" / "logs" / "redis.log"
    async with Prober() as prober:
        keeper = Keeper(
            SLEEPER,
            log=log,
            environ={**os.environ, MARKER: str(tmp_path)},
            prober=prober,
            on_change=lambda _: None,
        )
        life = asyncio.create_task(keeper.keep())
        await until(lambda: keeper.exits > 0)
        assert (keeper.state, keeper.pid, life.done()) == ("unhealthy", None, False)
        assert keeper.reason.startswith("cannot be started: No such file or directory; next start in")
        log.mkdir(parents=True)
        await until(lambda: keeper.reason.startswith("cannot be started: Is a directory; next start in"))
        log.rmdir()
        log.parent.rmdir()
        await until(lambda: keeper.pid is not None)
        assert log.exists()
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
    assert not find_marked(tmp_path)


async def test_a_log_that_grows_too_long_is_shortened_while_its_component_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logfiles, "LONGEST", 10_000)
    monkeypatch.setattr(logfiles, "LOOK_EVERY_S", 0.05)
    talks = replace(SLEEPER, argv=("sh", "-c", "while :; do echo something that happened; sleep 0.001; done"))
    layout = Layout(run_dir=tmp_path)
    supervisor = Supervisor(layout, (talks,), (), environ=os.environ)
    layout.logs.mkdir(parents=True)
    (layout.logs / "redis.log").write_bytes(b"x" * 30_000)
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop))
    try:
        kept = layout.logs / "redis.log.1"
        await until(lambda: kept.exists() and kept.read_bytes().endswith(b"something that happened\n"))
    finally:
        stop.set()
        await running
    assert kept.stat().st_size <= 20_000
    assert (layout.logs / "redis.log").stat().st_size < 20_000


async def test_a_request_that_fails_is_answered(tmp_path: Path) -> None:
    async def fail(_: control.Request) -> dict[str, Any]:
        raise ZeroDivisionError

    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: told.append(context))
    server = await control.serve(tmp_path / "control.sock", fail)
    try:
        client = StackClient(tmp_path / "control.sock")
        with pytest.raises(InputError, match=r"failed at it \(ZeroDivisionError\): see its log"):
            await asyncio.to_thread(client.stop, "redis")
    finally:
        server.close()
        loop.set_exception_handler(before)
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


@pytest.mark.parametrize("harm", ["kill", "pause"])
async def test_what_ended_this_very_moment_can_be_neither_killed_nor_held(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise ProcessLookupError

    async with Prober() as prober:
        keeper = Keeper(
            SLEEPER, log=tmp_path / "redis.log", environ=dict(os.environ), prober=prober, on_change=lambda _: None
        )
        life = asyncio.create_task(keeper.keep())
        await until(lambda: keeper.pid is not None)
        assert keeper.pid is not None
        monkeypatch.setattr(asyncio.subprocess.Process, "send_signal", gone)
        with pytest.raises(InputError, match="redis has just ended"):
            keeper.kill(Signals.SIGTERM) if harm == "kill" else keeper.pause(60)
        assert keeper.state != "held"
        monkeypatch.undo()
        os.kill(keeper.pid, Signals.SIGKILL)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


def test_a_stack_that_is_not_healthy_in_time_is_stopped_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(_: Plan, __: Path) -> int:
        return os.posix_spawnp("sleep", ["sleep", "60"], {**os.environ, MARKER: str(tmp_path)})

    monkeypatch.setattr(launch, "_spawn", hangs)
    monkeypatch.setattr(launch, "HEALTHY_WITHIN_S", 0.3)
    with pytest.raises(Unavailable, match=r"not healthy after 0 s and was stopped: see .*logs"):
        start_detached(Plan(layout=Layout(run_dir=tmp_path)))
    assert not find_marked(tmp_path)


async def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.05)


def recorded(layout: Layout) -> list[str]:
    if not layout.state.exists():
        return []
    with closing(sqlite3.connect(layout.state)) as connection:
        try:
            return [state for (state,) in connection.execute("SELECT state FROM component_changes ORDER BY rowid")]
        except sqlite3.OperationalError:
            return []


def alter(layout: Layout, statement: str) -> None:
    with Store.open(layout.state), closing(sqlite3.connect(layout.state)) as connection:
        connection.execute(statement)
