"""Which backups there are, for those who ask often: schedules and scrapes must not wait for storage that is ill.

A directory is looked at each time. A bucket is looked at in the background, and what was last seen there is the answer.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime

from monitor.addresses import bucket
from monitor.backup import ListedBackup, list_backups, offsite, open_store
from monitor.errors import MonitorError
from monitor.settings import Settings
from telemetry import logs

LOOK_EVERY_S = 60.0
PATIENCE_S = 5.0
"""How long somebody waits who is the first to ask; a scrape has ten seconds."""

log = logs.get_logger()


class Lookout:
    """What was last seen in a store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looking: threading.Thread | None = None
        self._looked = -LOOK_EVERY_S
        self._seen: tuple[ListedBackup, ...] | None = None
        self._looking_away = False
        self._looked_away = -LOOK_EVERY_S
        self._offsite: datetime | None = None

    def backups(self, settings: Settings) -> tuple[ListedBackup, ...] | None:
        """Return the backups, newest first; ``None`` where it is not known.

        Raises:
            MonitorError: it is a directory that cannot be read.
        """
        if bucket("backup_store", settings.backup_store) is None:
            return list_backups(open_store(settings))
        with self._lock:
            if self._looking is None and time.monotonic() - self._looked >= LOOK_EVERY_S:
                self._looking = threading.Thread(target=self._look, args=(settings,), name="lookout", daemon=True)
                self._looking.start()
            looking, known = self._looking, self._seen is not None
        if looking is not None and not known:
            looking.join(PATIENCE_S)
        return self._seen

    def offsite(self, settings: Settings) -> datetime | None:
        """Return the newest instant that the copy in the other place can bring back; the last known, where it is away.

        ``None`` where there is no copy, none was looked at yet, or nothing can be restored from it.
        """
        if not settings.offsite_store:
            return None
        with self._lock:
            if not self._looking_away and time.monotonic() - self._looked_away >= LOOK_EVERY_S:
                self._looking_away, self._looked_away = True, time.monotonic()
                threading.Thread(target=self._look_away, args=(settings,), name="lookout", daemon=True).start()
            return self._offsite

    def forget(self) -> None:
        """Look again: something was written or removed."""
        with self._lock:
            self._looked = -LOOK_EVERY_S
            self._seen = None

    def _look(self, settings: Settings) -> None:
        try:
            seen = list_backups(open_store(settings))
        except (MonitorError, OSError) as error:
            # Not known is not none: nobody may take what was seen before for what is there now.
            seen = None
            log.warning("work.job_failed", job="lookout", error=error)
        with self._lock:
            self._seen, self._looked, self._looking = seen, time.monotonic(), None

    def _look_away(self, settings: Settings) -> None:
        try:
            point = offsite.newest_recovery_point(open_store(settings.offsite))
        except (MonitorError, OSError) as error:
            # What was there is still there, and grows older by itself.
            log.warning("work.job_failed", job="lookout", error=error)
        else:
            with self._lock:
                self._offsite = None if point is None else point.at
        finally:
            self._looking_away = False
