"""What the handlers share: the store behind its own thread, SLO status with a short memory, counters, the catalogue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from aiohttp import web
from prometheus_client import CollectorRegistry

from monitor import clock, metrics
from monitor.catalogue.model import Catalogue, Slo
from monitor.compliance import SloStatus, slo_statuses
from monitor.errors import SettingsError, Unavailable
from monitor.settings import Login, Settings
from monitor.sources.alertmanager import ActiveAlert, active_alerts
from monitor.sources.prometheus import Prometheus
from monitor.sources.silences import Silence, silences
from monitor.store import Store
from monitor.web.forms import FormTokens
from telemetry import own
from telemetry.metric import counter, gauge, histogram

T = TypeVar("T")

MEMORY_S = 5.0
"""A source is asked at most this often, however many people look at the console."""

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


class Remembered(Generic[T]):
    """The answer of a source that blocks, asked at most every ``for_s`` seconds; many askers at once cost one question.

    That it failed is remembered as long: else each viewer in turn would wait for a dead source.
    """

    def __init__(self, ask: Callable[[], T], *, for_s: float = MEMORY_S) -> None:
        self._ask = ask
        self._for_s = for_s
        self._lock = asyncio.Lock()
        self._answer: T | None = None
        self._problem = ""
        self._read_at = float("-inf")

    async def read(self) -> T:
        """Return the answer.

        Raises:
            Unavailable: the source cannot be reached, or refuses.
        """
        async with self._lock:
            if time.monotonic() - self._read_at > self._for_s:
                await self._look()
            if self._answer is None:
                raise Unavailable(self._problem)
            return self._answer

    def forget(self) -> None:
        """Ask anew next time: something was just changed there."""
        self._read_at = float("-inf")

    async def _look(self) -> None:
        try:
            self._answer, self._problem = await asyncio.to_thread(self._ask), ""
        except (Unavailable, SettingsError) as error:  # the latter: the file with its password is gone
            self._answer, self._problem = None, str(error)
        self._read_at = time.monotonic()


class SloReader(Remembered[tuple[SloStatus, ...]]):
    """The status of every SLO, remembered; and of one, asked about by itself."""

    def __init__(self, prometheus: Prometheus, catalogue: Catalogue, store: Path) -> None:
        super().__init__(self._ask_all)
        self._prometheus, self._catalogue, self._store = prometheus, catalogue, store

    async def read_one(self, slo: Slo) -> SloStatus:
        """Return where one SLO stands by its sealed days, with the corrections in its current window.

        Raises:
            Unavailable: Prometheus cannot be reached, or refuses.
        """
        return await asyncio.to_thread(self._ask_one, slo)

    def _ask_all(self) -> tuple[SloStatus, ...]:
        """Ask with a handle of our own on the store: the console's must not wait for Prometheus."""
        with Store.open(self._store, wait_s=0) as store:
            return slo_statuses(self._prometheus, self._catalogue, store=store, calendars=False)

    def _ask_one(self, slo: Slo) -> SloStatus:
        only = replace(self._catalogue, slos=(slo,))
        with Store.open(self._store, wait_s=0) as store:
            (status,) = slo_statuses(self._prometheus, only, store=store)
            return status


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """What Alertmanager says about who is not heard: active alerts by fingerprint, and silences, ended ones too."""

    active: Mapping[str, ActiveAlert]
    silences: tuple[Silence, ...]


def suppression(url: str, login: Callable[[], Login | None]) -> Suppression:
    """Ask Alertmanager.

    Raises:
        Unavailable: it cannot be reached, or does not answer like one.
    """
    found = active_alerts(url, login=login())
    return Suppression(active={alert.fingerprint: alert for alert in found}, silences=silences(url, login=login()))


class WebMetrics:
    """What this process counts. Gauges of the store are computed when scraped (``monitor.web.scrape``)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.alerts_received = counter(metrics.ALERTS_RECEIVED, self.registry)
        self.notifications = counter(metrics.ALERT_NOTIFICATIONS, self.registry)
        self.request_duration = histogram(metrics.HTTP_REQUEST_DURATION, self.registry)
        own.register(self.registry)
        gauge(metrics.PROCESS_START, self.registry).set(clock.now().timestamp())
        for status in ("firing", "resolved", "refused"):
            self.alerts_received.labels(status)
        for outcome in ("accepted", "partial", "refused"):
            self.notifications.labels(outcome)


@dataclass(frozen=True, kw_only=True)
class Console:
    """Everything a handler may use."""

    settings: Settings
    catalogue: Catalogue
    store: StoreThread
    slos: SloReader
    prometheus: Prometheus
    heard: Remembered[Suppression]
    tokens: FormTokens = field(default_factory=FormTokens)
    runbooks: Path
    metrics: WebMetrics = field(default_factory=WebMetrics)


CONSOLE = web.AppKey("console", Console)
