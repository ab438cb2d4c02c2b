"""Commands and errors: how often, how long, how many failed.

Most commands of a server were not called since the last scrape. What was worked out for them then is used again: with
194 kinds of commands this halves the time that a scrape takes us.
"""

from __future__ import annotations

import contextlib
import sys
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporters.readings import OTHER, Key, Readings
from exporters.reasons import ODD
from exporters.redis import families as f
from exporters.redis.wire import Reply
from telemetry.metric import Metric

_LIMITS = tuple(edge * 1.04 for edge in f.LATENCY_MICROSECONDS)
"""Redis writes its bounds rounded, and not each version in the same way; they are a factor of two apart."""
_UNSAFE = str.maketrans("#:\n\r", "____")
"""What INFO writes in a command's name in place of characters that would break its lines."""
_FAMILIES = (f.COMMANDS, f.COMMAND_SECONDS, f.COMMANDS_REJECTED, f.COMMANDS_FAILED)
_ERROR_CLASSES = 64
_ERROR_LENGTH = 32


@dataclass(slots=True, frozen=True)
class _Stats:
    """One line of INFO's commandstats."""

    key: Key
    figures: tuple[float, ...]
    """Calls, seconds and, from 6.2 on, rejected and failed calls."""


_Column = tuple[Metric, list[Key], list[float]]


class Commands:
    """What one server says about its commands."""

    def __init__(self) -> None:
        self._known: dict[str, _Stats] = {}
        """Those of the last scrape."""
        self._names: list[str] = []
        """Empty where the next INFO must be read as a whole."""
        self._texts: list[str] = []
        self._columns: tuple[_Column, ...] = ()
        self._latencies = Latencies()

    def write(self, commands: Mapping[str, str], readings: Readings) -> None:
        """Write INFO's commandstats."""
        names, texts = [*commands], [*commands.values()]
        expected, self._names = self._names, []
        try:
            if names == expected:
                self._patch(names, texts)
            else:
                self._begin(commands)
        except ODD:
            self._begin(commands)
        if all(len(keys) in {0, len(names)} for _, keys, _ in self._columns):
            self._names, self._texts = names, texts
        for metric, keys, values in self._columns:
            if not readings.take(metric, keys, values):
                readings.extend(metric, keys, values)

    def _begin(self, commands: Mapping[str, str]) -> None:
        known = self._known = {}
        for command, text in commands.items():
            with contextlib.suppress(*ODD):
                known[command] = _read(command, text)
        self._columns = tuple(_column(known.values(), number) for number in range(len(_FAMILIES)))

    def _patch(self, names: list[str], texts: list[str]) -> None:
        """Read the lines that changed, into new lists: a page that is still being written has the old ones."""
        columns = tuple((metric, keys, values.copy()) for metric, keys, values in self._columns)
        for place, (text, before) in enumerate(zip(texts, self._texts, strict=True)):
            if text != before:
                row, known = _read(names[place], text), self._known[names[place]]
                if len(row.figures) != len(known.figures):
                    raise ValueError(text)
                self._known[names[place]] = row
                for (_, _, values), figure in zip(columns, row.figures, strict=False):
                    values[place] = figure
        self._columns = columns

    def write_latency(self, reply: Reply, readings: Readings) -> None:
        """Write LATENCY HISTOGRAM: how long each command's calls took, in our few edges out of Redis's own."""
        self._latencies.write(reply[::2], reply[1::2], self._known, readings)


@dataclass(slots=True)
class _Latency:
    command: str
    stats: _Stats
    calls: int
    cumulative: list[int]


class Latencies:
    """The histograms of one server's commands, one after the other in one list, of which only what changed is new."""

    def __init__(self) -> None:
        self._names: list[str] = []
        """Empty where the next reply must be read as a whole."""
        self._shown: list[_Latency] = []
        self._keys: list[Key] = []
        self._values: list[float] = []

    def write(self, names: list[str], details: list[Reply], known: Mapping[str, _Stats], readings: Readings) -> None:
        """Write those of which ``known`` tells the time that they took."""
        expected, self._names = self._names, []
        if names != expected or not self._patch(details, known):
            self._begin(names, details, known)
        if len(self._shown) == len(names):
            self._names = names
        if readings.take(f.LATENCY, self._keys, self._values):
            return
        for shown in self._shown:
            readings.histogram(f.LATENCY, shown.cumulative, shown.stats.figures[1], shown.command)

    def _begin(self, names: list[str], details: list[Reply], known: Mapping[str, _Stats]) -> None:
        self._shown = []
        scratch = Readings((f.LATENCY,), cap=sys.maxsize)
        for command, detail in zip(names, details, strict=True):
            stats = known.get(command) or known.get(command.translate(_UNSAFE))
            if stats is not None:
                shown = _Latency(command, stats, detail[1], _rebin(detail[3], detail[1]))
                self._shown.append(shown)
                scratch.histogram(f.LATENCY, shown.cumulative, stats.figures[1], command)
        keys, self._values = scratch.series[f.LATENCY.name]
        if keys != self._keys:
            self._keys = keys

    def _patch(self, details: list[Reply], known: Mapping[str, _Stats]) -> bool:
        """Read those that were called again, which commandstats tells at a shorter look: Redis counts in both."""
        values, width = self._values.copy(), len(f.LATENCY.buckets) + 3
        for place, (shown, detail) in enumerate(zip(self._shown, details, strict=True)):
            stats = known.get(shown.stats.key[0])
            if stats is None:
                return False
            if stats is not shown.stats or detail[1] != shown.calls:
                shown.stats, shown.calls, shown.cumulative = stats, detail[1], _rebin(detail[3], detail[1])
                start = place * width
                values[start : start + width] = [*shown.cumulative, shown.cumulative[-1], stats.figures[1]]
        self._values = values
        return True


def _column(known: Iterable[_Stats], number: int) -> _Column:
    rows = [stats for stats in known if len(stats.figures) > number]
    return _FAMILIES[number], [stats.key for stats in rows], [stats.figures[number] for stats in rows]


def _read(command: str, text: str) -> _Stats:
    stats = [part.partition("=")[2] for part in text.split(",")]
    figures = int(stats[0]), int(stats[1]) / 1e6
    if len(stats) > 4:  # noqa: PLR2004  # the fifth and last
        return _Stats((command,), (*figures, int(stats[3]), int(stats[4])))
    return _Stats((command,), figures)


def _rebin(pairs: Sequence[int], calls: int) -> list[int]:
    bounds, counts = pairs[::2], pairs[1::2]
    places = [bisect_right(bounds, limit) for limit in _LIMITS]
    cumulative = [*(counts[place - 1] if place else 0 for place in places), calls]
    if set(map(type, cumulative)) != {int}:
        raise TypeError("counts should be whole numbers")
    return cumulative


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
