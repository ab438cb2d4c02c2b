"""What is the same for all SLOs of a window but for their names is written once, for a stand-in. Pure.

Most tests of an SLO's rules start from made-up recordings. All that they need know of the SLO is what it is called, how
long its window is, and which share of its events may be bad. So they are written with marks in place of the names and
of each burn rate, and every SLO puts its own in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from monitor.catalogue.model import Slo, Window
from monitor.render.yaml_text import Written

MOST_KEPT = 1024
"""Of how many windows (and speeds of burning) the text is kept: a catalogue has a handful."""

_NAME, _SERVICE = "<slo>", "<service>"
_BURN = re.compile(r"<burn rate of ([0-9.]+)>")
_DIGITS = 4


class Owner(Protocol):
    """Whose recordings a test is about: an SLO, or what stands in for any of its window."""

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
    """Any SLO of a window. Its names and figures are marks that no YAML reader takes for anything but text."""

    window: Window
    name: str = _NAME
    service: str = _SERVICE


def figure(value: Decimal) -> str:
    """A number as tests compare it: to four digits behind the point."""
    rounded = float(round(value, _DIGITS))
    return str(int(rounded) if rounded == int(rounded) else rounded)


def burn_rate(owner: Owner, share: Decimal) -> str:
    """How fast the budget burns at this share of bad events."""
    return figure(share / (1 - owner.target)) if isinstance(owner, Slo) else f"<burn rate of {share}>"


def put_in(written: Written, slo: Slo) -> Written:
    """What was written for a stand-in, of this SLO."""
    burning = _BURN.sub(lambda found: burn_rate(slo, Decimal(found[1])), written)
    return Written(burning.replace(_NAME, slo.name).replace(_SERVICE, slo.service))
