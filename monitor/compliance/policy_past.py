"""What was spent of an error budget hour by hour: whether a state of the policy is still being left.

Moments are judged by the corrections that hold now, whenever they were made: maintenance that two people agreed does
not count must not keep a gate shut by what it looked like before they did.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from monitor import clock
from monitor.catalogue.model import Slo
from monitor.compliance.corrections import taken_off
from monitor.compliance.status import COUNTED, SloStatus
from monitor.compliance.tally import Tally
from monitor.slo import names, promql
from monitor.sources.prometheus import Prometheus
from monitor.store import Store
from monitor.store_history import Correction, SloHistory, standing

HOUR = timedelta(hours=1)
"""The past is looked at hour by hour, at the worst of each: 720 points for 30 days."""

Points = dict[datetime, float]


def spent_before(prometheus: Prometheus, slo: Slo, status: SloStatus, store: Store | None) -> tuple[float, ...]:
    """What was spent at the worst moment of each hour of the SLO's window, oldest first.

    A window of the calendar begins with its whole budget: what the one before it spent holds no state of this one.

    Raises:
        Unavailable: Prometheus cannot be reached, or refuses.
    """
    now = clock.now()
    first = status.span.start + HOUR if status.span else now - max(slo.window.duration, HOUR)
    worst = f"min_over_time({promql.series(names.BUDGET_REMAINING, slo, slo.window.text)}[1h])"
    left = _points(prometheus, worst, first, now)
    records = SloHistory(store).corrections(slo.name) if store else ()
    if slo.window.calendar:
        # What was told before the newest record counted time that does not count, or left out time that does.
        newest = max((one.at for one in records if one.end > first), default=first)
        return tuple(1 - left[at] for at in sorted(left) if at >= newest)
    touching = tuple(one for one in standing(records) if one.end > first - slo.window.duration)
    if not touching:
        return tuple(1 - left[at] for at in sorted(left))
    sums = {
        family: _points(prometheus, promql.series(family, slo, slo.window.text), first, now)
        for family in (*COUNTED, names.COVERAGE)
    }
    return tuple(_corrected(slo, touching, left, sums))


def _corrected(slo: Slo, holding: tuple[Correction, ...], left: Points, sums: dict[str, Points]) -> Iterator[float]:
    """The same without what does not count; moments at which nobody can tell what that comes to are left out."""
    for at in sorted(left):
        taken = taken_off(holding, at - slo.window.duration, at)
        if not taken.corrections:
            yield 1 - left[at]
        elif not taken.unknown and all(at in points for points in sums.values()):
            bad, total, coverage = (points[at] for points in sums.values())
            counted = Tally(total=total, bad=bad, covered=coverage * slo.window.duration)
            spent = taken.from_(counted).consumed(float(slo.target), slo.window.duration)
            if spent is not None:
                yield spent


def _points(prometheus: Prometheus, query: str, first: datetime, now: datetime) -> Points:
    return {at: value for series in prometheus.range(query, first, now, HOUR) for at, value in series.points}
