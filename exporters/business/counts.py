"""Plain counts: appointments by status, the waiting list, patients."""

from __future__ import annotations

from typing import ClassVar

from exporters.business import families as f
from exporters.business.cells import rounded
from exporters.business.moment import Moment
from exporters.business.query import Query
from exporters.business.reader import Reader
from exporters.readings import Readings

_APPOINTMENTS, _PATIENTS = "appointments", "patients"
_BY_STATUS = "status_start"


class Totals(Query):
    """How many appointments there are; reads every entry of an index, so it is slow."""

    name: ClassVar[str] = "totals"
    slow: ClassVar[bool] = True

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    async def ask(self, reader: Reader, at: Moment) -> None:  # noqa: ARG002  # of all time
        """Count each status on its own: the server counts index entries without looking into them."""
        self._counts = {
            status: await reader.count(_APPOINTMENTS, {"status": status}, _BY_STATUS) for status in f.STATUSES
        }

    def write(self, readings: Readings, smallest: int) -> None:
        """Write every status, at zero too."""
        for status, count in self._counts.items():
            readings.add(f.APPOINTMENTS, rounded(count, smallest), status)


class Due(Query):
    """What became of the appointments of the last day, and who waits for one."""

    name: ClassVar[str] = "due"

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._waiting = 0

    async def ask(self, reader: Reader, at: Moment) -> None:
        """Count by status and start; a waiting patient may not have a time yet."""
        past = {"$gte": at.days(-1), "$lt": at.now}
        self._counts = {
            status: await reader.count(_APPOINTMENTS, {"status": status, "start": past}, _BY_STATUS)
            for status in f.STATUSES
        }
        coming = {"status": "waitlist", "start": {"$gte": at.now}}
        timeless = {"status": "waitlist", "start": None}
        self._waiting = await reader.count(_APPOINTMENTS, coming, _BY_STATUS)
        self._waiting += await reader.count(_APPOINTMENTS, timeless, _BY_STATUS)

    def write(self, readings: Readings, smallest: int) -> None:
        """Write every status, at zero too."""
        for status, count in self._counts.items():
            readings.add(f.DUE_LAST_DAY, rounded(count, smallest), status)
        readings.add(f.WAITLIST, rounded(self._waiting, smallest))


class Registrations(Query):
    """Patients, and the new ones among them."""

    name: ClassVar[str] = "registrations"

    def __init__(self) -> None:
        self._patients = 0
        self._new: list[int] = []

    async def ask(self, reader: Reader, at: Moment) -> None:
        """Take the total from the metadata, and count the new ones by parts of the window that do not overlap."""
        self._patients = await reader.size(_PATIENTS)
        self._new, until = [], at.now
        for days in f.REGISTERED.values():
            since = at.days(-days)
            self._new.append(await reader.count(_PATIENTS, {"created": {"$gte": since, "$lt": until}}, "created"))
            until = since

    def write(self, readings: Readings, smallest: int) -> None:
        """Write the total, and each window as the sum of its parts."""
        readings.add(f.PATIENTS, rounded(self._patients, smallest))
        total = 0
        for window, count in zip(f.REGISTERED, self._new, strict=True):
            total += rounded(count, smallest)
            readings.add(f.REGISTERED_PATIENTS, total, window)
