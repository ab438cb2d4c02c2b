"""What every query of one turn starts from: the time, the clinic, and who works in which service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from exporters.business.clinic import Clinic, shifted

OTHER = "other"
"""The service of everybody whose specialty is not one of the listed ones."""
_UTC = ZoneInfo("UTC")


def label(specialty: str) -> str:
    """Write a specialty as a label value: ``General practice`` is ``general_practice``."""
    return "_".join(specialty.casefold().split())


@dataclass(frozen=True, slots=True)
class Staff:
    """The clinic and its practitioners; ``clinic`` is ``None`` where nothing says when it is open."""

    clinic: Clinic | None = None
    services: tuple[str, ...] = (OTHER,)
    """The closed list of service labels, ``other`` at its end."""
    service_of: Mapping[str, str] = field(default_factory=dict)

    def service(self, practitioner: object) -> str:
        """Return a practitioner's service; whoever is not on record belongs to ``other``."""
        return self.service_of.get(practitioner, OTHER) if isinstance(practitioner, str) else OTHER

    def by_service(self) -> Mapping[str, int]:
        """Count practitioners; a service that nobody works in is there with 0."""
        counts: Counter[str] = Counter(self.service_of.values())
        return {service: counts[service] for service in self.services}


@dataclass(frozen=True, slots=True)
class Moment:
    """One turn's present."""

    now: datetime
    staff: Staff

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's time zone, or UTC where that is not known."""
        return self.staff.clinic.zone if self.staff.clinic else _UTC

    def days(self, count: int) -> datetime:
        """Return the same time on the clinic's clock ``count`` days from now."""
        return shifted(self.now, count, self.zone)


def staff_of(clinic: Clinic | None, listed: Iterable[str], specialties: Mapping[str, object]) -> Staff:
    """Sort practitioners into the listed services."""
    services = tuple(dict.fromkeys((*(label(name) for name in listed), OTHER)))
    service_of = {}
    for practitioner, specialty in specialties.items():
        name = label(specialty) if isinstance(specialty, str) else OTHER
        service_of[practitioner] = name if name in services else OTHER
    return Staff(clinic, services, service_of)
