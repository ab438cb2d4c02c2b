"""Resolves names with the system's resolver, which can hang and cannot be cancelled.

Every client in this process, the drivers' own among them, asks the event loop. So it is the loop that keeps names
apart: those of one target that hang, however often they are asked for, cost one thread each and nobody else's time.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from ipaddress import ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from exporters.aside import aside


def is_literal(host: str) -> bool:
    """Tell whether this is an address, which needs no look-up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Loop(asyncio.SelectorEventLoop):
    """Looks names up aside, where the usual loop does so in a pool of (processors + 4) threads for everything."""

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002  # it is called by this name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Return what the system's resolver knows; nothing is remembered.

        Raises:
            OSError: it knows no such name.
        """
        return await addresses(host, port, family, type, proto, flags)


async def addresses(host: Any, port: Any, *how: int) -> list[Any]:
    """Ask the system's resolver; ``how`` are the numbers that ``socket.getaddrinfo`` takes.

    Raises:
        OSError: it knows no such name.
    """
    try:
        return await aside(("name", host, port, *how), partial(socket.getaddrinfo, host, port, *how))
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error


class Lookup(AbstractResolver):
    """For aiohttp. Nothing is remembered: a name that went missing is noticed at the next probe."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return a name's addresses.

        Raises:
            OSError: it has none.
        """
        found = await addresses(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM)
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
