"""Turns INFO's text into samples. Pure: recorded replies test it without a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exporters.readings import Key, Readings
from exporters.redis import families as f
from exporters.redis import shape
from exporters.redis.fields import FIELDS, Field

_NAMES = tuple(known.field for known in FIELDS)
DIGITS = 20
"""Of Redis's largest whole number, 2**64 - 1; what has more is read as a float, which may be none."""
_RENAMED = {"server_mode": "redis_mode"}
"""Fields that Valkey calls otherwise, where it is not told to be compatible."""
_MOST_TEXT = 2 << 20
_MOST_LINES = 20_000
"""A few hundred lines are usual; 16,384 databases or so would be most of these. Longer ones take everybody's time."""
_NO_LABELS: list[Key] = [()]


@dataclass(slots=True)
class Info:
    """INFO, read in one pass: plain fields by name, and what has several values by its kind."""

    fields: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    databases: dict[str, str] = field(default_factory=dict)
    replicas: list[str] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)
    """Primaries that a sentinel watches."""
    modules: list[str] = field(default_factory=list)

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version; forks tell the version of Redis that they behave like."""
        major, minor, *_ = (*self.fields.get("redis_version", "").split("."), "", "")
        return (int(major) if major.isdecimal() else 0, int(minor) if minor.isdecimal() else 0)


class Reader:
    """Reads one server's INFO again and again; lines that did not change since the last time keep their meaning."""

    def __init__(self) -> None:
        self._info = Info()
        self._lines: list[str] = []
        self._places: list[_Place | None] = []

    def read(self, text: str) -> Info:
        """Return what ``parse`` would. It is the same object at each time."""
        lines = text.split("\r\n")
        if len(lines) != len(self._lines) or not self._patch(lines):
            self._info = Info()
            self._places = [_sort(self._info, line) for line in lines]
            places = [(id(place.values), place.key) for place in self._places if place is not None]
            if len(set(places)) < len(places):
                lines = []  # with a field that comes twice, a line's change says little
        self._lines = lines
        return self._info

    def _patch(self, lines: list[str]) -> bool:
        """Read the lines that changed; not possible where the line of one thing is that of another now."""
        for new, old, place in zip(lines, self._lines, self._places, strict=True):
            if new != old:
                name, colon, value = new.partition(":")
                if place is None or not colon or place.name != name or ("=" in value) != place.has_pairs:
                    return False
                place.values[place.key] = value
        return True


@dataclass(slots=True, frozen=True)
class _Place:
    """Where a line's value is kept: in a mapping by name, or in a list by number."""

    values: Any
    key: Any
    name: str
    has_pairs: bool


def is_sane(text: str) -> bool:
    """Tell whether a text is short enough to be INFO, and to be read at once."""
    return len(text) <= _MOST_TEXT and text.count("\n") <= _MOST_LINES


def parse(text: str) -> Info:
    """Read INFO. Lines that are no ``field:value`` are left out."""
    return Reader().read(text)


def _sort(info: Info, line: str) -> _Place | None:
    name, colon, value = line.partition(":")
    if not colon:
        return None
    has_pairs = "=" in value
    found = _place(info, name, has_pairs=has_pairs)
    if found is None:
        return None
    values, key = found
    if isinstance(values, list):
        values.append(value)
    else:
        values[key] = value
    return _Place(values, key, name, has_pairs)


def _place(info: Info, name: str, *, has_pairs: bool) -> tuple[Any, Any] | None:
    if not has_pairs:
        return info.fields, _RENAMED.get(name, name)
    for prefix, values in (("cmdstat_", info.commands), ("errorstat_", info.errors)):
        if name.startswith(prefix):
            return values, name.removeprefix(prefix)
    stem = name.rstrip("0123456789")
    if stem == "db" != name:
        return info.databases, name
    lists = {"module": info.modules} if stem == name else {"slave": info.replicas, "master": info.watched}
    if stem in lists:
        return lists[stem], len(lists[stem])
    return (info.fields, name) if stem == name and not name.startswith("latency_percentiles_") else None


def write(info: Info, numbers: Numbers, readings: Readings) -> None:
    """Write what INFO says about the server as a whole. A field that this version lacks leaves its family out."""
    fields = info.fields
    numbers.write(fields, readings)
    readings.add(f.INSTANCE_INFO, 1, *(shape.text(fields.get(label, "")) for label in f.INSTANCE_INFO.labels))
    for metric in f.STATUSES:
        status = fields.get(metric.name.removeprefix("redis_"))
        if status is not None:
            readings.add(metric, int(status == "ok"))
    for module in info.modules:
        known_of = pairs(module)
        readings.add(f.MODULE_INFO, 1, *(shape.text(known_of.get(key, "")) for key in ("name", "ver")))
    if fields.get("redis_mode") != "sentinel":
        _write_databases(info, readings)


class Numbers:
    """INFO's plain numbers; those whose text did not change are not read again."""

    def __init__(self) -> None:
        self._texts: list[str | None] = [None] * len(FIELDS)
        self._kept = Readings(known.metric for known in FIELDS)

    def write(self, fields: Mapping[str, str], readings: Readings) -> None:
        """Write all of them."""
        texts = [fields.get(name) for name in _NAMES]
        for known, text, before in zip(FIELDS, texts, self._texts, strict=True):
            if text != before:
                value = _read(known, text)
                # New lists each time: a page that is still being written has the old ones.
                self._kept.series[known.metric.name] = ([], []) if value is None else (_NO_LABELS, [value])
        self._texts = texts
        readings.adopt(self._kept)


def _read(known: Field, text: str | None) -> float | None:
    value = number(text)
    if value is None or (known.least is not None and value < known.least):
        return None
    return value if known.scale == 1 else value * known.scale


def start_time(info: Info, now: float) -> float | None:
    """Return when Redis started, in Unix seconds: by its own clock, which it tells since 6.2, before that by ours."""
    microseconds, uptime = number(info.fields.get("server_time_usec")), number(info.fields.get("uptime_in_seconds"))
    if uptime is None:
        return None
    return round((now if microseconds is None else microseconds / 1e6) - uptime)


def number(text: str | None) -> float | None:
    """Read a number as what it is, whole or not; ``None`` for anything else, and for what is not finite."""
    if not text:
        return None
    if text.isdecimal() and len(text) <= DIGITS:
        return int(text)
    try:
        value = float(text)
    except ValueError:
        return None
    if not -float("inf") < value < float("inf"):
        return None
    return int(value) if text[0] == "-" and text[1:].isdecimal() and len(text) <= DIGITS else value


def pairs(text: str) -> dict[str, str]:
    """Read ``a=1,b=2``."""
    return dict(part.partition("=")[::2] for part in text.split(","))


def _write_databases(info: Info, readings: Readings) -> None:
    # db0 is always shown: a database that was emptied is 0 keys, not an absent series.
    for name, value in ({"db0": "keys=0,expires=0,avg_ttl=0"} | info.databases).items():
        stats = pairs(value)
        readings.add(f.DB_KEYS, number(stats.get("keys")) or 0, name)
        readings.add(f.DB_EXPIRING, number(stats.get("expires")) or 0, name)
        readings.add(f.DB_TTL, (number(stats.get("avg_ttl")) or 0) / 1000, name)
