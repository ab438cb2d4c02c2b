"""Where each SLO stands now: what ``monitor slo``, the console and the API all show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from monitor import clock, metrics
from monitor.catalogue.model import Catalogue, Slo
from monitor.compliance.corrections import excluded
from monitor.compliance.days import Span, window_at
from monitor.compliance.standing import Standing, calendar_standing
from monitor.compliance.tally import Tally
from monitor.slo import names
from monitor.slo.promql import series
from monitor.slo.verdict import Verdict, judge
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.store_history import Correction, SloHistory

ROLLING = (names.SLI, names.BUDGET_REMAINING, names.COVERAGE)
CALENDAR = (metrics.CALENDAR_SLI.name, metrics.CALENDAR_BUDGET.name, metrics.CALENDAR_COVERAGE.name)
"""What ``monitor work`` says of calendar windows, in the same order."""

FAMILIES = (*ROLLING, names.TRAFFIC_PEAK, names.BURN_RATE, *CALENDAR)

BURN_WINDOW = "1h"
"""The burn rate shown is that of the last hour: long enough to be steady, short enough to mean now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SloStatus:
    """One SLO at one instant. Ratios are 0-1 (an overspent budget is negative); ``None`` where nothing is recorded.

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
        } | self._bounds()

    def _bounds(self) -> dict[str, str]:
        """From when to when a calendar window lasts; a rolling one ends now."""
        if self.span is None:
            return {}
        return {"window_start": clock.to_rfc3339(self.span.start), "window_end": clock.to_rfc3339(self.span.end)}


def slo_statuses(
    prometheus: Prometheus, catalogue: Catalogue, at: datetime | None = None, store: Store | None = None
) -> tuple[SloStatus, ...]:
    """Read where every SLO of the catalogue stands, in the catalogue's order; one query however many there are.

    Calendar windows are told by what ``monitor work`` exports; where a ``store`` is given, from its sealed days.

    Raises:
        Unavailable: Prometheus cannot be reached, or refuses.
    """
    now = at or clock.now()
    recorded = {
        (
            sample.labels["__name__"],
            sample.labels.get(names.SLO_LABEL, ""),
            sample.labels.get(names.WINDOW_LABEL, ""),
        ): sample.value
        for sample in prometheus.instant(_query(catalogue), at)
    }
    found = (_status(slo, recorded, now) for slo in catalogue.slos)
    if store is None:
        return tuple(found)
    history = SloHistory(store)
    return tuple(
        _with_standing(status, calendar_standing(prometheus, history, catalogue, slo, now))
        for slo, status in zip(catalogue.slos, found, strict=True)
    )


def _query(catalogue: Catalogue) -> str:
    """All recorded families of all SLOs in one query, so that every figure is of the same instant; of one, its own."""
    only = f',{names.SLO_LABEL}="{catalogue.slos[0].name}"' if len(catalogue.slos) == 1 else ""
    return f'{{__name__=~"{"|".join(FAMILIES)}"{only}}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """An SLO's current window before and after the corrections in it."""

    corrections: tuple[Correction, ...]
    unknown: tuple[Correction, ...]
    """Those of them that nothing could be taken off for."""
    before: Tally
    after: Tally
    objective: float
    length: timedelta

    def to_json(self, moment: Tally) -> dict[str, float | None]:
        """The figures of one of both."""
        return {"sli": moment.achieved, "error_budget_remaining": moment.remaining(self.objective, self.length)}


def corrected(
    prometheus: Prometheus, store: Store, catalogue: Catalogue, slo: Slo, at: datetime | None = None
) -> Corrected | None:
    """What corrections do to an SLO's current window; ``None`` where there is none in it.

    Raises:
        Unavailable: Prometheus cannot be reached.
    """
    now, history = at or clock.now(), SloHistory(store)
    calendar = window_at(slo.window.calendar, now) if slo.window.calendar else None
    span = calendar or Span(start=now - slo.window.duration, end=now)
    taken = excluded(history, slo.name, span.start, now)
    if not taken.corrections:
        return None
    standing = calendar_standing(prometheus, history, catalogue, slo, now)
    before = standing.counted if standing else _recorded(prometheus, slo, at)
    return Corrected(
        corrections=taken.corrections,
        unknown=taken.unknown,
        before=before,
        after=taken.from_(before),
        objective=float(slo.target),
        length=span.length,
    )


def _recorded(prometheus: Prometheus, slo: Slo, at: datetime | None) -> Tally:
    """What the rules recorded of an SLO's rolling window."""

    def value(family: str) -> float:
        found = prometheus.instant(series(family, slo, slo.window.text), at)
        return found[0].value if found else 0.0

    covered = value(names.COVERAGE) * slo.window.duration
    return Tally(total=value(names.TOTAL_SUM), bad=value(names.BAD_SUM), covered=covered)


def _status(slo: Slo, recorded: Mapping[tuple[str, str, str], float], now: datetime) -> SloStatus:
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


def _with_standing(status: SloStatus, standing: Standing | None) -> SloStatus:
    if standing is None:
        return status
    return replace(
        status,
        sli=standing.sli,
        error_budget_remaining=standing.error_budget_remaining,
        coverage=standing.coverage,
    )
