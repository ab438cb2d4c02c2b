"""The front door as a source: what its probes share, and what asking costs it."""

from __future__ import annotations

import ssl
from types import SimpleNamespace
from typing import Self

import aiohttp
from yarl import URL

from exporters.blackbox.client import open_session
from exporters.blackbox.timeline import trust
from exporters.lookup import Lookup, is_literal
from exporters.settings import Settings
from exporters.sources import Bill

_LINE_ENDS = len(": \r\n")


class Frontdoor:
    """Where patients come in. No connection is kept: to make one is the first thing that can fail."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        parsed = URL(url)
        self.base = url.rstrip("/")
        self.host, self.port = parsed.host or "", parsed.port or 0
        self.secured = parsed.scheme == "https"
        self.named = not is_literal(self.host)
        self.context = context
        self.lookup = Lookup()
        self.bill = Bill()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Prepare for the door that the settings name.

        Raises:
            SettingsError: the authorities' file cannot be used.
        """
        return cls(settings.probe_url or "", trust(settings))

    def session(self, *, keep: bool = False) -> aiohttp.ClientSession:
        """Make a session whose traffic goes on the bill (what TLS adds does not)."""
        counting = aiohttp.TraceConfig()
        counting.on_request_headers_sent.append(self._head_sent)
        counting.on_request_chunk_sent.append(self._body_sent)
        counting.on_request_end.append(self._head_received)
        return open_session(self.context, self.lookup, keep=keep, also=counting)

    async def close(self) -> None:
        """Nothing is kept."""

    async def _head_sent(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, given: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        line = f"{given.method} {given.url.raw_path_qs} HTTP/1.1\r\n\r\n"
        self.bill.sent += len(line) + sum(len(key) + len(text) + _LINE_ENDS for key, text in given.headers.items())

    async def _body_sent(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, given: aiohttp.TraceRequestChunkSentParams
    ) -> None:
        self.bill.sent += len(given.chunk)

    async def _head_received(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, given: aiohttp.TraceRequestEndParams
    ) -> None:
        fields = given.response.raw_headers
        self.bill.received += sum(len(key) + len(text) + _LINE_ENDS for key, text in fields)
