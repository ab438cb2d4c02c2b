"""The same values as a page, a PDF, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from monitor.render import report_words as words
from monitor.render.report import FORMATS, render
from monitor.render.report_html import headline, lead, title, to_html
from monitor.render.report_svg import PALETTE
from tests.contrast import contrast
from tests.report_values import END, gap, hardly_measured, incident, missed, report, slo


class Text(HTMLParser):
    """What a reader sees, without the style sheet, and everything that a browser would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "path", "line", "circle", "rect", "link", "img"}:
            self.open.append(tag)
        self.fetched += [f"{tag} {name}" for name, _ in attrs if name in {"src", "href", "srcset", "data"}]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self.open):
            self.words += data.replace(words.NARROW_SPACE, " ").split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


def test_the_headline_says_the_outcome_in_words() -> None:
    assert headline(report(slo(), slo("api-latency"))) == "All 2 objectives were met."
    assert headline(report(slo(), missed())) == "1 of 2 objectives was missed: Booking-success."
    assert headline(report(hardly_measured())) == "Insufficient data: no verdict can be given yet."
    assert "for 1 there is insufficient data" in headline(report(slo(), hardly_measured("api-latency")))


def test_a_month_is_named_and_a_running_one_says_so() -> None:
    assert title(report()) == "November 2026"
    period = replace(report().period, until=END.replace(day=12))
    assert "still running" in lead(report(period=period))


def test_ten_minutes_of_thirty_days_are_insufficient_data_and_never_a_hundred_percent() -> None:
    seen = Text(to_html(report(hardly_measured()))).text
    assert "insufficient data" in seen
    assert "under 0.1 % of the period was measured" in seen
    assert "Availability unknown" in seen
    assert "at most 100 % left" in seen
    row = seen[seen.index("Availability insufficient data") : seen.index("Requests are answered.")]
    assert "99.95 % unknown 0.02 % to 100 %" in row


def test_what_was_missed_stands_first() -> None:
    seen = Text(to_html(report(slo(), missed()))).text
    assert seen.index("Booking-success missed") < seen.index("Availability met")
    assert "overspent" in seen


def test_incidents_gaps_backups_and_drills_are_told() -> None:
    seen = Text(to_html(report(slo(), incidents=(incident(),), gaps=(gap(),)))).text
    for part in (
        "5 Nov 00:00\N{EN DASH}00:10",
        "Availability: 1 204 requests",
        "28 %",
        "10 Nov 00:00\N{EN DASH}05:00 (5 h): all objectives",
        "85 min",
        "1 440",
        "acknowledged bookings lost: 0",
        "writes back after 3.4 s",
    ):
        assert part in seen, part


def test_requests_that_an_slo_and_its_sla_count_are_not_told_twice() -> None:
    one = incident()
    (effect,) = one.effects
    sla = replace(effect, slo="availability-sla", display_name="Availability (SLA)", budget_share=0.14)
    other = replace(effect, slo="booking-success", display_name="Booking success", failed_events=12.0)
    both = replace(one, effects=(effect, sla, other))
    seen = Text(to_html(report(slo(), incidents=(both,)))).text
    assert "Availability (SLA): the same requests" in seen
    assert seen.count("1 204 requests") == 1
    assert "Booking success: 12 requests" in seen


def test_without_a_store_it_says_unknown_instead_of_none() -> None:
    seen = Text(to_html(report(backups=None, drills=None))).text
    assert "Unknown: the monitor's store could not be read." in seen
    assert "None was run" not in seen


def test_the_page_fetches_nothing() -> None:
    page = to_html(report(slo(), missed(), incidents=(incident(),)))
    assert Text(page).fetched == []
    assert "@import" not in page
    assert "url(" not in page


def test_every_value_is_escaped() -> None:
    nasty = '<script>alert("x")</script>&'
    page = to_html(report(slo("availability", display_name=nasty, description=nasty), environment=nasty))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_status_is_told_by_words_and_shapes_too() -> None:
    page = to_html(report(slo(), missed(), hardly_measured("api-latency")))
    for state, shape in (("met", "<circle"), ("missed", "<rect"), ("insufficient data", "stroke-dasharray")):
        assert f">{state}<" in page
        assert shape in page


@pytest.mark.parametrize("name", ["ink", "soft", "good", "bad", "unknown"])
def test_text_colours_are_readable_on_white_and_on_the_pale_ground(name: str) -> None:
    for ground in ("#ffffff", PALETTE["pale"]):
        assert contrast(PALETTE[name], ground) >= 4.5


def test_json_names_what_programs_need() -> None:
    body = json.loads(render(report(slo(), hardly_measured("api-latency")), "json"))
    first, second = body["slos"]
    assert body["period"]["start"] == "2026-10-31T23:00:00Z"
    assert first["verdict"] == "met"
    assert first["error_budget"]["events"] == {"allowed": 500.0, "spent": 200.0, "left": 300.0}
    assert first["error_budget"]["minutes"]["left"] == pytest.approx(12.96)
    assert first["failed_events"] == 200
    assert second["verdict"] == "insufficient data"
    assert second["bounds"] == {"low": 0.0002, "high": 1.0}
    assert body["averages"][1]["measured_seconds"] is None


def test_csv_has_a_row_for_each_slo_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(render(report(slo(), missed("=1+1")), "csv").decode())))
    assert [row["name"] for row in rows] == ["availability", "'=1+1"]
    assert rows[1]["verdict"] == "missed"
    assert float(rows[1]["budget_minutes_left"]) < 0


def test_the_pdf_is_the_page_on_two_sheets_at_most() -> None:
    pdf = render(report(slo(), missed(), incidents=(incident(),), gaps=(gap(),)), "pdf")
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2


@pytest.mark.parametrize("form", sorted(set(FORMATS) - {"pdf"}))
def test_the_same_values_make_the_same_bytes(form: str) -> None:
    assert render(report(), form) == render(report(), form)
