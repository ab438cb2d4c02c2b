"""Learns from Alertmanager what it does not tell: what it keeps back, and the end of what it has forgotten.

Alerts that are silenced or inhibited never arrive; so that they are counted, what is suppressed is noted once a minute.

An end that was told may be none: an Alertmanager that hears nothing of Prometheus for some minutes takes its alerts for
over, and the same episodes fire when it hears again. What is active there is open here.

An episode's end may never be told: the stack was stopped while it fired, or Alertmanager lost its state. So the
episodes that we hold as firing are compared with Alertmanager's active alerts. One that was missing
there at every look for long enough is closed, and its timeline says that it was we who did so. Nothing is closed while
Alertmanager does not answer, or the Watchdog is silent: then nobody knows what fires.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from monitor import clock
from monitor.errors import SettingsError, Unavailable
from monitor.settings import Login
from monitor.sources.alertmanager import ActiveAlert, active_alerts
from monitor.store import Store, stamp
from monitor.store_alerts import AlertRecord, Alerts
from monitor.store_suppressed import Suppressed, Suppressions
from monitor.web.listing import Episode
from monitor.web.state import StoreThread
from monitor.web.view import WATCHDOG_LIMIT
from telemetry import logs

LOOK_EVERY_S = 60.0

MISSING_FOR = timedelta(minutes=5)
"""At least this long. Prometheus tells Alertmanager each minute what fires, so one that was restarted knows by then."""

log = logs.get_logger()


class Reconciler:
    """Compares, and remembers since when each episode is missing. ``group_interval`` is Alertmanager's."""

    def __init__(
        self, url: str, store: StoreThread, *, group_interval: timedelta, login: Callable[[], Login | None]
    ) -> None:
        self._url = url
        self._login = login
        self._store = store
        # The end may be on its way: Alertmanager tells it a group interval later, at the latest.
        self._patience_s = max(MISSING_FOR, 2 * group_interval).total_seconds()
        self._missing: dict[Episode, float] = {}

    async def run(self) -> None:
        """Look once a minute until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look(time.monotonic())

    async def look(self, elapsed: float) -> None:
        """Look once. ``elapsed`` is a monotonic time in seconds. What fails is logged, and tried again next time."""
        try:
            active = await asyncio.to_thread(lambda: active_alerts(self._url, login=self._login()))
            await self._store.call(lambda store: self._compare(store, active, elapsed))
        except (Unavailable, SettingsError) as error:  # the latter: the file with the password is gone
            self._missing.clear()
            log.warning("web.source_unavailable", source="alertmanager", error=error)
        except sqlite3.Error as error:
            log.warning("web.source_unavailable", source="store", error=error)

    def _compare(self, store: Store, active: Collection[ActiveAlert], elapsed: float) -> None:
        now = clock.now()
        Suppressions(store).see(_suppressed(alert, now) for alert in active if alert.suppressed)
        for alert in active:
            reopen(store, alert, now)
        seen = store.get("watchdog", "latest")
        if seen is None or now - seen.at > WATCHDOG_LIMIT:
            self._missing.clear()
            return
        known = {frozenset(alert.labels.items()) for alert in active}
        gone = [alert for alert in Alerts(store).firing() if frozenset(alert.labels.items()) not in known]
        self._missing = {episode(alert): self._missing.get(episode(alert), elapsed) for alert in gone}
        for missing in gone:
            if elapsed - self._missing[episode(missing)] >= self._patience_s:
                forget(store, missing, now)


def _suppressed(alert: ActiveAlert, now: datetime) -> Suppressed:
    return Suppressed(
        fingerprint=alert.fingerprint,
        labels=alert.labels,
        starts_at=alert.starts_at,
        first_at=now,
        last_at=now,
        silenced=bool(alert.silenced_by),
        inhibited=bool(alert.inhibited_by),
    )


def forget(store: Store, alert: AlertRecord, now: datetime) -> None:
    """Close an episode of which Alertmanager knows nothing any more."""
    Alerts(store).record(replace(alert, state="resolved", ends_at=now, received_at=now), event="forgotten")


def reopen(store: Store, alert: ActiveAlert, now: datetime) -> None:
    """Open an episode again that was taken for ended and is active; what never arrived stays unknown."""
    for known in Alerts(store).episodes(alert.fingerprint, limit=1):
        if known.state == "resolved" and stamp(known.starts_at) == stamp(alert.starts_at):
            Alerts(store).record(replace(known, state="firing", ends_at=None, received_at=now))


def episode(alert: AlertRecord) -> Episode:
    """What tells one episode from another."""
    return alert.fingerprint, alert.starts_at
