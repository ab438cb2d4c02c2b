"""Writes a metrics page: Prometheus text 0.0.4 or OpenMetrics 1.0.0. The exporters' hot path.

A family whose series are those of the last scrape costs one comparison, and one formatting of all its values at once:
names, escaping and label order are worked out once per series, and joined into a template once per set of series. Both
formats share it, because every counter of ours ends in ``_total``; only the header lines differ.
``benchmarks/exporter_page.py`` measures it against prometheus_client.
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
        families, is_text = self._families, flavour is Flavour.TEXT
        for reading in readings:
            for name, (keys, values) in reading.series.items():
                if keys:
                    families[name].write(parts, keys, values, is_text=is_text)
        parts.append("\n" if is_text else "\n# EOF\n")
        # Each header begins with the newline that ends the line before it; the page has none before its first.
        return "".join(parts).encode("utf-8", "replace").lstrip(b"\n")


class _Family:
    """One family's part of the page: a template that the values of the next scrape are put into."""

    __slots__ = ("_keys", "_metric", "_openmetrics", "_prefixes", "_template", "_text")

    def __init__(self, metric: Metric, *, clash: bool) -> None:
        self._metric = metric
        self._prefixes: dict[Key, str] = {}
        self._keys: list[Key] = []
        self._template = ""
        self._text = _text_header(metric)
        self._openmetrics = _openmetrics_header(metric, clash=clash)

    def write(self, parts: list[str], keys: list[Key], values: list[float], *, is_text: bool) -> None:
        if keys != self._keys:
            self._learn(keys)
        # A sum is finite only where all its parts are: one look instead of one for each.
        shown = tuple(values) if math.isfinite(sum(values)) else tuple(map(_number, values))
        parts += (self._text if is_text else self._openmetrics, self._template % shown)

    def _learn(self, keys: list[Key]) -> None:
        """Take other series than last time; what is known of one that comes back was kept."""
        known = self._prefixes
        if len(known) > 2 * max(SERIES_CAP, len(keys)):  # labels came and went: forget those that are gone
            known.clear()
        for key in keys:
            if key not in known:
                known[key] = _prefix(self._metric, key)
        self._keys = keys.copy()
        self._template = "".join([known[key] for key in keys])


def _prefix(metric: Metric, key: Key) -> str:
    name, names, values = metric.name, metric.labels, key
    if metric.type == "histogram":
        name, values = name + key[0], key[1:]
        names = (*names, "le") if key[0] == "_bucket" else names
    pairs = ",".join(f'{label}="{_escape(value)}"' for label, value in zip(names, values, strict=True))
    series = f"{name}{{{pairs}}}" if pairs else name
    return f"\n{series.replace('%', '%%')} %s"


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
