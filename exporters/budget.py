"""How long a scrape may take, and how much of that is for asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

MARGIN = 0.5
"""Seconds of Prometheus's own timeout that are left for the network and a busy machine: the page is out by then."""
HARD = 0.05
"""A collector that does not end when it is cancelled is left behind this long after the deadline."""
FLOOR = 0.4
"""Seconds for which sources are asked at least, whoever has no time to wait for it: what Prometheus's shortest timeout
of one second leaves. To hang up on them sooner would cost a new connection each time."""
_WRITING = 0.1
"""The most seconds that are kept for leaving such a one behind, and for writing and compressing the page."""
_WRITING_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Allowance:
    """The time of one scrape: ``seconds`` until the page is out, of which ``collecting`` are for the collectors."""

    seconds: float
    collecting: float

    @classmethod
    def of(cls, own_limit: float, header: str | None) -> Self:
        """Work it out from our own limit and ``X-Prometheus-Scrape-Timeout-Seconds``; nonsense there is ignored."""
        seconds = _seconds(own_limit, header)
        return cls(seconds, seconds - min(_WRITING, seconds * _WRITING_SHARE))


def _seconds(own_limit: float, header: str | None) -> float:
    try:
        asked = float(header) if header else 0.0
    except ValueError:
        return own_limit
    if not 0 < asked < float("inf"):
        return own_limit
    return min(own_limit, max(asked - MARGIN, asked / 2))
