"""Counts events exactly from the samples that Prometheus holds, cell by cell of a period.

``increase()`` stretches what it saw to its window's edges, so that a burst is counted too high or too low by up to what
a scrape interval holds. Here a cell's count is the difference of the counter's values at the cell's two ends, with
resets put right from the raw samples: the sum over cells is the number of events, to the last one, however short the
period.

A counter that Prometheus could not read for a while and that went on counting is counted in the cell where it is seen
again; time without samples is *not covered*, events in it are not lost. A series that is born while its target is
watched (``up`` was 1 before) counts from zero, as in the recording rules: a client makes a label set with its first
event. Where the target too is first seen inside the period, a series is counted from its first sample on (nothing tells
how long it had been counting before).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from monitor.catalogue.terms import Term, terms
from monitor.compliance.observations import Observations
from monitor.errors import InputError
from monitor.slo.promql import matching_any_edge
from monitor.sources.prometheus import Prometheus, Series

COARSE = timedelta(minutes=5)
"""How wide the cells of long periods are: 30 days make 8,640 points a series. What is sealed is read as finely."""

RESET_LOOKBACK = timedelta(minutes=1)
"""How far before a cell a reset is looked for: twice the longest scrape interval that is supported (30 s). Prometheus
sees no reset in a range that begins after the last sample before it; VictoriaMetrics does."""

WATCHED = "up"
"""What Prometheus writes for each scrape of a target, with the labels and the time stamp of what it scraped."""

SeriesKey = tuple[tuple[str, str], ...]
Points = tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A period cut into cells of one width. ``edges`` has one more than there are cells."""

    edges: tuple[datetime, ...]
    width: timedelta

    @classmethod
    def over(cls, start: datetime, end: datetime, width: timedelta) -> Grid:
        """Cut ``start``..``end`` into equal cells that are as near to ``width`` as can be."""
        many = max(1, round((end - start) / width))
        exact = (end - start) / many
        return cls(edges=(*(start + exact * number for number in range(many)), end), width=exact)

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.edges) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Events by cell, and in which cells the counter was read at all."""

    events: tuple[float, ...]
    covered: tuple[bool, ...]

    @property
    def total(self) -> float:
        """All events of the period."""
        return sum(self.events)


class Counter:
    """Counts on one grid, asking Prometheus once for each selector however many SLOs share it."""

    def __init__(self, prometheus: Prometheus, grid: Grid) -> None:
        self.grid = grid
        self._prometheus = prometheus
        self._known: dict[Term, Counted] = {}
        self._watched: dict[SeriesKey, dict[int, float]] | None = None
        self._samples: dict[tuple[str, datetime, datetime], Mapping[SeriesKey, Points]] = {}
        self._cell_at = _CellAt(grid)

    def count(self, expression: str) -> Counted:
        """Count the events of a selector or sum of selectors.

        Raises:
            InputError: the expression is not of that form.
            Unavailable: Prometheus cannot be reached.
        """
        try:
            summed = terms(expression)
        except ValueError as error:
            raise InputError(f"cannot count the events of {expression!r}: it {error}") from error
        parts = [self._count_term(term) for term in summed]
        return Counted(
            events=tuple(map(sum, zip(*(part.events for part in parts), strict=True))),
            covered=tuple(map(any, zip(*(part.covered for part in parts), strict=True))),
        )

    def _count_term(self, term: Term) -> Counted:
        if term not in self._known:
            selector = matching_any_edge(term.selector)
            self._known[term] = (
                self._observed(replace(term, selector=selector)) if term.is_native else self._ask(selector)
            )
        return self._known[term]

    def _observed(self, term: Term) -> Counted:
        observations = Observations(self._prometheus, term, self.grid.edges, self.grid.width)
        events, covered = observations.count(self._was_watched)
        return Counted(events=tuple(events), covered=tuple(covered))

    def _ask(self, selector: str) -> Counted:
        edges, width = self.grid.edges, self.grid.width
        back = _duration(width + RESET_LOOKBACK)
        series = self._prometheus.range(f"last_over_time({selector}[{_duration(width)}])", edges[0], edges[-1], width)
        resets = self._prometheus.range(f"resets({selector}[{back}]) > 0", edges[0], edges[-1], width)
        reset_in = {_key(found): frozenset(self._cells_of(found)) for found in resets}
        events = [0.0] * self.grid.cells
        covered = [False] * self.grid.cells
        births: dict[tuple[SeriesKey, int], list[tuple[datetime, float]]] = {}
        last_seen: dict[SeriesKey, int] = {}
        for one in series:
            seen = self._cells_of(one)
            last_seen[_key(one)] = max(seen)
            if (born := self._born(selector, one, min(seen))) is not None:
                births.setdefault((_target(one), min(seen)), []).append(born)
            for cell, number in self._increases(selector, one, seen, reset_in.get(_key(one), frozenset())):
                events[cell] += number
            for cell in seen:
                if cell >= 0:
                    covered[cell] = True
        for (target, cell), newborn in births.items():
            ended = self._ended(selector, target, cell, last_seen, min(newborn)[0])
            events[cell] += _from_birth(newborn, ended)
        return Counted(events=tuple(events), covered=tuple(covered))

    def _cells_of(self, series: Series) -> dict[int, float]:
        """The value at the end of each cell in which the series had a sample; -1 is the edge before the first cell."""
        cell_at = self._cell_at
        return {cell_at[at]: value for at, value in series.points}

    def _increases(
        self, selector: str, series: Series, seen: Mapping[int, float], reset_in: frozenset[int]
    ) -> Iterable[tuple[int, float]]:
        first = min(seen)
        if first >= 0:
            yield first, increase([value for _, value in self._points_in(selector, series, first)])
        for (before, old), (cell, new) in pairwise(sorted(seen.items())):
            if cell in reset_in or before < cell - 1:
                yield cell, self._in_cell(selector, series, cell, old)
            else:
                yield cell, new - old if new >= old else new

    def _points_in(self, selector: str, series: Series, cell: int) -> Points:
        """The samples of one cell."""
        start, end = self.grid.edges[cell], self.grid.edges[cell + 1]
        points = self._raw(selector, start, end).get(_key(series), ())
        return tuple((at, value) for at, value in points if at > start)

    def _born(self, selector: str, series: Series, cell: int) -> tuple[datetime, float] | None:
        """The first sample of a series that was born while its target was watched, and so had counted from zero."""
        points = self._points_in(selector, series, cell) if cell >= 0 else ()
        return points[0] if points and self._was_watched(series, cell, points[0][0]) else None

    def _ended(
        self, selector: str, target: SeriesKey, cell: int, last_seen: Mapping[SeriesKey, int], before: datetime
    ) -> float:
        """What the series of a target had counted that ended in a cell before an instant, or a moment before it."""
        start, end = self.grid.edges[cell], self.grid.edges[cell + 1]
        return sum(
            points[-1][1]
            for key, points in self._raw(selector, start, end).items()
            if points[-1][0] < before and last_seen.get(key, -1) <= cell and _target_of(dict(key)) == target
        )

    def _was_watched(self, series: Series, cell: int, born: datetime) -> bool:
        """Whether the series' target had been scraped before the scrape that first showed the series."""
        target = _target(series)
        if any(up == 1 for seen, up in self._scraped().get(target, {}).items() if seen < cell):
            return True
        samples = self._raw(WATCHED, self.grid.edges[cell], self.grid.edges[cell + 1])
        return any(
            up == 1
            for key, points in samples.items()
            if _target_of(dict(key)) == target
            for at, up in points
            if at < born
        )

    def _scraped(self) -> Mapping[SeriesKey, Mapping[int, float]]:
        """By target: in which cells it was scraped with success."""
        if self._watched is None:
            edges, width = self.grid.edges, self.grid.width
            query = f"max by (job, instance) (max_over_time({WATCHED}[{_duration(width)}]))"
            found = self._prometheus.range(query, edges[0], edges[-1], width)
            self._watched = {_target(series): self._cells_of(series) for series in found}
        return self._watched

    def _in_cell(self, selector: str, series: Series, cell: int, old: float) -> float:
        """The increase to the end of a cell from raw samples; ``old`` is the last value before it, however long ago.

        After a gap the samples must be looked at even if the counter stands higher than before: it may have started
        anew and outgrown its old value.
        """
        return increase([value for _, value in self._points_in(selector, series, cell)], (old,))

    def _raw(self, selector: str, start: datetime, end: datetime) -> Mapping[SeriesKey, Points]:
        if (selector, start, end) not in self._samples:
            back = _duration(end - start + RESET_LOOKBACK)
            found = self._prometheus.samples(f"{selector}[{back}]", end)
            self._samples[selector, start, end] = {_key(series): series.points for series in found}
        return self._samples[selector, start, end]


class _CellAt(dict[datetime, int]):
    """The cell that ends at an instant, worked out once: every series is asked for at the same ones."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self._grid = grid

    def __missing__(self, at: datetime) -> int:
        self[at] = round((at - self._grid.edges[0]) / self._grid.width) - 1
        return self[at]


def increase(values: Sequence[float], before: Sequence[float] = ()) -> float:
    """How much a counter rose over raw samples, from the last value ``before`` them; a fall is a restart from zero."""
    chain = [*before[-1:], *values]
    return sum(new - old if new >= old else new for old, new in pairwise(chain))


def _from_birth(born: Iterable[tuple[datetime, float]], ended: float) -> float:
    """What a target's newborn series had counted by their first samples.

    Where others of it ended just before, they may be the same counters under other labels: together they are taken
    for one counter, which went on from there where it has not fallen.
    """
    counted = sum(value for _, value in born)
    return counted - ended if counted >= ended else counted


def _key(series: Series) -> SeriesKey:
    return tuple(sorted((name, value) for name, value in series.labels.items() if name != "__name__"))


def _target(series: Series) -> SeriesKey:
    return _target_of(series.labels)


def _target_of(labels: Mapping[str, str]) -> SeriesKey:
    return ("job", labels.get("job", "")), ("instance", labels.get("instance", ""))


def _duration(length: timedelta) -> str:
    return f"{round(length / timedelta(milliseconds=1))}ms"
