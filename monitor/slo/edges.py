"""Bucket edges and quantiles, which are numbers that labels hold as text: the same number has several spellings. Pure.

Prometheus 2 keeps the text that was exposed (``2`` by some libraries, ``2.0`` by most; ``1e+06`` or ``1000000.0``).
Prometheus 3 writes it anew, as OpenMetrics has it: ``2.0``, ``1e+06``. A selector that names one spelling finds
nothing where there is another one, and a latency SLO would then see no good event.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

_NUMBER_MATCHED = re.compile(r"""\b(?P<label>le|quantile)\s*=\s*(?P<quote>["'`])(?P<value>[-+.0-9eE]+)(?P=quote)""")
_MAY_MATCH = re.compile(r"le\s*=")
"""What most queries do not hold: a thousand SLOs have seven thousand, and this is ten times as fast."""
_PLAIN_BELOW = Decimal(10) ** 6
"""From here on Go writes the shortest form of a number with an exponent (strconv.FormatFloat, format ``g``)."""


def any_edge(query: str) -> str:
    """The query, with each number that ``le`` or ``quantile`` equals made to match all of its spellings."""

    def matched(found: re.Match[str]) -> str:
        operator, value = spelled(found["value"])
        escaped = value.replace("\\", "\\\\")
        return found[0] if operator == "=" else f'{found["label"]}{operator}"{escaped}"'

    return _NUMBER_MATCHED.sub(matched, query) if _MAY_MATCH.search(query) else query


def spelled(value: str) -> tuple[str, str]:
    """Operator and value of a matcher that accepts every spelling of a number; of other texts the text itself."""
    spellings = list(dict.fromkeys(_spellings(value)))
    if len(spellings) == 1:
        return "=", value
    return "=~", "|".join(re.sub(r"[.+]", r"\\\g<0>", spelling) for spelling in spellings)


def _spellings(value: str) -> Iterable[str]:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return [value]
    if not math.isfinite(number):
        return [value]
    plain = format(number.normalize(), "f")
    found = [plain] if "." in plain else [plain, f"{plain}.0"]
    if abs(number) >= _PLAIN_BELOW or 0 < abs(number) < Decimal("0.0001"):
        digits, exponent = f"{number.normalize():e}".split("e")
        found.append(f"{digits}e{exponent[0]}{exponent[1:]:0>2}")
    return [*found, value]
