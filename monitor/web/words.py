"""How figures are said to people. Pure; nothing is rounded so that it looks better than it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from monitor import clock

UNKNOWN = "unknown"

_COMMANDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Signs that show nothing but make a terminal or a page show what follows otherwise: control characters, overrides of
the direction of writing, halves of characters. Joiners and marks that Persian or an emoji needs are none of them."""


def is_harmless(text: str) -> bool:
    """Whether a text can be shown as it is."""
    return _COMMANDS.search(text) is None


def harmless(text: str) -> str:
    """A text on one line that cannot change how what follows it is shown."""
    return _COMMANDS.sub("\ufffd", " ".join(text.split()))


def percent(ratio: float | None, *, places: int = 3) -> str:
    """Say a ratio as a percentage, rounded down: 0.999996 is 99.999 %, never 100 %."""
    if ratio is None:
        return UNKNOWN
    step = Decimal(1).scaleb(-places)
    value = (Decimal(repr(ratio)) * 100).quantize(step, rounding=ROUND_FLOOR)
    text = f"{value:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def whole_percent(ratio: float | None) -> str:
    """Say a share without decimals; what is not nothing is at least "under 1 %"."""
    if ratio is None:
        return UNKNOWN
    return "under 1 %" if 0 < ratio < 0.01 else percent(ratio, places=0)  # noqa: PLR2004  # one per cent


def budget(left: float | None) -> str:
    """Say what is left of an error budget, or how many times over it was spent."""
    if left is None:
        return UNKNOWN
    return percent(left, places=1) if left >= 0 else f"overspent: {1 - left:.1f} times the budget is used"


def ago(instant: datetime, now: datetime) -> str:
    """Say how long ago: ``4 min 30 s ago``."""
    return "just now" if (now - instant) < timedelta(seconds=1) else f"{clock.humanize(now - instant)} ago"


def span(seconds: float | None) -> str:
    """Say a duration; below a minute with one decimal."""
    if seconds is None:
        return UNKNOWN
    if abs(seconds) < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f} s"
    return clock.humanize(timedelta(seconds=seconds))


def size(count: float | None) -> str:
    """Say a number of bytes in decimal units."""
    if count is None:
        return UNKNOWN
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004  # SI
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def local(instant: datetime, time_zone: str) -> str:
    """Say an instant in the clinic's time zone: ``Sun 22 Nov 2026, 18:15:00 CET``; in UTC at the ends of time."""
    try:
        instant = instant.astimezone(ZoneInfo(time_zone))
    except OverflowError:
        instant = instant.astimezone(UTC)
    return f"{instant:%a %d %b %Y, %H:%M:%S %Z}"


def clock_time(instant: datetime, time_zone: str, now: datetime) -> str:
    """Say a time of day in the clinic's zone, with the date where it is not today's."""
    try:
        here, today = instant.astimezone(ZoneInfo(time_zone)), now.astimezone(ZoneInfo(time_zone))
    except OverflowError:
        here, today = instant.astimezone(UTC), now.astimezone(UTC)
    return f"{here:%H:%M:%S}" if here.date() == today.date() else f"{here:%d %b %H:%M:%S}"


def plural(count: int, noun: str) -> str:
    """Say ``1 alert`` or ``2 alerts``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def takers(names: Sequence[str]) -> str:
    """Say who took an alert, the first and whoever has it now: ``Ada, then Bea``; empty where nobody did."""
    return ", then ".join(dict.fromkeys((*names[:1], *names[-1:])))


def shortened(text: str, longest: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def measurement(name: str) -> str:
    """Say a measurement's name: ``failover_seconds`` is ``Failover``, for its unit stands beside the value."""
    return name.removesuffix("_seconds").replace("_", " ").capitalize()


def measured(value: float | None, name: str) -> str:
    """Say a measurement's value in the unit that its name ends with."""
    if value is None:
        return UNKNOWN
    return f"{value:g} s" if name.endswith("_seconds") else f"{value:g}"
