"""Findings that somebody has looked at and lives with. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from monitor.catalogue.model.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """What ``monitor check`` need not tell, and why."""

    place: Place
    finding: str
    """The code of the finding: ``no-test``."""
    where: str
    """The file that it is found in."""
    reason: str
    about: str = ""
    """A word of its message, such as an alert's name; empty: every finding of that code in that file."""
    until: date | None = None
    """The last day (UTC) on which it holds; ``None``: for good."""
    environment: str = ""
    """Empty: in every one."""
