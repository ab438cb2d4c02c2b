"""Builds an SLO's past from raw metrics: sealed days, and the series that the rules would have recorded.

So a new SLO, or somebody who comes with a Prometheus full of metrics, need not wait for 30 days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from monitor.catalogue.model import Catalogue, Slo
from monitor.compliance.days import Span, day_begun, days
from monitor.compliance.openmetrics import Past, write_days
from monitor.compliance.reading import Reader
from monitor.compliance.sealing import BATCH, FIRST_SEEN_STEP, TRAIL, cell_width, reader_over, sealed_day, zone_of
from monitor.slo import names
from monitor.slo.promql import LOOKBACK, series
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.store_history import SloHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a backfill did. ``series_until`` tells for each SLO where the rules' own record begins, if it does."""

    span: Span
    days_sealed: int
    files: tuple[Path, ...]
    series_until: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """What is to be built, of what, and where to.

    ``again`` makes further versions of days that are sealed already, where their figures differ.
    """

    prometheus: Prometheus
    catalogue: Catalogue
    slos: Sequence[Slo]
    store: Store | None
    out: Path | None
    reason: str
    again: bool = False
    progress: Callable[[Span], None] = lambda _: None

    def run(self, start: datetime, end: datetime, now: datetime) -> Filled:
        """Read the span a month at a time; each day is sealed in one transaction.

        Raises:
            Unavailable: Prometheus cannot be reached.
            InputError: a file cannot be written, or an SLI cannot be counted.
        """
        width = cell_width(self.catalogue.environment)
        span = Span(start=start, end=start + (min(end, now) - start) // width * width)
        until = {slo.name: min(span.end, self._recorded_since(slo, span) or span.end) for slo in self.slos}
        sealed, files = 0, []
        for piece in _pieces(span, self._zone):
            self.progress(piece)
            reader = reader_over(self.prometheus, self.catalogue.environment, piece)
            with ThreadPoolExecutor(max_workers=2) as pool:
                # Prometheus computes one SLO's answer while another's is read.
                list(pool.map(reader.slo, self.slos))
            sealed += self._seal(reader, piece, now)
            files += self._write(reader, piece, until)
        return Filled(span=span, days_sealed=sealed, files=tuple(dict.fromkeys(files)), series_until=until)

    @property
    def _zone(self) -> str:
        return zone_of(self.catalogue)

    def _seal(self, reader: Reader, piece: Span, now: datetime) -> int:
        if self.store is None:
            return 0
        history, sealed = SloHistory(self.store), 0
        for name, day in days(_whole_days(piece.start, self._zone), min(piece.end, now - TRAIL), self._zone):
            found = (sealed_day(reader, slo, name, day, reason=self.reason, now=now) for slo in self.slos)
            sealed += history.seal([one for one in found if one.covered], again=self.again)
        return sealed

    def _write(self, reader: Reader, piece: Span, until: dict[str, datetime]) -> list[Path]:
        if self.out is None:
            return []
        past = [
            Past(slo=slo, measured=reader.slo(slo), span=Span(start=piece.start, end=min(piece.end, until[slo.name])))
            for slo in self.slos
        ]
        return write_days(self.out, reader.grid, past, self.catalogue.environment)

    def _recorded_since(self, slo: Slo, span: Span) -> datetime | None:
        """When the rules began to record an SLO: what they have must not be counted twice."""
        found: list[datetime] = []
        for name in (names.TOTAL_DELTA, names.TOTAL_ROLLUP):
            selector = series(name, slo)
            seen = self.prometheus.range(selector, span.start, span.end + FIRST_SEEN_STEP, FIRST_SEEN_STEP)
            if seen:
                near = seen[0].points[0][0]
                back = round((FIRST_SEEN_STEP + LOOKBACK).total_seconds())
                found += [one.points[0][0] for one in self.prometheus.samples(f"{selector}[{back}s]", near)]
        return min(found, default=None)


def _pieces(span: Span, zone: str) -> Iterator[Span]:
    """Cut a span at midnights of the zone into pieces that are read at once; days in them are whole."""
    begin = span.start
    for _, day in days(span.start, span.end, zone):
        if day.end - begin > BATCH - timedelta(days=1):
            yield Span(start=begin, end=day.end)
            begin = day.end
    if begin < span.end:
        yield Span(start=begin, end=span.end)


def _whole_days(start: datetime, zone: str) -> datetime:
    """The first midnight from an instant on: of the day before it, only a piece was asked for."""
    begun = day_begun(start, zone)
    return start if begun == start else day_begun(begun + timedelta(hours=36), zone)
