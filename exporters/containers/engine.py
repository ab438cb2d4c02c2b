"""Asks the Docker Engine over its socket. Only ever GET, and only the three paths that stand here."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from exporters.collector import CollectError
from exporters.containers.facts import Detail, MalformedError, Summary, changed_container
from exporters.reasons import Reason
from exporters.sources import Bill

LIMIT = 3.0
"""Seconds that one answer may take."""
_LARGEST = 16 * 1024 * 1024
_SIDE_BY_SIDE = 4
_OK, _NOT_FOUND = 200, 404
_REFUSALS = frozenset({401, 403})
_EVENTS = (
    *("create", "start", "restart", "die", "stop", "kill", "oom", "pause", "unpause", "rename", "update", "destroy"),
    "health_status",
)
"""What changes a container; running a health check is an event too, several times a minute, and does not."""


class Engine:
    """One Docker Engine, or what speaks its API (Podman, a proxy in front of it)."""

    def __init__(self, socket: Path, bill: Bill) -> None:
        self._bill = bill
        self._session = aiohttp.ClientSession(
            # One connection more than questions: the stream of events keeps one.
            connector=aiohttp.UnixConnector(path=str(socket), limit=_SIDE_BY_SIDE + 1),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=LIMIT),
        )
        self._room = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def list(self) -> dict[str, Summary]:
        """Return all containers, exited ones too.

        Raises:
            CollectError: there is no such answer.
        """
        rows = await self._get("containers", "/containers/json", all="1")
        with _understood():
            if not isinstance(rows, list):
                raise MalformedError("not a list")
            found = [Summary.of(row) for row in rows]
        return {one.container: one for one in found}

    async def inspect(self, container: str) -> Detail | None:
        """Return what is known of one container, or ``None`` if it is gone.

        Raises:
            CollectError: there is no such answer.
        """
        async with self._room:
            answer = await self._get("inspect", f"/containers/{container}/json")
        if answer is None:
            return None
        with _understood():
            return Detail.of(answer)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[str | None]]:
        """Open the stream of what happens to containers: their ids, without end.

        Raises:
            CollectError: it cannot be opened, or ended.
        """
        filters = json.dumps({"type": ["container"], "event": _EVENTS})
        endless = aiohttp.ClientTimeout(total=None, sock_connect=LIMIT)
        started = time.monotonic()
        with _answered():
            async with asyncio.timeout(LIMIT):
                stream = await self._session.get("http://docker/events", params={"filters": filters}, timeout=endless)
            async with stream:
                _check(stream.status)
                self._bill.note("events", time.monotonic() - started)
                yield self._lines(stream.content)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _lines(self, content: aiohttp.StreamReader) -> AsyncIterator[str | None]:
        with _answered():
            async for line in content:
                self._bill.received += len(line)
                with _understood():
                    yield changed_container(json.loads(line))
        raise CollectError(Reason.REFUSED)

    async def _get(self, command: str, path: str, **parameters: str) -> Any:
        started = time.monotonic()
        with _answered():
            # The host's name is only a word here: all requests go to the socket.
            async with self._session.get(f"http://docker{path}", params=parameters) as response:
                body = await response.content.read(_LARGEST + 1)
                while not response.content.at_eof() and len(body) <= _LARGEST:
                    body += await response.content.read(_LARGEST + 1 - len(body))
                self._bill.note(command, time.monotonic() - started, received=len(body))
                if response.status == _NOT_FOUND:
                    return None
                _check(response.status)
        if len(body) > _LARGEST:
            raise CollectError(Reason.MALFORMED)
        with _understood():
            return json.loads(body)


def _check(status: int) -> None:
    if status in _REFUSALS:  # by a proxy that lets only some paths through
        raise CollectError(Reason.DENIED)
    if status != _OK:
        raise CollectError(Reason.ERROR)


class _answered:  # noqa: N801  # reads as what it asserts
    """Turns what goes wrong on the way into one of our reasons."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, TimeoutError):
            raise CollectError(Reason.TIMEOUT) from error
        if isinstance(error, PermissionError) or isinstance(getattr(error, "os_error", None), PermissionError):
            raise CollectError(Reason.DENIED) from error
        if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
            raise CollectError(Reason.REFUSED) from error
        if isinstance(error, aiohttp.ClientError | ValueError) and not isinstance(error, CollectError):
            raise CollectError(Reason.MALFORMED) from error


class _understood:  # noqa: N801  # reads as what it asserts
    """Turns an answer that is not Docker's into our word for it."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ValueError | RecursionError):
            raise CollectError(Reason.MALFORMED) from error
