"""Which few of many get series of their own, and how the rest is summed without a counter ever jumping. Pure."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from operator import itemgetter
from typing import Generic, TypeVar

_MARGIN = 1.2
"""A newcomer must outweigh the least of the chosen by this factor: two of a size do not take turns."""

_K = TypeVar("_K", bound=Hashable)


class Chosen(Generic[_K]):
    """The heaviest ``limit`` of a changing crowd. Who is in stays in until somebody clearly heavier needs the place."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: set[_K] = set()

    def update(self, weights: Mapping[_K, float]) -> frozenset[_K]:
        """Weigh everybody anew; who is not in ``weights`` is gone."""
        if len(weights) <= self._limit:
            self._members = set(weights)
            return frozenset(self._members)
        self._members &= weights.keys()
        outside = sorted(((weight, key) for key, weight in weights.items() if key not in self._members), key=_WEIGHT)
        while len(self._members) < self._limit:
            self._members.add(outside.pop()[1])
        inside = sorted(((weights[key], key) for key in self._members), key=_WEIGHT)
        for (least, leaving), (weight, coming) in zip(inside, reversed(outside), strict=False):
            if weight <= least * _MARGIN:
                break
            self._members.discard(leaving)
            self._members.add(coming)
        return frozenset(self._members)


class Rest(Generic[_K]):
    """Counts what everybody without series of their own did since we began to watch.

    A plain sum of their counters would fall when one of them gets series of its own (to Prometheus a reset) and leap
    by its whole past when one comes back. So this adds up growth, from zero.
    """

    def __init__(self, width: int) -> None:
        self.totals: list[float] = [0] * width
        self._last: dict[_K, Sequence[float]] = {}
        self._begun = False

    def update(self, counts: Mapping[_K, Sequence[float]], chosen: Collection[_K], *, born: bool = True) -> None:
        """Take in the counters of everybody, chosen or not; one that is lower than before began anew at zero.

        ``born`` says that who was not there last time has begun at zero since; otherwise it was only not known yet.
        Who is not there now is forgotten.
        """
        nothing = (0.0,) * len(self.totals)
        for key, now in counts.items():
            before = self._last.get(key) or (nothing if born and self._begun else now)
            if key not in chosen:
                for index, (new, old) in enumerate(zip(now, before, strict=True)):
                    self.totals[index] += new - old if new >= old else new
        self._last = dict(counts)
        self._begun = True


_WEIGHT = itemgetter(0)
