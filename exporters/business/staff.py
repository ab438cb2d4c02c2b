"""Who can be booked, and when: what the app keeps in ``practitioners`` and ``clinic``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from exporters.business import families as f
from exporters.business.clinic import parse
from exporters.business.moment import Moment, staff_of
from exporters.business.query import Query
from exporters.business.reader import Reader
from exporters.readings import Readings


class StaffList(Query):
    """Practitioners by service. The other queries use it, so it is asked first."""

    name: ClassVar[str] = "staff"
    slow: ClassVar[bool] = True

    def __init__(self, listed: Sequence[str]) -> None:
        self._listed = listed
        self.staff = staff_of(None, listed, {})

    async def ask(self, reader: Reader, at: Moment) -> None:  # noqa: ARG002  # nothing here depends on the time
        """Read two small collections."""
        hours = await reader.find("clinic", {"_id": "schedule"}, _HOURS)
        found = await reader.find("practitioners", {}, ("specialty",))
        specialties = {row["_id"]: row.get("specialty") for row in found if isinstance(row["_id"], str)}
        self.staff = staff_of(parse(hours[0]) if hours else None, self._listed, specialties)

    def write(self, readings: Readings, smallest: int) -> None:  # noqa: ARG002  # staff, not patients
        """Write every service, at zero too."""
        for service, count in self.staff.by_service().items():
            readings.add(f.PRACTITIONERS, count, service)


_HOURS = ("time_zone", "opens", "closes", "weekdays", "slot_minutes", "horizon_days")
