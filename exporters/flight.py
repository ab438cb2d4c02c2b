"""One scrape under way, and those who wait for it.

Made of callbacks instead of a task that waits for tasks: this takes half as many turns of the event loop, each of
which costs as much as ten samples.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from exporters.budget import HARD
from exporters.collector import Deadline

_T = TypeVar("_T")


class Flight(Generic[_T]):
    """Ends when all tasks have, or a moment after the deadline, which callers may move closer."""

    def __init__(self, deadline: Deadline, tasks: Sequence[asyncio.Task[Any]], report: Callable[[], _T]) -> None:
        """``report`` is called once, at the end, and makes what everybody gets."""
        self._loop = asyncio.get_running_loop()
        self._deadline = deadline
        self._report = report
        self._left = len(tasks)
        self._waiting: list[asyncio.Future[_T]] = []
        self._timer = self._set_timer()
        for task in tasks:
            task.add_done_callback(self._one_done)

    def tighten(self, seconds: float) -> None:
        """End no later than ``seconds`` from now, for somebody who cannot wait longer."""
        self._deadline.tighten(seconds)
        self._timer.cancel()
        self._timer = self._set_timer()

    async def result(self) -> _T:
        """Wait for the end. Who is cancelled meanwhile takes nothing from the others."""
        waiting: asyncio.Future[_T] = self._loop.create_future()
        self._waiting.append(waiting)
        return await waiting

    def _set_timer(self) -> asyncio.TimerHandle:
        return self._loop.call_later(self._deadline.remaining(spare=-HARD), self._end)

    def _one_done(self, _task: asyncio.Task[Any]) -> None:
        self._left -= 1
        if self._left == 0:
            self._end()

    def _end(self) -> None:
        if self._timer.cancelled():
            return  # tasks that are left behind end later
        self._timer.cancel()
        try:
            report = self._report()
        except BaseException as error:  # noqa: BLE001  # it is theirs who wait, and nobody is left waiting
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_exception(_told(error))
            return
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(report)


def _told(error: BaseException) -> Exception:
    """Return what can be handed to those who wait: a cancelling that is not theirs would pass for their own."""
    if isinstance(error, Exception):
        return error
    told = RuntimeError(f"the scrape ended with {type(error).__name__}")
    told.__cause__ = error
    return told
