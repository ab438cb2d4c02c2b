"""What holds for any SLO and any events: rules are read as they were written, windows scale, failures never help."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import promql_parser
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.slo import shapes
from monitor.catalogue.load import load
from monitor.catalogue.model import RatioSli, Slo, Window
from monitor.render.rules import slo_rule_files
from monitor.slo import burning, rules, windows
from monitor.slo.replay import Events

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CATALOGUE = load(None, "compose")

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
targets = st.decimals("0.5", "0.99999", places=5)


@st.composite
def slos(draw: st.DrawFn) -> Slo:
    value = draw(words).replace("\\", "\\\\").replace('"', '\\"')
    selector = f'e_total{{route="{value}"}}'
    part = f'e_total{{code=~"5..",route="{value}"}}'
    counted = RatioSli(good=part, total=selector) if draw(st.booleans()) else RatioSli(bad=part, total=selector)
    window = Window(duration=timedelta(days=draw(st.integers(1, 400))))
    name = draw(st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True))
    return replace(shapes.slo(30, name), target=draw(targets), window=window, sli=counted)


@settings(deadline=None)
@given(slos())
def test_a_rendered_rule_is_read_as_it_was_written(slo: Slo) -> None:
    files = slo_rule_files(slo, CATALOGUE.environment)
    read = {group["name"]: group for text in files.values() for group in yaml.safe_load(text)["groups"]}
    for group in rules.groups(slo, CATALOGUE.environment):
        for written, found in zip(group.rules, read[group.name]["rules"], strict=True):
            assert found == {"record": written.record, "expr": written.expr, "labels": written.labels}
            parsed = promql_parser.parse(found["expr"])
            assert str(promql_parser.parse(parsed.prettify())) == str(parsed)
    fired = {rule["alert"]: rule["expr"] for rule in read[f"slo-{slo.name}-alerts"]["rules"]}
    for pair in burning.burn_pairs(slo):
        assert fired[pair.alert] == burning.burn_expression(slo, pair)


def burns(bad: list[float], total: list[float], span: timedelta) -> list[float | None]:
    known = [True] * len(bad)
    events = Events(first=START, cell=MINUTE, bad=bad, total=total, known=known)
    return [failed / seen if seen else None for failed, seen, _ in events.window(span)]


counts = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=80)
spans = st.sampled_from((*windows.SHORT_WINDOWS, *windows.MIDDLE_WINDOWS))


@given(counts, st.integers(2, 1000), spans)
def test_a_window_says_the_same_of_ten_times_the_traffic(
    pairs: list[tuple[int, int]], times: int, span: timedelta
) -> None:
    bad, total = [float(one) for one, _ in pairs], [float(one + other) for one, other in pairs]
    many = burns([one * times for one in bad], [one * times for one in total], span)
    assert many == pytest.approx(burns(bad, total, span))


@given(st.floats(0, 1), st.integers(400, 500))
def test_at_a_steady_pace_every_window_burns_alike(share: float, minutes: int) -> None:
    bad, total = [1000 * share] * minutes, [1000.0] * minutes
    for span in (*windows.SHORT_WINDOWS, *windows.MIDDLE_WINDOWS):
        assert burns(bad, total, span)[-1] == pytest.approx(share)


@given(counts, st.data(), spans)
def test_more_failures_never_slow_the_burn_of_any_window(
    pairs: list[tuple[int, int]], data: st.DataObject, span: timedelta
) -> None:
    bad, total = [float(one) for one, _ in pairs], [float(one + other) for one, other in pairs]
    at = data.draw(st.integers(0, len(pairs) - 1))
    worse = [one if number != at else total[at] for number, one in enumerate(bad)]
    for before, after in zip(burns(bad, total, span), burns(worse, total, span), strict=True):
        assert (before is None) == (after is None)
        assert before is None or after is None or after >= before - 1e-9


@given(targets, st.integers(1, 24 * 400))
def test_burning_a_long_window_at_its_factor_spends_the_share_of_the_budget_that_it_stands_for(
    target: Decimal, hours: int
) -> None:
    window = timedelta(hours=hours)
    for pair in windows.burn_pairs(window):
        spent = float(pair.factor) * (pair.long / window)
        assert spent == pytest.approx(float(pair.budget_percent) / 100, rel=0.02, abs=0.0001)
        assert burning.can_fire(replace(shapes.slo(30), target=target), pair) == (pair.factor * (1 - target) < 1)
