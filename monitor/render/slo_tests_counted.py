"""Tests of an SLO's recordings and the alerts on them, from made-up series of the SLI itself. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, RatioSli, Slo, ThresholdSli, Window
from monitor.render.pattern import YamlPattern, own_of
from monitor.render.slo_checks import SECOND, absent, any_burning, count, figures, firing, given, rounded, test, whole
from monitor.render.slo_tests_series import (
    Phase,
    Series,
    can_be_made_up,
    input_series,
    mean_of,
    memory,
    moved,
    others_gain,
    probed,
)
from monitor.render.yaml_text import Value, written
from monitor.slo import burning, names, native, promql, windows
from monitor.slo.alerts import NO_DATA, NO_DATA_HOLD
from monitor.slo.stand_in import MOST_KEPT, StandIn

RATE = 100
"""Events per step in the made-up traffic: enough that the floor of bad events is passed at the first bad step."""


HEALTHY = 40
"""Steps in which all is well before anything happens."""


def counted_tests(slo: Slo, environment: Environment) -> Iterator[Value]:
    """What happens to users, and what the rules make of it."""
    if can_be_made_up(slo):
        yield from _total_outage(slo, environment)
        yield from _darkness(slo, environment)
        yield _within_budget(slo, environment)
        yield _idle(slo, environment)
    if isinstance(slo.sli, RatioSli):
        yield _reset(slo, environment)
        if not native.is_native(slo):
            yield _moved(slo, environment)
            yield _away(slo, environment)
        yield _few_events(slo, environment)
        if slo.sli.probe and not slo.sli.slice:
            yield _still_served(slo, environment)
            yield _dark_from_the_start(slo, environment)
    if can_be_made_up(slo) and not memory(slo):
        yield _pulses(slo, environment)
    yield _silence(slo, environment)
    if not (isinstance(slo.sli, RatioSli) and slo.sli.slice):  # what judges slices reads the grid of one service
        yield _beyond_measure(slo.window, environment.evaluation_interval).items(own_of(slo))


def _total_outage(slo: Slo, environment: Environment) -> Iterator[Value]:
    """Healthy, then everything fails, then healthy again: fires when the budget says so, not before; and resolves."""
    pair, step = burning.burn_pairs(slo)[0], environment.evaluation_interval
    if not burning.can_fire(slo, pair):
        return
    healthy = max(HEALTHY, _slice_steps(slo, step))
    needed = _steps_until_fast(slo, healthy, step, 1)
    held = math.ceil(burning.hold(slo, environment) / step)
    outage = needed + held + 4
    calm = (pair.short + environment.keep_firing_for + memory(slo)) // step + 8
    phases = (Phase(steps=healthy, good=RATE), Phase(steps=outage, bad=RATE), Phase(steps=calm, good=RATE))
    yield _test(
        "everything fails, and then nothing does",
        slo,
        environment,
        phases,
        [
            count(firing(slo, pair.alert), 0, (healthy + needed - 1) * step),
            *(count(firing(slo, pair.alert, "pending"), 1, (healthy + needed + n) * step) for n in range(held)),
            count(firing(slo, pair.alert), 1, (healthy + needed + held) * step),
            count(firing(slo, pair.alert), 0, (healthy + outage + calm) * step),
            rounded(whole(names.BAD_ROLLUP, slo), _events(slo, _bad_steps(slo, 1, step), step), (healthy + 2) * step),
            *_figures(slo, pair.long, healthy, outage, step),
            *_rolled_up(slo, environment, (healthy + outage) * step),
        ],
    )


def _rolled_up(slo: Slo, environment: Environment, at: timedelta) -> Iterator[Value]:
    """What the roll-up of the grid comes to while everything fails, where an outage is longer than one."""
    step = environment.evaluation_interval
    steps = environment.rollup_interval // step
    yield rounded(whole(names.TOTAL_ROLLUP, slo), _events(slo, steps, step), at)
    yield rounded(whole(names.BAD_ROLLUP, slo), _events(slo, steps, step), at)
    yield rounded(whole(names.COVERED_ROLLUP, slo), Decimal(steps * (step // SECOND)), at)


def _darkness(slo: Slo, environment: Environment) -> Iterator[Value]:
    """Traffic, then the edge is gone and the probe fails: it burns as fast as if all that traffic had failed."""
    pair, step = burning.burn_pairs(slo)[0], environment.evaluation_interval
    if not burning.can_fire(slo, pair) or not _is_probed(slo):
        return
    healthy = HEALTHY
    # At the first sample nothing has been gained yet, so the mean step has a little less than what came in one.
    weight = 1 if _judges_time(slo) else Fraction(healthy, healthy + 1)
    needed = _steps_until_fast(slo, healthy, step, weight, dark=True)
    held = math.ceil(burning.hold(slo, environment) / step)
    dark = needed + held + 4
    phases = (Phase(steps=healthy, good=RATE), Phase(steps=dark, absent=True, probe=0))
    at, lost = (healthy + dark) * step, _events(slo, dark * weight, step)
    counted = [
        rounded(promql.failed_events(slo, dark * step), lost, at),
        rounded(promql.total_events(slo, at), _events(slo, healthy, step) + lost, at),
    ]
    yield _test(
        "traffic, then the edge is gone, and the probe says so",
        slo,
        environment,
        phases,
        [
            count(firing(slo, pair.alert), 0, (healthy + needed + held - 1) * step),
            count(firing(slo, pair.alert), 1, (healthy + needed + held) * step),
            # Beyond its memory the mean step is one without the first sample.
            *(counted if at <= promql.TRAFFIC_MEMORY else ()),
        ],
    )


def _figures(slo: Slo, span: timedelta, healthy: int, outage: int, step: timedelta) -> Iterator[Value]:
    """What is recorded at the end of an outage."""
    window, steps, within = durations.text(span), healthy + outage, span // step
    at, bad = steps * step, _bad_steps(slo, outage, step)
    share = _decimal(Fraction(_bad_within(slo, outage, step, within)) / min(_counted(slo, steps), within))
    covered = Decimal(min(_known(slo, steps), within) * (step // SECOND)) / (span // SECOND)
    yield rounded(promql.series(names.SLI, slo, window), 1 - share, at)
    yield rounded(promql.series(names.BURN_RATE, slo, window), share / (1 - slo.target), at)
    yield rounded(promql.series(names.COVERAGE, slo, window), covered, at)
    yield rounded(promql.failed_events(slo, at), _events(slo, bad, step), at)
    yield rounded(promql.total_events(slo, at), _events(slo, steps, step), at)
    yield rounded(whole(names.OBJECTIVE, slo), slo.target, at)
    yield from _grid(slo, step, at)


def _grid(slo: Slo, step: timedelta, at: timedelta) -> Iterator[Value]:
    """What one evaluation records while everything fails, and what the roll-up of it comes to."""
    one = _events(slo, 1, step)
    judged = {names.BAD_DELTA: one, names.TOTAL_DELTA: one}
    if isinstance(slo.sli, RatioSli):
        judged |= {names.OBSERVED_BAD_DELTA: Decimal(RATE), names.OBSERVED_TOTAL_DELTA: Decimal(RATE)}
    for name, value in judged.items():
        yield rounded(whole(name, slo), value, at)


def _within_budget(slo: Slo, environment: Environment) -> Value:
    """Errors at the pace that the budget allows wake nobody."""
    step, steps = environment.evaluation_interval, 60
    bad = 0 if _judges_time(slo) else int(RATE * 100 * (1 - slo.target))
    phases = (Phase(steps=steps, good=RATE * 100 - bad, bad=bad),)
    checks = [count(any_burning(slo), 0, steps * step)]
    return _test("errors at the pace that the budget allows", slo, environment, phases, checks)


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
    checks = [_in_windows(slo.window, at, step if _judges_time(slo) else None).items(own_of(slo))]
    return _test("some fail now and then, and not all of the time is watched", slo, environment, tuple(phases), checks)


@lru_cache(maxsize=MOST_KEPT)
def _in_windows(window: Window, at: timedelta, step: timedelta | None) -> YamlPattern:
    """What is recorded of those pulses: events; or, where time is judged, minutes, a ``step`` for each pulse."""
    known = ((5, 3, 1, 10), (30, 16, 21, 310), (60, 31, 321, 7310))
    checks: list[Value] = []
    for pulses, (length, watched, bad, total) in enumerate(known, 1):
        failed, counted = Decimal(bad), Decimal(total)
        if step is not None:
            failed, counted = _decimal(pulses * Fraction(step // SECOND, 60)), Decimal(watched)
        span, covered = durations.text(timedelta(minutes=length)), _decimal(Fraction(watched, length))
        checks += figures(StandIn(window), span, failed, counted, covered, at)
    return YamlPattern(written(checks))


def _few_events(slo: Slo, environment: Environment) -> Value:
    """One failed event is no reason to wake anyone, though it be all there were."""
    step, sli = environment.evaluation_interval, slo.sli
    phases = (Phase(steps=20, good=0), Phase(steps=1, bad=1), Phase(steps=20, good=0))
    at, failed = 41 * step, Decimal(1)
    if isinstance(sli, RatioSli) and sli.slice:
        failed = _events(slo, Fraction(min(_slice_steps(slo, step), 21)), step)
    # Slices are long: their minutes pass the floor of the slower alerts, because promtool rolls up at each step.
    alerts = firing(slo, windows.SPEEDS[0].alert) if _slice_steps(slo, step) > 1 else any_burning(slo)
    checks = [count(alerts, 0, at), rounded(promql.failed_events(slo, at), failed, at)]
    if not _judges_time(slo):
        for window in map(durations.text, windows.SHORT_WINDOWS[1:]):
            checks.append(rounded(whole(names.SLI, slo, window), Decimal(0), at))
            checks.append(rounded(whole(names.BURN_RATE, slo, window), burning.highest_burn(slo), at))
    return _test("one failed event at night, and no other", slo, environment, phases, checks)


def _idle(slo: Slo, environment: Environment) -> Value:
    """No events: nothing is known to be wrong, nothing is NaN, and time counts as watched."""
    step = environment.evaluation_interval
    steps = windows.SHORT_WINDOWS[-1] // step + 4
    checks = [_nothing(slo.window, steps * step, _judges_time(slo)).items(own_of(slo))]
    return _test("nothing comes and nothing fails", slo, environment, (Phase(steps=steps),), checks)


@lru_cache(maxsize=MOST_KEPT)
def _nothing(window: Window, at: timedelta, judges_time: bool) -> YamlPattern:  # noqa: FBT001  # asked nowhere else
    """What is recorded where there was time and no event."""
    slo = StandIn(window)
    checks = [count(any_burning(slo), 0, at)]
    for span in map(durations.text, windows.SHORT_WINDOWS):
        sli = whole(names.SLI, slo, span)
        checks.append(rounded(whole(names.COVERAGE, slo, span), Decimal(1), at))
        checks.append(rounded(whole(names.BAD_SUM, slo, span), Decimal(0), at))
        burn = whole(names.BURN_RATE, slo, span)
        checks += [rounded(sli, Decimal(1), at), rounded(burn, Decimal(0), at)] if judges_time else [absent(sli, at)]
    return YamlPattern(written(checks))


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


def _added_up(  # what a test is
    slo: Slo, environment: Environment, name: str, counted: int, steps: int, made: Iterable[Series]
) -> Value:
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


def _still_served(slo: Slo, environment: Environment) -> Value:
    """While the probe fails and requests are answered all the same, what was counted counts."""
    step, steps = environment.evaluation_interval, 10
    phases = (Phase(steps=steps, good=RATE), Phase(steps=steps, good=1, probe=0))
    at = 2 * steps * step
    checks = [
        rounded(whole(names.TOTAL_DELTA, slo), Decimal(1), at),
        rounded(whole(names.BAD_DELTA, slo), Decimal(0), at),
    ]
    return _test("the probe fails, but requests are answered", slo, environment, phases, checks)


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


def _silence(slo: Slo, environment: Environment) -> Value:
    """The series vanish: with a failing probe that is bad time; without one it is unknown, and said so."""
    step = environment.evaluation_interval
    steps = (NO_DATA_HOLD + memory(slo)) // step + 8
    phases = (Phase(steps=20, good=0), Phase(steps=steps, absent=True, probe=0))
    at, probed = (20 + steps) * step, _is_probed(slo)
    checks = [count(firing(slo, NO_DATA), 0 if probed else 1, at)]
    if isinstance(slo.sli, RatioSli):
        checks.append(absent(whole(names.OBSERVED_BAD_DELTA, slo), at))
    if probed:
        failed = _events(slo, steps, step) if _judges_time(slo) else Decimal(steps)
        checks.append(rounded(promql.failed_events(slo, steps * step), failed, at))
        checks.append(rounded(promql.series(names.SLI, slo, "5m"), Decimal(0), at))
    name = "the edge is gone, and the probe says so" if probed else "the counters are gone"
    return _test(name, slo, environment, phases, checks)


# --- what the SLI makes of steps


def _is_probed(slo: Slo) -> bool:
    return isinstance(slo.sli, RatioSli) and bool(slo.sli.probe)


def _judges_time(slo: Slo) -> bool:
    return isinstance(slo.sli, ThresholdSli) or slo.sli.slice is not None


def _slice_steps(slo: Slo, step: timedelta) -> int:
    """Of how many steps a slice consists; one where events are counted."""
    return max(memory(slo) // step, 1) if isinstance(slo.sli, RatioSli) else 1


def _steps_until_fast(slo: Slo, healthy: int, step: timedelta, weight: int | Fraction, *, dark: bool = False) -> int:
    """How many bad steps it takes until the fastest alert is due, after so many healthy ones.

    ``weight`` is how much a bad step counts, of a healthy one; dark steps are bad at once.
    """
    pair = burning.burn_pairs(slo)[0]
    within = pair.long // step
    limit, per = (pair.factor * (1 - slo.target) * within).as_integer_ratio()
    counted, known = _counted(slo, healthy), _known(slo, healthy)

    def is_due(steps: int) -> bool:
        inside = min(steps, within)
        before = within - inside
        bad = weight * (inside if dark else _bad_within(slo, steps, step, within))
        if _events_of(slo, bad, step) < windows.MINIMUM_BAD_EVENTS:
            return False
        return bad * (min(known, before) + inside) * per > limit * (min(counted, before) + weight * inside)

    reached = 1
    while not is_due(reached):
        reached *= 2
    return bisect_left(range(reached), x=True, lo=reached // 2, key=is_due)


def _bad_steps(slo: Slo, steps: int, step: timedelta) -> int | Fraction:
    """How many steps count as bad when so many have been; a slice is judged by all the steps it consists of."""
    if not isinstance(slo.sli, RatioSli) or slo.sli.slice is None:
        return steps
    size, target = _slice_steps(slo, step), slo.sli.slice_target
    if target is not None:
        return max(steps - math.floor(size * (1 - target)), 0)
    partly = min(steps, size)
    return Fraction(partly * (partly + 1), 2 * size) + steps - partly


def _bad_within(slo: Slo, steps: int, step: timedelta, within: int) -> int | Fraction:
    """How many of the last steps count as bad when so many have been: of no more than there are ``within`` a window."""
    bad = _bad_steps(slo, steps, step)
    return bad - _bad_steps(slo, steps - within, step) if steps > within else bad


def _counted(slo: Slo, steps: int) -> int:
    """Steps that have events: a gauge is judged at the first sample too, a counter gains nothing until the second."""
    return _known(slo, steps) if _judges_time(slo) else steps


def _known(slo: Slo, steps: int) -> int:
    """Steps of which anything is known, the first sample with them; a mean needs two."""
    return steps if isinstance(slo.sli, ThresholdSli) and mean_of(slo.sli) else steps + 1


def _events(slo: Slo, steps: int | Fraction, step: timedelta) -> Decimal:
    return _decimal(_events_of(slo, steps, step))


def _events_of(slo: Slo, steps: int | Fraction, step: timedelta) -> int | Fraction:
    """What so many steps count as: minutes where time is judged."""
    return steps * Fraction(step // SECOND, 60) if _judges_time(slo) else steps * RATE


def _decimal(value: int | Fraction) -> Decimal:
    return Decimal(value.numerator) / value.denominator


def _test(name: str, slo: Slo, environment: Environment, phases: tuple[Phase, ...], checks: Sequence[Value]) -> Value:
    series = [given(made.series, made.values) for made in input_series(slo, phases)]
    return test(name, slo, environment.evaluation_interval, series, {"promql_expr_test": checks})
