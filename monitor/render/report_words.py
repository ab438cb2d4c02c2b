"""How figures are said to people: percentages that never round a miss up to a hit, counts, spans and instants. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

UNKNOWN = "unknown"

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MANY_TIMES = 2
"""From here on, a multiple reads better than a percentage."""

MINUS = "\N{MINUS SIGN}"


def percent(ratio: float | None, digits: int = 2) -> str:
    """Say a ratio as a percentage, rounded down: 0.99996 is ``99.99 %``, and only 1 is ``100 %``."""
    if ratio is None:
        return UNKNOWN
    # repr() gives the shortest text of the float, so that 0.9995 is not floored to 99.94.
    exact = Decimal(repr(ratio)) * 100
    value = exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_FLOOR)
    if value == 0 and exact > 0:
        return f"under {Decimal(1).scaleb(-digits)}{NARROW_SPACE}%"
    text = f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    return f"{text.replace('-', MINUS)}{NARROW_SPACE}%"


def digits_for(objective: float) -> int:
    """How many decimals show the difference to an objective: one more than the objective itself has, at least two."""
    text = f"{(Decimal(repr(objective)) * 100).normalize():f}"
    return max(2, len(text.partition(".")[2]) + 1)


def count(number: float | None) -> str:
    """Say a count with its thousands apart: ``56 638``."""
    if number is None:
        return UNKNOWN
    return f"{round(number):,}".replace(",", NARROW_SPACE).replace("-", MINUS)


def minutes(number: float | None) -> str:
    """Say minutes in the unit a person would: ``21.6 min``, ``45 s``, ``3.6 h``; a negative one is overspent."""
    if number is None:
        return UNKNOWN
    sign, size = (MINUS if number < 0 else ""), abs(number)
    if size == 0:
        return f"0{NARROW_SPACE}min"
    if size < 1:
        return f"{sign}{_short(size * 60)}{NARROW_SPACE}s"
    if size < 180:  # noqa: PLR2004  # three hours: above that, hours read better
        return f"{sign}{_short(size)}{NARROW_SPACE}min"
    if size < 2 * 1440:
        return f"{sign}{_short(size / 60)}{NARROW_SPACE}h"
    return f"{sign}{_short(size / 1440)}{NARROW_SPACE}d"


def seconds(number: float | None) -> str:
    """Say seconds: ``3.2 ms``, ``0.41 s``, ``12 s``, ``4.2 min``."""
    if number is None:
        return UNKNOWN
    if number < 0.2:  # noqa: PLR2004  # below, milliseconds read better
        return f"{_short(number * 1000)}{NARROW_SPACE}ms"
    if number < 120:  # noqa: PLR2004  # two minutes: same
        return f"{_short(number)}{NARROW_SPACE}s"
    return minutes(number / 60)


def bytes_(number: float | None) -> str:
    """Say a size in binary units: ``1.4 MiB``."""
    if number is None:
        return UNKNOWN
    size = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004  # the step of binary units
            return f"{_short(size)}{NARROW_SPACE}{unit}"
        size /= 1024
    return f"{_short(size)}{NARROW_SPACE}TiB"


def span(length: timedelta) -> str:
    """Say a length of time: ``30 days``, ``1 hour``, ``90 minutes``."""
    total = round(length.total_seconds())
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if total >= size and total % size == 0:
            many = total // size
            return f"{many} {name}{'' if many == 1 else 's'}"
    return minutes(total / 60)


def moment(instant: datetime | None, zone: str) -> str:
    """Say an instant in the reader's time zone: ``22 Nov 2026, 17:15``."""
    return UNKNOWN if instant is None else f"{instant.astimezone(ZoneInfo(zone)):%-d %b %Y, %H:%M}"


def clock_time(instant: datetime, zone: str) -> str:
    """Say day and time without the year: ``22 Nov 17:15``."""
    return f"{instant.astimezone(ZoneInfo(zone)):%-d %b %H:%M}"


def _short(number: float) -> str:
    digits = 0 if number >= 100 else 1 if number >= 10 else 2  # noqa: PLR2004  # three figures are enough for a reader
    text = f"{number:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def left(share: float | None, *, sure: bool) -> str:
    """Say what is left of a budget; what was not measured may have spent more."""
    if share is None:
        return UNKNOWN
    if share < 0:
        return "overspent"
    return f"{'' if sure else 'at most '}{percent(share, 0)} left"


def share_of(share: float, whole: str) -> str:
    """Say a share: ``28 % of a budget``, or beyond twice the whole ``33 times a budget``."""
    of = f" of {whole}" if share < MANY_TIMES else f" {whole}"
    return f"{multiple(share)}{of}"


def multiple(share: float) -> str:
    """Say a share, or how many times the whole it is: ``28 %``, ``33 times``."""
    return percent(share, 0) if share < MANY_TIMES else f"{share:.0f} times"


def plural(number: int, noun: str) -> str:
    """The noun as it stands after a number: ``objective``, ``objectives``."""
    return noun if number == 1 else f"{noun}s"


def listing(names: Sequence[str]) -> str:
    """Join names as a sentence does: ``A, B and C``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
