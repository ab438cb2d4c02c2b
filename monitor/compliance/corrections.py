"""Corrections: time that two people agreed does not count, with what was counted in it.

What a correction takes away is counted when it is recorded, from raw counters, for each day by itself: days are what
months and calendar windows are made of. A part that a period cuts through, or that nobody could count any more, is
unknown; nothing is ever taken in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitor.compliance.tally import Tally
from monitor.store_history import Correction, SloHistory, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """What the corrections that hold take away from a period; ``unknown``: those whose part in it nobody can tell."""

    corrections: tuple[Correction, ...] = ()
    bad: float = 0.0
    total: float = 0.0
    unknown: tuple[Correction, ...] = ()

    def from_(self, tally: Tally) -> Tally:
        """A tally without them. The time itself stays measured: nothing bad happened in it that counts."""
        return Tally(total=tally.total - self.total, bad=tally.bad - self.bad, covered=tally.covered)


def excluded(history: SloHistory, slo: str, start: datetime, end: datetime) -> Excluded:
    """What is taken away from an SLO between two instants."""
    bad = total = 0.0
    touched: list[Correction] = []
    unknown: list[Correction] = []
    for correction in standing(history.corrections(slo)):
        parts = [part for part in correction.parts if part.start < end and part.end > start]
        if not parts:
            continue
        touched.append(correction)
        for part in parts:
            if part.bad is None or part.total is None or part.start < start or part.end > end:
                unknown.append(correction)
            else:
                bad, total = bad + part.bad, total + part.total
    return Excluded(corrections=tuple(touched), bad=bad, total=total, unknown=tuple(dict.fromkeys(unknown)))
