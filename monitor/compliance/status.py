"""Where each SLO stands now: what ``monitor slo``, the gate, the console and the API all show.

Recorded series say what users saw. Where time was agreed not to count, an SLO stands where it does without that time,
and what was recorded stands beside it: here alone, so that whoever asks is told the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from monitor import clock, metrics
from monitor.catalogue.model import Catalogue, Slo
from monitor.compliance.corrections import NOTHING, Excluded, taken_off
from monitor.compliance.days import Span, window_at
from monitor.compliance.standing import calendar_standing
from monitor.compliance.tally import Figures, Tally
from monitor.slo import names
from monitor.slo.verdict import Verdict, judge
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.store_history import SloHistory, standing

ROLLING = (names.SLI, names.BUDGET_REMAINING, names.COVERAGE)
CALENDAR = (metrics.CALENDAR_SLI.name, metrics.CALENDAR_BUDGET.name, metrics.CALENDAR_COVERAGE.name)
"""What ``monitor work`` says of calendar windows, in the same order."""

FAMILIES = (*ROLLING, names.TRAFFIC_PEAK, names.BURN_RATE, *CALENDAR)
COUNTED = (names.BAD_SUM, names.TOTAL_SUM)
"""Asked for as well where something is to be taken off."""

BURN_WINDOW = "1h"
"""The burn rate shown is that of the last hour: long enough to be steady, short enough to mean now."""

Recorded = Mapping[tuple[str, str, str], float]
"""What is recorded, by family, SLO and window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SloStatus:
    """One SLO at one instant. Ratios are 0-1 (an overspent budget is negative); ``None`` where nothing is recorded.

    ``sli`` and ``error_budget_remaining`` are what counts; ``before`` is what they were before corrections.
    ``error_budget_remaining`` is a share of the whole window's budget: what was not measured has spent nothing.
    ``burn_rate`` is that of the last hour; at 1 the budget lasts exactly the window.
    """

    name: str
    service: str
    display_name: str
    objective: float
    window: str
    sli: float | None
    error_budget_remaining: float | None
    coverage: float | None
    burn_rate: float | None
    traffic_peak: float = 1.0
    """How many times the mean traffic the busiest time had, as far as that is known."""
    span: Span | None = None
    """Of a calendar window: from when to when it lasts."""
    excluded: Excluded = NOTHING
    """The time of the current window that does not count."""
    before: Figures | None = None
    """What was recorded; ``None`` where nothing was corrected."""

    @property
    def verdict(self) -> Verdict:
        """Met or missed, where what was not measured could not change the answer."""
        return judge(self.sli, self.coverage, self.objective, self.traffic_peak)

    def to_json(self) -> dict[str, Any]:
        """The fields as ``monitor slo list --json`` and ``/api/v1/slos`` show them."""
        return {
            "name": self.name,
            "service": self.service,
            "display_name": self.display_name,
            "objective": self.objective,
            "window": self.window,
            "sli": self.sli,
            "error_budget_remaining": self.error_budget_remaining,
            "coverage": self.coverage,
            "burn_rate": self.burn_rate,
            "verdict": self.verdict.value,
            "before_corrections": self.before.to_json() if self.before else None,
        } | self._bounds()

    def _bounds(self) -> dict[str, str]:
        """From when to when a calendar window lasts; a rolling one ends now."""
        if self.span is None:
            return {}
        return {"window_start": clock.to_rfc3339(self.span.start), "window_end": clock.to_rfc3339(self.span.end)}


def slo_statuses(
    prometheus: Prometheus,
    catalogue: Catalogue,
    at: datetime | None = None,
    store: Store | None = None,
    *,
    calendars: bool = True,
) -> tuple[SloStatus, ...]:
    """Read where every SLO of the catalogue stands, in the catalogue's order; one query however many there are.

    The ``store`` tells which time does not count; without one nothing is known of that. With it, ``calendars`` are
    counted anew from their sealed days, unless what ``monitor work`` told of them a minute ago will do.

    Raises:
        Unavailable: Prometheus cannot be reached, or refuses.
    """
    now = at or clock.now()
    taken = _taken_off(catalogue, SloHistory(store), now) if store else {}
    recorded = {
        (
            sample.labels["__name__"],
            sample.labels.get(names.SLO_LABEL, ""),
            sample.labels.get(names.WINDOW_LABEL, ""),
        ): sample.value
        for sample in prometheus.instant(_query(catalogue, (*FAMILIES, *(COUNTED if taken else ()))), at)
    }
    found = []
    for slo in catalogue.slos:
        status = _status(slo, recorded, now)
        if store and slo.window.calendar:
            status = _calendar(prometheus, store, catalogue, slo, status, now, afresh=calendars)
        elif slo.name in taken:
            status = _corrected(slo, status, taken[slo.name], recorded)
        found.append(status)
    return tuple(found)


def _taken_off(catalogue: Catalogue, history: SloHistory, now: datetime) -> dict[str, Excluded]:
    """What does not count of the current window of each rolling SLO of which some time does not."""
    holding = standing(history.corrections())
    found = {}
    for slo in catalogue.slos:
        mine = (one for one in holding if one.slo == slo.name)
        taken = NOTHING if slo.window.calendar else taken_off(mine, now - slo.window.duration, now)
        if taken.corrections:
            found[slo.name] = taken
    return found


def _query(catalogue: Catalogue, families: tuple[str, ...]) -> str:
    """All recorded families of all SLOs in one query, so that every figure is of the same instant; of one, its own."""
    only = f',{names.SLO_LABEL}="{catalogue.slos[0].name}"' if len(catalogue.slos) == 1 else ""
    return f'{{__name__=~"{"|".join(families)}"{only}}}'


def _corrected(slo: Slo, status: SloStatus, taken: Excluded, recorded: Recorded) -> SloStatus:
    """A rolling window without what is taken off, which was counted in raw counters as the recorded events are."""
    bad, total = (recorded.get((family, slo.name, slo.window.text)) for family in COUNTED)
    if bad is None or total is None or status.coverage is None:
        return replace(status, excluded=taken)
    counted = Tally(total=total, bad=bad, covered=status.coverage * slo.window.duration)
    after = Figures.of(taken.from_(counted), status.objective, slo.window.duration)
    return replace(
        status,
        sli=after.sli,
        error_budget_remaining=after.error_budget_remaining,
        excluded=taken,
        before=Figures(sli=status.sli, error_budget_remaining=status.error_budget_remaining),
    )


def _calendar(  # all that a calendar window is told by
    prometheus: Prometheus,
    store: Store,
    catalogue: Catalogue,
    slo: Slo,
    status: SloStatus,
    now: datetime,
    *,
    afresh: bool,
) -> SloStatus:
    if not afresh:
        return _as_told(store, status)
    found = calendar_standing(prometheus, SloHistory(store), catalogue, slo, now)
    if found is None:
        return status
    return replace(
        status,
        sli=found.sli,
        error_budget_remaining=found.error_budget_remaining,
        coverage=found.coverage,
        excluded=found.excluded,
        before=found.before,
    )


def _as_told(store: Store, status: SloStatus) -> SloStatus:
    """What a calendar window was before corrections, as ``monitor work`` told it with its figures."""
    record = store.get("calendar", status.name)
    before = record.body.get("before_corrections") if record else None
    if not before or not record or not status.span or record.body["start"] != clock.to_rfc3339(status.span.start):
        return status
    return replace(status, before=Figures(**before))


def _status(slo: Slo, recorded: Recorded, now: datetime) -> SloStatus:
    def value(family: str, window: str) -> float | None:
        # NaN is how Prometheus says "no events": nothing is known, which is not the same as zero.
        number = recorded.get((family, slo.name, window), math.nan)
        return None if math.isnan(number) else number

    calendar, text = slo.window.calendar, slo.window.text
    span = window_at(calendar, now) if calendar else None
    sli, budget, coverage = (value(family, text) for family in (CALENDAR if calendar else ROLLING))
    if calendar and span is None:
        sli = budget = coverage = None  # the first window has not begun
    return SloStatus(
        name=slo.name,
        service=slo.service,
        display_name=slo.display_name,
        objective=float(slo.target),
        window=slo.window.text,
        sli=sli,
        error_budget_remaining=budget,
        coverage=coverage,
        burn_rate=value(names.BURN_RATE, BURN_WINDOW),
        traffic_peak=value(names.TRAFFIC_PEAK, text) or 1.0,
        span=span,
    )
