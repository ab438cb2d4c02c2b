"""One scrape under way, and those who wait for it.

Made of callbacks instead of a task that waits for tasks: this takes half as many turns of the event loop, each of
which costs as much as ten samples.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from exporters.budget import HARD
from exporters.result import Asked, Result, Snapshot

_WORTH_IT = 0.3
"""Seconds by which a caller must be more patient to make the others leave before the end: many who come one after the
other are to get one page."""
_JUST_AFTER = 0.002


class Flight:
    """Ends when all collectors have, or when the most patient of those who wait can wait no longer."""

    def __init__(self, ends: float, seconds: float, asked: Sequence[Asked], report: Callable[[], Snapshot]) -> None:
        """``ends`` is by the monotonic clock; ``report`` is called once, at the end, and makes what everybody gets."""
        self.ends = ends
        self.seconds = seconds
        """What the most patient caller allows for the whole page."""
        self.asked = asked
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._left = len(asked)
        self._waiting: list[asyncio.Future[Snapshot | None]] = []
        self._timer = self._set_timer()
        for one in asked:
            one.task.add_done_callback(self._one_done)

    @property
    def is_over(self) -> bool:
        """Whether its time is up: who comes now would get what others had no time to wait for."""
        return time.monotonic() >= self.ends

    def extend(self, ends: float, seconds: float) -> None:
        """End no sooner than that, unless all is done: for somebody who can wait much longer."""
        if ends > self.ends + _WORTH_IT:
            self.seconds = max(self.seconds, seconds)
            self.ends = ends
            self._timer.cancel()
            self._timer = self._set_timer()
            for one in self.asked:
                one.deadline.extend(ends)

    async def result(self, ends: float) -> Snapshot | None:
        """Wait for the end, and until ``ends`` at most: then ``None``, and the others wait on.

        Who is cancelled meanwhile takes nothing from the others.
        """
        waiting: asyncio.Future[Snapshot | None] = self._loop.create_future()
        self._waiting.append(waiting)
        # Also for one who would wait till the end, since somebody may still extend it: just after it, then.
        timer = self._loop.call_later(_until(ends) + _JUST_AFTER, _give_up, waiting)
        try:
            return await waiting
        finally:
            timer.cancel()

    def _set_timer(self) -> asyncio.TimerHandle:
        return self._loop.call_later(_until(self.ends), self._end)

    def _one_done(self, _task: asyncio.Task[Result]) -> None:
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


def _until(ends: float) -> float:
    """Return the seconds until then, and the moment in which those who were cancelled then can still end."""
    return max(0.0, ends - time.monotonic()) + HARD


def _give_up(waiting: asyncio.Future[Snapshot | None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def _told(error: BaseException) -> Exception:
    """Return what can be handed to those who wait: a cancelling that is not theirs would pass for their own."""
    if isinstance(error, Exception):
        return error
    told = RuntimeError(f"the scrape ended with {type(error).__name__}")
    told.__cause__ = error
    return told
