"""The front door's TLS: is its certificate good, when does the first of its chain end, which version is spoken?

The end is read from certificates that are not trusted too: it matters most when it is past.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass

from exporters.blackbox.certificate import ends
from exporters.blackbox.client import reason_of
from exporters.blackbox.door import Frontdoor
from exporters.blackbox.families import TLS_EXPIRY, TLS_VERSION
from exporters.blackbox.http_probe import LIMIT, SPARE, outcome
from exporters.collector import Deadline
from exporters.readings import Readings

NAME = "tls"


@dataclass(slots=True)
class _Seen:
    ends: float | None = None
    version: str | None = None


class TlsProbe:
    """Shakes hands at each scrape; a second time, believing anybody, where the first one found no trust."""

    def __init__(self, door: Frontdoor) -> None:
        self._door = door
        self._anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._anybody.check_hostname = False
        self._anybody.verify_mode = ssl.CERT_NONE

    async def run(self, readings: Readings, deadline: Deadline) -> None:
        """Shake hands, and write what was seen, whatever that is."""
        seen, started, failure, phase = _Seen(), time.monotonic(), None, "resolve"
        try:
            async with deadline.guard(spare=SPARE, limit=LIMIT):
                addresses = await self._addresses()
                phase = ""
                try:
                    await self._shake(addresses, self._door.context, seen)
                except ssl.SSLCertVerificationError:
                    failure = "tls"
                    await self._shake(addresses, self._anybody, seen)
        except TimeoutError:
            failure = failure or ("dns" if phase else "timeout")
        except (OSError, ValueError) as error:
            failure = failure or reason_of(error, phase)
        seconds = time.monotonic() - started
        self._door.bill.note(NAME, seconds)
        self.write(readings, failure, seconds, seen)

    def write(self, readings: Readings, failure: str | None, seconds: float, seen: _Seen | None = None) -> None:
        """Write the series of this probe; of what was not seen there is none."""
        outcome(readings, NAME, failure, seconds)
        if seen is not None and seen.ends is not None:
            readings.add(TLS_EXPIRY, seen.ends, NAME)
        if seen is not None and seen.version is not None:
            readings.add(TLS_VERSION, 1, NAME, seen.version)

    async def _addresses(self) -> list[str]:
        if not self._door.named:
            return [self._door.host]
        return [found["host"] for found in await self._door.lookup.resolve(self._door.host, self._door.port)]

    async def _shake(self, addresses: list[str], context: ssl.SSLContext, seen: _Seen) -> None:
        connected = await self._connect(addresses)
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, sock=connected, ssl=context, server_hostname=self._door.host
        )
        try:
            secured: ssl.SSLObject = transport.get_extra_info("ssl_object")
            # As blackbox_exporter writes it: TLS 1.3.
            seen.version = (secured.version() or "unknown").replace("TLSv", "TLS ")
            seen.ends = min(ends(der) for der in chain(secured))
        finally:
            transport.abort()

    async def _connect(self, addresses: list[str]) -> socket.socket:
        """Connect to the first address that takes it; a name may have some of a kind that the server does not serve."""
        last = OSError("the name has no address")
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            one = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                await asyncio.get_running_loop().sock_connect(one, (address, self._door.port))
            except OSError as error:
                last = error
                one.close()
            except BaseException:
                one.close()
                raise
            else:
                return one
        raise last


def chain(secured: ssl.SSLObject) -> list[bytes]:
    """Return the certificates that the other side showed, its own first."""
    if hasattr(secured, "get_unverified_chain"):  # from Python 3.13 on
        return [bytes(one) for one in secured.get_unverified_chain()]
    shown = secured._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001  # the same, unnamed
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in shown or ()]
