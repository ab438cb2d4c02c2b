"""docs/metrics.md: every metric that is declared, by producer, as its producer describes it."""

from __future__ import annotations

from itertools import groupby

from monitor.catalogue.model import Catalogue, DeclaredMetric
from monitor.render.yaml_text import GENERATED_BY

PATH = "docs/metrics.md"

_COLUMNS = ("metric", "type", "unit", "labels", "what it says")


def metrics_page(catalogue: Catalogue) -> str:
    """Write the page; metrics sorted by name within their producer."""
    ordered = sorted(catalogue.metrics, key=lambda metric: (metric.producer, metric.name))
    lines = [
        f"<!-- {GENERATED_BY} -->",
        "# Metrics",
        "",
        "What each producer declares: rules, dashboards and checks are held against this. A histogram's series end in",
        "`_bucket`, `_sum` and `_count`. Labels that the scrape adds (`job`, `instance`) are not listed.",
    ]
    for producer, metrics in groupby(ordered, key=lambda metric: metric.producer):
        lines += ["", f"## {producer}", "", _row(_COLUMNS), _row(("---",) * len(_COLUMNS))]
        lines += [_row(_cells(metric)) for metric in metrics]
    return "\n".join(lines) + "\n"


def _cells(metric: DeclaredMetric) -> tuple[str, ...]:
    edges = f" Edges: {', '.join(f'{edge:g}' for edge in metric.buckets)}." if metric.buckets else ""
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return (f"`{metric.name}`", metric.type, metric.unit, labels, metric.help.replace("|", r"\|") + edges)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
