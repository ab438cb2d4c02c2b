"""Tests of what takes days, from made-up roll-ups: slow burning, and the budget of the SLO's own window. Pure.

A group's own interval is not kept by promtool, so one sample an evaluation stands for all of its time: what is added up
from it is what Prometheus would have recorded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, Slo, Window
from monitor.render.pattern import YamlPattern, own_of
from monitor.render.slo_checks import SECOND, absent, burning, count, figures, firing, recorded, rounded, test, whole
from monitor.render.yaml_text import Value, written
from monitor.slo import names, policy, promql, windows
from monitor.slo.alerts import FIRST_TIME, NO_DATA
from monitor.slo.burning import burn_pairs, can_fire, highest_burn
from monitor.slo.spending import EXHAUSTED, KEEP, SPENT
from monitor.slo.stand_in import MOST_KEPT, Owner, StandIn
from monitor.slo.windows import BurnPair

HOUR = timedelta(hours=1)
EVENTS = 100_000
"""Events of one evaluation, at least: of a smaller budget more, or rounding would lose the bad ones (``_events``)."""
LEAST_ALLOWED = 10
"""So many of them may be bad: a tenth of the budget is one event."""

PACE = 20
"""How many times too fast the budget of the SLO's own window is spent in its test, where its objective allows that."""

_MARGIN = 3
"""Evaluations between a budget that is spent and when that is asked."""

MOST_STEPS = 360
"""Evaluations in an SLO's own window, at most: promtool reads no more than 10,000 samples a query."""


def day_tests(slo: Slo) -> Iterator[Value]:
    """Every window from hours on, and the two slow alerts: not yet, due, and over."""
    yield _added_up(slo.window).items(own_of(slo))
    for pair in burn_pairs(slo)[2:]:
        if can_fire(slo, pair):
            yield _slow(slo, pair)
    if not slo.counted:
        yield _never_known(slo.window).items(own_of(slo))


PULSES = (
    (timedelta(hours=100), 50_000, 900_000),
    (timedelta(hours=48), 4000, 110_000),
    (timedelta(hours=12), 300, 13_000),
    (timedelta(hours=4), 20, 1700),
    (timedelta(hours=1), 1, 1),
)
"""How long ago so many bad events of so many were, one in each window and none where a window begins."""


@lru_cache(maxsize=MOST_KEPT)
def _added_up(window: Window) -> YamlPattern:
    any_slo = StandIn(window)
    return YamlPattern(
        written(
            [
                _pulses(any_slo),
                _one_hour(any_slo, "one event failed, and there was no other", 1, 1),
                _one_hour(any_slo, "good was counted before its total", -1, 10),
                _one_hour(any_slo, "more than can be", 20, 10, covered=1000 * windows.LONGEST_FROM_SECOND // SECOND),
                _given_back(any_slo),
            ]
        )
    )


def _pulses(slo: Owner) -> Value:
    """Each window has what lies in it, whatever it is added up from."""
    end = 104 * HOUR
    values: dict[str, list[str]] = {names.BAD_ROLLUP: [], names.TOTAL_ROLLUP: [], names.COVERED_ROLLUP: []}
    for hour in range(end // HOUR + 1):
        pulse = next(((bad, total) for age, bad, total in PULSES if end - age == hour * HOUR), None)
        written = ("_", "_", "_") if pulse is None else (*map(str, pulse), str(HOUR // SECOND))
        for name, value in zip(values, written, strict=True):
            values[name].append(value)
    series = [recorded(slo, name, " ".join(parts)) for one, parts in values.items() for name in _levels(one)]
    checks: list[Value] = []
    for span in (*windows.MIDDLE_WINDOWS, *windows.LONG_WINDOWS, *_own(slo)):
        inside = [(bad, total) for age, bad, total in PULSES if age < span]
        covered = Decimal(len(inside)) / (span // HOUR)
        bad, total = (Decimal(sum(column)) for column in zip(*inside, strict=True))
        checks += figures(slo, durations.text(span), bad, total, covered, end)
        if span not in windows.MIDDLE_WINDOWS:
            seconds = Decimal(len(inside) * (HOUR // SECOND))
            checks.append(rounded(whole(names.BAD_WINDOW, slo, durations.text(span)), bad, end))
            checks.append(rounded(whole(names.TOTAL_WINDOW, slo, durations.text(span)), total, end))
            checks.append(rounded(whole(names.COVERED_WINDOW, slo, durations.text(span)), seconds, end))
    checks.append(absent(whole(names.BAD_SUM, slo, "2h"), end - 7 * HOUR))
    return test("some failed hours and days ago", slo, HOUR, series, {"promql_expr_test": checks})


def _one_hour(slo: Owner, name: str, bad: int, total: int, *, covered: int = HOUR // SECOND) -> Value:
    """An hour of events, an hour ago, in every window; no share is below nothing or above all, whatever they are."""
    values = {names.BAD_ROLLUP: bad, names.TOTAL_ROLLUP: total, names.COVERED_ROLLUP: covered}
    series = [recorded(slo, name, f"_ {value} _") for one, value in values.items() for name in _levels(one)]
    share = Decimal(max(bad, 0)) / total
    checks: list[Value] = []
    for span in (*windows.MIDDLE_WINDOWS, *windows.LONG_WINDOWS, *_own(slo)):
        window = durations.text(span)
        checks.append(rounded(whole(names.BAD_SUM, slo, window), Decimal(max(bad, 0)), 2 * HOUR))
        checks.append(rounded(whole(names.SLI, slo, window), max(1 - share, Decimal(0)), 2 * HOUR))
        checks.append(burning(slo, window, share, 2 * HOUR))
        if covered >= span // SECOND:
            checks.append(rounded(whole(names.COVERAGE, slo, window), Decimal(1), 2 * HOUR))
    return test(name, slo, HOUR, series, {"promql_expr_test": checks})


def _given_back(slo: Owner) -> Value:
    """A budget that comes back is told of for as long as its alerts are kept, and no longer."""
    left = f"0x2 {promql.number(policy.ends(policy.WARNINGS[0]) + Decimal('0.0001'))}x3"
    series = [recorded(slo, names.BUDGET_REMAINING, left, slo.window.text)]
    after = 3 * HOUR
    checks = [
        count(firing(slo, alert), expected, at) for alert in SPENT for at, expected in ((after, 1), (after + KEEP, 0))
    ]
    return test("the budget is given back", slo, HOUR, series, {"promql_expr_test": checks})


@lru_cache(maxsize=MOST_KEPT)
def _never_known(window: Window) -> YamlPattern:
    """What has never happened yet is given its time, and no more."""
    slo = StandIn(window)
    nothing = recorded(slo, names.COVERAGE, "0x3", durations.text(FIRST_TIME))
    alert = f'ALERTS{{alertname="{NO_DATA}"}}'
    checks = [count(alert, 0, timedelta(0)), count(alert, 1, FIRST_TIME), count(firing(slo, NO_DATA), 1, 2 * HOUR)]
    tests = [test("nothing was ever recorded", slo, HOUR, [nothing], {"promql_expr_test": checks})]
    return YamlPattern(written(tests))


def rollup_tests(slo: Slo, environment: Environment) -> Iterator[Value]:
    """The coarser roll-ups have each of the finer once."""
    yield _rolled_up(slo.window, environment.rollup_interval).items(own_of(slo))


@lru_cache(maxsize=MOST_KEPT)
def _rolled_up(window: Window, size: timedelta) -> YamlPattern:
    slo = StandIn(window)
    levels = [(windows.SECOND_ROLLUP, (names.BAD_ROLLUP_5X, names.TOTAL_ROLLUP_5X, names.COVERED_ROLLUP_5X))]
    if any(span > windows.LONGEST_FROM_SECOND for span in _own(slo)):
        # At each evaluation there is a second roll-up, so that an hour's third one has each first one five times.
        longest = windows.THIRD_ROLLUP * windows.SECOND_ROLLUP
        levels.append((longest, (names.BAD_ROLLUP_60X, names.TOTAL_ROLLUP_60X, names.COVERED_ROLLUP_60X)))
    end, values = (windows.THIRD_ROLLUP + 8) * size, (2, 10, size // SECOND)
    first = (names.BAD_ROLLUP, names.TOTAL_ROLLUP, names.COVERED_ROLLUP)
    series = [recorded(slo, name, f"{value}x{end // size}") for name, value in zip(first, values, strict=True)]
    checks: list[Value] = [
        rounded(whole(name, slo), Decimal(value * many), end)
        for many, coarser in levels
        for name, value in zip(coarser, values, strict=True)
    ]
    tests = [test("roll-ups of roll-ups", slo, size, series, {"promql_expr_test": checks})]
    return YamlPattern(written(tests))


def _own(slo: Owner) -> tuple[timedelta, ...]:
    """The SLO's own window where it is longer than all others."""
    return () if slo.window.calendar or slo.window.duration < timedelta(days=7) else (slo.window.duration,)


def own_tests(slo: Slo, environment: Environment) -> Iterator[Value]:
    """The budget of the SLO's own window is spent, and comes back when what spent it leaves the window."""
    if slo.window.calendar:
        yield _calendar(slo)
    elif slo.window.duration >= timedelta(days=7) and _burnt(slo) < slo.window.duration // own_interval(slo) - 1:
        yield _exhausted(slo, environment)


def own_interval(slo: Slo) -> timedelta:
    """How far evaluations are apart in the test of the SLO's own window."""
    return HOUR if slo.window.calendar else math.ceil(slo.window.duration / MOST_STEPS / HOUR) * HOUR


def _slow(slo: Slo, pair: BurnPair) -> Value:
    """Burning a third faster than the limit is due when three quarters of the long window have burnt."""
    hours = pair.long // HOUR
    pace = min(pair.factor * 4 / 3, highest_burn(slo))
    due = pair.factor / pace * hours
    early, late, calm = int(due * Decimal("0.9")), int(due * Decimal("1.1")) + 2, pair.short // HOUR + 3
    bad = round(_events(slo) * pace * (1 - slo.target))
    series = _rollups(slo, HOUR, [(hours, 0), (late, bad), (calm, 0)])
    checks = _due(slo.window, pair, early, late, calm).items(own_of(slo))
    return test(f"{pair.alert}: too fast for most of its window", slo, HOUR, series, {"promql_expr_test": [checks]})


@lru_cache(maxsize=MOST_KEPT)
def _due(window: Window, pair: BurnPair, early: int, late: int, calm: int) -> YamlPattern:
    """So many hours after an outage began the alert is not due yet, and due; and it ends when it was calm for long."""
    slo, hours = StandIn(window), pair.long // HOUR
    spans = [durations.text(span) for span in (*windows.MIDDLE_WINDOWS, *windows.LONG_WINDOWS)]
    checks = [
        *(rounded(whole(names.BAD_SUM, slo, span), Decimal(0), hours * HOUR) for span in spans),
        *(rounded(whole(names.COVERAGE, slo, span), Decimal(1), pair.long) for span in spans if span != "3d"),
        count(firing(slo, pair.alert), 0, (hours + early) * HOUR),
        count(firing(slo, pair.alert, "pending"), 0, (hours + early) * HOUR),
        count(firing(slo, pair.alert), 1, (hours + late) * HOUR),
        count(firing(slo, pair.alert), 0, (hours + late + calm) * HOUR),
    ]
    return YamlPattern(written(checks))


def _burnt(slo: Slo) -> int:
    """After how many evaluations the budget of the SLO's own window is surely spent, at the pace of its test."""
    pace = min(Decimal(PACE), highest_burn(slo))
    return math.ceil(Decimal(slo.window.duration // SECOND) / (own_interval(slo) // SECOND) / pace) + _MARGIN


def _events(slo: Slo) -> int:
    return max(EVENTS, math.ceil(LEAST_ALLOWED / (1 - slo.target)))


def _exhausted(slo: Slo, environment: Environment) -> Value:
    step, own = own_interval(slo), slo.window.text
    window = slo.window.duration // step
    pace = min(Decimal(PACE), highest_burn(slo))
    exact, burnt = Decimal(slo.window.duration // SECOND) / (step // SECOND), _burnt(slo)
    spent = burnt - _MARGIN
    events = _events(slo)
    bad = round(events * pace * (1 - slo.target))
    after = window + 2
    back = (after + burnt + math.ceil(KEEP / step) + 2) * step
    share, at = Decimal(bad) / events, (burnt - 1) * step
    covered = (burnt - 1) / exact
    longest = slo.window.duration > windows.LONGEST_FROM_SECOND
    many = windows.THIRD_ROLLUP if longest else windows.SECOND_ROLLUP
    # All events of an evaluation are in one roll-up here, and all of its time is covered.
    peak = Decimal(step // SECOND) / (many * environment.rollup_interval // SECOND)
    series = _rollups(slo, step, [(burnt - 1, bad), (after + 10, 0)], longest=longest)
    checks = [
        count(firing(slo, EXHAUSTED), 0, max(spent - 2, 0) * step),
        count(firing(slo, EXHAUSTED, "pending"), 0, max(spent - 2, 0) * step),
        *figures(slo, own, Decimal(bad * (burnt - 1)), Decimal(events * (burnt - 1)), covered, at),
        rounded(whole(names.BUDGET_REMAINING, slo, own), 1 - share / (1 - slo.target) * covered, at),
        count(firing(slo, EXHAUSTED), 1, (burnt + 1) * step),
        rounded(whole(names.BAD_SUM, slo, own), Decimal(bad * (burnt - 1)), (window - 2) * step),
        *(
            rounded(whole(name, slo, own), peak, (window - 2) * step)
            for name in (names.PEAK_WINDOW, names.TRAFFIC_PEAK)
        ),
        rounded(whole(names.COVERAGE, slo, own), Decimal(1), (window + 1) * step),
        count(firing(slo, EXHAUSTED), 0, back),
        rounded(whole(names.BUDGET_REMAINING, slo, own), Decimal(1), back),
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
        rounded(whole(names.SLI, slo, own), Decimal("0.75"), HOUR),
        burning(slo, own, Decimal("0.25"), HOUR),
        rounded(whole(names.COVERAGE, slo, own), Decimal("0.5"), HOUR),
        rounded(whole(names.BUDGET_REMAINING, slo, own), Decimal("-0.25"), HOUR),
        count(firing(slo, EXHAUSTED, "pending"), 0, timedelta(0)),
        count(firing(slo, EXHAUSTED, "pending"), 1, HOUR),
        count(firing(slo, EXHAUSTED), 1, 2 * HOUR),
        absent(whole(names.BUDGET_REMAINING, slo, own), 4 * HOUR),
    ]
    return test("the current calendar window", slo, HOUR, series, {"promql_expr_test": checks})


def _rollups(slo: Slo, step: timedelta, phases: Iterable[tuple[int, int]], *, longest: bool = False) -> list[Value]:
    """So many steps each with so many bad events, all of their time covered; nothing is known at the very start."""
    phases = tuple(phases)
    steps = sum(length for length, _ in phases)
    values = {
        names.BAD_ROLLUP: " ".join(f"{failed}x{length - 1}" for length, failed in phases),
        names.TOTAL_ROLLUP: f"{_events(slo)}x{steps - 1}",
        names.COVERED_ROLLUP: f"{step // SECOND}x{steps - 1}",
    }
    return [recorded(slo, name, f"_ {text}") for one, text in values.items() for name in _levels(one, longest=longest)]


def _levels(first: str, *, longest: bool = False) -> tuple[str, ...]:
    """A roll-up and the next coarser one, which sees nothing of a sample an hour: its tile ended one evaluation ago.

    The ``longest`` is made up as well where samples are further apart than its hour.
    """
    many = (windows.SECOND_ROLLUP, windows.THIRD_ROLLUP) if longest else (windows.SECOND_ROLLUP,)
    return (first, *(f"{first}_{times}x" for times in many))
