"""What the alerts on a spent budget and on silence would have done, and how long the policy had frozen changes. Pure.

A budget is that of the SLO's own window, which is longer than what is replayed of burning alerts; so it is followed in
pieces of a second roll-up (five minutes), as the rules add up days.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import accumulate

from monitor.slo import policy
from monitor.slo.policy import State, Step
from monitor.slo.replay import Alert, Episode, Events, episodes, held

Window = Callable[[datetime], tuple[datetime, timedelta]]
"""When the window began in which an instant lies, and how long the whole of it is."""

ROUNDING = 1e-9
"""Sums of a million events differ in the last digits from those that Prometheus makes."""


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Bad and all events, and the share that is known (0-1), by piece; ``first`` is when the first piece ends."""

    first: datetime
    size: timedelta
    bad: Sequence[float]
    total: Sequence[float]
    known: Sequence[float]

    @classmethod
    def of(cls, before: Events, after: Events, *, behind: int = 0) -> Spending:
        """Put coarse pieces and the fine cells that follow them together; pieces are as wide as the coarse ones.

        The last cell that the rules know of when a piece ends had ended so many cells ``behind`` its end.
        """
        many = round(before.cell / after.cell)
        from_ = round((before.at(len(before.bad)) - after.first) / after.cell) - many + 1
        whole = range(max(from_, 0), len(after.bad) - many + 1, many)

        def added(values: Sequence[float]) -> list[float]:
            # What was before the first whole piece is in the coarse ones.
            ends = (max(start + many - behind, 0) for start in whole)
            return [sum(values[max(end - many, whole.start) : end]) for end in ends]

        return cls(
            first=before.first,
            size=before.cell,
            bad=[*before.bad, *added(after.bad)],
            total=[*before.total, *added(after.total)],
            known=[*map(float, before.known), *(count / many for count in added(after.known))],
        )

    def at(self, number: int) -> datetime:
        """When a piece ends."""
        return self.first + number * self.size

    @cached_property
    def _sums(self) -> tuple[list[float], ...]:
        return tuple(list(accumulate(each, initial=0.0)) for each in (self.bad, self.total, self.known))

    def left(self, target: float, window: Window) -> Iterator[float | None]:
        """By piece: the share of the window's whole budget that is left; ``None`` where it has no event."""
        ends = [self.at(number) for number in range(len(self.bad))]
        for number, at in enumerate(ends):
            begun, length = window(at)
            before = bisect_right(ends, begun)
            bad, total, known = (sums[number + 1] - sums[before] for sums in self._sums)
            burn = max(bad, 0.0) / total / (1 - target) if total > 0 else None
            yield None if burn is None else 1 - burn * min(known * self.size / length, 1.0)


def spent(
    spending: Spending, left: Sequence[float | None], alerts: Iterable[Alert], since: datetime
) -> tuple[Episode, ...]:
    """Every episode of the alerts on a budget that is spent, the gravest of which comes first in ``alerts``."""
    steps = {step.alert: step for step in policy.STEPS}
    firing = []
    for alert in alerts:
        # Held for less than a piece is at once.
        hold = alert.hold if alert.hold >= spending.size else timedelta(0)
        holds = _holds(left, steps[alert.name], round(alert.keep / spending.size))
        firing.append((alert, list(held(holds, replace(alert, hold=hold), spending.size))))
    return episodes(firing, spending.at, since)


def silent(events: Events, alert: Alert, since: datetime) -> tuple[Episode, ...]:
    """Every time that nothing was known of an SLO for as long as its alert is held."""
    return episodes([(alert, list(held(events.missed, alert, events.cell)))], events.at, since) if events.missed else ()


def frozen(spending: Spending, left: Sequence[float | None], since: datetime) -> timedelta:
    """For how long the gate had been shut, by the policy as it is."""
    states = policy.walk(1 - one for one in left if one is not None)
    known = (number for number, one in enumerate(left) if one is not None)
    shut = sum(
        state is State.FROZEN for number, state in zip(known, states, strict=True) if spending.at(number) > since
    )
    return shut * spending.size


def _holds(left: Sequence[float | None], step: Step, keep: int) -> Iterator[bool]:
    """By piece: whether a step's alert has a sample; told of once, until its own room is exceeded (``spending``)."""
    begins, ends = float(policy.begins(step)) + ROUNDING, float(policy.ends(step)) + ROUNDING
    room = step in policy.WARNINGS
    told: int | None = None
    for number, one in enumerate(left):
        still = room and told is not None and number - told <= keep + 1
        holds = one is not None and (one <= begins or (still and one <= ends))
        told = number if holds else told
        yield holds
