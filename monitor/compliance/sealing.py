"""Seals days: what was counted on each day of the clinic, read from the raw counters once the day is over.

The recorded series are not asked: they know nothing of the time in which Prometheus was away, nor of an SLO's time
before it was promised. Days are read from three days before them on, so that a counter which was last seen before a gap
is counted across it, and to ten minutes after them, so that what good and total count at different instants has evened
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby

from monitor.catalogue.model import Catalogue, Environment, Slo, ThresholdSli
from monitor.catalogue.terms import counters
from monitor.compliance.counting import COARSE, Grid
from monitor.compliance.days import Span, day_begun, days, holes
from monitor.compliance.measured import Measured
from monitor.compliance.reading import Reader
from monitor.errors import InputError, MonitorError
from monitor.slo.edges import any_edge
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.store_history import SealedDay, SloHistory, State, Stretch

LEAD = timedelta(days=3)
"""How long a counter may be away and still be counted across the gap; also what the traffic of dark time is told by."""

TRAIL = timedelta(minutes=10)
"""A day is read this long after it has ended, and not sealed before."""

BATCH = timedelta(days=31)
"""So much is read at once: a month of one series is 9,000 points."""

WIDE = timedelta(minutes=15)
"""Cells where scrapes are rare. Every zone's midnight lies on a quarter of an hour, so cells never lie across it."""

FIRST_SEEN_STEP = timedelta(hours=1)

Wanted = Mapping[tuple[str, Span], tuple[Slo, ...]]
"""Days, each with the SLOs that are to be read on it."""


def seal_missing(
    prometheus: Prometheus, store: Store, catalogue: Catalogue, now: datetime, pause: Callable[[], None] = lambda: None
) -> int:
    """Seal every day that is over, not sealed, and known to Prometheus; one transaction a day, the oldest first.

    ``pause`` is called between days, where nothing is half-written.

    Returns:
        How many days were sealed, each SLO's counted by itself.

    Raises:
        Unavailable: Prometheus cannot be reached. What was sealed before stays.
        InputError: an SLI cannot be counted; the days of all others are sealed.
    """
    history, faults = SloHistory(store), dict[str, MonitorError]()
    wanted: dict[tuple[str, Span], tuple[Slo, ...]] = {}
    for slo in catalogue.slos:
        with _by_itself(slo, faults):
            for day in _missing(prometheus, history, catalogue, slo, now):
                wanted[day] = (*wanted.get(day, ()), slo)
    sealed = 0
    for batch in batches(wanted):
        for of_one_day in _known(list(read_days(prometheus, catalogue, batch, faults, now))):
            pause()
            sealed += history.seal(of_one_day)
    for fault in faults.values():
        raise fault
    return sealed


@contextmanager
def _by_itself(slo: Slo, faults: dict[str, MonitorError]) -> Iterator[None]:
    """Let an SLO that cannot be read cost only itself: the others' days are sealed first, then it is told."""
    try:
        yield
    except MonitorError as fault:
        faults.setdefault(slo.name, fault)


def batches(wanted: Wanted) -> Iterator[Wanted]:
    """Cut days into runs that are read at once."""
    rest = sorted(wanted, key=lambda day: day[1].start)
    while rest:
        until = rest[0][1].start + BATCH
        yield {day: wanted[day] for day in rest if day[1].end <= until}
        rest = [day for day in rest if day[1].end > until]


def read_days(
    prometheus: Prometheus, catalogue: Catalogue, wanted: Wanted, faults: dict[str, MonitorError], now: datetime
) -> Iterator[tuple[SealedDay, ...]]:
    """Read days from raw counters, each with all of its SLOs, oldest first; ``faults`` gets those that cannot be."""
    spans = [span for _, span in wanted]
    whole = Span(start=min(span.start for span in spans), end=max(span.end for span in spans))
    reader = reader_over(prometheus, catalogue.environment, whole)
    for (name, span), slos in sorted(wanted.items(), key=lambda day: day[0][1].start):
        found = []
        for slo in slos:
            if slo.name not in faults:
                with _by_itself(slo, faults):
                    found.append(sealed_day(reader, slo, name, span, reason="the day is over", now=now))
        yield tuple(found)


def sealed_day(reader: Reader, slo: Slo, name: str, span: Span, *, reason: str, now: datetime) -> SealedDay:
    """Read one day of one SLO.

    Raises:
        Unavailable: Prometheus cannot be reached.
        InputError: the SLI cannot be counted.
    """
    return SealedDay(
        slo=slo.name,
        day=name,
        start=span.start,
        end=span.end,
        stretches=tuple(stretches(reader.slo(slo), float(slo.target), reader.grid, span)),
        objective=float(slo.target),
        sli=definition(slo),
        sealed_at=now.replace(microsecond=0),
        reason=reason,
    )


def reader_over(prometheus: Prometheus, environment: Environment, span: Span, *, trail: timedelta = TRAIL) -> Reader:
    """Read a span with what lies before and after it; its ends, on whole cells, are edges of the grid."""
    width = cell_width(environment)
    # The whole cell that holds the lead and one that holds the trail, so that the grid stays on the span's edges.
    before, after = -(-LEAD // width) * width, -(-trail // width) * width
    grid = Grid.over(span.start - before, span.end + after, width)
    return Reader(prometheus, grid, environment.evaluation_interval)


def cell_width(environment: Environment) -> timedelta:
    """How finely days are read: as finely as a month's report, wider where scrapes are rare."""
    return COARSE if 2 * environment.scrape_interval <= COARSE else WIDE


def cells(grid: Grid, span: Span) -> slice:
    """The cells of a span whose ends are edges of the grid."""
    first, after = ((at - grid.edges[0]) / grid.width for at in (span.start, span.end))
    return slice(round(first), round(after))


def stretches(measured: Measured, objective: float, grid: Grid, span: Span) -> Iterator[Stretch]:
    """Cut a span into runs of cells of one kind."""
    bad, part = measured.bad(objective), cells(grid, span)

    def state(cell: int) -> State:
        if measured.dark[cell]:
            return "dark"
        return "unknown" if not measured.covered[cell] else "failing" if bad[cell] else "measured"

    for kind, run in groupby(range(part.start, part.stop), key=state):
        numbers = list(run)
        some = slice(numbers[0], numbers[-1] + 1)
        yield Stretch(
            start=grid.edges[some.start],
            end=grid.edges[some.stop],
            state=kind,
            total=sum(measured.total[some]),
            failed=sum(measured.difference[some]),
            missed=sum(measured.missed[some]),
        )


def definition(slo: Slo) -> str:
    """What is counted, as the catalogue says it: an auditor may ask in six years."""
    sli = slo.sli
    if isinstance(sli, ThresholdSli):
        return f"{sli.query} {sli.op} {sli.value}"
    counted = f"bad: {sli.bad}" if sli.bad else f"good: {sli.good}"
    return f"{counted}; total: {sli.total}" + (f"; probe: {sli.probe}" if sli.probe else "")


def first_seen(prometheus: Prometheus, slo: Slo, since: datetime, until: datetime) -> datetime | None:
    """The oldest hour in which Prometheus still knows anything of an SLO; ``None`` where it knows nothing.

    Raises:
        InputError: the SLI cannot be counted.
    """
    try:
        queries = [slo.sli.query] if isinstance(slo.sli, ThresholdSli) else counters(slo.sli.total)
    except ValueError as error:
        raise InputError(f"cannot count the events of SLO {slo.name!r}: its total {error}") from error
    expression = " or ".join(f"count({any_edge(query)})" for query in queries)
    found = prometheus.range(expression, since, until, FIRST_SEEN_STEP)
    return min((series.points[0][0] for series in found), default=None)


def _missing(
    prometheus: Prometheus, history: SloHistory, catalogue: Catalogue, slo: Slo, now: datetime
) -> Iterator[tuple[str, Span]]:
    """The days of an SLO that are over, known to Prometheus, and not sealed.

    Nothing is asked where yesterday is sealed already: what is missing before it was looked for then.
    """
    zone = zone_of(catalogue)
    until = history.sealed_until(slo.name)
    if until is not None and until >= day_begun(now - TRAIL, zone):
        return
    oldest = day_begun(now - catalogue.environment.retention, zone)
    seen = first_seen(prometheus, slo, oldest, now)
    if seen is None:
        return
    span = Span(start=max(oldest, day_begun(seen - FIRST_SEEN_STEP, zone)), end=now - TRAIL)
    for hole in holes(history.days(slo.name, span.start, span.end), span):
        yield from days(hole.start, hole.end, zone)


def zone_of(catalogue: Catalogue) -> str:
    """The clinic's time zone."""
    return catalogue.recovery.time_zone if catalogue.recovery else "UTC"


def _known(found: list[tuple[SealedDay, ...]]) -> Iterator[tuple[SealedDay, ...]]:
    """Leave out the days after the last of which anything is known: Prometheus may still be given them back."""
    last: dict[str, datetime] = {}
    for day in (one for some in found for one in some):
        if day.covered:
            last[day.slo] = day.start
    for some in found:
        yield tuple(day for day in some if day.slo in last and day.start <= last[day.slo])
