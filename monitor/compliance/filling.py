"""Puts sealed days where Prometheus knows less than they do. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.compliance.counting import Grid
from monitor.compliance.measured import Measured, settled
from monitor.store_history import SealedDay, Stretch

FORGOTTEN = timedelta(hours=1)
"""What a seal covers beyond the samples where a day counts as forgotten. Prometheus drops blocks of two hours at least;
a smaller difference only says that the day was sealed in wider cells than it is read in now."""


def filled(measured: Measured, grid: Grid, days: Iterable[SealedDay]) -> Measured:
    """Take each day from its seal where that covers more of it than the samples do; else nothing is changed.

    Prometheus drops what is too old in blocks of hours, so the day on which its memory begins is sealed time as well.
    """
    cells = _Cells.of(measured)
    forgotten = [day for day in days if _knows_more(day, measured, grid)]
    for day in forgotten:
        whole = _within(grid, day.start, day.end)
        cells.clear(whole)
        for stretch in day.stretches:
            some = _within(grid, stretch.start, stretch.end)
            # Of cells that are wider than the stretch, one has it.
            cells.put(stretch, some if some.stop > some.start else slice(some.start, some.start + 1))
    return cells.measured(measured) if forgotten else measured


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """What is measured, while it is being put together."""

    difference: list[float]
    total: list[float]
    missed: list[float]
    covered: list[bool]
    dark: list[bool]

    @classmethod
    def of(cls, measured: Measured) -> _Cells:
        return cls(
            difference=list(measured.difference),
            total=list(measured.total),
            missed=list(measured.missed),
            covered=list(measured.covered),
            dark=list(measured.dark),
        )

    def clear(self, cells: slice) -> None:
        for values in (self.difference, self.total, self.missed):
            values[cells] = [0.0] * len(values[cells])
        for flags in (self.covered, self.dark):
            flags[cells] = [False] * len(flags[cells])

    def put(self, stretch: Stretch, cells: slice) -> None:
        """Spread what a stretch counted evenly: within it one cell was as the other."""
        numbers = range(len(self.total))[cells]
        for cell in numbers:
            self.difference[cell] += stretch.failed / len(numbers)
            self.total[cell] += stretch.total / len(numbers)
            self.missed[cell] += stretch.missed / len(numbers)
            self.covered[cell] = self.covered[cell] or stretch.state != "unknown"
            self.dark[cell] = self.dark[cell] or stretch.state == "dark"

    def measured(self, before: Measured) -> Measured:
        difference = tuple(self.difference)
        # Total less good of a sealed stretch may be below zero, as it may be of a cell.
        even = before.unsettled is None and all(cell >= 0 for cell in difference)
        return replace(
            before,
            failed=difference if even else settled(difference),
            unsettled=None if even else difference,
            total=tuple(self.total),
            covered=tuple(self.covered),
            dark=tuple(self.dark),
            known_missed=tuple(self.missed),
        )


def _knows_more(day: SealedDay, measured: Measured, grid: Grid) -> bool:
    known = sum(measured.covered[_within(grid, day.start, day.end)]) * grid.width
    # A cell may lie across each midnight.
    return day.covered - known >= FORGOTTEN - 2 * grid.width


def _within(grid: Grid, start: datetime, end: datetime) -> slice:
    """The cells whose middle lies in a span, so that spans which follow one another share none and leave none out."""
    first, after = (math.ceil((at - grid.edges[0]) / grid.width - 0.5) for at in (start, end))
    return slice(min(max(first, 0), grid.cells - 1), min(max(after, 0), grid.cells))
