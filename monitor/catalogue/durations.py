"""Spans of time as Prometheus writes them (``90s``, ``1h30m``, ``59s999ms``). Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_ORDER = ("w", "d", "h", "m", "s", "ms")
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+){unit})?" for unit in _ORDER))

MILLISECOND = timedelta(milliseconds=1)
LONGEST = timedelta(days=36_500)
"""Nothing here lasts longer, and Prometheus itself ends at 292 years."""

_SHOWN = 40


def parse(text: str) -> timedelta:
    """Read a duration; units in falling order, each at most once, as Prometheus demands; ``0`` needs no unit.

    Raises:
        ValueError: it is no duration.
    """
    if text == "0":
        return timedelta(0)
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text[:_SHOWN]!r} is not a duration: write it like 30s, 5m, 1h30m or 30d")
    try:
        span = timedelta(milliseconds=sum(int(match[unit] or 0) * _UNITS[unit] for unit in _ORDER))
    except (OverflowError, ValueError):  # more than a timedelta holds, or more digits than int() reads
        span = timedelta.max
    if span > LONGEST:
        raise ValueError(f"{text[:_SHOWN]!r} is longer than {LONGEST.days} days")
    return span


@lru_cache(maxsize=1024)
def text(span: timedelta) -> str:
    """Write a duration: days for whole days (``30d``), else the largest units that fit (``1h30m``, ``59s999ms``)."""
    rest = span // MILLISECOND
    if rest < 0:
        raise ValueError(f"{span} is negative")
    if rest == 0:
        return "0s"
    parts = []
    for unit in _ORDER[1:]:
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


@lru_cache(maxsize=1024)
def seconds(span: timedelta) -> str:
    """Write a span as a number of seconds for an expression: ``5``, ``0.5``."""
    value = span.total_seconds()
    return str(int(value)) if value == int(value) else repr(value)
