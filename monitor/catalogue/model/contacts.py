"""Who hears of what, by which way, and when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from monitor.catalogue.model.alerts import Attention


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somewhere that notifications go. ``settings`` carry Alertmanager's own names; secrets are ``*_file`` paths."""

    name: str
    kind: Literal["webhook", "email", "slack", "pagerduty", "msteams"]
    settings: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamPart:
    """Those of a team's alerts that carry some labels, where others than the whole team hear of them.

    What is ``None`` is heard by whoever hears it of the whole team.
    """

    labels: dict[str, str]
    """``{"component": "mongodb"}``, ``{"slo_service": "appointments"}``."""
    critical: tuple[str, ...] | None = None
    critical_working_hours: tuple[str, ...] | None = None
    warning: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Who owns alerts, and which receivers hear of them by severity and urgency."""

    name: str
    critical: tuple[str, ...]
    warning: tuple[str, ...]
    critical_working_hours: tuple[str, ...] | None = None
    """Who hears, in working hours, of what is critical and can wait for them; ``None``: as ``critical``."""
    services: tuple[TeamPart, ...] = ()

    def hears(self, attention: Attention, part: TeamPart | None = None) -> tuple[str, ...]:
        """The receivers that hear of an alert of the team, or of a part of it."""
        for owner in (part, self) if part else (self,):
            if (said := _said(owner, attention)) is not None:
                return said
        return ()


def _said(owner: Team | TeamPart, attention: Attention) -> tuple[str, ...] | None:
    match attention:
        case Attention.NOW:
            return owner.critical
        case Attention.WORKING_HOURS:
            own = owner.critical_working_hours
            return owner.critical if own is None else own
        case Attention.TICKET:
            return owner.warning
        case Attention.NOBODY:
            return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingHours:
    """Some days of the week and the hours of each, by the clinic's clocks."""

    days: tuple[str, ...]
    """``monday:friday``, ``saturday``."""
    hours: tuple[str, ...]
    """``08:00-18:00``; ``22:00-06:00`` ends on the next day."""


OFFICE_HOURS = (WorkingHours(days=("monday:friday",), hours=("08:00-18:00",)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """Teams and receivers."""

    teams: tuple[Team, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    drills: tuple[str, ...] = ()
    """Receivers that hear of alerts labelled ``drill="true"``, beside the console; nobody else does."""
    working_hours: tuple[WorkingHours, ...] = OFFICE_HOURS
    holidays: tuple[str, ...] = ()
    """Days on which nobody works: ``12-25`` or ``12-24:01-01`` each year, ``2027-03-29`` or several such days once."""
