"""Records what rules would have recorded over the past, each after what it reads, and gives it to the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from benchmarks.slo import shapes
from benchmarks.slo.shapes import Rule, Shape

RECENT = 1200
"""Seconds for which series that are only read as they are now get a past."""

Lines = Iterable[tuple[str, str, str, float]]
"""Metric, labels, value and second of each sample."""


class Server(Protocol):
    """What evaluates rules over time and takes samples."""

    def over(self, query: str, start: int, end: int, step: int) -> Iterator[tuple[int, str]]:
        """Evaluate at each step of a span; an aggregate's only series."""
        ...

    def take(self, samples: Lines) -> None:
        """Store samples, which are there when this returns."""
        ...


@dataclass(frozen=True, kw_only=True)
class Past:
    """Rules over a time in which they were evaluated, but for where ``away`` says that nobody did."""

    shape: Shape
    start: int
    end: int
    away: Callable[[int], bool] = lambda _: False
    whole: bool = False
    """Whether everything gets a past, and not only what is read over time."""


def record(server: Server, pasts: Sequence[Past]) -> None:
    """Record all rules of several shapes, round by round: what all can record by now, then what reads that."""
    rounds = [list(shapes.rounds(past.shape)) for past in pasts]
    for number in range(max(map(len, rounds))):
        work = [
            (past, rule)
            for past, ready in zip(pasts, rounds, strict=True)
            if number < len(ready)
            for rule in ready[number]
        ]
        work.sort(key=lambda one: one[1].record)
        server.take(_evaluated(server, work))


def _evaluated(server: Server, work: Sequence[tuple[Past, Rule]]) -> Lines:
    with ThreadPoolExecutor(2) as pool:
        for (past, rule), found in zip(work, pool.map(lambda one: _over(server, *one), work), strict=True):
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(rule.labels.items()))
            for at, value in found:
                if not past.away(at):
                    yield rule.record, labels, value, at


def _over(server: Server, past: Past, rule: Rule) -> list[tuple[int, str]]:
    lasting = past.whole or rule.record in shapes.lasting(past.shape)
    start = past.start if lasting else past.end - RECENT
    # An evaluation lies on a whole multiple of its interval, and the last one before the end is needed at least.
    start = min(start, past.end // rule.every * rule.every) // rule.every * rule.every
    return list(server.over(rule.expr, start, past.end, rule.every))
