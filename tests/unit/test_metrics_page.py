"""docs/metrics.md says of each family what it is, where it is read, what that costs, and whose it stands in for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from monitor.catalogue.model import Catalogue, DeclaredMetric
from monitor.render.metrics_page import metrics_page


def page(*metrics: DeclaredMetric) -> str:
    return metrics_page(cast("Catalogue", SimpleNamespace(metrics=metrics)))


def declared(name: str, **more: object) -> DeclaredMetric:
    fields: dict[str, object] = {"producer": "exporters", "name": name, "type": "gauge", "help": "Help."}
    return DeclaredMetric(**(fields | more))  # type: ignore[arg-type]  # each by its own name


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"| `{name}`"))


def test_a_row_says_where_the_number_is_read_what_that_costs_and_whose_family_it_is() -> None:
    text = page(
        declared("plain"),
        declared(
            "mongodb_top_count_total",
            type="counter",
            labels=("collection",),
            source="top.totals.<ns>.count | a",
            cost="slow",
            compatible_with=("mongodb_exporter",),
        ),
        declared("took_seconds", type="histogram", unit="seconds", buckets=(0.05, 1.0)),
    )
    assert row(text, "plain") == "| `plain` | gauge |  |  | Help. |"
    assert row(text, "mongodb_top_count_total") == (
        "| `mongodb_top_count_total` | counter, slow |  | `collection` | "
        r"Help.<br><sub>From: top.totals.&lt;ns>.count \| a. As in: mongodb_exporter.</sub> |"
    )
    assert row(text, "took_seconds").endswith("Help. Edges: 0.05, 1. |")


def test_a_long_list_is_split_by_the_first_word() -> None:
    text = page(*(declared(f"{system}_{number:03}") for system in ("mongodb", "redis") for number in range(60)))
    assert "## exporters\n\n120 families.\n\n### exporters: mongodb\n" in text
    assert "### exporters: redis\n" in text
    assert "###" not in page(*(declared(f"redis_{number}") for number in range(60)))
