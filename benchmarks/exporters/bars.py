"""What was promised, held against what was measured. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.exporters.figures import Row
from benchmarks.exporters.subjects import OURS

REDIS_30 = "Redis, 30 kinds of commands"
REDIS_194 = "Redis, 194 kinds of commands"
SAME_FAMILIES = "Redis, same families"
MONGODB_FAST = "MongoDB, fast set"
MONGODB_ALL = "MongoDB, everything on"
ALL_COLLECTORS = "all collectors in one process"

Field = Literal["p50_ms", "rss_mb"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise about our own exporters."""

    arm: str
    field: Field
    most: float
    unit: str


BARS = (
    Bar(REDIS_30, "p50_ms", 1.5, "ms"),
    Bar(REDIS_194, "p50_ms", 4.0, "ms"),
    Bar(MONGODB_FAST, "p50_ms", 4.0, "ms"),
    Bar(MONGODB_ALL, "p50_ms", 10.0, "ms"),
    Bar(ALL_COLLECTORS, "rss_mb", 110.0, "MB"),
)
_NAMES: dict[Field, str] = {"p50_ms": "p50", "rss_mb": "RSS"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bar, and whether it was kept."""

    what: str
    measured: float
    most: float
    unit: str

    @property
    def is_kept(self) -> bool:
        return self.measured <= self.most

    @property
    def margin(self) -> float:
        """What is left, as a share of the bar; negative where it was missed."""
        return 1 - self.measured / self.most


def judge(rows: Sequence[Row]) -> list[Verdict]:
    """Hold every bar whose arm was run against what was measured: with either set of headers, each on its own."""
    verdicts = [
        Verdict(f"{bar.arm}: {_NAMES[bar.field]} ({row.headers})", getattr(row, bar.field), bar.most, bar.unit)
        for bar in BARS
        for row in rows
        if row.arm == bar.arm and row.exporter == OURS
    ]
    return [*verdicts, *_same_families(rows)]


def _same_families(rows: Sequence[Row]) -> list[Verdict]:
    """Per series, on the families that both have, no slower than each peer."""
    ours = {(row.arm, row.headers): row for row in rows if row.exporter == OURS}
    return [
        Verdict(
            f"{row.arm}: per series, against {row.exporter} ({row.headers})",
            ours[row.arm, row.headers].us_per_series,
            row.us_per_series,
            "us",
        )
        for row in rows
        if row.arm.startswith(SAME_FAMILIES) and row.exporter != OURS
    ]
