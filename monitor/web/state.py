"""What the handlers share: the store behind its own thread, SLO status with a short memory, counters, the catalogue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from prometheus_client import CollectorRegistry

from monitor import clock, metrics
from monitor.catalogue.model import Catalogue
from monitor.compliance import SloStatus, slo_statuses
from monitor.errors import Unavailable
from monitor.settings import Settings
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from telemetry import own
from telemetry.metric import counter, gauge, histogram

T = TypeVar("T")

SLO_MEMORY_S = 5.0
"""SLO status is asked of Prometheus at most this often, however many people look at the console."""

PROMETHEUS_TIMEOUT_S = 5.0
"""A page must not wait longer than this to say that Prometheus is slow."""


class StoreThread:
    """Runs calls on the store one after another, off the event loop: its connection knows one transaction at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def call(self, work: Callable[[Store], T]) -> T:
        """Run ``work`` with the store and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._store)

    def close(self) -> None:
        """Wait for the running call and end the thread. The store stays open: whoever opened it closes it."""
        self._thread.shutdown(wait=True, cancel_futures=True)


class SloReader:
    """SLO status from Prometheus; many askers at once cost one query."""

    def __init__(self, prometheus: Prometheus, catalogue: Catalogue) -> None:
        self._prometheus = prometheus
        self._catalogue = catalogue
        self._lock = asyncio.Lock()
        self._statuses: tuple[SloStatus, ...] = ()
        self._problem = ""
        self._read_at = float("-inf")

    async def read(self) -> tuple[SloStatus, ...]:
        """Return the status of every SLO, at most ``SLO_MEMORY_S`` old; that it failed is remembered as long.

        Raises:
            Unavailable: Prometheus cannot be reached, or refuses.
        """
        async with self._lock:
            if time.monotonic() - self._read_at > SLO_MEMORY_S:
                await self._ask()
            if self._problem:
                raise Unavailable(self._problem)
            return self._statuses

    async def _ask(self) -> None:
        """Remember the answer, or that there was none: else each viewer in turn would wait for a dead Prometheus."""
        try:
            self._statuses = await asyncio.to_thread(slo_statuses, self._prometheus, self._catalogue)
            self._problem = ""
        except Unavailable as error:
            self._problem = str(error)
        self._read_at = time.monotonic()


class WebMetrics:
    """What this process counts. Gauges of the store are computed when scraped (``monitor.web.scrape``)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.alerts_received = counter(metrics.ALERTS_RECEIVED, self.registry)
        self.notifications = counter(metrics.ALERT_NOTIFICATIONS, self.registry)
        self.request_duration = histogram(metrics.HTTP_REQUEST_DURATION, self.registry)
        own.register(self.registry)
        gauge(metrics.PROCESS_START, self.registry).set(clock.now().timestamp())
        for status in ("firing", "resolved"):
            self.alerts_received.labels(status)
        for outcome in ("accepted", "refused"):
            self.notifications.labels(outcome)


@dataclass(frozen=True, kw_only=True)
class Console:
    """Everything a handler may use."""

    settings: Settings
    catalogue: Catalogue
    store: StoreThread
    slos: SloReader
    runbooks: Path
    metrics: WebMetrics = field(default_factory=WebMetrics)


CONSOLE = web.AppKey("console", Console)
