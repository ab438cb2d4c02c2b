from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalogue import durations, promql, terms
from monitor.catalogue.load import load
from monitor.catalogue.model import Calendar, Environment, RatioSli, Severity, Slo, Window
from monitor.slo import burning, edges, names, rules, windows
from monitor.slo import promql as slo_promql


@pytest.fixture(scope="module")
def environment() -> Environment:
    return load(None, "compose").environment


@pytest.fixture(scope="module")
def slos() -> tuple[Slo, ...]:
    return load(None, "compose").slos


def test_a_sum_of_counters_is_taken_apart_into_its_selectors() -> None:
    assert terms.counters('sum(a{x="1"}) + (sum(b) + c{y=~"2|3"})') == ('a{x="1"}', "b", 'c{y=~"2|3"}')


@pytest.mark.parametrize(
    "query",
    ["rate(a[5m])", "a - b", "sum by (x) (a)", "sum(a) / sum(b)", "a * 2", "max(a)", "sum(a offset 1h)", '{x="1"}'],
)
def test_what_cannot_be_counted_exactly_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"sum of counters|offset|names no metric"):
        terms.counters(query)


def test_a_text_in_backticks_is_what_it_says() -> None:
    assert terms.counters(r'a{path=~`/v\d+/"x"`}') == (r'a{path=~"/v\\d+/\"x\""}',)


@pytest.mark.parametrize("query", ['a{"b.c"="x"}', '{"a.b"}', 'a{x="1" or y="2"}'])
def test_what_only_other_servers_read_between_braces_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="between braces"):
        terms.counters(query)
    assert terms.counters('a{or="1",b="x or {"}') == ('a{b="x or {",or="1"}',)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("histogram_count(sum(h))", "histogram_count(h)"),
        ('sum(histogram_count(h{a="b"})) + c', 'histogram_count(h{a="b"}) + c'),
        ("histogram_fraction(0, 0.2, sum(h))", "histogram_fraction(-Inf, 0.2, h) * histogram_count(h)"),
        (
            "histogram_count(h) * histogram_fraction(0.2, +Inf, h)",
            "histogram_fraction(0.2, +Inf, h) * histogram_count(h)",
        ),
        ("histogram_fraction((0.5), 1e3, h)", "histogram_fraction(0.5, 1000, h) * histogram_count(h)"),
    ],
)
def test_observations_of_native_histograms_are_counted(query: str, text: str) -> None:
    found = terms.terms(query)
    written = " + ".join(term.text for term in found)

    assert written.replace("{}", "") == text
    assert terms.terms(written) == found


@pytest.mark.parametrize(
    "query",
    [
        "histogram_fraction(0.5, scalar(a), h)",
        "histogram_fraction(0, +Inf, h)",
        "histogram_fraction(0.2, 0.1, h)",
        "histogram_fraction(-2, 0, h)",
        "histogram_fraction(0, 0.2, h) * histogram_count(g)",
        "histogram_fraction(0, 0.2, h) * histogram_fraction(0, 0.2, h)",
        "histogram_fraction(0, 0.2, rate(h[5m]))",
        "histogram_count(increase(h[5m]))",
        "histogram_count(histogram_count(h))",
        "histogram_quantile(0.9, h)",
    ],
)
def test_nothing_else_of_them_can_be_counted(query: str) -> None:
    with pytest.raises(ValueError, match=r"as histogram_count\(h|all observations or none|is no number|of another"):
        terms.terms(query)


def test_every_recorded_expression_is_promql_and_every_name_is_declared(
    slos: tuple[Slo, ...], environment: Environment
) -> None:
    for slo in slos:
        for rule in recordings(slo, environment):
            promql_parser.parse(rule.expr)
            assert tuple(rule.labels) == names.RECORDED[rule.record]


def test_every_window_that_an_alert_asks_for_is_recorded(slos: tuple[Slo, ...], environment: Environment) -> None:
    for slo in slos:
        recorded = {(rule.record, rule.labels.get("window")) for rule in recordings(slo, environment)}
        for pair in windows.BURN_PAIRS:
            asked = promql.selectors(promql_parser.parse(burning.burn_expression(slo, pair)))
            for selector in asked:
                labels = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
                assert (selector.name, labels["window"]) in recorded


def test_a_window_is_added_up_over_the_span_that_its_label_says(
    slos: tuple[Slo, ...], environment: Environment
) -> None:
    for slo in slos:
        for rule in recordings(slo, environment):
            summed = {names.BAD_WINDOW, names.TOTAL_WINDOW, names.COVERED_WINDOW}
            if rule.labels.get("window") in {"5m", "30m", "1h", "2h", "6h"}:
                summed |= {names.BAD_SUM, names.TOTAL_SUM, names.COVERAGE}
            if rule.record in summed:
                span = durations.text(durations.parse(rule.labels["window"]) - durations.MILLISECOND)
                assert rule.expr.count(f"[{span}]") == 1
                assert rule.expr.count("[") == 1


def test_burn_factors_are_the_shares_of_the_budget_that_the_sources_give() -> None:
    factors = {
        policy.window.days: [str(pair.factor) for pair in windows.burn_pairs(policy.window)]
        for policy in windows.POLICIES
    }
    assert factors == {
        7: ["13.44", "3.5", "1.4", "0.98"],  # Sloth's example of 7 days
        28: ["13.44", "5.6", "2.8", "0.9333"],  # Sloth's default of 28 days
        30: ["14.4", "6", "3", "1"],  # the workbook
    }
    for pair in windows.BURN_PAIRS:
        assert pair.long == 12 * pair.short


@given(st.integers(min_value=1, max_value=24 * 400))
def test_a_factor_is_the_share_of_the_budget_times_window_over_long_window(hours: int) -> None:
    window = timedelta(hours=hours)
    for pair in windows.burn_pairs(window):
        share = float(pair.budget_percent) / 100
        assert share * (window / pair.long) == pytest.approx(float(pair.factor), rel=0.02, abs=0.0051 / 100 * hours)
        assert pair.factor > Decimal("0.9")


@pytest.mark.parametrize("days", [90, 365])
def test_an_outage_is_no_less_urgent_where_the_promise_is_for_longer(days: int) -> None:
    factors = [pair.factor for pair in windows.burn_pairs(timedelta(days=days))]

    assert factors == [pair.factor for pair in windows.BURN_PAIRS]
    assert windows.burn_pairs(timedelta(days=90))[0].budget_percent == Decimal("0.67")


def test_a_calendar_window_burns_by_its_nominal_length_and_is_recorded_from_what_work_exposes(
    slos: tuple[Slo, ...], environment: Environment
) -> None:
    calendar = Calendar(unit="M", count=1, start=datetime(2026, 1, 1), time_zone="Europe/Berlin")  # noqa: DTZ001  # by the clocks there
    slo = replace(slos[0], pages=True, window=Window(duration=timedelta(days=30), calendar=calendar))
    recorded = {(rule.record, rule.labels.get("window")): rule.expr for rule in recordings(slo, environment)}

    assert burning.burn_pairs(slo) == windows.BURN_PAIRS
    own = f'max(slo_calendar_error_budget_remaining_ratio{{slo="{slo.name}",window="1M"}})'
    assert recorded["slo:error_budget_remaining:ratio", "1M"] == own
    assert ("slo:burn_rate:ratio", "1M") in recorded
    assert not any(window == "30d" for _, window in recorded)


def test_who_pages_nobody_has_tickets_only(slos: tuple[Slo, ...]) -> None:
    slo = replace(slos[0], pages=False)

    assert {pair.severity for pair in burning.burn_pairs(slo)} == {Severity.WARNING}
    assert [pair.factor for pair in burning.burn_pairs(slo)] == [pair.factor for pair in windows.BURN_PAIRS]


@pytest.mark.parametrize(("days", "most"), [(30, 1_000_000), (90, 1_000_000), (365, 1_000_000)])
def test_an_slo_reads_no_more_than_a_million_samples_an_hour(
    slos: tuple[Slo, ...], environment: Environment, days: int, most: int
) -> None:
    """As research has it: 100 series of which 50 count errors, scraped and evaluated each 30 s; on four targets."""
    step = timedelta(seconds=30)
    place = replace(environment, scrape_interval=step, evaluation_interval=step)
    availability = next(slo for slo in slos if slo.name == "availability")
    slo = replace(availability, window=Window(duration=timedelta(days=days)))
    groups = rules.groups(slo, place)
    intervals = {rule.record: group.interval for group in groups for rule in group.rules}
    read = 0.0
    for group in groups:
        for rule in group.rules:
            once = sum(samples(rule.expr, intervals, step))
            read += once * (timedelta(hours=1) / group.interval)
    assert read <= most


def samples(expr: str, intervals: dict[str, timedelta], scraped: timedelta) -> Iterator[float]:
    series = {"haproxy_backend_http_responses_total": 100, "haproxy_backend_responses_denied_total": 2, "up": 4}
    for found in re.finditer(r"([a-z_:][a-z0-9_:]*)\{[^}]*\}(?:\[([^\]]*)\])?", expr):
        name, span = found[1], found[2]
        many = 48 if 'code="5xx"' in found[0] else series.get(name, 1)
        yield many * (durations.parse(span) / intervals.get(name, scraped) + 1 if span else 1)


def recordings(slo: Slo, environment: Environment) -> list[rules.Recording]:
    return [rule for group in rules.groups(slo, environment) for rule in group.rules]


@pytest.mark.parametrize(
    ("written", "matched"),
    [
        ('h_bucket{le="2"}', r'h_bucket{le=~"2|2\\.0"}'),
        ('h_bucket{le="2.0"}', r'h_bucket{le=~"2|2\\.0"}'),
        ('h_bucket{le="0.2",a="b"}', 'h_bucket{a="b",le="0.2"}'),
        ('h_bucket{le="0.20"}', r'h_bucket{le=~"0\\.2|0\\.20"}'),
        ('h_bucket{le="1e6"}', r'h_bucket{le=~"1000000|1000000\\.0|1e\\+06|1e6"}'),
        ('h_bucket{le="2500000"}', r'h_bucket{le=~"2500000|2500000\\.0|2\\.5e\\+06"}'),
        ('h_bucket{le="0.00001"}', r'h_bucket{le=~"0\\.00001|1e-05"}'),
        ('h_bucket{le="+Inf"}', 'h_bucket{le="+Inf"}'),
        ('h{quantile="1"}', r'h{quantile=~"1|1\\.0"}'),
        ('h_bucket{le=~"1|2"}', 'h_bucket{le=~"1|2"}'),
    ],
)
def test_a_bucket_edge_matches_all_of_its_spellings(written: str, matched: str) -> None:
    assert slo_promql.matching_any_edge(written) == matched
    assert slo_promql.matching_any_edge(matched) == matched


def test_edges_are_matched_by_any_spelling_in_whole_queries_too() -> None:
    query = 'sum(rate(h_bucket{job="app", le="1"}[1m])) / sum(rate(h_count{tile="2", handle="le 1"}[1m]))'
    assert edges.any_edge(query) == query.replace('le="1"}', r'le=~"1|1\\.0"}')
    assert edges.any_edge("h_bucket{le = '0.2'}") == "h_bucket{le = '0.2'}"


def test_an_alert_that_total_failure_does_not_reach_is_recognised(slos: tuple[Slo, ...]) -> None:
    fast = windows.BURN_PAIRS[0]
    lax = replace(slos[0], target=Decimal("0.93"))

    assert burning.can_fire(slos[0], fast)
    assert not burning.can_fire(lax, fast)
    assert burning.can_fire(lax, windows.burn_pairs(timedelta(days=7))[0])


def test_allowed_shares_are_written_without_float_noise(slos: tuple[Slo, ...]) -> None:
    availability = next(slo for slo in slos if slo.name == "availability")

    assert slo_promql.burn_rate(availability, "1h").endswith("/ 0.0005")


def test_a_long_window_is_recorded_once_though_it_is_the_slos_own(slos: tuple[Slo, ...]) -> None:
    for own in (timedelta(hours=1), timedelta(hours=2), timedelta(hours=24), timedelta(hours=72)):
        slo = replace(slos[0], window=Window(duration=own))

        assert [durations.text(span) for span in rules.long_windows(slo)] == ["1d", "3d"]
        assert slo.window.text in {"1h", "2h", "1d", "3d"}


def test_no_series_is_recorded_twice_whatever_an_slos_window(slos: tuple[Slo, ...]) -> None:
    environment = load(None, "compose").environment
    begin = datetime(2026, 1, 1)  # noqa: DTZ001  # by the clocks there
    rolling = [Window(duration=timedelta(hours=hours)) for hours in (1, 2, 3, 6, 24, 72, 7 * 24, 30 * 24, 90 * 24)]
    days = [Calendar(unit="d", count=count, start=begin, time_zone="Europe/Berlin") for count in (1, 3, 7)]
    for window in (*rolling, *(Window(duration=timedelta(days=one.count), calendar=one) for one in days)):
        slo = replace(slos[0], window=window)
        recorded = [(rule.record, rule.labels.get("window")) for rule in recordings(slo, environment)]

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
