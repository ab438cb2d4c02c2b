from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalogue import durations, promql
from monitor.catalogue.load import load
from monitor.catalogue.model import Environment, RatioSli, Slo, Window
from monitor.slo import names, rules, windows
from monitor.slo import promql as slo_promql


@pytest.fixture(scope="module")
def environment() -> Environment:
    return load(None, "compose").environment


@pytest.fixture(scope="module")
def slos() -> tuple[Slo, ...]:
    return load(None, "compose").slos


def test_a_sum_of_counters_is_taken_apart_into_its_selectors() -> None:
    assert promql.counters('sum(a{x="1"}) + (sum(b) + c{y=~"2|3"})') == ('a{x="1"}', "b", 'c{y=~"2|3"}')


@pytest.mark.parametrize(
    "query",
    ["rate(a[5m])", "a - b", "sum by (x) (a)", "sum(a) / sum(b)", "a * 2", "max(a)", "sum(a offset 1h)", '{x="1"}'],
)
def test_what_cannot_be_counted_exactly_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"sum of counters|offset|names no metric"):
        promql.counters(query)


def test_every_recorded_expression_is_promql_and_every_name_is_declared(
    slos: tuple[Slo, ...], environment: Environment
) -> None:
    for slo in slos:
        for rule in (*rules.grid(slo, environment), *rules.rollup(slo, environment)):
            promql_parser.parse(rule.expr)
            assert tuple(rule.labels) == names.RECORDED[rule.record]


def test_every_window_that_an_alert_asks_for_is_recorded(slos: tuple[Slo, ...], environment: Environment) -> None:
    for slo in slos:
        recorded = {
            (rule.record, rule.labels.get("window"))
            for rule in (*rules.grid(slo, environment), *rules.rollup(slo, environment))
        }
        for pair in windows.BURN_PAIRS:
            asked = promql.selectors(promql_parser.parse(rules.burn_expression(slo, pair)))
            for selector in asked:
                labels = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
                assert (selector.name, labels["window"]) in recorded


def test_a_window_is_added_up_over_the_span_that_its_label_says(
    slos: tuple[Slo, ...], environment: Environment
) -> None:
    for slo in slos:
        for rule in (*rules.grid(slo, environment), *rules.rollup(slo, environment)):
            if rule.record in {names.BAD_SUM, names.TOTAL_SUM, names.COVERAGE}:
                assert rule.expr.count(f"[{rule.labels['window']}]") == 1
                assert rule.expr.count("[") == 1


def test_burn_factors_are_those_of_the_workbook() -> None:
    month = timedelta(days=30)
    for pair in windows.BURN_PAIRS:
        assert pair.factor == Decimal(pair.budget_percent) / 100 * Decimal(month / pair.long)
        assert pair.long == 12 * pair.short


def test_a_whole_bucket_edge_matches_both_of_its_spellings() -> None:
    assert slo_promql.matching_any_edge('h_bucket{le="2"}') == r'h_bucket{le=~"2|2\\.0"}'
    assert slo_promql.matching_any_edge('h_bucket{le="2.0"}') == r'h_bucket{le=~"2|2\\.0"}'
    assert slo_promql.matching_any_edge('h_bucket{le="0.2",a="b"}') == 'h_bucket{a="b",le="0.2"}'


def test_an_alert_that_total_failure_does_not_reach_is_recognised(slos: tuple[Slo, ...]) -> None:
    fast = windows.BURN_PAIRS[0]
    lax = replace(slos[0], target=Decimal("0.93"))

    assert rules.can_fire(slos[0], fast)
    assert not rules.can_fire(lax, fast)


def test_allowed_shares_are_written_without_float_noise(slos: tuple[Slo, ...]) -> None:
    availability = next(slo for slo in slos if slo.name == "availability")

    assert slo_promql.burn_rate(availability, "1h").endswith("/ 0.0005")


def test_a_long_window_is_recorded_once_though_it_is_the_slos_own(slos: tuple[Slo, ...]) -> None:
    for own in (timedelta(hours=1), timedelta(hours=2), timedelta(hours=24), timedelta(hours=72)):
        slo = replace(slos[0], window=Window(duration=own))

        assert [text for text, _ in rules.long_windows(slo)] == ["2h", "6h", "1d", "3d"]
        assert slo.window.text in {"1h", "2h", "1d", "3d"}


def test_no_series_is_recorded_twice_whatever_an_slos_window(slos: tuple[Slo, ...]) -> None:
    environment = load(None, "compose").environment
    for hours in (1, 2, 3, 6, 24, 72, 7 * 24, 30 * 24):
        slo = replace(slos[0], window=Window(duration=timedelta(hours=hours)))
        recorded = [
            (rule.record, rule.labels.get("window"))
            for rule in (*rules.grid(slo, environment), *rules.rollup(slo, environment))
        ]

        assert len(recorded) == len(set(recorded))
        for pair in windows.BURN_PAIRS:
            for span in (pair.long, pair.short):
                assert ("slo:burn_rate:ratio", durations.text(span)) in recorded
        assert ("slo:burn_rate:ratio", slo.window.text) in recorded


def test_without_a_probe_the_counters_alone_are_believed(slos: tuple[Slo, ...]) -> None:
    database = next(slo for slo in slos if slo.name == "database-latency")

    assert isinstance(database.sli, RatioSli)
    assert slo_promql.events_total(database) == 'slo:observed_total:delta{slo="database-latency"}'


@given(st.integers(min_value=0, max_value=400 * 86_400_000))
def test_durations_survive_being_written_and_read(milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)

    assert durations.parse(durations.text(span)) == span


@pytest.mark.parametrize("text", ["", "5", "5 m", "1m1h", "1.5h", "-5m", "5M", "5m5m"])
def test_what_prometheus_would_not_read_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        durations.parse(text)
