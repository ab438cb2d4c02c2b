"""Reads what the recording rules would have recorded of one SLO at any time, from the raw metrics that are kept.

The sum of many counters rises by just what they gained for as long as none of them appears, goes or starts anew. So
Prometheus is asked for that sum, and for the recording rule's own expression only in the hours in which one does: the
same figures as the rule's, at a tenth of the cost (15 s for 30 days of 100 series otherwise). Everything else than sums
of counters, native histograms among it, is asked for as the rule would have asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from monitor import clock
from monitor.catalogue import durations
from monitor.catalogue.model import Environment, RatioSli, Slo
from monitor.catalogue.terms import Term, counters, terms
from monitor.compliance.observations import AT_ONCE, refuse_older
from monitor.slo import names, promql, windows
from monitor.slo.replay import Events, by_slices, with_darkness
from monitor.sources.prometheus import Prometheus

LEAD = max(windows.LONG_WINDOWS)
"""What the longest window looks back on is read too, so that the first minute is judged as rules would have then."""

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
"""Over how long it is asked at once whether counters led a quiet life."""

THROUGHOUT = 0.95
"""Share of the most samples of any counter in an hour and ten minutes: who was away for the five minutes after which a
counter is forgotten has fewer."""

Cells = list[float | None]


def read(
    prometheus: Prometheus,
    slo: Slo,
    environment: Environment,
    span: tuple[datetime, datetime],
    cell: timedelta,
    *,
    lead: timedelta = LEAD,
) -> Events:
    """Count an SLO's events by cell from the raw metrics, from ``lead`` before the span to its end.

    Raises:
        InputError: native histograms are to be counted, and Prometheus is too old for them.
        Unavailable: Prometheus cannot be reached, or refuses.
    """
    reader = Reader(prometheus, slo, environment, (span[0] - lead, span[1]), cell)
    sli = slo.sli
    bad, total = reader.ratio(sli) if isinstance(sli, RatioSli) else reader.as_recorded()
    failing = reader.failing(sli.probe) if isinstance(sli, RatioSli) and sli.probe else [False] * reader.many
    if isinstance(sli, RatioSli) and sli.slice:
        every_bad, every_total, known = by_slices(
            bad,
            total,
            failing,
            size=max(1, round(sli.slice / cell)),
            target=None if sli.slice_target is None else float(sli.slice_target),
            minutes=cell / MINUTE,
        )
    else:
        every_bad, every_total, known = with_darkness(
            bad,
            total,
            failing,
            memory=round(promql.TRAFFIC_MEMORY / cell),
            least=cell / environment.evaluation_interval,
        )
    return Events(
        first=reader.first,
        cell=cell,
        bad=every_bad,
        total=every_total,
        known=known,
        missed=reader.missed(known),
        rollup=max(1, round(environment.rollup_interval / cell)),
        lag=int(cell <= environment.evaluation_interval),
    )


class Reader:
    """Asks for one SLO's figures at the end of each cell; cells end at whole multiples of their width."""

    def __init__(
        self,
        prometheus: Prometheus,
        slo: Slo,
        environment: Environment,
        span: tuple[datetime, datetime],
        cell: timedelta,
    ) -> None:
        self._prometheus, self._slo, self._cell = prometheus, slo, cell
        self._fine, self._scrape = cell <= environment.evaluation_interval, environment.scrape_interval
        width = cell.total_seconds()
        first = -(-span[0].timestamp() // width)
        self.first = clock.from_epoch(first * width)
        self.many = int(span[1].timestamp() // width - first) + 1

    def ratio(self, sli: RatioSli) -> tuple[Cells, Cells]:
        """Bad and all events of counters, as the rules' ``observed`` series have them."""
        gained = self._gained(sli.total)
        fresh = self._fresh(sli.total)
        total: Cells = [number if seen else None for number, seen in zip(gained, fresh, strict=True)]
        part = self._gained(sli.bad or sli.good)
        if sli.bad:
            return list(part), total
        return [None if whole is None else whole - one for whole, one in zip(total, part, strict=True)], total

    def as_recorded(self) -> tuple[Cells, Cells]:
        """Bad and all events by the recording rules' own expressions."""
        total = promql.observed_total(self._slo, self._cell, self._scrape)
        bad = promql.observed_bad(self._slo, self._cell, self._scrape)
        bad = bad.replace(promql.series(names.OBSERVED_TOTAL_DELTA, self._slo), f"({total})")
        return self._ask(bad), self._ask(total)

    def failing(self, probe: str) -> list[bool]:
        """In which cells the outside probe fails: now, or all the time where a cell is longer than an evaluation."""
        query = f"max({probe})" if self._fine else f"max(max_over_time({probe}[{durations.text(self._cell)}]))"
        return [value == 0 for value in self._ask(query)]

    def missed(self, known: Sequence[bool]) -> list[bool]:
        """In which cells nothing was known of the SLO although Prometheus was there: it scraped something."""
        watched = "up" if self._fine else f"last_over_time(up[{durations.text(self._cell)}])"
        found = [False] * self.many
        for run in _neighbours(number for number, one in enumerate(known) if not one):
            for number, value in zip(run, self._ask(f"count({watched})", run), strict=True):
                found[number] = value is not None and not known[number]
        return found

    def _fresh(self, expression: str) -> list[bool]:
        """In which cells any of the counters was scraped."""
        seen = [False] * self.many
        for selector in map(promql.matching_any_edge, counters(expression)):
            query = f"count({promql.fresh(selector) if self._fine else self._last(selector, back=self._cell)})"
            seen = [one or value is not None for one, value in zip(seen, self._ask(query), strict=True)]
        return seen

    def _gained(self, expression: str) -> list[float]:
        """What counters gained by cell."""
        gained = [0.0] * self.many
        for term in terms(expression):
            part = self._observed(term) if term.is_native else self._selector(term)
            gained = list(map(sum, zip(gained, part, strict=True)))
        return gained

    def _observed(self, term: Term) -> list[float]:
        """What native histograms gained; no shortcut by their sum, which may be coarser from one cell to the next."""
        refuse_older(self._prometheus)
        query, found = self._as_ruled(term), list[float]()
        for first in range(0, self.many, AT_ONCE):
            found += [value or 0.0 for value in self._ask(query, range(first, min(first + AT_ONCE, self.many)))]
        return found

    def _selector(self, term: Term) -> list[float]:
        selector = promql.matching_any_edge(term.selector)
        sums = self._ask(f"sum({self._last(selector)})")
        restless = self._restless(selector)
        gained, odd = [0.0] * self.many, [0]
        for number, (before, now) in enumerate(pairwise(sums), start=1):
            if number in restless or (before is None) != (now is None):
                odd.append(number)
            else:
                gained[number] = (now or 0.0) - (before or 0.0)
        exact = self._as_ruled(term)
        for run in _neighbours(odd):
            for number, value in zip(run, self._ask(exact, run), strict=True):
                gained[number] = value or 0.0
        return gained

    def _restless(self, selector: str) -> set[int]:
        """Cells of hours in which a series came, went, was away for longer than it is remembered, or started anew."""
        hour = max(1, round(HOUR / self._cell))
        span = durations.text(hour * self._cell)
        back = durations.text(hour * self._cell + 2 * promql.LOOKBACK)
        now, before = self._last(selector), self._last(selector, f" offset {span}")
        seen = f"count_over_time({selector}[{back}])"
        found: set[int] = set()
        for query in (
            f"count({now} unless {before})",
            f"count({before} unless {now})",
            f"count({seen} < {THROUGHOUT} * scalar(max({seen})))",
            f"count(resets({selector}[{back}]) > 0)",
        ):
            for block, troubled in enumerate(self._ask(query, range(hour, self.many + hour, hour))):
                if troubled:
                    found.update(range(block * hour + 1, (block + 1) * hour + 1))
        return found

    def _as_ruled(self, term: Term) -> str:
        """The rule's own expression for what one term gained in a cell, whatever became of its series."""
        alone = replace(self._slo, sli=RatioSli(bad=term.text, total=term.text))
        expression = promql.observed_bad(alone, self._cell, self._scrape)
        return expression.replace(promql.series(names.OBSERVED_TOTAL_DELTA, alone), "vector(0)")

    @staticmethod
    def _last(selector: str, offset: str = "", *, back: timedelta = promql.LOOKBACK) -> str:
        return f"last_over_time({selector}[{durations.text(back)}]{offset})"

    def _ask(self, query: str, cells: range | None = None) -> Cells:
        cells = range(self.many) if cells is None else cells
        begin, end = (self.first + number * self._cell for number in (cells[0], cells[-1]))
        step = cells.step * self._cell
        found: Cells = [None] * len(cells)
        for series in self._prometheus.range(query, begin, end, step):
            for at, value in series.points:
                found[round((at - begin) / step)] = value
        return found


def _neighbours(numbers: Iterable[int]) -> Iterator[range]:
    """Rising numbers as runs; what lies less than ten apart is one run, for a question costs more than ten answers."""
    run: range | None = None
    for number in numbers:
        if run is not None and number - run.stop < 10:  # noqa: PLR2004  # said above
            run = range(run.start, number + 1)
            continue
        if run is not None:
            yield run
        run = range(number, number + 1)
    if run is not None:
        yield run
