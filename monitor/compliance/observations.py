"""What native histograms gained, cell by cell and, where they begin or start anew, second by second.

Prometheus subtracts and interpolates, so that a report says what the recording rules said. Cells are the difference of
what was known at their two ends. Where a histogram restarted, was away or was born in a cell, it is looked at each
second: no scrape is missed by that, for a target is scraped each second at the most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from monitor import clock
from monitor.catalogue.terms import Term
from monitor.errors import InputError
from monitor.slo import native
from monitor.slo.gains import counted
from monitor.sources.prometheus import Prometheus, Sample, Series

SECOND = timedelta(seconds=1)

AT_ONCE = 500
"""Points asked for at once: a histogram is some fifty numbers, so 30 days of many would outlast the client's limit."""

RESET_LOOKBACK = timedelta(minutes=1)
"""How far before a cell a reset is looked for: twice the longest scrape interval that is supported (30 s)."""

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


Watched = Callable[[Series, int, datetime], bool]
"""Whether a series' target had been scraped before the instant, in a cell, at which the series was born."""


@dataclass(frozen=True, slots=True)
class _Birth:
    """Series of one target that were first scraped at one instant, and what they had observed by then."""

    cell: int
    target: SeriesKey
    at: datetime
    observed: float
    counted: float


class Observations:
    """Counts one term of native histograms over cells of one width; ``edges`` has one more than there are cells."""

    def __init__(self, prometheus: Prometheus, term: Term, edges: tuple[datetime, ...], width: timedelta) -> None:
        """Raise as ``refuse_older`` does."""
        refuse_older(prometheus)
        self._prometheus = prometheus
        self._term, self._all = term, replace(term, bounds=None)
        self._edges, self._width = edges, width
        self._rises: dict[tuple[int, timedelta], Mapping[SeriesKey, float]] = {}
        self._births: dict[int, Mapping[SeriesKey, tuple[datetime, float, float]]] = {}

    def count(self, watched: Watched) -> tuple[list[float], list[bool]]:
        """Events by cell, and in which cells the histograms were read at all."""
        many = len(self._edges) - 1
        events, covered = [0.0] * many, [False] * many
        reset_in, gained = self._by_cell(self._resets()), self._by_cell(self._gains())
        births: dict[tuple[SeriesKey, datetime], list[_Birth]] = {}
        for one in self._counts():
            key, seen = series_key(one.labels), sorted(self._cell_at(at) for at, _ in one.points)
            if seen[0] >= 0:
                events[seen[0]] += self._within(key, seen[0], self._width)
                if (birth := self._born(one, seen[0])) and watched(one, birth.cell, birth.at):
                    births.setdefault((birth.target, birth.at), []).append(birth)
            for before, cell in pairwise(seen):
                if cell in reset_in.get(key, {}) or cell - before > 1:
                    events[cell] += self._within(key, cell, (cell - before + 1) * self._width)
                else:
                    events[cell] += gained[key][cell]
            for cell in seen:
                covered[max(cell, 0)] |= cell >= 0
        for newborn in births.values():
            events[newborn[0].cell] += sum(birth.counted for birth in newborn) - self._went_on(newborn)
        return events, covered

    def _range(self, query: str) -> tuple[Series, ...]:
        return self._prometheus.range(query, self._edges[0], self._edges[-1], self._width, most=AT_ONCE)

    def _last(self, offset: str = "") -> str:
        return f"last_over_time({self._term.selector}[{milliseconds(self._width)}]{offset})"

    def _counts(self) -> tuple[Series, ...]:
        """How much each series had observed at the ends of the cells in which it was scraped."""
        return self._range(counted(self._all, self._last()))

    def _gains(self) -> tuple[Series, ...]:
        """What each series gained in cells, at their ends; right where it was known in the cell before as well."""
        before = self._last(f" offset {milliseconds(self._width)}")
        return self._range(counted(self._term, f"({self._last()} - {before})"))

    def _resets(self) -> tuple[Series, ...]:
        return self._range(f"resets({self._term.selector}[{milliseconds(self._width + RESET_LOOKBACK)}]) > 0")

    def _by_cell(self, series: tuple[Series, ...]) -> Mapping[SeriesKey, Mapping[int, float]]:
        return {series_key(one.labels): {self._cell_at(at): value for at, value in one.points} for one in series}

    def _cell_at(self, at: datetime) -> int:
        """The cell that ends at an instant; -1 is the edge before the first one."""
        return round((at - self._edges[0]) / self._width) - 1

    def _within(self, key: SeriesKey, cell: int, back: timedelta) -> float:
        """What a series gained in one cell, from the last sample before it, which is looked for so far ``back``."""
        if (cell, back) not in self._rises:
            selector = self._term.selector
            before = f"last_over_time({selector}[{milliseconds(back)}] offset 1s)"
            rose = f"{counted(self._all, selector)} - {counted(self._all, before)}"
            rises = (
                f"{counted(self._term, f'({selector} - {before})')} and ({rose} >= 0)"
                f" or {counted(self._term, selector)} and ({rose} < 0)"
            )
            self._rises[cell, back] = {
                series_key(one.labels): sum(value for _, value in one.points) for one in self._each_second(rises, cell)
            }
        return self._rises[cell, back].get(key, 0.0)

    def _born(self, series: Series, cell: int) -> _Birth | None:
        """The birth of a series in a cell in which it is new."""
        if cell not in self._births:
            selector, start = self._term.selector, self._edges[cell]
            queries = f"timestamp({selector})", counted(self._all, selector), counted(self._term, selector)
            times, observed, found = (
                {series_key(one.labels): one.points[0][1] for one in self._each_second(query, cell)}
                for query in queries
            )
            first = {key: clock.from_epoch(seconds) for key, seconds in times.items()}
            # What is known from before may still be seen: Prometheus looks back five minutes.
            self._births[cell] = {key: (at, observed[key], found[key]) for key, at in first.items() if at > start}
        born = self._births[cell].get(series_key(series.labels))
        return _Birth(cell, _target(series), *born) if born else None

    def _each_second(self, query: str, cell: int) -> tuple[Series, ...]:
        return self._prometheus.range(query, self._edges[cell] + SECOND, self._edges[cell + 1], SECOND)

    def _went_on(self, newborn: list[_Birth]) -> float:
        """What series of the target had counted that ended when others of it were born, which had observed no less.

        They are taken for the same under other labels, as the recording rules have it.
        """
        at, gone = newborn[0].at, f" unless {counted(self._all, self._term.selector)}"
        observed, found = (
            sum(
                one.value
                for one in self._prometheus.instant(f"{counted(term, self._last())}{gone}", at)
                if _target(one) == newborn[0].target
            )
            for term in (self._all, self._term)
        )
        return found if observed <= sum(birth.observed for birth in newborn) else 0.0


def _target(series: Series | Sample) -> SeriesKey:
    return ("job", series.labels.get("job", "")), ("instance", series.labels.get("instance", ""))
