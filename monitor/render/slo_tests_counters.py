"""Tests of what happens to counters: they start anew, go on under other labels, are away, are few. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, RatioSli, Slo
from monitor.render.slo_checks import any_burning, count, firing, given, rounded, test, whole
from monitor.render.slo_tests_series import Phase, Series, input_series, moved, others_gain, probed, scenario
from monitor.render.slo_tests_steps import RATE, steps_of
from monitor.render.yaml_text import Value
from monitor.slo import burning, names, native, promql, windows


def counter_tests(slo: Slo, environment: Environment) -> Iterator[Value]:
    """What counters go through, and what comes of it."""
    assert isinstance(slo.sli, RatioSli)
    yield _reset(slo, environment)
    if not native.is_native(slo):
        yield _moved(slo, environment)
        yield _away(slo, environment)
    yield _few_events(slo, environment)
    if slo.sli.probe and not slo.sli.slice:
        yield _still_served(slo, environment)
        yield _dark_from_the_start(slo, environment)


def _reset(slo: Slo, environment: Environment) -> Value:
    """Counters that start anew lose nothing, though a scrape failed meanwhile."""
    phase = Phase(steps=20, good=RATE, bad=1)
    phases = (phase, Phase(steps=1, absent=True), replace(phase, reset=True))
    return _added_up(slo, environment, "every counter is reset", 40, 41, input_series(slo, phases, others=True))


def _moved(slo: Slo, environment: Environment) -> Value:
    """Counters that go on under other labels are counted once."""
    phase = Phase(steps=20, good=RATE, bad=1)
    name = "every counter goes on under other labels"
    return _added_up(slo, environment, name, 40, 40, moved(slo, phase, phase))


def _away(slo: Slo, environment: Environment) -> Value:
    """A target that was away for longer than it is remembered is counted from where it is when it is back."""
    phase = Phase(steps=20, good=RATE, bad=1)
    away = promql.LOOKBACK // environment.evaluation_interval + 4
    series = input_series(slo, (phase, Phase(steps=away, absent=True), phase), others=True)
    return _added_up(slo, environment, "a target was away for long", 39, 40 + away, series)


def _added_up(slo: Slo, environment: Environment, name: str, counted: int, steps: int, made: Iterable[Series]) -> Value:
    """What is observed comes to so many steps of one bad event, ``RATE`` good ones, and what others gain."""
    assert isinstance(slo.sli, RatioSli)
    more_bad, more = others_gain(slo.sli)
    at = steps * environment.evaluation_interval
    bad, total = (promql.tile(name, slo, at) for name in (names.OBSERVED_BAD_DELTA, names.OBSERVED_TOTAL_DELTA))
    checks = [
        rounded(bad, Decimal(counted * (1 + more_bad)), at),
        rounded(total, Decimal(counted * (RATE + 1 + more)), at),
    ]
    series = [given(one.series, one.values) for one in made]
    return test(name, slo, environment.evaluation_interval, series, {"promql_expr_test": checks})


def _few_events(slo: Slo, environment: Environment) -> Value:
    """One failed event is no reason to wake anyone, though it be all there were."""
    steps = steps_of(slo, environment.evaluation_interval)
    phases = (Phase(steps=20, good=0), Phase(steps=1, bad=1), Phase(steps=20, good=0))
    at = 41 * steps.length
    failed = steps.figure(min(steps.in_slice, 21)) if steps.judges_time else Decimal(1)
    # Slices are long: their minutes pass the floor of the slower alerts, because promtool rolls up at each step.
    alerts = firing(slo, windows.SPEEDS[0].alert) if steps.in_slice > 1 else any_burning(slo)
    checks = [count(alerts, 0, at), rounded(promql.failed_events(slo, at), failed, at)]
    if not steps.judges_time:
        for window in map(durations.text, windows.SHORT_WINDOWS[1:]):
            checks.append(rounded(whole(names.SLI, slo, window), Decimal(0), at))
            checks.append(rounded(whole(names.BURN_RATE, slo, window), burning.highest_burn(slo), at))
    return scenario("one failed event at night, and no other", slo, environment, phases, checks)


def _still_served(slo: Slo, environment: Environment) -> Value:
    """While the probe fails and requests are answered all the same, what was counted counts."""
    step, steps = environment.evaluation_interval, 10
    phases = (Phase(steps=steps, good=RATE), Phase(steps=steps, good=1, probe=0))
    at = 2 * steps * step
    checks = [
        rounded(whole(names.TOTAL_DELTA, slo), Decimal(1), at),
        rounded(whole(names.BAD_DELTA, slo), Decimal(0), at),
    ]
    return scenario("the probe fails, but requests are answered", slo, environment, phases, checks)


def _dark_from_the_start(slo: Slo, environment: Environment) -> Value:
    """Where nothing was ever counted, a dark evaluation is one failed event."""
    assert isinstance(slo.sli, RatioSli)
    step, steps = environment.evaluation_interval, 10
    at, events = steps * step, Decimal(steps + 1)
    checks = [
        rounded(promql.failed_events(slo, 2 * at), events, at),
        rounded(promql.total_events(slo, 2 * at), events, at),
    ]
    series = [given(probed(slo.sli), f"0x{steps}")]
    return test("the probe has failed from the start", slo, step, series, {"promql_expr_test": checks})
