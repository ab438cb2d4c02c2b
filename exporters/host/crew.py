"""Asks mounts for their size without ever waiting for one that hangs.

``statvfs`` on a lost network or FUSE mount returns when the server comes back, or never, and nothing can interrupt it.
One thread asks one mount after the other. When it gets stuck, others take over what is left, and the stuck one is left
behind: one thread for each mount that hangs, and that mount is not asked again before its call has come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Mapping, Sequence

from exporters.collector import Deadline

LIMIT = 1.0
"""Seconds that one mount may take."""
PATIENCE = 0.02
"""Seconds without a single answer after which as many threads again are sent; a statvfs that works takes 0.00001."""
MOST_STUCK = 32
"""Threads that may be stuck; beyond that no new mount is trusted until one of them comes back."""
_SPARE = 0.1

Size = os.statvfs_result | None
"""``None``: the call failed, or did not come back in time."""


class _Round:
    """One question to all mounts; threads take paths from it until none is left or it is over."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.todo = deque(paths)
        self._taking = threading.Lock()
        self.expected = len(paths)
        self.sizes: dict[str, Size] = {}
        self.taken: dict[str, threading.Thread] = {}
        self.finished = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def work(self) -> None:
        """Take paths and ask, in a thread of the crew."""
        while (path := self._take()) is not None:
            self.sizes[path] = _statvfs(path)
            if len(self.sizes) >= self.expected:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(self.finished.set)

    def end(self) -> dict[str, threading.Thread]:
        """Let no more paths be taken; return those whose call is still out."""
        with self._taking:
            self.todo.clear()
        return {path: thread for path, thread in self.taken.items() if path not in self.sizes}

    def _take(self) -> str | None:
        # At once, or a thread could hang with a path that nobody knows it has.
        with self._taking:
            if not self.todo:
                return None
            path = self.todo.popleft()
            self.taken[path] = threading.current_thread()
            return path


class _Worker(threading.Thread):
    """A thread that waits for work: not an executor's, since those are joined at exit."""

    def __init__(self) -> None:
        super().__init__(name="statvfs", daemon=True)
        self.rounds: queue.SimpleQueue[_Round | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Work on one round after the other until sent home."""
        while (work := self.rounds.get()) is not None:
            work.work()


class Crew:
    """One idle thread between two questions, and those that are stuck."""

    def __init__(self) -> None:
        self._idle: _Worker | None = None
        self._stuck: dict[str, threading.Thread] = {}
        self._unmounted: list[threading.Thread] = []

    @property
    def stuck(self) -> Mapping[str, threading.Thread]:
        """The paths whose call has not come back, and the threads that wait for it."""
        return self._stuck

    async def ask(self, paths: Sequence[str], deadline: Deadline) -> dict[str, Size]:
        """Return the size of what is mounted at each path, in time."""
        self._forget(set(paths))
        full = len(self._stuck) + len(self._unmounted) >= MOST_STUCK
        work = _Round([] if full else [path for path in paths if path not in self._stuck])
        if work.todo:
            await self._send(work, deadline)
        return {path: work.sizes.get(path) for path in paths}

    def close(self) -> None:
        """Send the idle thread home."""
        if self._idle is not None:
            self._idle.rounds.put(None)
            self._idle = None

    def _forget(self, paths: set[str]) -> None:
        """Trust a path again once its call came back, or what hung there was unmounted."""
        self._unmounted += [thread for path, thread in self._stuck.items() if path not in paths]
        self._unmounted = [thread for thread in self._unmounted if thread.is_alive()]
        self._stuck = {path: thread for path, thread in self._stuck.items() if path in paths and thread.is_alive()}

    async def _send(self, work: _Round, deadline: Deadline) -> None:
        room = MOST_STUCK - len(self._stuck) - len(self._unmounted)
        workers = [self._idle or _hire()]
        self._idle = None
        workers[0].rounds.put(work)
        try:
            async with deadline.guard(spare=_SPARE, limit=LIMIT):
                while not await _finished(work):
                    # Twice as many each time: however many mounts hang, the others are reached within a moment.
                    fresh = [_hire() for _ in range(min(len(work.todo), len(workers), room - len(workers)))]
                    for worker in fresh:
                        worker.rounds.put(work)
                    workers += fresh
        except TimeoutError:
            pass  # what is out is told below
        else:
            self._idle = workers.pop()
        finally:
            # However this ends, a cancelled scrape too: for a call that is forgotten one more thread would be sent.
            self._stuck |= work.end()
            for worker in workers:
                worker.rounds.put(None)


async def _finished(work: _Round) -> bool:
    """Wait for the end of a round; return early when there was no answer for a while, and some still stand in line."""
    while True:
        answers = len(work.sizes)
        try:
            async with asyncio.timeout(PATIENCE if work.todo else None):
                await work.finished.wait()
        except TimeoutError:
            if len(work.sizes) == answers and work.todo:
                return False
        else:
            return True


def _hire() -> _Worker:
    worker = _Worker()
    worker.start()
    return worker


def _statvfs(path: str) -> Size:
    try:
        return os.statvfs(path)
    except OSError:
        return None
