"""Writes what the rules would have recorded as OpenMetrics text, for ``promtool tsdb create-blocks-from openmetrics``.

One file for each day of UTC: promtool reads its input anew for every two hours of it, and Prometheus's blocks do not
lie across midnight. What was counted in a cell is spread evenly over as many samples as the rules record in that time,
from its beginning on, so that sums and counts over any longer window are right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from monitor.catalogue.model import Environment, Slo
from monitor.compliance.counting import Grid
from monitor.compliance.days import Span, days
from monitor.compliance.measured import Measured
from monitor.compliance.sealing import cells
from monitor.errors import InputError
from monitor.slo import names

_ROLLUP = re.compile(r"slo:(events_bad|events_total|covered_seconds):rollup(_(?P<times>\d+)x)?")

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was measured of an SLO over a grid, and of which part of it samples are wanted."""

    slo: Slo
    measured: Measured
    span: Span

    def on(self, day: Span, grid: Grid) -> tuple[int, ...]:
        """The measured cells of a day."""
        start, end = max(day.start, self.span.start), min(day.end, self.span.end)
        wanted = range(grid.cells)[cells(grid, Span(start=start, end=end))] if start < end else ()
        return tuple(cell for cell in wanted if self.measured.covered[cell])


def write_days(directory: Path, grid: Grid, past: Sequence[Past], environment: Environment) -> list[Path]:
    """Write one file for each day of UTC that any SLO has a sample in; returns them, oldest first.

    Raises:
        InputError: a file cannot be written there.
    """
    first = min(one.span.start for one in past).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    written = []
    for name, day in days(first, max(one.span.end for one in past) + ONE_DAY, "UTC"):
        known = [(one, numbers) for one in past if (numbers := one.on(day, grid))]
        if known:
            path = directory / f"slo-{name}.om"
            with _whole(path) as file:
                _families(file, grid, known, environment)
            written.append(path)
    return written


def _families(
    file: TextIO, grid: Grid, known: Sequence[tuple[Past, tuple[int, ...]]], environment: Environment
) -> None:
    """Write family after family, as OpenMetrics wants them."""
    for family, every in _recorded(environment):
        file.write(f"# TYPE {family} unknown\n")
        many = max(1, round(grid.width / every))
        for past, numbers in known:
            head = f'{family}{{{names.SLO_LABEL}="{past.slo.name}",{names.SERVICE_LABEL}="{past.slo.service}"}}'
            for cell in numbers:
                value = _value(family, past.measured, cell, grid) / many
                file.writelines(f"{head} {value!r} {at}\n" for at in _instants(grid.edges[cell], grid.width, many))
    file.write("# EOF\n")


def _recorded(environment: Environment) -> Iterator[tuple[str, timedelta]]:
    """The series that windows are added up from, each with how often it is recorded: the grid and all its roll-ups."""
    yield names.BAD_DELTA, environment.evaluation_interval
    yield names.TOTAL_DELTA, environment.evaluation_interval
    for family in names.RECORDED:
        if found := _ROLLUP.fullmatch(family):
            yield family, environment.rollup_interval * int(found["times"] or 1)


def _value(family: str, measured: Measured, cell: int, grid: Grid) -> float:
    if family.startswith("slo:covered_seconds:"):
        return grid.width.total_seconds()
    counted = measured.difference if family.startswith("slo:events_bad:") else measured.total
    return counted[cell] + measured.missed[cell]


def _instants(start: datetime, width: timedelta, many: int) -> Iterator[str]:
    """When the samples of a cell are, evenly from its beginning on, as promtool reads it."""
    first, step = start.timestamp(), width.total_seconds() / many
    return (f"{first + step * number:.3f}" for number in range(many))


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """A file that is there when it is complete: half of a day would be loaded like a whole one."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("w", encoding="utf-8") as file:
            yield file
        beside.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}: choose another directory by --out") from error
    finally:
        beside.unlink(missing_ok=True)
