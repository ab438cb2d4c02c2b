"""One SLO over one grid: which events failed, in which cells anything was measured, and when it was bad. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

BAD_BURN = 14.4
"""A cell is bad from this burn rate on: the fast page's (SRE workbook 5: 2 % of a 30-day budget in an hour)."""

MOST_BAD_SHARE = 0.5
"""Where the objective is low, that pace is beyond 100 %; half of all events failing is bad whatever the objective."""

PAUSE = 1
"""Bad cells that are at most this many good ones apart are one incident."""


EVERYTHING = slice(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Failed and total events by cell, with the cells that were measured and those that were dark.

    *Dark* is a cell in which the outside probe failed all the time and no event arrived: bad time that nothing counted.
    """

    failed: tuple[float, ...]
    total: tuple[float, ...]
    covered: tuple[bool, ...]
    dark: tuple[bool, ...]

    @property
    def coverage(self) -> float:
        """The share of the cells that was measured, dark ones included."""
        return sum(self.covered) / len(self.covered)

    def achieved(self, cells: slice = EVERYTHING) -> float | None:
        """The share of good events, dark cells failing at the mean traffic of the rest; ``None`` without events."""
        failed, total = sum(self.failed[cells]), sum(self.total[cells])
        dark, known = sum(self.dark[cells]), sum(self.covered[cells])
        if dark == known and dark:
            return 0.0
        lost = dark * total / (known - dark) if dark else 0.0
        if total + lost <= 0:
            return 1 - dark / known if dark else None
        return max(0.0, 1 - (failed + lost) / (total + lost))

    def bad(self, objective: float) -> tuple[bool, ...]:
        """Which cells were bad enough to be part of an incident."""
        limit = min(BAD_BURN * (1 - objective), MOST_BAD_SHARE)
        cells = zip(self.failed, self.total, self.dark, strict=True)
        return tuple(dark or (total > 0 and failed / total >= limit) for failed, total, dark in cells)


def from_good(good: Sequence[float], total: Sequence[float]) -> tuple[float, ...]:
    """Failed events by cell where good ones are counted, perhaps by another process than counts the total.

    The two are scraped at different moments, so in one cell their difference may be off by a scrape's worth of events
    either way, which the next cell puts right. What was never put right has failed: the running difference is held
    against all that follow, and only a lasting rise counts.
    """
    running = list(accumulate(whole - one for one, whole in zip(good, total, strict=True)))
    lasting = list(accumulate(reversed(running), min))[::-1]
    before = [0.0, *(max(value, 0.0) for value in lasting[:-1])]
    return tuple(max(after, 0.0) - first for first, after in zip(before, lasting, strict=True))


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
