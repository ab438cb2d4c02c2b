"""Small cells: what keeps a count of a few people from pointing at one of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def rounded(count: int, smallest: int) -> int:
    """Return the nearest multiple of ``smallest``: with 5, counts from 0 to 2 are shown as 0, from 3 to 7 as 5.

    Why not leave small counts out: one that is left out can be had back by subtracting its neighbours from their
    total, or the page of a minute ago from this one. Rounded counts give away neither, a total is the sum of the
    rounded counts and never counted by itself, and a count that only rises still only rises. Statistical offices
    publish so (HESA's rounding to 5). With 1 or 0 every count is shown as it is.
    """
    if smallest <= 1:
        return count
    return (count + smallest // 2) // smallest * smallest


def cumulative(cells: Sequence[int], smallest: int) -> list[int]:
    """Return a histogram's running totals, each cell of it rounded."""
    totals, total = [], 0
    for cell in cells:
        total += rounded(cell, smallest)
        totals.append(total)
    return totals


def stepped(total: float, smallest: int, step: float) -> float:
    """Round a sum of people's times down to whole steps, so that it does not tell what one of them added.

    Each of ``smallest`` people may add one ``step`` to it.
    """
    if smallest <= 1:
        return total
    return total // (smallest * step) * (smallest * step)
