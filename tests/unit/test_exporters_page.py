"""A metrics page says exactly what was read, in both formats, whatever labels and values hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from exporters.declare import family
from exporters.negotiate import wants_gzip
from exporters.page import Flavour, Page, UnwritableError
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


def test_a_counter_and_a_gauge_of_the_same_stem_are_two_families_in_both_formats() -> None:
    metrics = (family("cache_bytes", "Now."), family("cache_bytes_total", "So far."))
    found = Readings(metrics)
    found.add(metrics[0], 1)
    found.add(metrics[1], 2)
    body = Page(metrics).render([found], Flavour.OPENMETRICS).decode()
    assert {one.name: one.type for one in strict(body)} == {"cache_bytes": "gauge", "cache_bytes_total": "unknown"}
    assert "# TYPE cache_bytes_total counter" in Page(metrics).render([found], Flavour.TEXT).decode()


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


def test_series_that_change_from_scrape_to_scrape_keep_their_own_values() -> None:
    page = Page(METRICS)
    for names in (("a", "b"), ("a", "b"), ("b", "100%s %"), ("c",), (), ("a", "b")):
        found = Readings(METRICS)
        for number, name in enumerate(names):
            found.add(REQUESTS, math.inf if number else 3, name)
        body = page.render([found], Flavour.TEXT).decode()
        lines = [f'requests_total{{who="{name}"}} {"+Inf" if number else 3}' for number, name in enumerate(names)]
        assert body.splitlines()[2:] == lines


@given(
    st.lists(st.lists(st.sampled_from([0, 1, -0.5, 2.5e300, math.inf, -math.inf, math.nan]), min_size=70, max_size=70))
)
def test_a_page_written_again_and_again_is_as_one_written_for_the_first_time(turns: list[list[float]]) -> None:
    kept = Page(METRICS)
    for values in turns:
        found = Readings(METRICS)
        found.extend(REQUESTS, [(str(number),) for number in range(len(values))], values)
        found.add(SIZE, values[0])
        for flavour in Flavour:
            assert kept.render([found], flavour) == Page(METRICS).render([found], flavour)


def test_no_page_holds_a_series_twice() -> None:
    page = Page(METRICS)
    for turn in range(2):
        for flavour in Flavour:
            found = readings()
            found.add(REQUESTS, 3, "a")
            found.add(SIZE, math.inf)
            found.histogram(LATENCY, (9, 9, 9, 9), 9, "read")
            found.add(REQUESTS, 4 + turn, "c")
            body = page.render([found], flavour).decode()
            assert body.count('requests_total{who="a"}') == 1
            assert 'requests_total{who="a"} 12345678901234567' in body, "the first stays"
            assert f'requests_total{{who="c"}} {4 + turn}' in body, "who comes after keeps his own value"
            assert body.count("\nsize_bytes ") == 1
            assert 'latency_seconds_count{op="read"} 4\n' in body
            assert "node_vmstat_pgfault 5" in body
    assert page.duplicates == {"requests_total": 4, "size_bytes": 4, "latency_seconds": 4 * 6}
    expected = page.render([readings()], Flavour.TEXT)
    assert expected == Page(METRICS).render([readings()], Flavour.TEXT), "and nothing is left of it"
    assert page.duplicates["size_bytes"] == 4


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


MEMBERS = family("operations_total", "How many.", "member", "op")
STATE = family("member_state", "Which.", "member", "state")
CLIENTS = family("clients", "How many.", "name", additive=True)


def test_past_its_budget_a_family_goes_on_in_one_series_where_a_sum_means_something() -> None:
    found = Readings((REQUESTS, MEMBERS, STATE, CLIENTS), cap=10)
    for number in range(15):
        found.add(REQUESTS, 1, str(number))
        found.add(CLIENTS, 2.5, str(number))
        found.add(STATE, 1, "m1", str(number))
        found.add(MEMBERS, 1, f"m{number % 2}", str(number))
    shown = {name: dict(zip(*series, strict=True)) for name, series in found.series.items()}
    assert shown["requests_total"][("__other__",)] == 5
    assert shown["clients"][("__other__",)] == 12.5
    assert sum(shown["operations_total"].values()) == 15, "nothing is lost of a sum"
    assert shown["operations_total"]["m0", "__other__"] == 3
    assert shown["operations_total"]["m1", "__other__"] == 2
    assert len(shown["member_state"]) == 10, "a sum of states says nothing"
    assert found.dropped == dict.fromkeys(("requests_total", "clients", "member_state", "operations_total"), 5)


def test_histograms_past_the_budget_are_summed_up_as_a_histogram() -> None:
    found = Readings(METRICS, cap=10)
    for op in ("read", "write", "command"):
        found.histogram(LATENCY, (1, 1, 1, 2), 1.5, op)
    body = Page(METRICS).render([found], Flavour.TEXT).decode()
    assert 'latency_seconds_bucket{op="__other__",le="+Inf"} 4\n' in body
    assert 'latency_seconds_count{op="__other__"} 4\n' in body
    assert 'latency_seconds_sum{op="__other__"} 3.0\n' in body
    assert found.dropped == {"latency_seconds": 2}


def test_many_samples_at_once_are_as_good_as_one_after_the_other() -> None:
    keys, values = [(str(number),) for number in range(12)], list(range(12))
    for cap in (100, 10):
        one, other = Readings(METRICS, cap=cap), Readings(METRICS, cap=cap)
        one.extend(REQUESTS, keys, values)
        for key, value in zip(keys, values, strict=True):
            other.add(REQUESTS, value, *key)
        assert one.series == other.series
        assert one.dropped == other.dropped
    with pytest.raises(UndeclaredError, match="labels"):
        Readings(METRICS).extend(REQUESTS, [("a", "b")], [1])


def test_labels_that_come_and_go_do_not_fill_the_memory() -> None:
    page = Page(METRICS)
    for start in range(0, 20_000, 1_000):
        found = Readings(METRICS)
        for number in range(start, start + 1_000):
            found.add(REQUESTS, 1, str(number))
        page.render([found], Flavour.TEXT)
    assert len(page._families["requests_total"]._places) <= 5_000


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
        ("application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.5", Flavour.TEXT),
        ("text/plain;version=0.0.4;q=0.3,application/openmetrics-text;version=1.0.0;q=0.5", Flavour.OPENMETRICS),
        ("application/openmetrics-text;q=0.000,text/plain;q=nonsense", Flavour.TEXT),
        (";;,=,;q=,application/openmetrics-text;;q", Flavour.TEXT),
    ],
)
def test_the_format_is_the_one_that_was_asked_for(accept: str, flavour: Flavour) -> None:
    assert Flavour.accepted(accept) is flavour


@pytest.mark.parametrize("flavour", Flavour)
def test_a_whole_number_that_no_float_can_hold_costs_nobody_the_page(flavour: Flavour) -> None:
    page, found = Page(METRICS), Readings(METRICS)
    for who, value in (("huge", 10**400), ("deep", -(10**5_000)), ("usual", 3), ("float", 0.5)):
        found.add(REQUESTS, value, who)
    first, second = (page.render([found], flavour).decode() for _ in range(2))
    assert {line for line in first.splitlines() if not line.startswith("#")} == {
        'requests_total{who="huge"} +Inf',
        'requests_total{who="deep"} -Inf',
        'requests_total{who="usual"} 3',
        'requests_total{who="float"} 0.5',
    }
    assert second == first


def test_values_that_could_not_be_written_do_not_pass_for_those_of_before() -> None:
    page, good, bad = Page(METRICS), Readings(METRICS), Readings(METRICS)
    good.add(SIZE, 1)
    bad.series[SIZE.name] = ([()], ["x"])  # type: ignore[list-item]  # what no collector should ever give
    page.render([good], Flavour.TEXT)
    for _ in range(2):
        with pytest.raises(UnwritableError) as caught:
            page.render([good, bad], Flavour.TEXT)
        assert caught.value.place == 1


@pytest.mark.parametrize(
    ("accept_encoding", "compressed"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("deflate, GZIP;q=1.0", True),
        ("*", True),
        ("*;q=0.1, br", True),
        ("", False),
        ("br", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("gzip;q=2", False),
        ("notgzip", False),
    ],
)
def test_a_page_is_compressed_for_whoever_can_read_that(accept_encoding: str, *, compressed: bool) -> None:
    assert wants_gzip(accept_encoding) is compressed
