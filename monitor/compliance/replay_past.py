"""The past that a replay is run over: evaluation by evaluation for burning, in pieces of minutes for the budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor import clock
from monitor.catalogue.model import Environment, Slo
from monitor.compliance.days import window_at
from monitor.compliance.replay_reading import LEAD, read
from monitor.slo import windows
from monitor.slo.replay import Events
from monitor.slo.replay_budget import Spending, Window
from monitor.sources.prometheus import Prometheus

FINE_UP_TO = timedelta(days=2)
"""Spans up to here are replayed evaluation by evaluation, longer ones minute by minute: 30 days are 43,200 of them."""

COARSE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Past:
    """What happened, from the longest burn window before ``start`` on, and of the budget from its own window before."""

    start: datetime
    end: datetime
    events: Events
    spending: Spending
    window: Window

    @property
    def _first(self) -> int:
        """The first cell after ``start``."""
        return next((number for number in range(len(self.events.bad)) if self.events.at(number) > self.start), 0)

    @property
    def total(self) -> float:
        """All events of the span."""
        return sum(self.events.total[self._first :])

    @property
    def achieved(self) -> float | None:
        """The share of good events in the span; ``None`` where there were none."""
        total, bad = self.total, max(sum(self.events.bad[self._first :]), 0.0)
        return max(0.0, 1 - bad / total) if total > 0 else None

    @property
    def coverage(self) -> float:
        """The share of the span that was measured."""
        known = self.events.known[self._first :]
        return sum(known) / max(len(known), 1)


def read_past(
    prometheus: Prometheus,
    slo: Slo,
    environment: Environment,
    span: tuple[datetime, datetime],
    *,
    longest: timedelta = LEAD,
) -> Past:
    """Read a span, with ``longest`` before it for the burn windows, and the SLO's own window before it for its budget.

    Raises:
        Unavailable: Prometheus cannot be reached, or refuses.
    """
    start, end = span
    cell = resolution(environment, end - start)
    events = read(prometheus, slo, environment, span, cell, lead=longest)
    size = -(-windows.SECOND_ROLLUP * environment.rollup_interval // cell) * cell
    seconds = size.total_seconds()
    window = _window(slo)
    begun = window(start)[0]
    until = clock.from_epoch(-(-(events.first - cell).timestamp() // seconds) * seconds)
    if begun < until:
        before = read(prometheus, slo, environment, (begun, until), size, lead=timedelta(0))
    else:
        before = Events(first=until + size, cell=size, bad=(), total=(), known=())
    # Where a calendar window stands, `monitor work` says, and not the rules.
    behind = 0 if slo.window.calendar else events.behind(slo.window.duration)
    spending = Spending.of(before, events, behind=behind)
    return Past(start=start, end=end, events=events, spending=spending, window=window)


def resolution(environment: Environment, span: timedelta) -> timedelta:
    """How wide a cell is: one evaluation; for long spans a minute, and two scrapes at least, so that none is empty."""
    if span <= FINE_UP_TO:
        return environment.evaluation_interval
    return max(COARSE, 2 * environment.scrape_interval, environment.evaluation_interval)


def _window(slo: Slo) -> Window:
    calendar, length = slo.window.calendar, slo.window.duration

    def window(at: datetime) -> tuple[datetime, timedelta]:
        if calendar is None:
            return at - length, length
        # What ends at the instant at which a window begins belongs to the one before.
        span = window_at(calendar, at - timedelta(microseconds=1))
        return (at, length) if span is None else (span.start, span.length)

    return window
