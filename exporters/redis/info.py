"""Turns INFO's text into samples. Pure: recorded replies test it without a server."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.readings import Readings
from exporters.redis import families as f


def parse(text: str) -> dict[str, str]:
    """Return INFO's fields. Lines that are no ``field:value`` are left out."""
    lines = (line.partition(":") for line in text.splitlines() if line and line[0] != "#")
    return {field: value for field, colon, value in lines if colon}


def write(info: Mapping[str, str], readings: Readings) -> None:
    """Write every family that INFO feeds. A field that this version of Redis lacks leaves its family out."""
    for field in f.FIELDS:
        value = number(info.get(field.field))
        if value is not None:
            readings.add(field.metric, value if field.scale == 1 else value * field.scale)
    readings.add(f.INSTANCE_INFO, 1, *(info.get(label, "") for label in f.INSTANCE_INFO.labels))
    for metric, name in ((f.LAST_SAVE_OK, "rdb_last_bgsave_status"), (f.LAST_WRITE_OK, "aof_last_write_status")):
        if name in info:
            readings.add(metric, int(info[name] == "ok"))
    _write_commands(info, readings)
    _write_databases(info, readings)


def start_time(info: Mapping[str, str]) -> float | None:
    """Return when Redis started, by its own clock, in Unix seconds."""
    microseconds, uptime = number(info.get("server_time_usec")), number(info.get("uptime_in_seconds"))
    return None if microseconds is None or uptime is None else round(microseconds / 1e6 - uptime)


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
    return value if -float("inf") < value < float("inf") else None


def _write_commands(info: Mapping[str, str], readings: Readings) -> None:
    for field, value in info.items():
        if field.startswith("cmdstat_"):
            command, stats = field[8:], _pairs(value)
            for metric, name, scale in (
                (f.COMMANDS, "calls", 1),
                (f.COMMAND_SECONDS, "usec", 1e-6),
                (f.COMMANDS_REJECTED, "rejected_calls", 1),
                (f.COMMANDS_FAILED, "failed_calls", 1),
            ):
                count = number(stats.get(name))
                if count is not None:
                    readings.add(metric, count if scale == 1 else count * scale, command)
        elif field.startswith("errorstat_"):
            count = number(_pairs(value).get("count"))
            if count is not None:
                readings.add(f.ERRORS, count, field[10:])


def _write_databases(info: Mapping[str, str], readings: Readings) -> None:
    # db0 is always shown: a database that was emptied is 0 keys, not an absent series.
    used = {"db0": "keys=0,expires=0,avg_ttl=0"} | {
        field: value for field, value in info.items() if field.startswith("db") and field[2:].isdecimal()
    }
    for name, value in used.items():
        stats = _pairs(value)
        readings.add(f.DB_KEYS, number(stats.get("keys")) or 0, name)
        readings.add(f.DB_EXPIRING, number(stats.get("expires")) or 0, name)
        readings.add(f.DB_TTL, (number(stats.get("avg_ttl")) or 0) / 1000, name)


def _pairs(text: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in text.split(","))
