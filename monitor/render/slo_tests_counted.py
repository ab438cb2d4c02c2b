"""Tests of an SLO's recordings and the alerts on them, from made-up series of the SLI itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, RatioSli, Slo, Window
from monitor.render.pattern import YamlPattern, own_of
from monitor.render.slo_checks import SECOND, absent, any_burning, count, figures, firing, given, rounded, test, whole
from monitor.render.slo_tests_counters import counter_tests
from monitor.render.slo_tests_outage import darkness, total_outage
from monitor.render.slo_tests_series import Phase, can_be_made_up, memory, scenario
from monitor.render.slo_tests_steps import RATE, decimal, is_probed, judges_time, steps_of
from monitor.render.yaml_text import Value, written
from monitor.slo import names, promql, windows
from monitor.slo.alerts import NO_DATA, NO_DATA_HOLD
from monitor.slo.stand_in import MOST_KEPT, StandIn


def counted_tests(slo: Slo, environment: Environment) -> Iterator[Value]:
    """What happens to users, and what the rules make of it."""
    if can_be_made_up(slo):
        yield from total_outage(slo, environment)
        yield from darkness(slo, environment)
        yield _within_budget(slo, environment)
        yield _idle(slo, environment)
    if isinstance(slo.sli, RatioSli):
        yield from counter_tests(slo, environment)
    if can_be_made_up(slo) and not memory(slo):
        yield _pulses(slo, environment)
    yield _silence(slo, environment)
    if not (isinstance(slo.sli, RatioSli) and slo.sli.slice):  # what judges slices reads the grid of one service
        yield _beyond_measure(slo.window, environment.evaluation_interval).items(own_of(slo))


def _within_budget(slo: Slo, environment: Environment) -> Value:
    """Errors at the pace that the budget allows wake nobody."""
    step, steps = environment.evaluation_interval, 60
    bad = 0 if judges_time(slo) else int(RATE * 100 * (1 - slo.target))
    phases = (Phase(steps=steps, good=RATE * 100 - bad, bad=bad),)
    checks = [count(any_burning(slo), 0, steps * step)]
    return scenario("errors at the pace that the budget allows", slo, environment, phases, checks)


def _pulses(slo: Slo, environment: Environment) -> Value:
    """Each window has what lies in it, and knows how much of it was watched.

    Nothing is scraped where a window begins: whether the sample there belongs to it is for Prometheus to say (2 and 3
    differ).
    """
    step = environment.evaluation_interval
    spans = ((20, 0, 0), (-15, 0, 0), (15, 300, 6700), (-15, 0, 0), (13, 20, 280), (-4, 0, 0), (3, 1, 9))
    phases: list[Phase] = []
    for minutes, bad, good in spans:
        steps = abs(minutes) * 60 * SECOND // step
        if minutes < 0:
            phases.append(Phase(steps=steps, absent=True))
        else:
            third = steps // 3
            phases += [Phase(steps=third), Phase(steps=1, good=good, bad=bad), Phase(steps=steps - third - 1)]
    at = sum(phase.steps for phase in phases) * step
    checks = [_in_windows(slo.window, at, step if judges_time(slo) else None).items(own_of(slo))]
    return scenario(
        "some fail now and then, and not all of the time is watched", slo, environment, tuple(phases), checks
    )


@lru_cache(maxsize=MOST_KEPT)
def _in_windows(window: Window, at: timedelta, step: timedelta | None) -> YamlPattern:
    """What is recorded of those pulses: events; or, where time is judged, minutes, a ``step`` for each pulse."""
    known = ((5, 3, 1, 10), (30, 16, 21, 310), (60, 31, 321, 7310))
    checks: list[Value] = []
    for pulses, (length, watched, bad, total) in enumerate(known, 1):
        failed, counted = Decimal(bad), Decimal(total)
        if step is not None:
            failed, counted = decimal(pulses * Fraction(step // SECOND, 60)), Decimal(watched)
        span, covered = durations.text(timedelta(minutes=length)), decimal(Fraction(watched, length))
        checks += figures(StandIn(window), span, failed, counted, covered, at)
    return YamlPattern(written(checks))


def _idle(slo: Slo, environment: Environment) -> Value:
    """No events: nothing is known to be wrong, nothing is NaN, and time counts as watched."""
    step = environment.evaluation_interval
    steps = windows.SHORT_WINDOWS[-1] // step + 4
    checks = [_nothing(slo.window, steps * step, judges_time(slo)).items(own_of(slo))]
    return scenario("nothing comes and nothing fails", slo, environment, (Phase(steps=steps),), checks)


@lru_cache(maxsize=MOST_KEPT)
def _nothing(window: Window, at: timedelta, is_time: bool) -> YamlPattern:  # noqa: FBT001  # asked nowhere else
    """What is recorded where there was time and no event."""
    slo = StandIn(window)
    checks = [count(any_burning(slo), 0, at)]
    for span in map(durations.text, windows.SHORT_WINDOWS):
        sli = whole(names.SLI, slo, span)
        checks.append(rounded(whole(names.COVERAGE, slo, span), Decimal(1), at))
        checks.append(rounded(whole(names.BAD_SUM, slo, span), Decimal(0), at))
        burn = whole(names.BURN_RATE, slo, span)
        checks += [rounded(sli, Decimal(1), at), rounded(burn, Decimal(0), at)] if is_time else [absent(sli, at)]
    return YamlPattern(written(checks))


def _silence(slo: Slo, environment: Environment) -> Value:
    """The series vanish: with a failing probe that is bad time; without one it is unknown, and said so."""
    step = environment.evaluation_interval
    steps = (NO_DATA_HOLD + memory(slo)) // step + 8
    phases = (Phase(steps=20, good=0), Phase(steps=steps, absent=True, probe=0))
    at, probed = (20 + steps) * step, is_probed(slo)
    checks = [count(firing(slo, NO_DATA), 0 if probed else 1, at)]
    if isinstance(slo.sli, RatioSli):
        checks.append(absent(whole(names.OBSERVED_BAD_DELTA, slo), at))
    if probed:
        failed = steps_of(slo, step).figure(steps) if judges_time(slo) else Decimal(steps)
        checks.append(rounded(promql.failed_events(slo, steps * step), failed, at))
        checks.append(rounded(promql.series(names.SLI, slo, "5m"), Decimal(0), at))
    name = "the edge is gone, and the probe says so" if probed else "the counters are gone"
    return scenario(name, slo, environment, phases, checks)


@lru_cache(maxsize=MOST_KEPT)
def _beyond_measure(window: Window, step: timedelta) -> YamlPattern:
    """Whatever was recorded: no share is below nothing, nor is more than all of the time covered.

    Good that is counted before its total makes bad fall below zero for a while; an SLO that belonged to other services
    has a past under each.
    """
    slo, former, third = StandIn(window), 3, windows.SHORT_WINDOWS[-1] // step // 3
    series = [
        given(whole(name, replace(slo, service=f"{slo.service}-{number}")), f"{early}x{third} {late}x{third}")
        for number in range(former)
        for name, early, late in ((names.BAD_DELTA, -1, 40), (names.TOTAL_DELTA, 10, 10))
    ]
    early, late = third * step, 2 * third * step
    checks: list[Value] = []
    for span in map(durations.text, windows.SHORT_WINDOWS):
        checks.append(rounded(whole(names.BAD_SUM, slo, span), Decimal(0), early))
        checks.append(rounded(whole(names.SLI, slo, span), Decimal(1), early))
        checks.append(rounded(whole(names.SLI, slo, span), Decimal(0), late))
        checks.append(rounded(whole(names.COVERAGE, slo, span), Decimal(1), late))
    tests = [test("more than can be", slo, step, series, {"promql_expr_test": checks})]
    return YamlPattern(written(tests))
