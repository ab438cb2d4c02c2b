"""Tests of what takes days, from made-up roll-ups: slow burning, and the budget of the SLO's own window. Pure.

A group's own interval is not kept by promtool, so one sample an evaluation stands for all of its time: what is added up
from it is what Prometheus would have recorded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal

from monitor.catalogue.model import Slo
from monitor.render.slo_checks import SECOND, absent, count, firing, recorded, rounded, test
from monitor.render.yaml_text import Value
from monitor.slo import burning, names, promql
from monitor.slo.alerts import EXHAUSTED, EXHAUSTED_KEEP
from monitor.slo.windows import BurnPair

HOUR = timedelta(hours=1)
EVENTS = 100_000
"""Events of one evaluation: enough that the smallest share of bad ones is not lost in rounding."""

PACE = 20
"""How many times too fast the budget of the SLO's own window is spent in its test, where its objective allows that."""

MOST_STEPS = 360
"""Evaluations in an SLO's own window, at most: promtool reads no more than 10,000 samples a query."""


def day_tests(slo: Slo) -> Iterator[Value]:
    """The two slow alerts: not yet, due, and over."""
    for pair in burning.burn_pairs(slo)[2:]:
        if burning.can_fire(slo, pair):
            yield _slow(slo, pair)


def own_tests(slo: Slo) -> Iterator[Value]:
    """The budget of the SLO's own window is spent, and comes back when what spent it leaves the window."""
    if slo.window.calendar:
        yield _calendar(slo)
    elif slo.window.duration >= timedelta(days=7):
        yield _exhausted(slo)


def own_interval(slo: Slo) -> timedelta:
    """How far evaluations are apart in the test of the SLO's own window."""
    return HOUR if slo.window.calendar else math.ceil(slo.window.duration / MOST_STEPS / HOUR) * HOUR


def _slow(slo: Slo, pair: BurnPair) -> Value:
    """Burning a third faster than the limit is due when three quarters of the long window have burnt."""
    hours = pair.long // HOUR
    pace = min(pair.factor * 4 / 3, burning.highest_burn(slo))
    due = pair.factor / pace * hours
    early, late, calm = int(due * Decimal("0.9")), int(due * Decimal("1.1")) + 2, pair.short // HOUR + 3
    bad = round(EVENTS * pace * (1 - slo.target))
    series = _rollups(slo, HOUR, [(hours, 0), (late, bad), (calm, 0)])
    checks = [
        count(firing(slo, pair.alert), 0, (hours + early) * HOUR),
        count(firing(slo, pair.alert, "pending"), 0, (hours + early) * HOUR),
        count(firing(slo, pair.alert), 1, (hours + late) * HOUR),
        count(firing(slo, pair.alert), 0, (hours + late + calm) * HOUR),
    ]
    return test(f"{pair.alert}: too fast for most of its window", slo, HOUR, series, {"promql_expr_test": checks})


def _exhausted(slo: Slo) -> Value:
    step, own = own_interval(slo), slo.window.text
    window = slo.window.duration // step
    pace = min(Decimal(PACE), burning.highest_burn(slo))
    exact = Decimal(slo.window.duration // SECOND) / (step // SECOND)
    spent = math.ceil(exact / pace)  # steps until nothing is left
    burnt = spent + 3
    bad = round(EVENTS * pace * (1 - slo.target))
    whole = window + 2
    back = (whole + burnt + math.ceil(EXHAUSTED_KEEP / step) + 2) * step
    share, at = Decimal(bad) / EVENTS, (burnt - 1) * step
    covered = (burnt - 1) / exact
    series = _rollups(slo, step, [(burnt - 1, bad), (whole + 10, 0)])
    checks = [
        count(firing(slo, EXHAUSTED), 0, max(spent - 2, 0) * step),
        count(firing(slo, EXHAUSTED, "pending"), 0, max(spent - 2, 0) * step),
        rounded(promql.series(names.SLI, slo, own), 1 - share, at),
        rounded(promql.series(names.BURN_RATE, slo, own), share / (1 - slo.target), at),
        rounded(promql.series(names.COVERAGE, slo, own), covered, at),
        rounded(promql.series(names.BUDGET_REMAINING, slo, own), 1 - share / (1 - slo.target) * covered, at),
        rounded(promql.series(names.BAD_SUM, slo, own), Decimal(bad * (burnt - 1)), at),
        rounded(promql.series(names.TOTAL_SUM, slo, own), Decimal(EVENTS * (burnt - 1)), at),
        count(firing(slo, EXHAUSTED), 1, (burnt + 1) * step),
        rounded(promql.series(names.BAD_SUM, slo, own), Decimal(bad * (burnt - 1)), (window - 2) * step),
        rounded(promql.series(names.COVERAGE, slo, own), Decimal(1), (window + 1) * step),
        count(firing(slo, EXHAUSTED), 0, back),
        rounded(promql.series(names.BUDGET_REMAINING, slo, own), Decimal(1), back),
    ]
    return test(f"{EXHAUSTED}: spent, and given back", slo, step, series, {"promql_expr_test": checks})


def _calendar(slo: Slo) -> Value:
    """What is known of the current calendar window is recorded under the names of all others; silence is not."""
    own = slo.window.text
    left = {
        names.CALENDAR_SLI: "0.75x2 _x8",
        names.CALENDAR_COVERAGE: "0.5x2 _x8",
        names.CALENDAR_BUDGET_REMAINING: "0.25 -0.25x1 _x8",
    }
    series = [recorded(slo, name, values, own) for name, values in left.items()]
    checks = [
        rounded(promql.series(names.SLI, slo, own), Decimal("0.75"), HOUR),
        rounded(promql.series(names.BURN_RATE, slo, own), Decimal("0.25") / (1 - slo.target), HOUR),
        rounded(promql.series(names.COVERAGE, slo, own), Decimal("0.5"), HOUR),
        rounded(promql.series(names.BUDGET_REMAINING, slo, own), Decimal("-0.25"), HOUR),
        count(firing(slo, EXHAUSTED, "pending"), 0, timedelta(0)),
        count(firing(slo, EXHAUSTED, "pending"), 1, HOUR),
        count(firing(slo, EXHAUSTED), 1, 2 * HOUR),
        absent(promql.series(names.BUDGET_REMAINING, slo, own), 4 * HOUR),
    ]
    return test("the current calendar window", slo, HOUR, series, {"promql_expr_test": checks})


def _rollups(slo: Slo, step: timedelta, phases: Iterable[tuple[int, int]]) -> list[Value]:
    """So many steps each with so many bad events, all of their time covered; nothing is known at the very start."""
    phases = tuple(phases)
    steps = sum(length for length, _ in phases)
    bad = " ".join(f"{failed}x{length - 1}" for length, failed in phases)
    return [
        recorded(slo, names.BAD_ROLLUP, f"_ {bad}"),
        recorded(slo, names.TOTAL_ROLLUP, f"_ {EVENTS}x{steps - 1}"),
        recorded(slo, names.COVERED_ROLLUP, f"_ {step // SECOND}x{steps - 1}"),
    ]
