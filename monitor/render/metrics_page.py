"""docs/metrics.md: every metric that is declared, by producer, as its producer describes it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from monitor.catalogue.model import Catalogue, DeclaredMetric
from monitor.render.yaml_text import GENERATED_BY

PATH = "docs/metrics.md"

_COLUMNS = ("metric", "type", "unit", "labels", "what it says")


_LONG = 100
"""Producers with more families than this have them in one table for each first word of their names."""


def metrics_page(catalogue: Catalogue) -> str:
    """Write the page; metrics sorted by name within their producer."""
    ordered = sorted(catalogue.metrics, key=lambda metric: (metric.producer, metric.name))
    lines = [
        f"<!-- {GENERATED_BY} -->",
        "# Metrics",
        "",
        "What each producer declares: rules, dashboards and checks are held against this. A histogram's series end in",
        "`_bucket`, `_sum` and `_count`. Labels that the scrape adds (`job`, `instance`) are not listed.",
        "",
        "*From* says where a number is read. *Slow* families cost their source something: they are read on a clock of",
        "their own, and `exporter_collector_age_seconds` says how old they are. *As in* names the exporters that have",
        "the very same family, so that dashboards and rules made for them work on it. Which of their families are not",
        "there, why, and what to use instead, is listed in [compatibility.md](compatibility.md).",
    ]
    for producer, metrics in groupby(ordered, key=lambda metric: metric.producer):
        found = list(metrics)
        lines += ["", f"## {producer}"]
        if len(found) <= _LONG:
            lines += _table(found)
            continue
        lines += ["", f"{len(found)} families."]
        for word, some in groupby(found, key=lambda metric: metric.name.partition("_")[0]):
            lines += ["", f"### {producer}: {word}", *_table(list(some))]
    return "\n".join(lines) + "\n"


def _table(metrics: Sequence[DeclaredMetric]) -> list[str]:
    return ["", _row(_COLUMNS), _row(("---",) * len(_COLUMNS)), *(_row(_cells(metric)) for metric in metrics)]


def _cells(metric: DeclaredMetric) -> tuple[str, ...]:
    kind = f"{metric.type}, slow" if metric.cost == "slow" else metric.type
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return (f"`{metric.name}`", kind, metric.unit, labels, f"{_plain(metric.help)}{_edges(metric)}{_origin(metric)}")


def _edges(metric: DeclaredMetric) -> str:
    return f" Edges: {', '.join(f'{edge:g}' for edge in metric.buckets)}." if metric.buckets else ""


def _origin(metric: DeclaredMetric) -> str:
    """Say in a second line what most readers can do without."""
    said = [f"From: {_plain(metric.source)}"] if metric.source else []
    said += [f"As in: {', '.join(metric.compatible_with)}"] if metric.compatible_with else []
    return f"<br><sub>{'. '.join(said)}.</sub>" if said else ""


def _plain(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;").replace("\n", " ")


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
