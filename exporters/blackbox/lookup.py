"""Resolves the front door's name with the system's resolver, which can hang and cannot be cancelled.

So it has a thread of its own, and never more than one for a name: while one look-up hangs, whoever asks for the same
name waits for that one, each only as long as he likes.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

_Found = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]]


def is_literal(host: str) -> bool:
    """Tell whether this is an address, which needs no look-up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Lookup(AbstractResolver):
    """Nothing is remembered: a name that went missing is noticed at the next probe."""

    def __init__(self) -> None:
        self._flying: dict[tuple[str, int], asyncio.Future[_Found]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return a name's addresses.

        Raises:
            OSError: it has none.
        """
        found = await asyncio.shield(self._flight(host, port))
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in found
            if family in {socket.AF_UNSPEC, kind}
        ]

    async def close(self) -> None:
        """A thread that still hangs ends with the process at the latest."""

    def _flight(self, host: str, port: int) -> asyncio.Future[_Found]:
        key = (host, port)
        flying = self._flying.get(key)
        if flying is None:
            loop = asyncio.get_running_loop()
            flying = self._flying[key] = loop.create_future()
            flying.add_done_callback(lambda done: self._landed(key, done))
            threading.Thread(target=_ask, args=(host, port, loop, flying), name="lookup", daemon=True).start()
        return flying

    def _landed(self, key: tuple[str, int], done: asyncio.Future[_Found]) -> None:
        del self._flying[key]
        if not done.cancelled():
            done.exception()  # seen, also when everybody who asked has given up


def _ask(host: str, port: int, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[_Found]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        failed = error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "not a host name")
        _tell(loop, answer, failed)
    else:
        _tell(loop, answer, found)  # type: ignore[arg-type]  # typeshed allows addresses that SOCK_STREAM never gives


def _tell(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[_Found], outcome: OSError | _Found) -> None:
    def set_it() -> None:
        if answer.done():
            return
        if isinstance(outcome, OSError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    try:
        loop.call_soon_threadsafe(set_it)
    except RuntimeError:
        return  # the loop was closed meanwhile: nobody waits
