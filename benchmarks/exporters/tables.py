"""Writes what was measured as Markdown, which a terminal shows as well as a page does. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.exporters.arms import Frozen
from benchmarks.exporters.bars import Verdict
from benchmarks.exporters.figures import Row
from benchmarks.exporters.growth import Curve

_HEADS = (
    "exporter", "headers", "quiet p50 ms", "p50 ms", "p99 ms", "CPU ms", "target's CPU ms", "RSS MB", "series", "kB",
    "us per series", "connections", "commands",
)  # fmt: skip


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write one table, its columns aligned: words to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    numeric = [all(_is_number(row[column]) for row in rows) for column in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = "|".join(
        f" {'-' * (width - 1)}{':' if right else '-'} " for width, right in zip(widths, numeric, strict=True)
    )
    return "\n".join([line(heads), f"|{rule}|", *(line(row) for row in rows)])


def machine(facts: Mapping[str, str]) -> str:
    return table(("", "what"), [(name, value) for name, value in facts.items()])


def arm(rows: Sequence[Row]) -> str:
    """Write one arm; connections and commands are those per scrape."""
    return table(_HEADS, [_cells(row) for row in rows])


def bars(verdicts: Sequence[Verdict]) -> str:
    return table(
        ("bar", "measured", "at most", "", "left"),
        [
            (
                verdict.what,
                f"{verdict.measured:.2f}",
                f"{verdict.most:.2f}",
                f"{verdict.unit} {'kept' if verdict.is_kept else 'MISSED'}",
                f"{verdict.margin:.0%}",
            )
            for verdict in verdicts
        ],
    )


def frozen(told: Sequence[Frozen]) -> str:
    return table(
        ("exporter", "answered after s", "up, as Prometheus would store it"),
        [(one.exporter, f"{one.seconds:.2f}", "nothing" if one.up is None else f"{one.up:g}") for one in told],
    )


def growth(curves: Sequence[Curve]) -> str:
    return table(
        ("time of", "against", "sizes", "ms", "us for each more", "exponent", "verdict"),
        [
            (
                curve.what,
                curve.against,
                ", ".join(f"{size:g}" for size, _ in curve.points),
                ", ".join(f"{ms:.2f}" for _, ms in curve.points),
                f"{curve.fit.slope * 1e3:.2f}",
                f"{curve.fit.exponent:.2f}",
                "linear or better" if curve.fit.is_linear_or_better else "WORSE THAN LINEAR",
            )
            for curve in curves
        ],
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.exporter,
        row.headers,
        f"{row.quiet_ms:.2f}",
        f"{row.p50_ms:.2f}",
        f"{row.p99_ms:.2f}",
        f"{row.cpu_ms:.2f}",
        _optional(row.target_cpu_ms),
        f"{row.rss_mb:.0f}",
        f"{row.series}",
        f"{row.bytes / 1e3:.1f}",
        f"{row.us_per_series:.2f}",
        _optional(row.connections),
        _optional(row.commands),
    )


def _optional(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.removesuffix("%").lstrip("-").replace(".", "", 1).isdecimal()
