"""What may be said of a promise, given what was measured and what was not. Pure.

Time that was not measured may have been all good or all bad, with any traffic from none up to that of the busiest time
that was measured. A verdict is given only where all of that gives the same one; else it is "insufficient data". So no
share of coverage has to be chosen: a gap of five minutes decides nothing over 30 days, and decides an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The answer to "was the promise kept?"."""

    MET = "met"
    MISSED = "missed"
    INSUFFICIENT = "insufficient data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Between what the achieved ratio must lie: ``low`` if all that was not measured was bad, ``high`` if good."""

    low: float
    high: float

    def judge(self, objective: float) -> Verdict:
        """Met or missed where both ends agree."""
        if self.low >= objective:
            return Verdict.MET
        return Verdict.MISSED if self.high < objective else Verdict.INSUFFICIENT


def bounds(achieved: float | None, coverage: float | None, peak: float = 1.0) -> Bounds:
    """Bound the ratio achieved over a whole period of which ``coverage`` (0-1) was measured.

    ``peak`` is how many times the mean traffic the busiest measured time had: as busy may have been what nobody saw.
    Nothing measured, or no event seen in what was measured, bounds nothing.
    """
    if achieved is None or coverage is None:
        return Bounds(low=0.0, high=1.0)
    known = min(max(coverage, 0.0), 1.0)
    unseen = max(peak, 1.0) * (1 - known)
    return Bounds(low=achieved * known / (known + unseen), high=(achieved * known + unseen) / (known + unseen))


def judge(achieved: float | None, coverage: float | None, objective: float, peak: float = 1.0) -> Verdict:
    """Give the verdict on a ratio achieved over the measured share of a period; see ``bounds``."""
    return bounds(achieved, coverage, peak).judge(objective)
