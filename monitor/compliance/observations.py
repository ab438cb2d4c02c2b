"""What native histograms gained, cell by cell and, where they begin or start anew, second by second.

Prometheus subtracts and interpolates, so that a report says what the recording rules said. Cells are the difference of
what was known at their two ends. Where a histogram restarted, was away or was born in a cell, it is looked at each
second: no scrape is missed by that, for a target is scraped each second at the most.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from monitor import clock
from monitor.catalogue.terms import Term
from monitor.errors import InputError
from monitor.slo import native
from monitor.slo.gains import counted
from monitor.sources.prometheus import Prometheus, Series

SECOND = timedelta(seconds=1)

AT_ONCE = 500
"""Points asked for at once: a histogram is some fifty numbers, so 30 days of many would outlast the client's limit."""

SeriesKey = tuple[tuple[str, str], ...]


def series_key(labels: Mapping[str, str]) -> SeriesKey:
    """By what a series is known whichever function of it was asked for: its labels, without its name."""
    return tuple(sorted((name, value) for name, value in labels.items() if name != "__name__"))


def milliseconds(length: timedelta) -> str:
    """A span as PromQL has it, whatever its length."""
    return f"{round(length / timedelta(milliseconds=1))}ms"


def refuse_older(prometheus: Prometheus) -> None:
    """Refuse a Prometheus that answers questions about native histograms, but not rightly.

    Raises:
        InputError: it is too old.
        Unavailable: it cannot be reached.
    """
    version = prometheus.version()
    if version is None or not native.is_supported(version):
        raise InputError(
            f"cannot count native histograms on {f'Prometheus {version}' if version else 'what is no Prometheus'}: "
            f"run {'.'.join(map(str, native.SINCE))} or newer, or count a bucket (le) of a classic histogram"
        )


class Observations:
    """Answers for one term of native histograms; what several series share is asked for once."""

    def __init__(self, prometheus: Prometheus, term: Term) -> None:
        """Raise as ``refuse_older`` does."""
        refuse_older(prometheus)
        self._prometheus = prometheus
        self._term = term
        self._all = Term(term.selector, is_native=True)
        self._rises: dict[tuple[datetime, datetime], Mapping[SeriesKey, float]] = {}
        self._births: dict[tuple[datetime, datetime], Mapping[SeriesKey, tuple[datetime, float]]] = {}

    def counts(self, start: datetime, end: datetime, width: timedelta) -> tuple[Series, ...]:
        """How much each series had observed at the ends of the cells in which it was scraped."""
        last = f"last_over_time({self._term.selector}[{milliseconds(width)}])"
        return self._prometheus.range(counted(self._all, last), start, end, width, most=AT_ONCE)

    def by_cell(self, start: datetime, end: datetime, width: timedelta) -> tuple[Series, ...]:
        """What each series gained in cells, at their ends; right where it was known in the cell before as well."""
        last = f"last_over_time({self._term.selector}[{milliseconds(width)}]"
        gain = counted(self._term, f"({last}) - {last} offset {milliseconds(width)}))")
        return self._prometheus.range(gain, start, end, width, most=AT_ONCE)

    def within(self, key: SeriesKey, start: datetime, end: datetime, back: timedelta) -> float:
        """What a series gained in one cell, from the last sample before it, which is looked for so far ``back``."""
        if (start, end) not in self._rises:
            before = f"last_over_time({self._term.selector}[{milliseconds(back)}] offset 1s)"
            now, was = counted(self._all, self._term.selector), counted(self._all, before)
            rises = (
                f"{counted(self._term, f'({self._term.selector} - {before})')} and ({now} - {was} >= 0)"
                f" or {counted(self._term, self._term.selector)} and ({now} - {was} < 0)"
            )
            found = self._prometheus.range(rises, start + SECOND, end, SECOND)
            self._rises[start, end] = {series_key(one.labels): _sum(one) for one in found}
        return self._rises[start, end].get(key, 0.0)

    def born(self, key: SeriesKey, start: datetime, end: datetime) -> tuple[datetime, float] | None:
        """When a series was first scraped in a cell in which it is new, and what it had observed by then."""
        if (start, end) not in self._births:
            first, selector = start + SECOND, self._term.selector
            times = self._prometheus.range(f"timestamp({selector})", first, end, SECOND)
            counts = self._prometheus.range(counted(self._term, selector), first, end, SECOND)
            seen = {series_key(one.labels): clock.from_epoch(one.points[0][1]) for one in times}
            firsts = {series_key(one.labels): one.points[0][1] for one in counts}
            # What is known from before may still be seen: Prometheus looks back five minutes.
            self._births[start, end] = {key: (at, firsts[key]) for key, at in seen.items() if at > start}
        return self._births[start, end].get(key)


def _sum(series: Series) -> float:
    return sum(value for _, value in series.points)
