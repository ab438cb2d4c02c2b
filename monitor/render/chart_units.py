"""Values as people read them, by Grafana's names of units. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

from monitor.render.dashboards_style import Unit

NOT_KNOWN = "–"  # noqa: RUF001  # a dash, not a minus

_SPANS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_RATES: dict[Unit, str] = {"ops": " ops/s", "reqps": " req/s", "cps": " /s"}
_THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))

TWICE = 2
LEAST_SHARE = 1e-4

SIGNIFICANT = 3
"""Digits that are read at a glance."""


def text(value: float, unit: Unit, decimals: int | None = None) -> str:
    """A value with its unit: ``0.034`` of ``s`` is "34 ms". What is no number is a dash."""
    if not math.isfinite(value):
        return NOT_KNOWN
    write = _WRITERS.get(unit)
    return write(value, decimals) if write else _scaled(value, _THOUSANDS, "", decimals) + _RATES.get(unit, "")


def _share(value: float, decimals: int | None) -> str:
    return "< 0.01 %" if 0 < abs(value) < LEAST_SHARE else f"{_number(value * 100, decimals)} %"


def _bytes(value: float, decimals: int | None) -> str:
    return _scaled(value, _BINARY, " B", decimals)


def _throughput(value: float, decimals: int | None) -> str:
    scaled = _scaled(value, _THOUSANDS, "", decimals)
    return f"{scaled}B/s" if scaled[-1].isalpha() else f"{scaled} B/s"


def _span(seconds: float, decimals: int | None) -> str:
    """Below two of a longer unit the shorter one is read more easily: 90 s, 36 h, but 1 min."""
    for size, name in _SPANS:
        if abs(seconds) >= (size if size <= 1 or seconds % size == 0 else TWICE * size):
            return f"{_number(seconds / size, decimals)} {name}"
    return "0 s" if abs(seconds) < _SPANS[-1][0] else f"{seconds:g} s"


def _scaled(value: float, sizes: tuple[tuple[float, str], ...], plain: str, decimals: int | None) -> str:
    for size, name in sizes:
        if abs(value) >= size:
            return f"{_number(value / size, decimals)} {name}"
    return f"{_number(value, decimals)}{plain}"


def _number(value: float, decimals: int | None) -> str:
    """As many decimals as are told, or else as three digits leave; no zeros that say nothing."""
    if decimals is None:
        whole = 0 if abs(value) < 1 else int(math.log10(abs(value))) + 1
        decimals = max(0, SIGNIFICANT - max(whole, 1))
        if 0 < abs(value) < 10.0**-decimals:
            return f"{value:.1g}"
    shown = f"{value:.{decimals}f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "0" if shown in {"-0", ""} else shown


_WRITERS: dict[Unit, Callable[[float, int | None], str]] = {
    "percentunit": _share,
    "s": _span,
    "bytes": _bytes,
    "Bps": _throughput,
    "none": _number,
}
