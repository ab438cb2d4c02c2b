"""The oplog's capture as a part of ``monitor work``: one thread for as long as the process lives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from monitor.backup.model import ClusterTime, ListedBackup
from monitor.backup.opening import open_store
from monitor.backup.oplog import owner
from monitor.backup.oplog.anchor import Anchor, anchors
from monitor.backup.oplog.capture import Round
from monitor.backup.recovery.bases import newest_recovery_point
from monitor.catalogue.model import Catalogue
from monitor.errors import MonitorError
from monitor.settings import Settings
from monitor.store import Store
from telemetry import logs

STOP_S, STOP_FAILING_S = 5.0, 0.2
"""How long the last slice may take when the process ends, and how long it is waited for where captures fail anyway."""
AGAIN_S = 10.0
"""After another process was found to capture: it may have ended."""

log = logs.get_logger()


class Capturing:
    """Starts and ends the thread; does nothing where the catalogue promises nothing about recovery."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._recovery = catalogue.recovery
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._well = False

    def start(self) -> None:
        """Begin to capture."""
        if self._recovery is not None:
            self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
            self._thread.start()

    async def stop(self) -> None:
        """Have a last slice written, and leave a thread behind that does not come to an end."""
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, STOP_S if self._well else STOP_FAILING_S)

    def _run(self) -> None:
        assert self._recovery is not None, "start() sees to that"
        settings, every_s = self._settings, self._recovery.capture_every.total_seconds()
        while True:
            try:
                newest = partial(newest_recovery_point, settings)
                home = open_store(settings, locked_for=self._recovery.locked_for)
                with home.alone("capture") as sure:
                    owner.run(
                        settings, home.depot, newest, every_s=every_s, stop=self._stop, sure=sure, watch=self._watch
                    )
            except Exception as error:  # noqa: BLE001  # whatever it is: it must be tried again
                log.error("backup.capture_failed", error=error)  # noqa: TRY400  # our logger's error takes it
            self._well = False
            if self._stop.wait(AGAIN_S):
                return

    def _watch(self, done: Round | None) -> None:
        self._well = done is not None


def captured(settings: Settings, store: Store) -> tuple[Anchor, ...]:
    """How far the oplog was captured into the store that is in use, by replica set."""
    return anchors(store, place(settings))


def place(settings: Settings) -> str:
    """What the store that is in use is called in records; empty where it cannot be opened: backups say why."""
    try:
        return open_store(settings).name
    except MonitorError:
        return ""


def reached(found: Sequence[Anchor], backups: Iterable[ListedBackup]) -> datetime | None:
    """The newest point that backups and slices lead to; ``None``: nothing was captured, or there is no backup. Pure."""
    listed = [b.recovery_point for b in backups if b.state == "complete" and b.recovery_point]
    points = tuple(ClusterTime(time=int(at.timestamp()), increment=0) for at in listed)
    newest = owner.recovery_point(found, points) if found else None
    return None if newest is None else newest.at
