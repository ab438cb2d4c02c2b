"""Commands and errors: how often, how long, how many failed.

Most commands of a server were not called since the last scrape. What was worked out for them then is used again: with
194 kinds of commands this halves the time that a scrape takes us.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporters.readings import OTHER, Readings
from exporters.redis import families as f
from exporters.redis.wire import Reply

_LIMITS = tuple(edge * 1.04 for edge in f.LATENCY_MICROSECONDS)
"""Redis writes its bounds rounded, and not each version in the same way; they are a factor of two apart."""
_UNSAFE = str.maketrans("#:\n\r", "____")
"""What INFO writes in a command's name in place of characters that would break its lines."""
_MOST_KNOWN = 4_096
_ERROR_CLASSES = 64
_ERROR_LENGTH = 32


@dataclass(slots=True, frozen=True)
class _Stats:
    """One line of INFO's commandstats. Before 6.2 it had no ``failures``: rejected and failed calls."""

    text: str
    key: tuple[str]
    calls: int
    seconds: float
    failures: tuple[int, int] | None


@dataclass(slots=True, frozen=True)
class _Latency:
    reply: Sequence[Reply]
    cumulative: Sequence[int]


class Commands:
    """What one server says about its commands."""

    def __init__(self) -> None:
        self._known: dict[str, _Stats] = {}
        self._latencies: dict[str, _Latency] = {}

    def write(self, commands: Mapping[str, str], readings: Readings) -> None:
        """Write INFO's commandstats."""
        known = self._known
        rows = []
        for command, text in commands.items():
            row = known.get(command)
            if row is None or row.text != text:
                try:
                    row = _read(command, text)
                except (ValueError, IndexError):
                    continue
                known[command] = row
            rows.append(row)
        keys = [row.key for row in rows]
        readings.extend(f.COMMANDS, keys, [row.calls for row in rows])
        readings.extend(f.COMMAND_SECONDS, keys, [row.seconds for row in rows])
        failing = [(row.key, row.failures) for row in rows if row.failures is not None]
        keys = [key for key, _ in failing]
        readings.extend(f.COMMANDS_REJECTED, keys, [failures[0] for _, failures in failing])
        readings.extend(f.COMMANDS_FAILED, keys, [failures[1] for _, failures in failing])
        _forget_if_full(known)

    def write_latency(self, reply: Reply, readings: Readings) -> None:
        """Write LATENCY HISTOGRAM: how long each command's calls took, in our few edges out of Redis's own."""
        known = self._latencies
        for command, details in zip(reply[::2], reply[1::2], strict=True):
            stats = self._known.get(command) or self._known.get(command.translate(_UNSAFE))
            if stats is None:
                continue
            latency = known.get(command)
            if latency is None or latency.reply != details:
                latency = known[command] = _Latency(details, _rebin(details[3], details[1]))
            readings.histogram(f.LATENCY, latency.cumulative, stats.seconds, command)
        _forget_if_full(known)


def _forget_if_full(known: dict[str, _Stats] | dict[str, _Latency]) -> None:
    if len(known) > _MOST_KNOWN:
        known.clear()


def _read(command: str, text: str) -> _Stats:
    stats = [part.partition("=")[2] for part in text.split(",")]
    failures = (int(stats[3]), int(stats[4])) if len(stats) > 4 else None  # noqa: PLR2004  # the fifth and last
    return _Stats(text, (command,), int(stats[0]), int(stats[1]) / 1e6, failures)


def _rebin(pairs: Sequence[int], calls: int) -> list[int]:
    bounds, counts = pairs[::2], pairs[1::2]
    places = [bisect_right(bounds, limit) for limit in _LIMITS]
    return [*(counts[place - 1] if place else 0 for place in places), calls]


class Errors:
    """Names the classes of errors of one server. The first so many keep their name, so that no counter ever falls."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def write(self, errors: Mapping[str, str], readings: Readings) -> None:
        """Write how often each class was answered."""
        others = 0
        for name, text in errors.items():
            count = text.partition("=")[2]
            if not count.isdecimal():
                continue
            if self._known(name):
                readings.add(f.ERRORS, int(count), name)
            else:
                others += int(count)
        if others:
            readings.add(f.ERRORS, others, OTHER)

    def _known(self, name: str) -> bool:
        # Scripts choose the first word of their errors freely: it could be anything, even a person's name.
        if name not in self._names:
            shaped = name.replace("_", "").isalnum() and name.isupper() and name.isascii()
            if not shaped or len(name) > _ERROR_LENGTH or len(self._names) >= _ERROR_CLASSES:
                return False
            self._names.add(name)
        return True
