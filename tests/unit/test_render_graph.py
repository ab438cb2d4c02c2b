"""The graph of an alert, as SVG."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.render.graph import HEIGHT, LEFT, RIGHT, WIDTH, Graph, Mark, draw, short

START = datetime(2026, 11, 22, 17, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def graph(*values: float, threshold: float | None = None, marks: tuple[Mark, ...] = ()) -> Graph:
    points = [(START + number * MINUTE, value) for number, value in enumerate(values)]
    return Graph(start=START, end=START + 60 * MINUTE, lines=[("a", points)], threshold=threshold, marks=marks)


def drawn(what: Graph) -> ET.Element:
    return ET.fromstring(draw(what, "title").replace("&#34;", "&quot;"))  # noqa: S314  # ours


def ys(path: str) -> list[float]:
    return [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.-]+)", path)]


def test_nothing_measured_is_nothing_drawn() -> None:
    assert draw(graph(), "x") == ""
    assert draw(graph(math.nan, math.inf), "x") == ""


def test_a_gap_is_not_bridged() -> None:
    points = [(START, 1.0), (START + 2 * MINUTE, 2.0), (START + 30 * MINUTE, 3.0)]
    what = Graph(start=START, end=START + 60 * MINUTE, lines=[("a", points)])
    (path,) = [one.get("d", "") for one in drawn(what).iter("path") if one.get("class") == "line l0"]
    assert [sign for sign in path if sign in "ML"] == ["M", "L", "M"]


def test_the_threshold_is_seen_even_where_nothing_came_near_it() -> None:
    root = drawn(graph(1, 2, 1, threshold=100))
    (limit,) = [one.get("d", "") for one in root.iter("path") if one.get("class") == "limit"]
    assert 0 < float(re.findall(r"M\d+ ([\d.]+)H", limit)[0]) < HEIGHT
    assert "100" in "".join(root.itertext())


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    hostile = "<script>alert(1)</script>\"'"
    mark = Mark(at=START + MINUTE, kind='x" onload="alert(1)', text=hostile)
    what = Graph(start=START, end=START + 60 * MINUTE, lines=[(hostile, [(START, 1.0)])], marks=(mark,))
    svg = draw(what, hostile)
    assert "<script" not in svg
    assert 'onload="' not in svg


@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30),
    threshold=st.none() | st.floats(min_value=-1e12, max_value=1e12),
)
def test_whatever_was_measured_lies_on_the_paper(values: list[float], threshold: float | None) -> None:
    known = [value for value in values if math.isfinite(value) and abs(value) < 1e290]
    svg = draw(graph(*known, threshold=threshold), "t")
    assert bool(svg) == bool(known)
    numbers = [float(x) for x in re.findall(r"[ML]([\d.]+) ", svg)]
    assert all(LEFT - 1 <= x <= WIDTH - RIGHT + 1 for x in numbers)
    assert all(0 <= y <= HEIGHT for y in ys(svg))


@pytest.mark.parametrize(
    ("value", "said"), [(0.05, "0.05"), (1234, "1.234k"), (-2e6, "-2M"), (3.1e9, "3.1G"), (0, "0")]
)
def test_numbers_are_short(value: float, said: str) -> None:
    assert short(value) == said
