"""Turns INFO's text into samples. Pure: recorded replies test it without a server."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporters.readings import Readings
from exporters.redis import families as f
from exporters.redis.fields import FIELDS


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


def parse(text: str) -> Info:
    """Read INFO. Lines that are no ``field:value`` are left out."""
    info = Info()
    fields, commands = info.fields, info.commands
    for line in text.split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon:
            continue
        if "=" not in value:
            fields[name] = value
        elif name.startswith("cmdstat_"):
            commands[name[8:]] = value
        elif not name.startswith("latency_percentiles_"):
            _sort(info, name, value)
    return info


def _sort(info: Info, name: str, value: str) -> None:
    stem = name.rstrip("0123456789")
    if name.startswith("errorstat_"):
        info.errors[name[10:]] = value
    elif stem == name:
        if name == "module":
            info.modules.append(value)
        else:
            info.fields[name] = value
    elif stem == "db":
        info.databases[name] = value
    elif stem == "slave":
        info.replicas.append(value)
    elif stem == "master":
        info.watched.append(value)


def write(info: Info, readings: Readings) -> None:
    """Write what INFO says about the server as a whole. A field that this version lacks leaves its family out."""
    fields = info.fields
    for known in FIELDS:
        text = fields.get(known.field)
        if text is None:
            continue
        value = number(text)
        if value is not None and (known.least is None or value >= known.least):
            readings.add(known.metric, value if known.scale == 1 else value * known.scale)
    readings.add(f.INSTANCE_INFO, 1, *(fields.get(label, "") for label in f.INSTANCE_INFO.labels))
    for metric in f.STATUSES:
        status = fields.get(metric.name.removeprefix("redis_"))
        if status is not None:
            readings.add(metric, int(status == "ok"))
    for module in info.modules:
        known_of = pairs(module)
        readings.add(f.MODULE_INFO, 1, known_of.get("name", ""), known_of.get("ver", ""))
    if fields.get("redis_mode") != "sentinel":
        _write_databases(info, readings)


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
    if text.isdecimal():
        return int(text)
    try:
        value = float(text)
    except ValueError:
        return None
    if not -float("inf") < value < float("inf"):
        return None
    return int(value) if text[0] == "-" and text[1:].isdecimal() else value


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
