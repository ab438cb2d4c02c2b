"""What an SLO report says, as frozen values: ``compliance.report`` fills them, ``render.report`` writes them.

Times are UTC, ratios 0-1, spans in the unit of the name. ``None`` always means "not known", never zero. Field names are
those of the JSON report; docs/report.md explains them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from monitor.slo.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodSpan:
    """What the report is about. ``until`` is earlier than ``end`` while a calendar month is still running."""

    text: str
    start: datetime
    end: datetime
    until: datetime
    calendar: bool
    time_zone: str

    @property
    def running(self) -> bool:
        """Whether more of the period is to come."""
        return self.until < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may fail, what did, and what is left (below zero: overspent)."""

    allowed: float
    spent: float

    @property
    def left(self) -> float:
        """What may still fail."""
        return self.allowed - self.spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One piece of the period, for the charts. ``budget_left`` is the share of the budget left at its end."""

    start: datetime
    end: datetime
    achieved: float | None
    coverage: float
    budget_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedTime:
    """Time that two people agreed does not count, and what was taken off for it; ``None`` where nobody can tell."""

    id: str
    start: datetime
    end: datetime
    reason: str
    by: str
    approved_by: str
    failed_events: float | None
    total_events: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SloResult:
    """How one SLO went.

    ``unit`` is what events are, in the plural: ``requests`` or ``bookings`` counted one by one, or ``minutes`` of a
    value that was good or bad.
    ``low`` and ``high`` bound what was achieved over the whole period, unmeasured time all bad or all good.
    """

    name: str
    display_name: str
    description: str
    service: str
    unit: str
    objective: float
    achieved: float | None
    low: float
    high: float
    verdict: Verdict
    coverage: float
    failed_events: float
    total_events: float
    dark_minutes: float
    """Minutes in which the outside probe failed and no request arrived at all: bad time that no request counted."""
    budget_minutes: Budget
    budget_events: Budget | None
    """Of the whole period at the measured traffic; ``None`` where events are minutes anyway, or none was seen."""
    slots: tuple[Slot, ...] = field(repr=False)
    corrections: tuple[ExcludedTime, ...] = ()
    before: SloResult | None = None
    """The same without its corrections, where there are any."""

    @property
    def budget_left(self) -> float | None:
        """The share of the whole period's error budget that is left; below zero when overspent.

        1 - burn x coverage, as the recording rules have it: what was not measured has spent nothing.
        """
        if self.achieved is None:
            return None
        return 1 - self.budget_minutes.spent / self.budget_minutes.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What an incident did to one SLO."""

    slo: str
    display_name: str
    failed_events: float
    total_events: float
    unit: str
    budget_share: float
    """Which share of the period's whole error budget it spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Bad time in a row, over all SLOs that it touched. Ends are those of whole cells (a minute, or five)."""

    start: datetime
    end: datetime
    effects: tuple[Effect, ...]

    @property
    def minutes(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds() / 60

    @property
    def budget_share(self) -> float:
        """The largest share of a budget that it spent."""
        return max((effect.budget_share for effect in self.effects), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """A mean that the service promises, over the measured time."""

    title: str
    promise_seconds: float
    measured_seconds: float | None
    how: str

    @property
    def within(self) -> bool | None:
        """Whether it keeps the promise; ``None`` where nothing was measured."""
        return None if self.measured_seconds is None else self.measured_seconds < self.promise_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """Backups and verified restores of the period, from the monitor's own store."""

    taken: int
    failed: int
    newest_at: datetime | None
    newest_bytes: int | None
    restores_verified: int
    restores_failed: int
    newest_restore_seconds: float | None
    worst_restore_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A recovery figure against its target, both in seconds; ``measured_seconds`` is the worst of the period."""

    title: str
    target_seconds: float
    measured_seconds: float | None
    how: str

    @property
    def within(self) -> bool | None:
        """Whether the target was kept; ``None`` where nothing was measured."""
        return None if self.measured_seconds is None else self.measured_seconds <= self.target_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    """One drill of the period."""

    id: str
    drill: str
    at: datetime
    outcome: str
    reason: str
    measurements: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Time in which nothing was measured for at least one SLO."""

    start: datetime
    end: datetime
    slos: tuple[str, ...]

    @property
    def minutes(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds() / 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a report says. ``backups`` and ``drills`` are ``None`` where the store could not be read."""

    period: PeriodSpan
    environment: str
    generated_at: datetime
    cell_seconds: float
    slos: tuple[SloResult, ...]
    incidents: tuple[Incident, ...]
    averages: tuple[Average, ...]
    recovery: tuple[Target, ...]
    backups: Backups | None
    drills: tuple[DrillResult, ...] | None
    gaps: tuple[Gap, ...]
    sealed_records: str = ""
    """A mark of all sealed days and corrections as they were told here; empty where the store could not be read."""

    def having(self, verdict: Verdict) -> tuple[SloResult, ...]:
        """The SLOs with a verdict."""
        return tuple(slo for slo in self.slos if slo.verdict is verdict)

    @property
    def coverage(self) -> float:
        """The share of the period that was measured, of the SLO measured least; 0 where there is none."""
        return min((slo.coverage for slo in self.slos), default=0.0)
