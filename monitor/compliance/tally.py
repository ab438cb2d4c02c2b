"""What was counted over some time, and what it means for a budget. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from monitor.compliance.measured import EVERYTHING, Measured
from monitor.slo import verdict
from monitor.store_history import SealedDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Events and measured time; what follows one another can be added up.

    ``bad`` and ``total`` have what dark time would have had. Of a short time ``bad`` may be below zero, where good and
    total come from two producers.
    """

    total: float = 0.0
    bad: float = 0.0
    covered: timedelta = timedelta(0)

    @classmethod
    def of_day(cls, day: SealedDay) -> Tally:
        """What a sealed day tells."""
        return cls(total=day.total_events, bad=day.bad_events, covered=day.covered)

    @classmethod
    def of(cls, measured: Measured, width: timedelta, cells: slice = EVERYTHING) -> Tally:
        """What cells of one width tell."""
        missed = sum(measured.missed[cells])
        return cls(
            total=sum(measured.total[cells]) + missed,
            bad=sum(measured.difference[cells]) + missed,
            covered=sum(measured.covered[cells]) * width,
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(total=self.total + other.total, bad=self.bad + other.bad, covered=self.covered + other.covered)

    @property
    def achieved(self) -> float | None:
        """The share of good events, 0-1; ``None`` where there were none."""
        return min(1.0, max(0.0, 1 - self.bad / self.total)) if self.total > 0 else None

    def coverage(self, span: timedelta) -> float:
        """The share of a span that was measured, 0-1."""
        return min(1.0, self.covered / span) if span else 0.0

    def consumed(self, target: float, window: timedelta) -> float | None:
        """The share of a whole window's error budget that is spent; what was not measured has spent nothing of it."""
        if self.achieved is None:
            return None
        return (1 - self.achieved) / (1 - target) * self.coverage(window)

    def remaining(self, target: float, window: timedelta) -> float | None:
        """The share that is left; below zero when overspent."""
        consumed = self.consumed(target, window)
        return None if consumed is None else 1 - consumed

    def bounds(self, span: timedelta) -> verdict.Bounds:
        """What was achieved over a whole span, if all that was not measured was bad, and if it was good."""
        return verdict.bounds(self.achieved, self.coverage(span))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an SLO has achieved (0-1) and what is left of its budget, a share of the whole window's."""

    sli: float | None
    error_budget_remaining: float | None

    @classmethod
    def of(cls, counted: Tally, objective: float, window: timedelta) -> Figures:
        """What a window's events come to."""
        return cls(sli=counted.achieved, error_budget_remaining=counted.remaining(objective, window))

    def to_json(self) -> dict[str, float | None]:
        """The fields, for programs."""
        return {"sli": self.sli, "error_budget_remaining": self.error_budget_remaining}
