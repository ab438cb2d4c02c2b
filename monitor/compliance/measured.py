"""One SLO over one grid: which events failed, in which cells anything was measured, and when it was bad. Pure."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, compress, groupby

from monitor.slo.windows import BURN_PAIRS

BAD_BURN = float(BURN_PAIRS[0].factor)
"""A cell is bad from this burn rate on: the one that pages fast."""

MOST_BAD_SHARE = 0.5
"""Where the objective is low, that pace is beyond 100 %; half of all events failing is bad whatever the objective."""

PAUSE = 1
"""Bad cells that are at most this many good ones apart are one incident."""


EVERYTHING = slice(None)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Failed and total events by cell, with the cells that were measured and those that were dark.

    *Dark* is a cell in which the outside probe failed all the time and no event arrived: bad time that nothing counted.
    """

    failed: tuple[float, ...]
    total: tuple[float, ...]
    covered: tuple[bool, ...]
    dark: tuple[bool, ...]
    memory: int = 60
    """How many cells before a dark one tell the traffic that it would have had: an hour's."""
    least: float = 1.0
    """Events that a dark cell has at least: one per evaluation of the recording rules."""
    unsettled: tuple[float, ...] | None = None
    """Total less good by cell, where good is counted: what ``failed`` was settled from."""
    known_missed: tuple[float, ...] | None = None
    """What dark cells would have had, where that is known already, for days that were sealed."""

    @property
    def difference(self) -> tuple[float, ...]:
        """Failed events by cell such that neighbouring periods add up: nothing is settled at the ends."""
        return self.failed if self.unsettled is None else self.unsettled

    @property
    def coverage(self) -> float:
        """The share of the cells that was measured, dark ones included."""
        return sum(self.covered) / len(self.covered)

    @property
    def peak(self) -> float:
        """How many times the mean traffic the busiest cell had; 1 where that is not known.

        A cell after one that was not measured has that one's events, and so is none to go by.
        """
        events = tuple(map(operator.add, self.total, self.missed))
        measured = sum(compress(events, self.covered))
        busiest = max(compress(events, map(operator.and_, self.covered, (True, *self.covered))), default=0.0)
        return max(busiest * sum(self.covered) / measured, 1.0) if measured > 0 else 1.0

    @cached_property
    def missed(self) -> tuple[float, ...]:
        """Events that dark cells would have had: the mean of the cells before them, as the recording rules have it.

        A dark cell counts as its own estimate for those after it, so that a long darkness does not wear out the mean.
        Where the period begins dark, the mean of all cells that were seen stands in.
        """
        if self.known_missed is not None:
            return self.known_missed
        seen = sum(self.covered) - sum(self.dark)
        before: deque[float | None] = deque(maxlen=self.memory)
        found = []
        for total, covered, dark in zip(self.total, self.covered, self.dark, strict=True):
            known = [events for events in before if events is not None] if dark else []
            mean = sum(known) / len(known) if known else sum(self.total) / seen if seen else 0.0
            found.append(max(mean, self.least) if dark else 0.0)
            before.append(found[-1] if dark else total if covered else None)
        return tuple(found)

    def failures(self, cells: slice = EVERYTHING) -> float:
        """Failed events, those that dark cells would have had among them."""
        return sum(self.failed[cells]) + sum(self.missed[cells])

    def events(self, cells: slice = EVERYTHING) -> float:
        """All events, those that dark cells would have had among them."""
        return sum(self.total[cells]) + sum(self.missed[cells])

    def achieved(self, cells: slice = EVERYTHING) -> float | None:
        """The share of good events; ``None`` where there were none."""
        events = self.events(cells)
        return max(0.0, 1 - self.failures(cells) / events) if events > 0 else None

    def bad(self, objective: float) -> tuple[bool, ...]:
        """Which cells were bad enough to be part of an incident."""
        limit = min(BAD_BURN * (1 - objective), MOST_BAD_SHARE)
        cells = zip(self.failed, self.total, self.dark, strict=True)
        return tuple(dark or (total > 0 and failed / total >= limit) for failed, total, dark in cells)


def settled(difference: Sequence[float]) -> tuple[float, ...]:
    """Failed events by cell from total less good, which are perhaps counted by two processes.

    The two are scraped at different moments, so in one cell their difference may be off by a scrape's worth of events
    either way, which the next cell puts right. What was never put right has failed: the running difference is held
    against all that follow, and only a lasting rise counts.
    """
    running = list(accumulate(difference))
    lasting = list(accumulate(reversed(running), min))[::-1]
    before = [0.0, *(max(value, 0.0) for value in lasting[:-1])]
    return tuple(max(after, 0.0) - first for first, after in zip(before, lasting, strict=True))


def joined_slices(slices: Measured, target: Decimal | None, many: int, minutes: float) -> Measured:
    """Put ``many`` slices of so many ``minutes`` together to each cell: as its events, minutes that were good or bad.

    A slice is bad as a whole where more of its events failed than ``target`` leaves; without one, by the share that
    failed. Dark slices are bad, and those in which nothing came are not.
    """

    def bad(cell: int) -> float:
        if slices.dark[cell]:
            return minutes
        share = min(1.0, max(0.0, slices.failed[cell] / slices.total[cell])) if slices.total[cell] > 0 else 0.0
        return minutes * (share if target is None else float(share > float(1 - target)))

    cells = [range(first, first + many) for first in range(0, len(slices.total), many)]
    return Measured(
        failed=tuple(sum(bad(one) for one in cell if slices.covered[one]) for cell in cells),
        total=tuple(sum(minutes for one in cell if slices.covered[one]) for cell in cells),
        covered=tuple(any(slices.covered[one] for one in cell) for cell in cells),
        dark=tuple(all(slices.dark[one] for one in cell) for cell in cells),
        known_missed=(0.0,) * len(cells),
    )


def runs(flags: Iterable[bool], *, pause: int = 0) -> Iterator[tuple[int, int]]:
    """Yield (first cell, cell after the last) of each run of true flags, bridging up to ``pause`` false ones."""
    found: list[tuple[int, int]] = []
    for flag, group in groupby(enumerate(flags), key=lambda pair: pair[1]):
        if flag:
            numbers = [number for number, _ in group]
            first, after = numbers[0], numbers[-1] + 1
            if found and first - found[-1][1] <= pause:
                first = found.pop()[0]
            found.append((first, after))
    yield from found
