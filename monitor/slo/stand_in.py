"""What is the same for all SLOs of a window but for their names is made once, for a stand-in. Pure.

Nearly all rules and tests of an SLO read what was recorded of it. All that they need know of the SLO is what it is
called, how long its window is, and which share of its events may be bad. So their text is made with marks in place of
the names and of that share, and every SLO puts its own in: a thousand SLOs cost little more than their text.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from monitor.catalogue.model import Slo, Window

MOST_KEPT = 1024
"""Of how many windows (and speeds of burning) texts are kept: a catalogue has a handful."""

_NAME, _SERVICE, _ALLOWED = "<slo>", "<service>", "<allowed>"
"""No name may hold such signs, and what people write is in none of these texts."""


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


@dataclass(frozen=True, slots=True)
class StandIn:
    """Any SLO of a window."""

    window: Window
    name: str = _NAME
    service: str = _SERVICE


def number(value: Decimal) -> str:
    """A decimal as a PromQL literal: ``0.0005``, never ``0.0004999999999999``."""
    return format(value.normalize(), "f")


def allowed(owner: Owner) -> str:
    """Which share of its events may be bad, as a literal."""
    return number(1 - owner.target) if isinstance(owner, Slo) else _ALLOWED


def put_in(text: str, slo: Slo) -> str:
    """A text that was made for a stand-in, of this SLO."""
    return text.replace(_NAME, slo.name).replace(_SERVICE, slo.service).replace(_ALLOWED, allowed(slo))
