"""What the supervisor does when something fails between it and a component: real processes, a real store."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from monitor.errors import Unavailable
from monitor.stack import launch
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


def test_a_stack_that_is_not_healthy_in_time_is_stopped_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(_: Plan, __: Path) -> int:
        return os.posix_spawnp("sleep", ["sleep", "60"], {**os.environ, MARKER: str(tmp_path)})

    monkeypatch.setattr(launch, "_spawn", hangs)
    monkeypatch.setattr(launch, "HEALTHY_WITHIN_S", 0.3)
    with pytest.raises(Unavailable, match=r"not healthy after 0 s and was stopped: see .*logs"):
        start_detached(Plan(layout=Layout(run_dir=tmp_path)))
    assert not find_marked(tmp_path)


async def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
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
