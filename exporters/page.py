"""Writes a metrics page: Prometheus text 0.0.4 or OpenMetrics 1.0.0. The exporters' hot path.

A collector's series are those of the last scrape, nearly always. Then its part of the page costs one comparison of the
series, and one formatting at once of each run of values of which one has changed: names, escaping, label order and
headers stand in templates. Where series differ, these are joined anew from what is known of each series. Both formats
share all of that, because every counter of ours ends in ``_total``; only the header lines differ.
``benchmarks/exporter_page.py`` measures it against prometheus_client.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import chain

from exporters.negotiate import offers
from exporters.readings import SERIES_CAP, Key, Readings, Series
from telemetry.metric import Metric

_RUN = 32
"""Lines that are written together: fewer would cost more in comparing, more would be written anew for one of them."""


class Flavour(Enum):
    """The exposition formats that we speak; the value is the HTTP content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @classmethod
    def accepted(cls, accept: str) -> Flavour:
        """Choose by an ``Accept`` header the one that is wanted more; text where the header says nothing of use."""
        for media, parameters, weight in offers(accept):
            if weight <= 0:
                continue
            if media == "application/openmetrics-text" and parameters.get("version", "1.0.0") in {"1.0.0", "0.0.1"}:
                return cls.OPENMETRICS
            if media in {"text/plain", "text/*", "*/*"} and parameters.get("version", "0.0.4") == "0.0.4":
                return cls.TEXT
        return cls.TEXT


class UnwritableError(Exception):
    """What one collector said cannot be written: labels that are no text, or values that are no numbers."""

    def __init__(self, place: int) -> None:
        """``place`` is that of its readings among those of the page."""
        self.place = place
        super().__init__(f"the readings at place {place} cannot be written")


class Page:
    """Renders readings of the declared metrics; keeps what it will need again."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        declared = {metric.name: metric for metric in metrics}
        self._families = {
            name: _Family(metric, clash=metric.type == "counter" and name.removesuffix("_total") in declared)
            for name, metric in declared.items()
        }
        self._parts: dict[tuple[str, ...], _Part] = {}
        """Of each collector, by the families that it declares."""
        self.duplicates: dict[str, int] = {}
        """Samples that were left out because their series stood on the page already, by family."""

    def render(self, readings: Iterable[Readings], flavour: Flavour) -> bytes:
        """Write the page. Families without samples are left out, headers and all.

        Raises:
            UnwritableError: some of the readings are not what can be written.
        """
        is_text, written = flavour is Flavour.TEXT, []
        for place, reading in enumerate(readings):
            try:
                written.append(self._write(reading, is_text=is_text))
            except Exception as error:
                raise UnwritableError(place) from error
        written.append("\n" if is_text else "\n# EOF\n")
        # Each header begins with the newline that ends the line before it; the page has none before its first.
        return "".join(written).encode("utf-8", "replace").lstrip(b"\n")

    def _write(self, readings: Readings, *, is_text: bool) -> str:
        names = tuple(readings.series)
        part = self._parts.get(names)
        if part is None:
            part = self._parts[names] = _Part([self._families[name] for name in names], self.duplicates)
        return part.write(list(readings.series.values()), is_text=is_text)


class _Part:
    """What one collector adds to the page."""

    __slots__ = ("_duplicates", "_families", "_openmetrics", "_series", "_text", "_twice")

    def __init__(self, families: Sequence[_Family], duplicates: dict[str, int]) -> None:
        self._families = families
        self._duplicates = duplicates
        self._twice: tuple[tuple[str, frozenset[int]], ...] = ()
        """Families with a series that comes more than once, and at which places it comes again."""
        self._series: list[list[Key]] = []
        """Those that the templates were made for, a list for each family."""
        self._text: list[_Run] = []
        self._openmetrics: list[_Run] = []

    def write(self, read: Sequence[Series], *, is_text: bool) -> str:
        series = [keys for keys, _ in read]
        if series != self._series:
            self._series, self._text, self._openmetrics = series, [], []
            self._twice = tuple(found for found in map(_twice, self._families, series) if found[1])
        runs = self._text if is_text else self._openmetrics
        if not runs:
            runs += self._template(is_text=is_text)
        values = tuple(chain.from_iterable([values for _, values in read]) if not self._twice else self._once(read))
        return "".join([run.write(values) for run in runs])

    def _once(self, read: Sequence[Series]) -> Iterable[float]:
        """Return the first value of each series, since Prometheus would refuse the whole page for a second one."""
        again = dict(self._twice)
        for family, (_, values) in zip(self._families, read, strict=True):
            places = again.get(family.name, ())
            if places:
                self._duplicates[family.name] = self._duplicates.get(family.name, 0) + len(places)
            yield from (value for place, value in enumerate(values) if place not in places)

    def _template(self, *, is_text: bool) -> Iterable[_Run]:
        found = zip(self._families, self._series, strict=True)
        lines = list(chain.from_iterable(family.lines(keys, is_text=is_text) for family, keys in found if keys))
        for start in range(0, len(lines), _RUN):
            yield _Run(start, lines[start : start + _RUN])


class _Run:
    """Some lines in a row. Of most series the value is that of the last scrape, so that the text is, too."""

    __slots__ = ("_end", "_start", "_template", "_text", "_values")

    def __init__(self, start: int, lines: Sequence[str]) -> None:
        self._start, self._end = start, start + len(lines)
        self._template = "".join(lines)
        self._values: tuple[float, ...] = ()
        self._text = ""

    def write(self, page: tuple[float, ...]) -> str:
        """Return the lines with their values, which stand among those of the whole part."""
        values = page[self._start : self._end]
        if values != self._values:
            self._text = self._template % (values if _are_plain(values) else tuple(map(_number, values)))
            # Only now: what could not be written must not pass for written at the next scrape.
            self._values = values
        return self._text


class _Family:
    """One family's lines, with a place for each value."""

    __slots__ = ("_keys", "_lines", "_metric", "_openmetrics", "_places", "_text", "name")

    def __init__(self, metric: Metric, *, clash: bool) -> None:
        self._metric = metric
        self.name = metric.name
        self._places: dict[Key, str] = {}
        self._keys: list[Key] = []
        self._lines: list[str] = []
        # In a template a percent sign stands for a place; two stand for itself.
        self._text = _text_header(metric).replace("%", "%%")
        self._openmetrics = _openmetrics_header(metric, clash=clash).replace("%", "%%")

    def lines(self, keys: list[Key], *, is_text: bool) -> list[str]:
        """Return a line for each of these series, the first below the header. One that comes back is known."""
        if keys != self._keys:
            known = self._places
            if len(known) > 2 * max(SERIES_CAP, len(keys)):  # labels came and went: forget those that are gone
                known.clear()
            for key in keys:
                if key not in known:
                    known[key] = _place(self._metric, key)
            self._keys, self._lines = keys, [known[key] for key in dict.fromkeys(keys)]
        return [(self._text if is_text else self._openmetrics) + self._lines[0], *self._lines[1:]]


def _twice(family: _Family, keys: list[Key]) -> tuple[str, frozenset[int]]:
    """Return at which places series stand that stood before; none, as a rule."""
    if len(set(keys)) == len(keys):
        return family.name, frozenset()
    first = dict(reversed([(key, place) for place, key in enumerate(keys)]))
    return family.name, frozenset(place for place, key in enumerate(keys) if first[key] != place)


def _place(metric: Metric, key: Key) -> str:
    name, names, values = metric.name, metric.labels, key
    if metric.type == "histogram":
        name, values = name + key[0], key[1:]
        names = (*names, "le") if key[0] == "_bucket" else names
    pairs = ",".join(f'{label}="{_escape(value)}"' for label, value in zip(names, values, strict=True))
    series = f"{name}{{{pairs}}}" if pairs else name
    return f"\n{series.replace('%', '%%')} %s"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _are_plain(values: Sequence[float]) -> bool:
    """Tell whether Python writes all of them as Prometheus reads them.

    A sum is finite only where all its parts are: one look instead of one for each. It is one of floats from its first
    part on, or two huge whole numbers could hide each other.
    """
    try:
        return math.isfinite(sum(values, 0.0))
    except OverflowError:  # a whole number that no float can hold; Prometheus refuses the whole page for one
        return False


def _number(value: float) -> str:
    with contextlib.suppress(OverflowError):
        if math.isfinite(value):
            return repr(value)
        if math.isnan(value):
            return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def _text_header(metric: Metric) -> str:
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    kind = "untyped" if metric.type == "unknown" else metric.type
    return f"\n# HELP {metric.name} {text}\n# TYPE {metric.name} {kind}"


def _openmetrics_header(metric: Metric, *, clash: bool) -> str:
    """Name a counter's family without ``_total``, as OpenMetrics wants it.

    Where others gave a gauge that very name, only an ``unknown`` may keep the name that their dashboards ask for.
    """
    kind = "unknown" if clash else metric.type
    family = metric.name.removesuffix("_total") if kind == "counter" else metric.name
    header = f"\n# HELP {family} {_escape(metric.help)}\n# TYPE {family} {kind}"
    # OpenMetrics allows a unit only where the family's name ends with it.
    return f"{header}\n# UNIT {family} {metric.unit}" if metric.unit and family.endswith(f"_{metric.unit}") else header
