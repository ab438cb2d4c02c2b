from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from telemetry import metric
from telemetry.metric import Metric


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "9lives", "type": "gauge"},
        {"name": "requests", "type": "counter"},
        {"name": "requests_total", "type": "gauge"},
        {"name": "latency_seconds", "type": "histogram"},
        {"name": "size", "type": "gauge", "buckets": (1.0,)},
        {"name": "latency_seconds", "type": "histogram", "buckets": (2.0, 1.0)},
    ],
)
def test_a_declaration_that_a_query_could_not_rely_on_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=wrong["name"]):
        Metric(help="x", **wrong)


def test_declarations_are_sorted_and_end_in_a_newline() -> None:
    text = metric.declarations(
        "app", [Metric(name="b", type="gauge", help="B."), Metric(name="a_total", type="counter", help="A.")]
    )
    assert [row["name"] for row in json.loads(text)["metrics"]] == ["a_total", "b"]
    assert text.endswith("}\n")


def test_declaring_a_name_twice_is_refused() -> None:
    twice = [Metric(name="a", type="gauge", help="A.")] * 2
    with pytest.raises(ValueError, match="declares twice: a"):
        metric.declarations("app", twice)


def test_what_is_declared_is_what_is_exposed() -> None:
    registry = CollectorRegistry()
    seen = Metric(name="waits_seconds", type="histogram", help="Waits.", labels=("queue",), buckets=(0.2, 2.0))
    metric.histogram(seen, registry).labels("q").observe(0.1)
    metric.counter(Metric(name="hits_total", type="counter", help="Hits."), registry).inc()
    page = generate_latest(registry).decode()
    assert 'waits_seconds_bucket{le="0.2",queue="q"} 1.0' in page
    assert "hits_total 1.0" in page


def test_a_kind_that_was_not_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="declared as a gauge"):
        metric.counter(Metric(name="a", type="gauge", help="A."), CollectorRegistry())
