"""Keeps in mind what Docker knows of all containers: told by its events, and held against its list on a slow clock."""

from __future__ import annotations

import asyncio
import contextlib
import random
import stat
import time
from collections.abc import AsyncIterable, Iterable, Mapping
from pathlib import Path
from typing import Self

from exporters.collector import CollectError
from exporters.containers.engine import Engine
from exporters.containers.facts import Detail, Summary
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Bill
from exporters.tasks import end
from telemetry.logs import get_logger

log = get_logger()

LIST_EVERY = 10.0
"""Seconds between two lists: what an event said at once is only confirmed by these, and a frozen engine is noticed."""
INSPECT_EVERY = 60.0
"""Seconds after which each container is inspected anew, whatever the events said or did not say."""
SETTLE = 0.2
"""Seconds to wait after an event: a restart is five of them."""
MOST = 500
"""Containers that are inspected; the running ones first."""


class Docker:
    """The Docker Engine of this host, where there is one."""

    def __init__(self, socket: Path) -> None:
        self.bill = Bill()
        self.known: dict[str, tuple[Summary, Detail]] = {}
        """All containers, as of the last list; empty while the engine does not answer: old states are no states."""
        self.names: dict[str, tuple[str, str]] = {}
        """Name and image by id: these stay true while the engine is down, and so do the series that carry them."""
        self.reason: Reason | None = None
        """Why the engine does not answer, if it does not."""
        self.changes = 0
        """Counts up whenever containers started or ended."""
        self.tried = asyncio.Event()
        """Set as soon as it is clear whether the engine answers."""
        self._socket = socket
        self._seen = False
        self._inspected_at = 0.0
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Prepare for one socket."""
        return cls(settings.docker_socket)

    @property
    def up(self) -> bool | None:
        """Whether the engine answers; ``None`` where there never was one."""
        return None if not self._seen else self.reason is None

    def start(self) -> None:
        """Begin to follow what happens."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="docker")

    async def close(self) -> None:
        """Stop, and close all connections."""
        await end(self._task)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except CollectError as error:
                self._lost(error.reason)
            except Exception as error:  # noqa: BLE001  # an answer of a kind nobody thought of must not end the watch
                log.warning("exporters.collector_failed", collector="containers", reason="error", error=error)
                self._lost(Reason.ERROR)
            self.tried.set()
            await asyncio.sleep(LIST_EVERY * random.uniform(0.9, 1.1))  # noqa: S311  # no secret

    async def _follow(self) -> None:
        """Follow the engine until it is lost; return at once where there is none."""
        if not is_socket(self._socket):
            if self._seen:
                raise CollectError(Reason.REFUSED)
            return
        self._seen = True
        engine = Engine(self._socket, self.bill)
        self._inspected_at = 0.0
        try:
            async with contextlib.AsyncExitStack() as stack:
                await self._keep_up(engine, await self._listening(engine, stack))
        finally:
            await engine.close()

    async def _listening(self, engine: Engine, stack: contextlib.AsyncExitStack) -> asyncio.Task[None] | None:
        """Listen to the events, in a task that ends with ``stack``; a proxy may keep them to itself."""
        try:
            events = await stack.enter_async_context(engine.events())
        except CollectError as error:
            if error.reason is not Reason.DENIED:
                raise
            return None
        task = asyncio.create_task(self._listen(events), name="docker-events")
        stack.push_async_callback(_ended, task)
        return task

    async def _keep_up(self, engine: Engine, listening: asyncio.Task[None] | None) -> None:
        while True:
            await self._refresh(engine)
            self.reason = None
            self.tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LIST_EVERY):
                    await self._wake.wait()
                    await asyncio.sleep(SETTLE)
            self._wake.clear()
            if listening is not None and listening.done():
                listening.result()

    async def _listen(self, events: AsyncIterable[str | None]) -> None:
        try:
            async for container in events:
                if container is not None:
                    self._changed.add(container)
                    self._wake.set()
        finally:
            self._wake.set()

    async def _refresh(self, engine: Engine) -> None:
        """List all, and inspect those of which something changed."""
        changed, self._changed = self._changed, set()
        listed = await engine.list()
        now = time.monotonic()
        if now - self._inspected_at >= INSPECT_EVERY:
            changed, self._inspected_at = set(listed), now
        due = [
            one
            for one in _running_first(listed.values())
            if one.container in changed or self.known.get(one.container, (None,))[0] != one
        ]
        answers = await asyncio.gather(*(_inspect(engine, one.container) for one in due), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        details = {one.container: answer for one, answer in zip(due, answers, strict=True)}
        known: dict[str, tuple[Summary, Detail]] = {}
        for one in _running_first(listed.values()):
            old = self.known.get(one.container)
            detail = details.get(one.container, old[1] if old else None)
            if isinstance(detail, Detail):
                known[one.container] = one, detail
        self.changes += _running(known) != _running(self.known)
        self.known = known
        self.names = {one.container: (one.name, one.image) for one in listed.values()}

    def _lost(self, reason: Reason) -> None:
        self.reason = reason
        self.known = {}


async def _inspect(engine: Engine, container: str) -> Detail | None:
    try:
        return await engine.inspect(container)
    except CollectError as error:
        if error.reason is Reason.ERROR:  # with this container something is wrong, not with the engine
            return None
        raise


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _running_first(listed: Iterable[Summary]) -> list[Summary]:
    return sorted(listed, key=lambda one: (one.state != "running", one.container))[:MOST]


def _running(known: Mapping[str, tuple[Summary, Detail]]) -> set[tuple[str, int | None]]:
    return {(container, detail.started) for container, (_, detail) in known.items() if detail.state == "running"}


def is_socket(path: Path) -> bool:
    """Tell whether somebody could be asked there."""
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False
