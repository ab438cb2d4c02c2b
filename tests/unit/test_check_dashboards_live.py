"""What the live check makes of a server's answers, and what it asks; runbooks' queries are read like panels'."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from monitor.catalogue.load import load as load_catalogue
from monitor.check.dashboard_files import asked
from monitor.check.live_dashboards import MOST_SAMPLES, Question, cost_of, judged, other_questions, questions, slow
from monitor.check.runbook_queries import runbook_queries
from monitor.render.dashboards_promql import replaced, variables
from tests.dashboard_files import FILES, load, runbooks

SCRAPE = timedelta(seconds=15)


@dataclass(frozen=True)
class Said:
    seconds: float = 0.01
    samples: int = 100
    series: int = 1
    refused: str = ""


def every() -> list[Question]:
    return list(questions(load(FILES[-1]), SCRAPE))


def codes(answer: Said) -> set[tuple[str, str]]:
    asked_for = every()
    found = judged(asked_for, [answer] * len(asked_for))
    return {(finding.code, finding.message.split(" ", 1)[0]) for finding in found}


def test_good_answers_are_no_findings() -> None:
    assert codes(Said()) == set()


def test_each_fault_is_told_of_each_kind_of_query() -> None:
    kinds = {"panel", "annotation", "variable"}
    assert codes(Said(refused="parse error", series=0)) == {("refused-query", kind) for kind in kinds}
    assert codes(Said(samples=MOST_SAMPLES + 1)) == {("too-many-samples", kind) for kind in kinds}


def test_empty_ones_are_told_one_by_one_while_they_are_few() -> None:
    asked_for = every()
    marks = [one for one in asked_for if one.asked.kind == "annotation"]
    assert list(judged(marks, [Said(series=0)] * len(marks))) == []  # nothing may have happened that could be marked
    few = [one for one in asked_for if one.asked.kind != "annotation" and not one.asked.empty_until][:5]
    assert len(list(judged(few, [Said(series=0)] * len(few)))) == 5
    [told] = judged(asked_for, [Said(series=0)] * len(asked_for))
    assert told.code == "no-data"
    assert re.match(r"\d\d queries have no data, among them those of '.*\?'", told.message)


def test_what_waits_for_an_event_may_be_empty() -> None:
    [drills] = [load(file) for file in FILES if file.stem == "drills"]
    waiting = [one for one in questions(drills, SCRAPE) if one.asked.kind != "annotation"]
    assert list(judged(waiting, [Said(series=0)] * len(waiting))) == []


def test_a_dashboard_is_slow_by_its_95th_percentile() -> None:
    asked_for = every()
    panels = sum(one.asked.kind == "panel" for one in asked_for)
    one_slow = [Said(seconds=2.0), *[Said()] * (len(asked_for) - 1)]
    cost = cost_of("slo", asked_for, one_slow)
    assert (cost.queries, cost.shown, cost.samples) == (panels, 12, 100 * panels)
    assert list(slow([cost])) == []
    [finding] = slow([cost_of("slo", asked_for, [Said(seconds=0.3)] * len(asked_for))])
    assert finding.code == "slow-dashboard"


def test_questions_are_asked_as_grafana_would_ask_them() -> None:
    for question in every():
        assert not set(variables(question.expr)), question.expr
        assert (question.span is None) == (question.asked.instant or question.asked.kind == "variable")
    [service] = [load(file) for file in FILES if file.stem == "service"]
    [rate] = {one.expr for one in questions(service, SCRAPE) if one.asked.title == "How much is asked of us?"}
    assert "[60s]" in rate  # three hours in 250 points are 43 s apart: a step and a scrape, at least four scrapes
    assert all(one.step >= SCRAPE for one in every())


def test_variables_are_put_in_and_what_label_replace_found_is_left() -> None:
    assert replaced('rate(a{b=~"$c",d=~"${e:regex}"}[$__rate_interval])') == 'rate(a{b=~".+",d=~".+"}[1m])'
    assert replaced('label_replace(up, "a", "$1", "b", "(.*)")') == 'label_replace(up, "a", "$1", "b", "(.*)")'
    assert replaced("max(a{b='$c'})", {"c": "x"}) == "max(a{b='x'})"


def test_queries_of_runbooks_are_read_and_asked() -> None:
    catalogue, pages = load_catalogue(None, "compose"), runbooks()
    assert list(runbook_queries(catalogue, pages)) == []
    others = list(other_questions(catalogue, pages))
    assert {one.asked.kind for one in others} == {"alert", "runbook"}
    planted = {"runbooks/RedisDown.md": "# RedisDown\n\n```promql\nmax(redis_upp)\n```\n\n```promql\nsum(\n```\n"}
    found = list(runbook_queries(catalogue, planted))
    assert [(one.code, one.line) for one in found] == [("unknown-metric", 4), ("no-promql", 8)]


def test_every_query_of_a_file_is_found_in_closed_rows_too() -> None:
    for file in FILES:
        board = load(file)
        found = [one for one in asked(board) if one.kind == "panel"]
        assert 0 < sum(one.shown for one in found) <= 12
        assert len(found) == sum(len(panel["targets"]) for panel in board.panels())
