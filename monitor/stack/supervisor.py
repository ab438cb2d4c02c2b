"""Runs the components: starts them in order, keeps them running, obeys the control socket, stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from monitor import clock
from monitor.errors import InputError, Unavailable
from monitor.stack import control, logfiles, orphans
from monitor.stack.component import Component, ComponentStatus
from monitor.stack.keeper import Keeper
from monitor.stack.layout import Layout
from monitor.stack.probes import Prober
from monitor.stack.procfs import MARKER, NAME_MARKER, mark
from monitor.store import ComponentChange, Store
from telemetry import logs

OnReady = Callable[[tuple[ComponentStatus, ...]], None]
"""Called once, when everything is healthy for the first time."""

log = logs.get_logger()

EXITS_TO_GIVE_UP = 3
"""A component that exits this often before it was ever ready will not get ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something done once, when the components that it needs have been started. Others may need it by name."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[], Awaitable[None]]


class Supervisor:
    """One embedded stack, from start to stop. ``listener`` hears of each change of state."""

    def __init__(
        self,
        layout: Layout,
        components: tuple[Component, ...],
        steps: tuple[Step, ...],
        *,
        environ: Mapping[str, str],
        listener: Callable[[ComponentChange], None] = lambda _: None,
    ) -> None:
        self.layout = layout
        self.ready = False
        self._components = components
        self._steps = {step.name: step for step in steps}
        self._environ = dict(environ)
        self._listener = listener
        self._keepers: dict[str, Keeper] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._steps_done = {name: asyncio.Event() for name in self._steps}
        self._changes: asyncio.Queue[ComponentChange | None] = asyncio.Queue()

    async def run(
        self, stop: asyncio.Event, on_ready: OnReady = lambda _: None, on_stop: Callable[[], None] = lambda: None
    ) -> None:
        """Start everything, call ``on_ready``, and keep it running until ``stop`` is set; then stop everything.

        ``on_stop`` is called before anything is stopped, whatever the reason.

        Raises:
            Unavailable: something did not get ready; all that had been started is stopped again.
        """
        short_logs = logfiles.kept_short(self.layout.logs)
        async with self._record(), short_logs, Prober() as prober, orphans.adopt(self._pids):
            self._keepers = {component.name: self._keeper(component, prober) for component in self._components}
            server = await control.serve(self.layout.control_socket, self._answer)
            try:
                async with asyncio.TaskGroup() as self._owner:
                    await self._live(stop, on_ready, on_stop)
            except BaseExceptionGroup as group:
                raise _first(group) from None
            finally:
                server.close()
                self.layout.control_socket.unlink(missing_ok=True)

    async def _live(self, stop: asyncio.Event, on_ready: OnReady, on_stop: Callable[[], None]) -> None:
        try:
            await self._until(stop, self._start())
            if not stop.is_set():
                self.ready = True
                on_ready(self._statuses())
                await stop.wait()
        finally:
            self.ready = False
            on_stop()
            await self._stop()

    # --- start and stop -------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        async with asyncio.TaskGroup() as group:
            for step in self._steps.values():
                group.create_task(self._take(step))
            for keeper in self._keepers.values():
                group.create_task(self._bring_up(keeper))

    async def _bring_up(self, keeper: Keeper) -> None:
        for need in self._waits_for(keeper.component):
            await (self._steps_done[need] if need in self._steps_done else self._keepers[need].ready).wait()
        self._lives[keeper.name] = self._owner.create_task(keeper.keep(), name=keeper.name)
        deadline = time.monotonic() + keeper.component.ready_within_s
        while not keeper.ready.is_set():
            if time.monotonic() >= deadline or keeper.exits >= EXITS_TO_GIVE_UP:
                raise Unavailable(f"{keeper.name} did not get ready ({keeper.reason}); its log is {keeper.log}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await keeper.ready.wait()

    async def _take(self, step: Step) -> None:
        await step.run()
        self._steps_done[step.name].set()
        for keeper in self._keepers.values():
            if keeper.component.completed_by == step.name:
                keeper.complete()

    async def _stop(self) -> None:
        """Stop what nothing needs any more, in parallel, until all are stopped."""
        running = dict(self._lives)

        async def end(name: str) -> None:
            users = [other for other in running if name in self._uses(other)]
            await asyncio.gather(*(ended[user].wait() for user in users))
            running[name].cancel()
            await asyncio.gather(running[name], return_exceptions=True)
            ended[name].set()

        ended = {name: asyncio.Event() for name in running}
        await asyncio.gather(*(end(name) for name in running))

    def _waits_for(self, component: Component) -> list[str]:
        known = {*self._keepers, *self._steps}
        return [need for need in (*component.needs, *component.after) if need in known]

    def _uses(self, name: str) -> set[str]:
        uses: set[str] = set()
        for need in self._waits_for(self._keepers[name].component):
            uses |= set(self._steps[need].needs) if need in self._steps else {need}
        return uses

    async def _until(self, stop: asyncio.Event, work: Awaitable[None]) -> None:
        """Do ``work``, but drop it when ``stop`` is set first."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                try:
                    working.result()
                except BaseExceptionGroup as group:
                    raise _first(group) from None
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    # --- control --------------------------------------------------------------------------------------------------

    async def _answer(self, request: control.Request) -> dict[str, Any]:
        if request.op == "status":
            return {
                "components": [asdict(status) for status in self._statuses()],
                "reasons": {keeper.name: keeper.reason for keeper in self._keepers.values()},
                "ready": self.ready,
                "pid": os.getpid(),
                "port_offset": self.layout.port_offset,
            }
        keeper = self._keepers.get(request.name)
        if keeper is None:
            raise InputError(f"no such component: {request.name}; there are {', '.join(self._keepers)}")
        if request.name not in self._lives:
            raise InputError(f"{request.name} has not been started yet: wait until the stack is up")
        await _act(keeper, request)
        return {}

    # --- inside ---------------------------------------------------------------------------------------------------

    def _keeper(self, component: Component, prober: Prober) -> Keeper:
        markers = {MARKER: mark(self.layout.run_dir), NAME_MARKER: component.name}
        return Keeper(
            component,
            log=self.layout.logs / f"{component.name}.log",
            environ=self._environ | component.env | markers,
            prober=prober,
            on_change=self._changed,
        )

    def _statuses(self) -> tuple[ComponentStatus, ...]:
        return tuple(keeper.status() for keeper in self._keepers.values())

    def _pids(self) -> set[int]:
        return {keeper.pid for keeper in self._keepers.values() if keeper.pid is not None}

    def _changed(self, keeper: Keeper) -> None:
        change = ComponentChange(
            name=keeper.name,
            at=clock.now(),
            state=keeper.state,
            reason=keeper.reason,
            address=keeper.component.address,
        )
        self._listener(change)
        self._changes.put_nowait(change)

    @contextlib.asynccontextmanager
    async def _record(self) -> AsyncIterator[None]:
        """Write each change of state into the store, in order, without holding up the loop."""
        store = await asyncio.to_thread(Store.migrate, self.layout.state)

        async def write() -> None:
            while (change := await self._changes.get()) is not None:
                try:
                    await asyncio.to_thread(store.record_component, change)
                except sqlite3.Error as error:
                    # A locked file or a full disk costs this change, not the ones after it, and never the stack.
                    log.warning("stack.record_failed", component=change.name, error=error)

        writing = asyncio.create_task(write())
        try:
            yield
        finally:
            try:
                self._changes.put_nowait(None)
                await writing
            finally:
                store.close()


async def _act(keeper: Keeper, request: control.Request) -> None:
    match request.op:
        case "hold":
            keeper.hold(request.seconds or 0)
        case "release":
            keeper.release()
        case "kill":
            keeper.kill(request.signum)
            # Its end is noticed only after this: it is held before it could be started again.
            if request.seconds is not None:
                keeper.hold(request.seconds)
        case "pause":
            keeper.pause(request.seconds)
        case "resume":
            keeper.resume()
        case "stop":
            await keeper.stop()
        case "start":
            keeper.start()
        case _:
            await keeper.restart()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first plain exception: one clear sentence is worth more than a tree of what followed from it."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
