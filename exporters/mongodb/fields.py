"""How a number of ``serverStatus`` becomes a sample: families are declared together with where their numbers are.

Paths are dotted, as MongoDB writes them. Where versions keep a number in different places, all of them are given; the
first that is there counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporters.declare import family
from telemetry.metric import Metric

MEMBER = "member"
MILLI, MICRO = 1_000, 1_000_000
"""What to divide by, for seconds."""
MEBI = 1 << 20

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One sample: the first number found at one of ``paths``, under ``labels`` after ``member``."""

    metric: Metric
    paths: tuple[Path, ...]
    labels: tuple[str, ...] = ()
    per: int = 1
    times: int = 1


def one(name: str, text: str, *paths: str | Path, per: int = 1, times: int = 1) -> tuple[Field, ...]:
    """Declare a family with one sample per member."""
    found = tuple(_path(path) for path in paths)
    metric = family(name, text, MEMBER, source=f"serverStatus.{' or '.join(map('.'.join, found))}")
    return (Field(metric, found, per=per, times=times),)


def each(
    name: str,
    text: str,
    label: str | tuple[str, ...],
    places: Mapping[str | tuple[str, ...], str],
    *under: str,
    per: int = 1,
    times: int = 1,
) -> tuple[Field, ...]:
    """Declare a family with one sample per label value, each from its own place below ``under``."""
    labels = (label,) if isinstance(label, str) else label
    leaves = "|".join(dict.fromkeys(places.values()))
    source = " or ".join(f"serverStatus.{root}.{{{leaves}}}" for root in under)
    metric = family(name, text, MEMBER, *labels, source=source)
    return tuple(
        Field(
            metric,
            tuple((*_path(root), *_path(place)) for root in under),
            (value,) if isinstance(value, str) else value,
            per,
            times,
        )
        for value, place in places.items()
    )


def same(*names: str) -> dict[str | tuple[str, ...], str]:
    """Name label values as MongoDB names their places."""
    return {name: name for name in names}


def _path(path: str | Path) -> Path:
    return tuple(path.split(".")) if isinstance(path, str) else path
