"""Charts without Grafana: values as people read them, axes, gaps, thresholds, and text that is hostile."""

from __future__ import annotations

import math
import re
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from monitor.catalogue.load import load as load_catalogue
from monitor.render import chart_svg, chart_units
from monitor.render.chart_model import Answer, Event, Line, Look, colour_of
from monitor.render.chart_scale import Window, limits, time_ticks, value_ticks
from monitor.render.dashboard_page import Heard, page
from monitor.render.dashboards import boards
from monitor.render.dashboards_marks import MARKS
from monitor.render.dashboards_style import Steps, Unit, above, below
from tests.contrast import contrast

WINDOW = Window(start=1_700_000_000.0, end=1_700_003_600.0, step=15.0)
NAN = float("nan")
HOSTILE = """</svg><script>alert("x")</script>'&"""


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0342, "s", "34.2 ms"),
        (0.000_25, "s", "250 µs"),
        (60, "s", "1 min"),
        (90, "s", "90 s"),
        (5_400, "s", "90 min"),
        (86_400, "s", "1 d"),
        (129_600, "s", "36 h"),
        (1_000_000, "s", "11.6 d"),
        (-0.5, "s", "-500 ms"),
        (0, "s", "0 s"),
        (0.9995, "percentunit", "100 %"),
        (0.045, "percentunit", "4.5 %"),
        (0.000_03, "percentunit", "< 0.01 %"),
        (-0.25, "percentunit", "-25 %"),
        (1_536, "bytes", "1.5 KiB"),
        (512, "bytes", "512 B"),
        (3.2 * 2**30, "bytes", "3.2 GiB"),
        (2_500_000, "Bps", "2.5 MB/s"),
        (12, "Bps", "12 B/s"),
        (1_234, "reqps", "1.23 k req/s"),
        (0.067, "ops", "0.07 ops/s"),
        (7_530, "short", "7.53 k"),
        (3, "none", "3"),
        (14.4, "none", "14.4"),
        (0.001, "none", "0.001"),
        (NAN, "s", chart_units.NOT_KNOWN),
        (float("inf"), "none", chart_units.NOT_KNOWN),
    ],
)
def test_values_are_written_as_people_read_them(value: float, unit: Unit, shown: str) -> None:
    assert chart_units.text(value, unit) == shown


def test_decimals_are_as_many_as_told_and_no_zeros_that_say_nothing() -> None:
    assert chart_units.text(0.9995, "percentunit", 3) == "99.95 %"
    assert chart_units.text(100.0, "none", 2) == "100"


@pytest.mark.parametrize("unit", ["none", "s", "bytes", "percentunit"])
@pytest.mark.parametrize("high", [1e-6, 0.003, 0.7, 1.0, 37.0, 130.0, 5_000.0, 200_000.0, 3e9])
def test_axes_have_a_handful_of_round_values_and_room_for_all(unit: Unit, high: float) -> None:
    low, top = limits([0.0, high], unit, 0, None)
    ticks = value_ticks(low, top, unit)
    assert low == 0
    assert top >= high
    assert 2 <= len(ticks) <= 7
    assert all(after > before for before, after in pairwise(ticks))
    assert ticks[0] >= low
    assert ticks[-1] <= top * (1 + 1e-9)


def test_an_axis_of_nothing_and_of_one_value_still_is_one() -> None:
    assert limits([], "none", None, None) == (0.0, 1.0)
    low, high = limits([5.0, 5.0], "none", None, None)
    assert low <= 5 < high
    assert limits([0.2], "percentunit", 0, 1) == (0, 1)
    low, high = limits([-0.3, 0.9], "percentunit", None, 1)
    assert low <= -0.3
    assert high == 1


@pytest.mark.parametrize("unit", ["none", "s", "bytes"])
@pytest.mark.parametrize("values", [(sys.float_info.max,), (sys.float_info.max, -sys.float_info.max), (0.0, math.inf)])
def test_the_largest_of_all_values_is_drawn_too(values: tuple[float, ...], unit: Unit) -> None:
    points = tuple((WINDOW.start + 15 * number, value) for number, value in enumerate(values))
    drawn = chart_svg.graph([Line(name="limit", points=points)], WINDOW, Look(title="t", unit=unit))
    assert "nan" not in drawn
    assert "points=" in drawn or "<circle" in drawn


def test_times_are_round_on_the_readers_clock_also_when_it_is_changed() -> None:
    zone = ZoneInfo("Europe/Berlin")
    for length in (900, 3_600, 86_400, 7 * 86_400, 30 * 86_400):
        ticks = time_ticks(Window(start=1_774_700_000.0, end=1_774_700_000.0 + length, step=15), zone)
        assert 2 <= len(ticks) <= 8, length
        assert all(label for _, label in ticks)
    assert time_ticks(WINDOW, zone)[0][1] == "23:20"


def points(*values: float, step: float = 15.0) -> tuple[tuple[float, float], ...]:
    return tuple((WINDOW.start + 60 + number * step, value) for number, value in enumerate(values))


def drawn(markup: Markup) -> ET.Element:
    return ET.fromstring(str(markup))  # noqa: S314  # we wrote it ourselves


def of_class(drawing: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in drawing.iter() if name in one.get("class", "").split()]


def test_a_line_is_broken_where_nothing_was_measured() -> None:
    apart = (*points(1, 2, 3), *((at + 600, value) for at, value in points(4, 5, NAN, 6, 7)))
    found = of_class(drawn(chart_svg.graph([Line(name="a", points=apart)], WINDOW, Look(title="t"))), "line")
    assert [len(one.get("points", "").split()) // 2 for one in found] == [3, 2, 2]


def test_thresholds_are_drawn_within_the_axis_and_told_by_their_value() -> None:
    look = Look(title="t", unit="s", steps=below(0.2), draw_thresholds=True, minimum=0)
    drawing = drawn(chart_svg.graph([Line(name="a", points=points(0.01, 0.02))], WINDOW, look))
    [limit] = of_class(drawing, "limit")
    assert 0 < float(limit.get("y1", "0")) < look.height
    assert "200 ms" in [one.text for one in drawing.iter() if one.text]
    assert not of_class(drawn(chart_svg.graph([], WINDOW, Look(title="t", steps=below(1)))), "limit")


def test_events_are_marked_where_they_were_and_as_long_as_they_were() -> None:
    events = [
        Event(name="Drill x", start=WINDOW.start + 600, end=WINDOW.start + 1_200, colour="purple"),
        Event(name="Deploy", start=WINDOW.start + 1_800, end=None, colour="blue"),
    ]
    drawing = drawn(chart_svg.graph([Line(name="a", points=points(1, 1))], WINDOW, Look(title="t"), events))
    [region] = of_class(drawing, "event")
    assert float(region.get("width", "0")) == pytest.approx((640 - 66 - 10) / 6, abs=0.2)
    assert len(of_class(drawing, "mark")) == 2


def test_stacked_lines_stand_on_each_other() -> None:
    lines = [Line(name="a", points=points(1, 1)), Line(name="b", points=points(2, 2))]
    found = of_class(drawn(chart_svg.graph(lines, WINDOW, Look(title="t", stacked=True, minimum=0, maximum=3))), "line")
    heights = [float(one.get("points", "").split()[1]) for one in found]
    assert heights[1] == pytest.approx(chart_svg.TOP)
    assert heights[0] > heights[1]


def test_more_series_than_colours_are_told_apart_by_dashes() -> None:
    lines = [Line(name=f"{number}", points=points(number, number)) for number in range(20)]
    found = of_class(drawn(chart_svg.graph(lines, WINDOW, Look(title="t"))), "line")
    assert len({(one.get("class"), one.get("stroke-dasharray")) for one in found}) == 20


def test_states_are_one_box_for_as_long_as_they_last() -> None:
    look = Look(title="t", says={1.0: ("PRIMARY", "good"), 8.0: ("DOWN", "bad")})
    line = Line(name="mongo-1", points=points(*[1.0] * 100, *[8.0] * 50, 1.0))
    drawing = drawn(chart_svg.timeline([line], WINDOW, look))
    boxes = [one for one in drawing.iter() if one.tag == "rect"]
    assert [one.get("class") for one in boxes] == ["f-good", "f-bad", "f-good"]
    assert [one.text for one in drawing.iter() if one.tag == "title"] == [
        "mongo-1: PRIMARY",
        "mongo-1: DOWN",
        "mongo-1: PRIMARY",
    ]


def test_a_long_name_keeps_its_end_and_stays_on_the_paper() -> None:
    name = "exporters of the database machines, member mongo-2.database.clinic.example:27017"
    drawing = drawn(chart_svg.timeline([Line(name=name, points=points(1, 1))], WINDOW, Look(title="t", width=640)))
    [label] = [one.text or "" for one in of_class(drawing, "label") if (one.text or "").endswith(":27017")]
    assert label.startswith("…")
    assert len(label) * chart_svg.LABEL_WIDTH <= 0.35 * 640
    assert name in {(one.text or "").partition(": ")[0] for one in drawing.iter() if one.tag == "title"}


def test_heat_is_what_fell_into_each_bucket_alone() -> None:
    buckets = [
        (float("inf"), Line(name="", points=points(10, 10))),
        (0.1, Line(name="", points=points(4, 0))),
        (0.2, Line(name="", points=points(10, 10))),
    ]
    drawing = drawn(chart_svg.heatmap(buckets, WINDOW, Look(title="t", unit="s")))
    told = sorted(one.text or "" for one in drawing.iter() if one.tag == "title")
    assert told == ["10", "4", "6"]


def test_colours_follow_the_thresholds() -> None:
    assert [colour_of(value, below(2, warn=1)) for value in (0, 1, 2)] == ["good", "warn", "bad"]
    assert [colour_of(value, above(1)) for value in (0, 1)] == ["bad", "good"]


def answers(labels: dict[str, str], value: float) -> list[Answer]:
    every = tuple((WINDOW.start + 15.0 * number, value) for number in range(20))
    return [Answer(labels=labels, points=every)]


class Same(dict[str, Any]):
    """One answer to whatever is asked, but nothing happened."""

    def __init__(self, found: list[Answer]) -> None:
        super().__init__()
        self.found = found

    def get(self, key: str, default: Any = ()) -> Any:
        return default if key in {mark.expr for mark in MARKS} else self.found


@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30),
    limit=st.none() | st.floats(min_value=-1e12, max_value=1e12),
)
def test_whatever_was_measured_lies_on_the_paper(values: list[float], limit: float | None) -> None:
    known = [value for value in values if not math.isfinite(value) or abs(value) < 1e290]
    look = Look(title="t", steps=bad_above(limit), draw_thresholds=True)
    drawing = drawn(chart_svg.graph([Line(name=HOSTILE, points=points(*known))], WINDOW, look))
    for line in of_class(drawing, "line"):
        places = [float(number) for number in (line.get("points") or "").split()]
        assert all(0 <= x <= look.width for x in places[::2])
        assert all(0 <= y <= look.height for y in places[1::2])


def bad_above(limit: float | None) -> Steps:
    return ((None, "text"),) if limit is None else ((None, "text"), (limit, "red"))


@pytest.mark.parametrize("value", [0.0, 12_345.678, NAN])
def test_every_dashboard_is_drawn_whatever_is_answered(value: float) -> None:
    catalogue = load_catalogue(None, "compose")
    labels = {"slo": HOSTILE, "le": "0.5", "member": "mongo-1", "alertname": HOSTILE, "instance": "a"}
    same = Same(answers(labels, value))
    heard = Heard(window=WINDOW, answers=same, now=same, source="a test")
    for board in boards(catalogue):
        written = page(board, catalogue, heard, opened=True)
        assert "<script" not in written
        assert " style=" not in written
        assert not re.search(r"<[^>]*\son\w+=", written)
        for drawing in re.findall(r'<svg class="chart".*?</svg>', written, re.DOTALL):
            drawn(Markup(drawing))  # noqa: S704  # it is read, not shown
        assert written.count('<section class="panel') == len(board.panels)
        for panel in board.panels:
            assert escape(panel.title) in written


def test_what_is_not_known_is_said_and_never_shown_as_zero() -> None:
    catalogue = load_catalogue(None, "compose")
    heard = Heard(window=WINDOW, answers={}, now={}, source="a test")
    written = page(boards(catalogue)[0], catalogue, heard)
    assert written.count("No data: nothing is known.") > 10
    assert "t-good" not in written.split("<body>")[1]


def test_a_figure_is_of_now_and_not_the_last_that_was_known() -> None:
    catalogue = load_catalogue(None, "compose")
    [redis] = [board for board in boards(catalogue) if board.uid == "redis"]
    past = Same([Answer(labels={}, points=((WINDOW.start, 1.0),))])
    written = page(redis, catalogue, Heard(window=WINDOW, answers=past, now={}, source="a test"))
    figures = [panel for panel in redis.sections[0].panels if panel.kind == "stat"]
    assert written.count('<p class="nothing">') == len(figures)
    assert 'class="big' not in written


def test_a_table_begins_with_what_is_least() -> None:
    catalogue = load_catalogue(None, "compose")
    [table] = [panel for panel in boards(catalogue)[0].panels if panel.sorted_by == "Budget left"]
    left = {"a": 0.9, "b": -0.2, "c": 0.4}
    now = {
        query.expr: [found for slo, value in left.items() for found in answers({"slo": slo}, value)]
        for query in table.queries
    }
    written = page(boards(catalogue)[0], catalogue, Heard(window=WINDOW, answers={}, now=now, source="a test"))
    lines = re.findall(r"<tr><td>([abc])</td>", written)
    assert lines == ["b", "c", "a"]


def test_an_alert_in_a_table_leads_to_its_runbook() -> None:
    catalogue = load_catalogue(None, "compose")
    same = Same(answers({"alertname": "RedisDown", "severity": "warning"}, 1))
    heard = Heard(window=WINDOW, answers=same, now=same, source="")
    written = page(boards(catalogue)[0], catalogue, heard)
    assert f'<a href="{catalogue.environment.runbook_url}/RedisDown">RedisDown</a>' in written


def schemes() -> list[dict[str, str]]:
    """The colours of the light scheme, and of the dark one in both of its forms."""
    css = (Path(chart_svg.__file__).parent / "templates" / "chart_colours.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root(?:\S*) \{(.*?)\}", css, re.DOTALL)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks if "--paper" in block]


def test_colours_can_be_read_in_both_schemes() -> None:
    light, dark, again = schemes()
    assert dark == again
    assert light.keys() == dark.keys()
    for colours in (light, dark):
        for name, needed in {
            **dict.fromkeys(("ink", "soft", "link", "good", "warn", "bad", "calm", "plain"), 4.5),
            **dict.fromkeys((*(f"s{number}" for number in range(8)), "drill", "heat"), 3.0),
        }.items():
            for ground in ("card", "paper"):
                assert contrast(colours[name], colours[ground]) >= needed, (name, ground)
