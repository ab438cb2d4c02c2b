"""Writes a metrics page: Prometheus text 0.0.4 or OpenMetrics 1.0.0. The exporters' hot path.

A sample costs one dictionary look-up and one ``repr``: name, escaping and label order are worked out once per series
and kept. Both formats share these prefixes, because every counter of ours ends in ``_total``; only the header lines
differ. ``benchmarks/exporter_page.py`` measures it against prometheus_client.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum

from exporters.negotiate import offers
from exporters.readings import SERIES_CAP, Key, Readings
from telemetry.metric import Metric


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


class Page:
    """Renders readings of the declared metrics; keeps the prefix of each series between scrapes."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        declared = {metric.name: metric for metric in metrics}
        self._families = {
            name: _Family(metric, clash=metric.type == "counter" and name.removesuffix("_total") in declared)
            for name, metric in declared.items()
        }

    def render(self, readings: Iterable[Readings], flavour: Flavour) -> bytes:
        """Write the page. Families without samples are left out, headers and all."""
        parts: list[str] = []
        for reading in readings:
            for name, (keys, values) in reading.series.items():
                if keys:
                    self._families[name].write(parts, keys, values, flavour)
        parts.append("\n# EOF\n" if flavour is Flavour.OPENMETRICS else "\n")
        # Each header begins with the newline that ends the line before it; the page has none before its first.
        return "".join(parts).encode("utf-8", "replace").lstrip(b"\n")


class _Family:
    __slots__ = ("_headers", "_metric", "_prefixes")

    def __init__(self, metric: Metric, *, clash: bool) -> None:
        self._metric = metric
        self._prefixes: dict[Key, str] = {}
        self._headers = {
            Flavour.TEXT: _text_header(metric),
            Flavour.OPENMETRICS: _openmetrics_header(metric, clash=clash),
        }

    def write(self, parts: list[str], keys: list[Key], values: list[float], flavour: Flavour) -> None:
        known = self._prefixes
        try:
            prefixes = [known[key] for key in keys]
        except KeyError:
            prefixes = self._learn(keys)
        shown = map(repr, values) if all(map(math.isfinite, values)) else map(_number, values)
        lines: list[str] = [""] * (2 * len(keys))
        lines[0::2] = prefixes
        lines[1::2] = shown
        parts.append(self._headers[flavour])
        parts += lines

    def _learn(self, keys: list[Key]) -> list[str]:
        if len(self._prefixes) > 2 * max(SERIES_CAP, len(keys)):  # labels came and went: forget those that are gone
            self._prefixes.clear()
        for key in keys:
            if key not in self._prefixes:
                self._prefixes[key] = _prefix(self._metric, key)
        return [self._prefixes[key] for key in keys]


def _prefix(metric: Metric, key: Key) -> str:
    name, names, values = metric.name, metric.labels, key
    if metric.type == "histogram":
        name, values = name + key[0], key[1:]
        names = (*names, "le") if key[0] == "_bucket" else names
    pairs = ",".join(f'{label}="{_escape(value)}"' for label, value in zip(names, values, strict=True))
    return f"\n{name}{{{pairs}}} " if pairs else f"\n{name} "


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
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
