"""Reads what a report needs from Prometheus: each SLO's events by cell, means, and the worst recovery figures."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import timedelta

from monitor.catalogue.model import RatioSli, Slo, ThresholdSli
from monitor.compliance.counting import Counter, Grid
from monitor.compliance.measured import Measured, joined_slices, settled
from monitor.errors import Unavailable
from monitor.slo.edges import any_edge
from monitor.slo.promql import TRAFFIC_MEMORY
from monitor.sources.prometheus import Prometheus

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


class Reader:
    """Reads over one grid; what several SLOs share is asked for once."""

    def __init__(self, prometheus: Prometheus, grid: Grid, step: timedelta) -> None:
        """``step`` is the recording rules' evaluation interval: dark time weighs one event in each at least."""
        self.grid = grid
        self._step = step
        self._prometheus = prometheus
        self._counter = Counter(prometheus, grid)
        self._probes: dict[str, tuple[bool, ...]] = {}
        self._known: dict[str, Measured] = {}

    def slo(self, slo: Slo) -> Measured:
        """Measure one SLO; asked again, it is what was measured then.

        Raises:
            InputError: its SLI cannot be counted.
            Unavailable: Prometheus cannot be reached.
        """
        if slo.name not in self._known:
            sli = slo.sli
            if isinstance(sli, ThresholdSli):
                self._known[slo.name] = self._threshold(sli)
            else:
                self._known[slo.name] = self._ratio(sli) if sli.slice is None else self._sliced(sli, sli.slice)
        return self._known[slo.name]

    def mean(self, histogram: str, matchers: str) -> float | None:
        """The mean of a histogram's observations over the grid; ``None`` if there were none."""
        observed = self._counter.count(f"{histogram}_count{{{matchers}}}").total
        return self._counter.count(f"{histogram}_sum{{{matchers}}}").total / observed if observed else None

    def worst(self, query: str) -> float | None:
        """The largest value of an expression over the grid; ``None`` if it never had one."""
        values = self._gauge(query)
        return max(values.values(), default=None)

    def mean_of(self, query: str) -> float | None:
        """The mean of an expression's values over the grid; ``None`` if it never had one."""
        values = self._gauge(query)
        return sum(values.values()) / len(values) if values else None

    def _ratio(self, sli: RatioSli) -> Measured:
        total = self._counter.count(sli.total)
        if sli.bad:
            failed, unsettled = self._counter.count(sli.bad).events, None
        else:
            unsettled = tuple(map(operator.sub, total.events, self._counter.count(sli.good).events))
            failed = settled(unsettled)
        silent = self._failing(sli.probe) if sli.probe else (False,) * self.grid.cells
        dark = tuple(down and not events for down, events in zip(silent, total.events, strict=True))
        covered = tuple(map(operator.or_, total.covered, dark))
        return Measured(
            failed=failed,
            total=total.events,
            covered=covered,
            dark=dark,
            memory=max(1, round(TRAFFIC_MEMORY / self.grid.width)),
            least=self.grid.width / self._step,
            unsettled=unsettled,
        )

    def _sliced(self, sli: RatioSli, size: timedelta) -> Measured:
        """Judge slices of time by their events; the minutes of each cell's slices are its events."""
        many = max(1, round(self.grid.width / size))
        width = self.grid.width / many
        edges = [first + width * number for first in self.grid.edges[:-1] for number in range(many)]
        fine = Reader(self._prometheus, Grid(edges=(*edges, self.grid.edges[-1]), width=width), self._step)
        return joined_slices(fine._ratio(sli), sli.slice_target, many, width / timedelta(minutes=1))  # one of us

    def _threshold(self, sli: ThresholdSli) -> Measured:
        """Each cell is one event: as long as the cell is, in minutes."""
        minutes = self.grid.width / timedelta(minutes=1)
        holds, limit = _HOLDS[sli.op], float(sli.value)
        values = self._gauge(any_edge(sli.query))
        covered = tuple(cell in values for cell in range(self.grid.cells))
        failed = tuple(
            minutes if known and not holds(values[cell], limit) else 0.0 for cell, known in enumerate(covered)
        )
        total = tuple(minutes if known else 0.0 for known in covered)
        return Measured(failed=failed, total=total, covered=covered, dark=(False,) * self.grid.cells)

    def _failing(self, probe: str) -> tuple[bool, ...]:
        """In which cells the probe failed from beginning to end."""
        if probe not in self._probes:
            span = f"{round(self.grid.width / timedelta(milliseconds=1))}ms"
            values = self._gauge(f"max(max_over_time({probe}[{span}]))")
            self._probes[probe] = tuple(values.get(cell) == 0 for cell in range(self.grid.cells))
        return self._probes[probe]

    def _gauge(self, query: str) -> dict[int, float]:
        """The value of an expression at the end of each cell that has one; of several series, none may be chosen."""
        first, width = self.grid.edges[1], self.grid.width
        found = self._prometheus.range(query, first, self.grid.edges[-1], width)
        if len(found) > 1:
            raise Unavailable(
                f"{query} has {len(found)} series where one is needed: aggregate it, for instance by max()"
            )
        return {
            round((at - first) / width): value
            for series in found
            for at, value in series.points
            if value == value  # noqa: PLR0124  # NaN is no value
        }
