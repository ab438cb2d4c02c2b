"""Looks at the service from outside, as patients meet it: through the front door, over a new connection each time."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Self

import aiohttp

from exporters.blackbox import dns, tls
from exporters.blackbox.api import api
from exporters.blackbox.door import Frontdoor
from exporters.blackbox.edge import EDGE
from exporters.blackbox.families import PROBE_METRICS, SUCCESS
from exporters.blackbox.http_probe import HttpProbe
from exporters.blackbox.page import page
from exporters.blackbox.timeline import Timeline
from exporters.blackbox.tls import TlsProbe
from exporters.collector import Deadline
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.metric import Metric


class BlackboxCollector:
    """Probes at each scrape, all kinds side by side: HTTP always, TLS of an https address, DNS of one with a name."""

    name: ClassVar[str] = "blackbox"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = PROBE_METRICS

    def __init__(self, door: Frontdoor, probes: tuple[HttpProbe, ...]) -> None:
        self._door = door
        self._probes = probes
        self._tls = TlsProbe(door) if door.secured else None
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """There must be a door to knock at."""
        return None if settings.probe_url else "--probe"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Prepare for one front door."""
        settings = sources.settings
        probes = [EDGE, page(settings.probe_page_text)]
        if settings.probe_api_path:
            probes.append(api(settings.probe_api_path))
        return cls(sources.use(Frontdoor), tuple(probes))

    async def start(self) -> None:
        """Make the session."""
        self._session = self._door.session()

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Probe; each probe has its own limit, writes down its own failure, and takes no other one with it."""
        assert self._session is not None, "start() comes first"
        running = [probe.run(self._session, self._door, readings, deadline) for probe in self._probes]
        if self._door.named:
            running.append(dns.run(self._door, readings, deadline))
        if self._tls is not None:
            running.append(self._tls.run(readings, deadline))
        await asyncio.gather(*running)

    def lost(self, readings: Readings, reason: Reason) -> None:
        """A probe that could not even be tried has failed."""
        failure = "timeout" if reason is Reason.TIMEOUT else "error"
        for probe in self._probes:
            if not readings.has(SUCCESS, probe.name):
                probe.write(readings, failure, 0.0, Timeline())
        if self._door.named and not readings.has(SUCCESS, dns.NAME):
            dns.write(readings, failure, 0.0)
        if self._tls is not None and not readings.has(SUCCESS, tls.NAME):
            self._tls.write(readings, failure, 0.0)

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
