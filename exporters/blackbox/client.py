"""One GET as a patient's browser would make it first: a new connection, and a note of how long each phase took."""

from __future__ import annotations

import asyncio
import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from exporters.blackbox.timeline import Timeline, current, enter
from exporters.lookup import Lookup
from telemetry.logs import get_logger

log = get_logger()

HEADERS = {"X-Probe": "1", "User-Agent": "appointment-sre-probe", "Accept-Encoding": "identity"}
"""The edge keeps probes apart by the first, so that they never count as patients. Nothing is to come compressed: what
is small on the way could be huge here."""
BODY_LIMIT = 4 * 1024 * 1024
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BAD = 400


class ProbeError(Exception):
    """A probe failed; ``reason`` is one of ``FAILURES``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _NotingResolver(Lookup):
    """Looks names up through the probes' one ``Lookup``, and notes the phase."""

    def __init__(self, lookup: Lookup) -> None:
        super().__init__()
        self._lookup = lookup

    async def resolve(self, *given: Any, **named: Any) -> Any:
        enter("resolve")
        found = await self._lookup.resolve(*given, **named)
        enter("connect")
        return found


def open_session(
    context: ssl.SSLContext, lookup: Lookup, *, keep: bool, also: aiohttp.TraceConfig
) -> aiohttp.ClientSession:
    """Make a session; unless ``keep``, each request opens its own connection, since that is what a patient does first.

    ``also`` hears of every request. Deadlines are the callers'. There are no cookies, no proxies and no credentials but
    those that a request carries.
    """
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_start.append(_connecting)
    tracing.on_connection_create_end.append(_connected)
    connector = aiohttp.TCPConnector(
        ssl=context, resolver=_NotingResolver(lookup), use_dns_cache=False, force_close=not keep
    )
    return aiohttp.ClientSession(
        headers=HEADERS,
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=[tracing, also],
        auto_decompress=False,
    )


async def _connecting(_session: aiohttp.ClientSession, _context: SimpleNamespace, _given: Any) -> None:
    enter("connect")


async def _connected(_session: aiohttp.ClientSession, _context: SimpleNamespace, _given: Any) -> None:
    enter("processing")


async def get(session: aiohttp.ClientSession, url: str, timeline: Timeline) -> bytes:
    """GET a page and return its body, redirects followed; ``timeline`` tells the rest, also when this fails.

    Raises:
        ProbeError: there is no good answer.
    """
    current.set(timeline)
    try:
        return await _follow(session, URL(url), timeline)
    except ProbeError:
        raise
    except Exception as error:
        raise ProbeError(reason_of(error, timeline.phase)) from error
    finally:
        timeline.end()


async def _follow(session: aiohttp.ClientSession, url: URL, timeline: Timeline) -> bytes:
    while True:
        async with session.get(url, allow_redirects=False) as response:
            timeline.enter("transfer")
            timeline.status, location = response.status, response.headers.get("Location")
            body = await read(response)
        if timeline.status not in _REDIRECTS or location is None:
            if timeline.status >= _BAD:
                raise ProbeError("status")
            return body
        url = url.join(URL(location))
        if timeline.redirects == _MOST_REDIRECTS or url.scheme not in {"http", "https"}:
            raise ProbeError("redirects")
        timeline.redirects += 1


async def read(response: aiohttp.ClientResponse) -> bytes:
    """Read a body, but not one without end.

    Raises:
        ProbeError: it is too long.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise ProbeError("size")
    return bytes(body)


def reason_of(error: BaseException, phase: str = "") -> str:
    """Say in a word from the list why a request failed; ``phase`` is the one that it failed in."""
    if phase == "resolve" or isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns"
    if isinstance(error, (asyncio.TimeoutError, asyncio.CancelledError)):
        return "timeout"
    if phase == "tls" or isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return "tls"
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        return "refused"
    if isinstance(error, (aiohttp.ClientError, ValueError)):
        return "malformed"
    log.warning("exporters.collector_failed", collector="blackbox", reason="error", error=error)
    return "error"
