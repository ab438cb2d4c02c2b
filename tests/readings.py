"""What a page would show of readings."""

from __future__ import annotations

from exporters.readings import Readings

Found = dict[tuple[str, ...], float]
"""Values by the name of a series and the values of its labels."""


def shown(readings: Readings) -> Found:
    """Every series with its value."""
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }
