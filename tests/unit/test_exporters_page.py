"""A metrics page says exactly what was read, in both formats, whatever labels and values hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from exporters.page import Flavour, Page
from exporters.readings import Readings, UndeclaredError
from telemetry.metric import Metric

REQUESTS = Metric(
    name="requests_total", type="counter", help='How many. A \\ and a "quote"\nand a line.', labels=("who",)
)
SIZE = Metric(name="size_bytes", type="gauge", unit="bytes", help="How large.")
LATENCY = Metric(
    name="latency_seconds", type="histogram", unit="seconds", help="How slow.", labels=("op",), buckets=(0.05, 1, 2.5)
)
OLD = Metric(name="node_vmstat_pgfault", type="unknown", help="Faults.")
METRICS = (REQUESTS, SIZE, LATENCY, OLD)


def readings() -> Readings:
    found = Readings(METRICS)
    found.add(REQUESTS, 12_345_678_901_234_567, "a")
    found.add(REQUESTS, 0, 'b"\\\n')
    found.add(SIZE, 0.1)
    found.histogram(LATENCY, (1, 3, 3, 4), 7.5, "read")
    found.add(OLD, 5)
    return found


def test_the_text_page_is_byte_for_byte_what_prometheus_reads() -> None:
    assert Page(METRICS).render([readings()], Flavour.TEXT).decode() == (
        '# HELP requests_total How many. A \\\\ and a "quote"\\nand a line.\n'
        "# TYPE requests_total counter\n"
        'requests_total{who="a"} 12345678901234567\n'
        'requests_total{who="b\\"\\\\\\n"} 0\n'
        "# HELP size_bytes How large.\n"
        "# TYPE size_bytes gauge\n"
        "size_bytes 0.1\n"
        "# HELP latency_seconds How slow.\n"
        "# TYPE latency_seconds histogram\n"
        'latency_seconds_bucket{op="read",le="0.05"} 1\n'
        'latency_seconds_bucket{op="read",le="1.0"} 3\n'
        'latency_seconds_bucket{op="read",le="2.5"} 3\n'
        'latency_seconds_bucket{op="read",le="+Inf"} 4\n'
        'latency_seconds_count{op="read"} 4\n'
        'latency_seconds_sum{op="read"} 7.5\n'
        "# HELP node_vmstat_pgfault Faults.\n"
        "# TYPE node_vmstat_pgfault untyped\n"
        "node_vmstat_pgfault 5\n"
    )


def test_openmetrics_names_families_without_total_and_ends_with_eof() -> None:
    body = Page(METRICS).render([readings()], Flavour.OPENMETRICS).decode()
    assert "# TYPE requests counter\n" in body
    assert "# UNIT size_bytes bytes\n" in body
    assert "# TYPE node_vmstat_pgfault unknown\n" in body
    assert body.endswith("\n# EOF\n")
    assert {family.name for family in strict(body)} == {
        "requests",
        "size_bytes",
        "latency_seconds",
        "node_vmstat_pgfault",
    }


def test_both_formats_carry_equal_samples() -> None:
    page = Page(METRICS)
    text = page.render([readings()], Flavour.TEXT).decode()
    other = page.render([readings()], Flavour.OPENMETRICS).decode()
    first = {
        (s.name, *sorted(s.labels.items())): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }
    last = {(s.name, *sorted(s.labels.items())): s.value for f in strict(other) for s in f.samples}
    assert first == last


def strict(body: str) -> list[Family]:
    return list(openmetrics.text_string_to_metric_families(body))  # type: ignore[no-untyped-call]  # client_python


def test_an_empty_page_is_still_a_page() -> None:
    page = Page(METRICS)
    assert page.render([Readings(METRICS)], Flavour.OPENMETRICS) == b"# EOF\n"
    assert page.render([Readings(METRICS)], Flavour.TEXT) == b""


@given(value=st.floats(), label=st.text())
def test_any_value_and_label_survives_the_page(value: float, label: str) -> None:
    found = Readings(METRICS)
    found.add(REQUESTS, value, label)
    body = Page(METRICS).render([found], Flavour.TEXT).decode()
    line = body.split("\n", 2)[2]
    written = line.rpartition(" ")[2].strip()
    assert float(written) == value or math.isnan(value)
    escaped = line.removeprefix('requests_total{who="').rpartition('"} ')[0]
    readable = label.encode("utf-8", "replace").decode()
    assert unescape(escaped) == readable
    assert "\n" not in escaped


def unescape(text: str) -> str:
    characters = iter(text)
    plain = {"n": "\n", '"': '"', "\\": "\\"}
    return "".join(plain[next(characters)] if character == "\\" else character for character in characters)


@pytest.mark.parametrize(
    ("value", "written"),
    [(math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (1e-7, "1e-07"), (True, "1"), (2**63, str(2**63))],
)
def test_values_are_written_as_prometheus_writes_them(value: float, written: str) -> None:
    found = Readings(METRICS)
    found.add(SIZE, value)
    assert Page(METRICS).render([found], Flavour.TEXT).decode().endswith(f"size_bytes {written}\n")


def test_what_was_never_declared_cannot_reach_a_page() -> None:
    found = Readings((SIZE,))
    with pytest.raises(UndeclaredError, match="requests_total"):
        found.add(REQUESTS, 1, "a")
    with pytest.raises(UndeclaredError, match="labels"):
        found.add(SIZE, 1, "a label too many")
    with pytest.raises(UndeclaredError, match="edges"):
        Readings(METRICS).histogram(LATENCY, (1, 2), 1.0, "read")


def test_a_family_stops_growing_at_its_limit_and_says_so() -> None:
    found = Readings(METRICS, cap=10)
    for number in range(15):
        found.add(REQUESTS, 1, str(number))
    for op in ("read", "write"):
        found.histogram(LATENCY, (1, 1, 1, 1), 1.0, op)
    assert len(found.series["requests_total"][0]) == 10
    assert found.dropped == {"requests_total": 5, "latency_seconds": 1}


def test_labels_that_come_and_go_do_not_fill_the_memory() -> None:
    page = Page(METRICS)
    for start in range(0, 20_000, 1_000):
        found = Readings(METRICS)
        for number in range(start, start + 1_000):
            found.add(REQUESTS, 1, str(number))
        page.render([found], Flavour.TEXT)
    assert len(page._families["requests_total"]._prefixes) <= 5_000


@pytest.mark.parametrize(
    ("accept", "flavour"),
    [
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Flavour.OPENMETRICS),
        ("application/openmetrics-text; version=0.0.1; charset=utf-8", Flavour.OPENMETRICS),
        ("application/openmetrics-text;version=9.0.0", Flavour.TEXT),
        ("application/openmetrics-text;q=0", Flavour.TEXT),
        ("text/plain;version=0.0.4", Flavour.TEXT),
        ("*/*", Flavour.TEXT),
        ("", Flavour.TEXT),
    ],
)
def test_the_format_is_the_one_that_was_asked_for(accept: str, flavour: Flavour) -> None:
    assert Flavour.accepted(accept) is flavour
