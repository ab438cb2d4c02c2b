"""Runs a stack in this process: lock, leftovers, ports, files, then the supervisor until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from monitor.stack import derived
from monitor.stack.component import Component, select
from monitor.stack.components import REPLICA_SET_STEP, Choices, clean_environ, components, find_servers
from monitor.stack.derived import Promises
from monitor.stack.layout import Layout
from monitor.stack.lock import RunLock
from monitor.stack.prepare import check_ports, lay_out
from monitor.stack.replica_set import MEMBERS, establish
from monitor.stack.supervisor import OnReady, Step, Supervisor
from monitor.stack.teardown import end_forgotten, end_leftovers
from monitor.store import ComponentChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that ``monitor up`` was told."""

    layout: Layout
    choices: Choices = field(default_factory=Choices)
    promises: Promises = field(default_factory=Promises)
    while_pid: int | None = None
    """Stop by itself when this process ends, however it ends. For tests, which may be killed."""


def run(plan: Plan, *, listener: Callable[[ComponentChange], None], on_ready: OnReady) -> None:
    """Run the stack until SIGINT or SIGTERM; returns when everything is stopped.

    Raises:
        InputError: a port is taken, a program missing, the catalogue broken, or another supervisor runs.
        Unavailable: a component did not get ready; everything is stopped again.
    """
    layout = plan.layout
    layout.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with RunLock(layout.run_dir, "up") as lock:
        # A supervisor that was killed leaves its children; whoever holds the lock is the only one to start new ones.
        end_forgotten(layout.run_dir)
        end_leftovers(layout.run_dir)
        servers = find_servers()
        catalogue = derived.load_for(layout, plan.promises)
        every = components(layout, servers, plan.choices, retention=catalogue.environment.retention)
        chosen = select(every, plan.choices.only, {REPLICA_SET_STEP: MEMBERS})
        parts = tuple(component for component in every if component.name in chosen)
        check_ports(layout, tuple(listener for component in parts for listener in component.listens))
        lay_out(layout, servers, plan.promises, catalogue, chosen)
        supervisor = Supervisor(
            layout, parts, _steps(layout, parts), environ=clean_environ(dict(os.environ)), listener=listener
        )

        try:
            asyncio.run(_supervise(supervisor, on_ready, lambda: lock.sign("stopping"), plan.while_pid))
        finally:
            end_leftovers(layout.run_dir)


def _steps(layout: Layout, parts: tuple[Component, ...]) -> tuple[Step, ...]:
    if not any(component.name in MEMBERS for component in parts):
        return ()
    return (Step(name=REPLICA_SET_STEP, needs=MEMBERS, run=lambda: establish(layout)),)


async def _supervise(
    supervisor: Supervisor, on_ready: OnReady, on_stop: Callable[[], None], while_pid: int | None
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, stop.set)
    with _watching(while_pid, stop):
        await supervisor.run(stop, on_ready, on_stop)


@contextmanager
def _watching(pid: int | None, stop: asyncio.Event) -> Iterator[None]:
    """Set ``stop`` when a process ends."""
    if pid is None:
        yield
        return
    loop = asyncio.get_running_loop()
    try:
        # Readable once the process has ended.
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        stop.set()
        yield
        return
    loop.add_reader(descriptor, stop.set)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
