"""Reads ``Accept`` and ``Accept-Encoding`` as RFC 9110 has them: what is offered, and how much it is wanted."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=64)
def offers(header: str) -> tuple[tuple[str, dict[str, str], float], ...]:
    """Return each offer in lower case with its parameters and its weight; the most wanted first, else in order.

    The same few headers come with every scrape, so what they say is kept.
    """
    found = []
    for offer in header.lower().split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name:
            given = {key.strip(): value.strip() for key, _, value in (one.partition("=") for one in parameters)}
            found.append((name, given, _weight(given.pop("q", "1"))))
    return tuple(sorted(found, key=lambda offer: -offer[2]))


def wants_gzip(accept_encoding: str) -> bool:
    """Tell whether an answer may be compressed: ``gzip;q=0`` refuses, and ``*`` speaks for what is not named."""
    weights = {name: weight for name, _, weight in offers(accept_encoding)}
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
