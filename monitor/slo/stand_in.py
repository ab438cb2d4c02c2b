"""What is the same for all SLOs of a window but for their names and words is made once, for a stand-in. Pure.

Nearly all rules and tests of an SLO read what was recorded of it. All that they need know of the SLO is what it is
called, how long its window is, and which share of its events may be bad; its alerts also say what people wrote of it.
So they are made with marks in place of all that, and every SLO puts its own in: a thousand SLOs cost little more than
their text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from monitor.catalogue.model import Place, Slo, Window

MOST_KEPT = 1024
"""Of how many windows (and speeds of burning) texts are kept: a catalogue has a handful."""

NAME, SERVICE, ALLOWED, OBJECTIVE = "⟨slo⟩", "⟨service⟩", "⟨allowed⟩", "⟨objective⟩"
"""Marks of what never needs quotes or escapes within a text. Nothing that is written here has such signs itself."""

TITLE, IMPACT, EVENTS, TEAM = "⟪title⟫", "⟪impact⟫", "⟪events⟫", "⟪team⟫"
"""Marks of people's words, which may."""


class Owner(Protocol):
    """Whose recordings a rule or a test is about: an SLO, or what stands in for any of its window."""

    @property
    def name(self) -> str:
        """The label ``slo``."""

    @property
    def service(self) -> str:
        """The label ``slo_service``."""

    @property
    def window(self) -> Window:
        """The span it is judged over."""


class Told(Owner, Protocol):
    """Whose alerts these are: also the words in which they speak of it, and whether they wake someone."""

    @property
    def display_name(self) -> str:
        """How people call it."""

    @property
    def description(self) -> str:
        """What it promises."""

    @property
    def impact(self) -> str:
        """What users notice, if that is written."""

    @property
    def events(self) -> str:
        """What is counted."""

    @property
    def team(self) -> str:
        """Who owns it."""

    @property
    def pages(self) -> bool:
        """Whether its fast alerts wake someone."""

    @property
    def compared(self) -> bool:
        """Whether good and total are counted by two producers, so that their difference may be wrong for a moment."""

    @property
    def counted(self) -> bool:
        """Whether counters tell of it, which are there from the start; a gauge may have nothing to tell of yet."""

    @property
    def place(self) -> Place:
        """Where it is written."""


_NOWHERE = Place(file="")


@dataclass(frozen=True, slots=True)
class StandIn:
    """Any SLO of a window that wakes someone, is compared, and is counted, alike."""

    window: Window
    pages: bool = True
    compared: bool = False
    counted: bool = True
    name: str = NAME
    service: str = SERVICE
    display_name: str = TITLE
    description: str = IMPACT
    impact: str = IMPACT
    events: str = EVENTS
    team: str = TEAM
    place: Place = _NOWHERE


def stand_in(slo: Slo) -> StandIn:
    """What stands in for an SLO where its alerts are made."""
    return StandIn(slo.window, slo.pages, slo.compared, slo.counted)
