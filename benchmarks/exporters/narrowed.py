"""Runs our exporters with some families only: ``python -m benchmarks.exporters.narrowed FILE FLAG...``.

``FILE`` names the families, one a line. They are left out where samples are handed over, so everything is still asked
of the server and read from its answers, as on the whole page: the figure errs against us.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from exporters.__main__ import main
from exporters.readings import Key, Readings
from telemetry.metric import Metric


def narrow(wanted: frozenset[str]) -> None:
    """Let every hand-over of samples pass over families that are not ``wanted``."""
    add, extend, histogram = Readings.add, Readings.extend, Readings.histogram

    def narrowed_add(self: Readings, metric: Metric, value: float, *labels: str) -> None:
        if metric.name in wanted:
            add(self, metric, value, *labels)

    def narrowed_extend(self: Readings, metric: Metric, keys: Sequence[Key], values: Sequence[float]) -> None:
        if metric.name in wanted:
            extend(self, metric, keys, values)

    def narrowed_histogram(
        self: Readings, metric: Metric, cumulative: Sequence[int], total: float, *labels: str
    ) -> None:
        if metric.name in wanted:
            histogram(self, metric, cumulative, total, *labels)

    Readings.add = narrowed_add  # type: ignore[method-assign]  # only in this process
    Readings.extend = narrowed_extend  # type: ignore[method-assign]  # only in this process
    Readings.histogram = narrowed_histogram  # type: ignore[method-assign]  # only in this process


if __name__ == "__main__":
    narrow(frozenset(Path(sys.argv[1]).read_text(encoding="utf-8").split()))
    main(sys.argv[2:])
