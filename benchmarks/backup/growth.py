"""How the time of a backup grows with the size of the data, and with the number of collections."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping

from benchmarks.backup.bench import UNLIMITED, Bench, median

SIZES_MB = (37, 75, 150, 300)
COLLECTIONS = (50, 100, 200, 400)


def by_size(bench: Bench, rounds: int, sizes: tuple[float, ...] = SIZES_MB) -> dict[float, float]:
    """Seconds by megabytes."""
    return {size: _timed(bench, rounds, size, 1) for size in sizes}


def by_collections(bench: Bench, rounds: int) -> dict[float, float]:
    """Seconds by number of collections, of a few documents each."""
    return {count: _timed(bench, rounds, 0.01 * count, count) for count in COLLECTIONS}


def exponent(found: Mapping[float, float]) -> float:
    """Of the power law that fits best: 1 is proportional."""
    points = [(math.log(size), math.log(seconds)) for size, seconds in found.items()]
    middle = (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points))
    above = sum((x - middle[0]) * (y - middle[1]) for x, y in points)
    return above / sum((x - middle[0]) ** 2 for x, _ in points)


def _timed(bench: Bench, rounds: int, megabytes: float, collections: int) -> float:
    bench.fill(megabytes, collections=collections)
    store = bench.layout.run_dir / "growth-store"
    seconds = []
    for _ in range(rounds):
        ran = bench.monitor("backup", "run", *UNLIMITED, "--store", str(store))
        seconds.append(float(ran.body["duration_seconds"]))
        shutil.rmtree(store)
    return median(seconds)
