"""Where the current window of a calendar SLO stands: its sealed days, and what is not sealed yet read live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor import clock
from monitor.catalogue.model import Catalogue, Slo
from monitor.compliance.corrections import Excluded, excluded
from monitor.compliance.counting import Grid
from monitor.compliance.days import Span, holes, window_at
from monitor.compliance.reading import Reader
from monitor.compliance.sealing import cell_width, cells, reader_over
from monitor.compliance.tally import Figures, Tally
from monitor.slo.promql import TRAFFIC_MEMORY
from monitor.sources.prometheus import Prometheus
from monitor.store_history import SloHistory

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One calendar window at one instant.

    ``until`` is the last whole minute. Coverage is that of the time from ``span.start`` to ``until``; the budget is the
    whole window's, so that what is left of it at the window's end is what the report of that month says.
    """

    slo: str
    service: str
    objective: float
    window: str
    """The label by which rules know it: the nominal length, as Prometheus writes it."""
    span: Span
    until: datetime
    counted: Tally
    excluded: Excluded

    @property
    def tally(self) -> Tally:
        """What counts: without the time that was agreed not to."""
        return self.excluded.from_(self.counted)

    @property
    def sli(self) -> float | None:
        """The share of good events so far; ``None`` where there were none."""
        return self.tally.achieved

    @property
    def error_budget_remaining(self) -> float | None:
        """The share of the whole window's error budget that is left; below zero when overspent."""
        return self.tally.remaining(self.objective, self.span.length)

    @property
    def before(self) -> Figures | None:
        """What it was before corrections, where there are any."""
        if not self.excluded.corrections:
            return None
        return Figures.of(self.counted, self.objective, self.span.length)

    @property
    def coverage(self) -> float:
        """The share of the window so far that was measured."""
        return self.counted.coverage(self.until - self.span.start)

    def to_json(self) -> dict[str, Any]:
        """As it is remembered in the store for ``/metrics``."""
        return {
            "slo": self.slo,
            "slo_service": self.service,
            "window": self.window,
            "start": clock.to_rfc3339(self.span.start),
            "end": clock.to_rfc3339(self.span.end),
            "sli": self.sli,
            "error_budget_remaining": self.error_budget_remaining,
            "coverage": self.coverage,
            "before_corrections": self.before.to_json() if self.before else None,
        }


def calendar_standing(
    prometheus: Prometheus, history: SloHistory, catalogue: Catalogue, slo: Slo, now: datetime
) -> Standing | None:
    """Where an SLO's calendar window stands; ``None`` where it has none, or the first one has not begun.

    Raises:
        Unavailable: Prometheus cannot be reached.
    """
    span = window_at(slo.window.calendar, now) if slo.window.calendar else None
    if span is None:
        return None
    width = cell_width(catalogue.environment)
    until = span.start + (now - span.start) // width * width
    sealed = history.days(slo.name, span.start, until)
    tallies = [Tally.of_day(day) for day in sealed]
    for hole in holes(sealed, Span(start=span.start, end=until)):
        reader = reader_over(prometheus, catalogue.environment, hole, trail=timedelta(0))
        tallies.append(Tally.of(reader.slo(slo), reader.grid.width, cells(reader.grid, hole)))
    begun = Span(start=until, end=until + (now - until) // MINUTE * MINUTE)
    if begun.start < begun.end:
        tallies.append(_begun(prometheus, catalogue, slo, begun))
    return Standing(
        slo=slo.name,
        service=slo.service,
        objective=float(slo.target),
        window=slo.window.text,
        span=span,
        until=begun.end,
        counted=sum(tallies, Tally()),
        excluded=excluded(history, slo.name, span.start, until),
    )


def _begun(prometheus: Prometheus, catalogue: Catalogue, slo: Slo, begun: Span) -> Tally:
    """Count the cell that is not over yet by minutes: a service that was started just now has a standing, too."""
    grid = Grid.over(begun.start - TRAFFIC_MEMORY, begun.end, MINUTE)
    reader = Reader(prometheus, grid, catalogue.environment.evaluation_interval)
    return Tally.of(reader.slo(slo), grid.width, cells(grid, begun))
