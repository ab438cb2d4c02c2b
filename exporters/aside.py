"""Calls that may hang for ever: a file on a mount whose server is gone, a name that no resolver answers for.

Nothing can cancel such a call, so each has a thread of its own, which is left behind when those who asked have no more
time and ends with the process at the latest. Never more than one for the same question: while one hangs, whoever asks
the same waits for that one, each only as long as he likes. The loop's own pool of threads would be full after a few of
them, and would then keep waiting those whose files and names are well.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

_T = TypeVar("_T")

_FLYING: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, asyncio.Future[Any]]] = WeakKeyDictionary()


async def aside(question: Hashable, call: Callable[[], _T]) -> _T:
    """Return what ``call`` returns or raise what it raises; nothing is remembered once it has ended.

    Calls with the same ``question`` are never made side by side.

    Raises:
        OSError: there is no thread to be had.
    """
    loop = asyncio.get_running_loop()
    flying = _FLYING.setdefault(loop, {})
    answer: asyncio.Future[_T] | None = flying.get(question)
    if answer is None or answer.done():
        answer = flying[question] = loop.create_future()
        answer.add_done_callback(lambda done: _landed(flying, question, done))
        try:
            threading.Thread(target=_run, args=(call, loop, answer), name="aside", daemon=True).start()
        except RuntimeError as error:
            answer.set_exception(OSError(str(error)))
    return await asyncio.shield(answer)


def _landed(flying: dict[Hashable, asyncio.Future[Any]], question: Hashable, done: asyncio.Future[Any]) -> None:
    if flying.get(question) is done:
        del flying[question]
    if not done.cancelled():
        done.exception()  # seen, also when everybody who asked has given up


def _run(call: Callable[[], _T], loop: asyncio.AbstractEventLoop, answer: asyncio.Future[_T]) -> None:
    outcome: _T | None = None
    failed: Exception | None = None
    try:
        outcome = call()
    except Exception as error:  # noqa: BLE001  # it is theirs who wait
        failed = error

    def tell() -> None:
        if answer.done():
            return
        if failed is not None:
            answer.set_exception(failed)
        else:
            answer.set_result(outcome)  # type: ignore[arg-type]  # without a failure it is what was asked for

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:
        return  # the loop was closed meanwhile: nobody waits
