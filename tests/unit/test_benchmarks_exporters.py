"""The pure parts of benchmarks/exporters, and that its files can be started as its documentation says."""

from __future__ import annotations

import gzip
import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.exporters import bars, pages, plot, tables
from benchmarks.exporters.client import Answer, BadAnswerError, content_length, dechunked, prepared
from benchmarks.exporters.figures import ROUND, Row, growth, percentile, quietest
from benchmarks.exporters.growth import Curve

ROOT = Path(__file__).parents[2]

TEXT = """\
# HELP redis_up Whether it answers.
# TYPE redis_up gauge
redis_up 1
# TYPE redis_commands_total counter
redis_commands_total{cmd="get"} 3
redis_commands_total{cmd="a } b"} 4.5
# TYPE redis_latency_seconds histogram
redis_latency_seconds_bucket{le="+Inf"} 2
redis_latency_seconds_sum 0.5
redis_latency_seconds_count 2
"""
OPENMETRICS = """\
# TYPE redis_up gauge
redis_up 1
# TYPE redis_commands counter
redis_commands_total{cmd="get"} 3
# TYPE redis_memory_max_bytes gauge
# UNIT redis_memory_max_bytes bytes
redis_memory_max_bytes 0
# EOF
"""


def row(arm: str, exporter: str = "ours", *, p50_ms: float = 1.0, rss_mb: float = 80.0, series: int = 1000) -> Row:
    return Row(
        arm=arm,
        exporter=exporter,
        headers="plain",
        scrapes=10,
        quiet_ms=p50_ms,
        p50_ms=p50_ms,
        p99_ms=2 * p50_ms,
        cpu_ms=p50_ms,
        target_cpu_ms=None,
        rss_mb=rss_mb,
        series=series,
        bytes=1,
    )


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert percentile([7.0], 0.5) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_no_more_than_its_share_lies_below_a_percentile(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value < found for value in values) <= share * len(values)


def test_the_quietest_round_is_the_median_where_nothing_disturbs() -> None:
    assert quietest([1.0, 2.0, 3.0]) == 2
    assert quietest([2.0, 1.0, 3.0] * 1000) == 2
    disturbed = [5.0] * (4 * ROUND) + [1.0] * ROUND + [9.0] * ROUND
    assert quietest(disturbed) == 1
    # A handful of lucky scrapes are no round.
    assert quietest([5.0] * 100 + [0.1] * 5) == 5


def test_growth_tells_linear_from_worse_whatever_does_not_grow() -> None:
    sizes = (100, 400, 1600, 6400)
    linear = growth([(size, 0.5 + size * 0.01) for size in sizes])
    assert linear.is_linear_or_better
    assert linear.slope == pytest.approx(0.01)
    assert growth([(size, 3.0) for size in sizes]).exponent == pytest.approx(0)
    squared = growth([(size, 0.5 + size**2 * 1e-5) for size in sizes])
    assert squared.exponent > 1.9
    assert not squared.is_linear_or_better
    # A fixed cost that hides small sizes must not make what explodes at large ones look harmless.
    assert not growth([(size, 100 + size**2 * 1e-4) for size in sizes]).is_linear_or_better
    with pytest.raises(ValueError, match="two sizes"):
        growth([(1, 1)])


def test_a_page_is_counted_by_family_in_either_format() -> None:
    assert pages.series(TEXT) == 6
    assert pages.families(TEXT) == {"redis_up": 1, "redis_commands_total": 2, "redis_latency_seconds": 3}
    assert pages.families(OPENMETRICS) == {"redis_up": 1, "redis_commands_total": 1, "redis_memory_max_bytes": 1}


def test_families_are_shared_by_name_and_only_those_asked_for() -> None:
    ours = {**pages.families(TEXT), "process_cpu_seconds_total": 1}
    theirs = {**pages.families(OPENMETRICS), "process_cpu_seconds_total": 1}
    assert pages.shared(ours, theirs, prefix="redis_") == {"redis_up", "redis_commands_total"}
    assert pages.shared(ours, theirs) == {"redis_up", "redis_commands_total", "process_cpu_seconds_total"}


def test_values_are_found_by_whole_names() -> None:
    assert pages.value(TEXT, "redis_up") == 1
    assert pages.value(TEXT, "redis_u") is None
    assert pages.samples(TEXT, "redis_commands_total") == [3, 4.5]
    assert pages.total(TEXT, "redis_commands_total") == 7.5
    assert pages.total(TEXT, "absent") == 0


def test_a_page_that_lacks_something_is_told() -> None:
    assert pages.faults(TEXT + 'exporter_collector_success{collector="redis"} 1\n') == []
    ailing = 'exporter_collector_success{collector="host"} 0\nredis_up 0\nredis_uptime_in_seconds 5\n'
    assert pages.faults(ailing) == ['exporter_collector_success{collector="host"} 0', "redis_up 0"]


def test_answers_are_taken_apart() -> None:
    assert dechunked(b"5\r\nhello\r\n6;x=1\r\n world\r\n0\r\n\r\n") == b"hello world"
    assert content_length(b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 12") == 12
    with pytest.raises(BadAnswerError):
        content_length(b"HTTP/1.1 200 OK")
    assert Answer(0.1, gzip.compress(b"redis_up 1"), is_gzip=True).text == "redis_up 1"
    assert (
        prepared("/metrics", 9, {"Accept": "x"}) == b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9\r\nAccept: x\r\n\r\n"
    )


def test_bars_are_held_against_ours_alone() -> None:
    verdicts = bars.judge(
        [
            row(bars.REDIS_30, p50_ms=1.2),
            row(bars.REDIS_30, "redis_exporter 1", p50_ms=9.0),
            row(bars.MONGODB_FAST, p50_ms=5.0),
            row("host", p50_ms=100.0),
        ]
    )
    assert [(verdict.is_kept, round(verdict.margin, 2)) for verdict in verdicts] == [(True, 0.2), (False, -0.25)]


def test_the_same_families_are_compared_per_series_within_one_arm() -> None:
    few, many = (f"{bars.SAME_FAMILIES}, {kinds} kinds" for kinds in (30, 194))
    verdicts = bars.judge(
        [
            row(few, p50_ms=1.0, series=500),
            row(few, "redis_exporter 1", p50_ms=1.5, series=500),
            row(many, p50_ms=4.0, series=1000),
            row(many, "redis_exporter 1", p50_ms=6.0, series=2000),
        ]
    )
    assert [(verdict.measured, verdict.most, verdict.is_kept) for verdict in verdicts] == [(2, 3, True), (4, 3, False)]


def test_a_page_without_series_has_no_time_per_series() -> None:
    assert math.isnan(row("x", series=0).us_per_series)


def test_tables_are_aligned_markdown() -> None:
    lines = tables.arm([row("x"), row("x", "a peer")]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].startswith("| exporter | headers")
    assert set(lines[1]) <= set("|-: ")
    assert "ours" in lines[2]


def test_curves_are_drawn_as_well_formed_svg_with_their_words_escaped() -> None:
    curves = [
        Curve("a page of <X>", "things & more", ((10, 1.0), (100, 1.1), (1000, 9.0))),
        Curve("b", "c", ((1, 2.0), (2, 2.0))),
    ]
    drawing = ET.fromstring(plot.svg(curves))  # noqa: S314  # our own drawing
    texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert "a page of <X>" in texts
    assert "things & more" in texts
    assert plot.svg(curves) == plot.svg(curves)


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "benchmarks.exporters", "--help"),
        ("benchmarks/exporters", "--help"),
        ("benchmarks/exporter_page.py", "--samples", "40", "--rounds", "1"),
    ],
)
def test_the_benchmarks_start_from_the_checkout(command: tuple[str, ...]) -> None:
    told = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout


def test_an_unknown_arm_is_wrong_use() -> None:
    command = [sys.executable, "-m", "benchmarks.exporters", "--arms", "moon"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "moon" in told.stderr
