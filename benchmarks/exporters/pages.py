"""Reads metrics pages: how many series, which families, and what two pages have in common. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_SUFFIXES = ("_bucket", "_count", "_sum", "_total", "_created", "_info")


def families(text: str) -> dict[str, int]:
    """Return each family's number of samples. A counter's name ends in ``_total`` whatever the format."""
    types: dict[str, str] = {}
    found: Counter[str] = Counter()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
        elif line and line[0] != "#":
            found[_family(line, types)] += 1
    return dict(found)


def series(text: str) -> int:
    """Return the number of samples."""
    return sum(1 for line in text.splitlines() if line and line[0] != "#")


def shared(one: Iterable[str], other: Iterable[str], *, prefix: str = "") -> frozenset[str]:
    """Return the families that are on both pages, by name."""
    return frozenset(name for name in set(one) & set(other) if name.startswith(prefix))


def samples(text: str, name: str) -> list[float]:
    """Return the values of all samples of this name."""
    starts = (f"{name} ", f"{name}{{")
    return [
        float(line.rpartition("}")[2].split()[0 if "}" in line else 1])
        for line in text.splitlines()
        if line.startswith(starts)
    ]


def value(text: str, name: str) -> float | None:
    """Return the value of the first sample of this name, or ``None``."""
    return next(iter(samples(text, name)), None)


def total(text: str, name: str) -> float:
    """Return the sum over all samples of this name."""
    return sum(samples(text, name))


_HEALTH = ("exporter_collector_success", "redis_up", "mongodb_up")
"""What is 1 on a page that holds what it should."""


def faults(text: str) -> list[str]:
    """Return the samples that say of a page that parts of it are missing: a quick answer that holds less is no feat."""
    starts = tuple(f"{name}{end}" for name in _HEALTH for end in ("{", " "))
    return [line for line in text.splitlines() if line.startswith(starts) and not line.endswith(" 1")]


def _family(line: str, types: dict[str, str]) -> str:
    name = line.partition("{")[0].partition(" ")[0]
    if name in types:
        return name
    for suffix in _SUFFIXES:
        stem = name.removesuffix(suffix)
        if stem != name and stem in types:
            return name if types[stem] in {"counter", "info"} else stem
    return name
