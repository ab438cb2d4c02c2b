"""What an SLI makes of evaluation steps: how many count as bad, what they come to, when an alert is due. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from monitor.catalogue.model import RatioSli, Slo, ThresholdSli
from monitor.render.slo_checks import SECOND
from monitor.render.slo_tests_series import mean_of, memory
from monitor.slo import burning, windows
from monitor.slo.stand_in import MOST_KEPT

RATE = 100
"""Events per step in the made-up traffic: enough that the floor of bad events is passed at the first bad step."""

Many = int | Fraction
"""A number of steps, or of events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """How an SLI judges steps of one length."""

    length: timedelta
    judges_time: bool
    """Whether minutes are good or bad, and not events."""
    is_sliced: bool
    in_slice: int
    """Of how many steps a slice consists; one where there are none."""
    slice_target: Decimal | None
    beyond: int
    """How many more steps are known than there have been: one, by the first sample; but a mean needs two samples."""

    def bad(self, steps: int) -> Many:
        """How many steps count as bad when so many have been; a slice is judged by all the steps it consists of."""
        if not self.is_sliced:
            return steps
        size, target = self.in_slice, self.slice_target
        if target is not None:
            return max(steps - math.floor(size * (1 - target)), 0)
        partly = min(steps, size)
        return Fraction(partly * (partly + 1), 2 * size) + steps - partly

    def bad_within(self, steps: int, within: int) -> Many:
        """How many of the last steps count as bad when so many have been: of no more than there are in a window."""
        bad = self.bad(steps)
        return bad - self.bad(steps - within) if steps > within else bad

    def counted(self, steps: int) -> int:
        """Steps that have events: a gauge is judged at the first sample too, a counter gains nothing until the next."""
        return self.known(steps) if self.judges_time else steps

    def known(self, steps: int) -> int:
        """Steps of which anything is known."""
        return steps + self.beyond

    def events(self, steps: Many) -> Many:
        """What so many steps count as: minutes where time is judged."""
        return steps * Fraction(self.length // SECOND, 60) if self.judges_time else steps * RATE

    def figure(self, steps: Many) -> Decimal:
        """The same as a number that tests compare."""
        return decimal(self.events(steps))


def steps_of(slo: Slo, length: timedelta) -> Steps:
    """How the SLI of an SLO judges steps of this length."""
    sli = slo.sli
    if isinstance(sli, ThresholdSli):
        beyond = 0 if mean_of(sli) else 1
        return Steps(
            length=length, judges_time=judges_time(slo), is_sliced=False, in_slice=1, slice_target=None, beyond=beyond
        )
    return Steps(
        length=length,
        judges_time=judges_time(slo),
        is_sliced=sli.slice is not None,
        in_slice=max(memory(slo) // length, 1),
        slice_target=sli.slice_target,
        beyond=1,
    )


def judges_time(slo: Slo) -> bool:
    """Whether minutes are good or bad, and not events."""
    return isinstance(slo.sli, ThresholdSli) or slo.sli.slice is not None


def is_probed(slo: Slo) -> bool:
    """Whether a probe says that what is not counted failed."""
    return isinstance(slo.sli, RatioSli) and bool(slo.sli.probe)


def until_fast(slo: Slo, steps: Steps, healthy: int, weight: Many = 1, *, dark: bool = False) -> int:
    """How many bad steps it takes until the fastest alert is due, after so many healthy ones.

    ``weight`` is how much a bad step counts, of a healthy one; dark steps are bad at once.
    """
    pair = burning.burn_pairs(slo)[0]
    return _until_due(steps, pair.long // steps.length, pair.factor * (1 - slo.target), healthy, weight, dark=dark)


@lru_cache(maxsize=MOST_KEPT)
def _until_due(steps: Steps, within: int, limit: Decimal, healthy: int, weight: Many, *, dark: bool) -> int:
    """The same, where an alert is due at a share of bad events within so many steps."""
    counted, known, share = steps.counted(healthy), steps.known(healthy), Fraction(limit * within)

    def is_due(reached: int) -> bool:
        inside = min(reached, within)
        before = within - inside
        bad = weight * (inside if dark else steps.bad_within(reached, within))
        if steps.events(bad) < windows.MINIMUM_BAD_EVENTS:
            return False
        return bad * (min(known, before) + inside) > share * (min(counted, before) + weight * inside)

    enough = 1
    while not is_due(enough):
        enough *= 2
    return bisect_left(range(enough), x=True, lo=enough // 2, key=is_due)


def decimal(value: Many) -> Decimal:
    """A number of steps or events as tests compare it."""
    return Decimal(value.numerator) / value.denominator
