"""Tests of what everybody notices: everything fails, or the edge is gone. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, RatioSli, Slo
from monitor.render.slo_checks import SECOND, count, firing, rounded, whole
from monitor.render.slo_tests_series import Phase, memory, scenario
from monitor.render.slo_tests_steps import RATE, Steps, decimal, is_probed, steps_of, until_fast
from monitor.render.yaml_text import Value
from monitor.slo import burning, names, promql

HEALTHY = 40
"""Steps in which all is well before anything happens."""


def total_outage(slo: Slo, environment: Environment) -> Iterator[Value]:
    """Healthy, then everything fails, then healthy again: fires when the budget says so, not before; and resolves."""
    pair, step = burning.burn_pairs(slo)[0], environment.evaluation_interval
    if not burning.can_fire(slo, pair):
        return
    steps = steps_of(slo, step)
    healthy = max(HEALTHY, steps.in_slice)
    needed = until_fast(slo, steps, healthy)
    held = math.ceil(burning.hold(slo, environment) / step)
    outage = needed + held + 4
    calm = (pair.short + environment.keep_firing_for + memory(slo)) // step + 8
    phases = (Phase(steps=healthy, good=RATE), Phase(steps=outage, bad=RATE), Phase(steps=calm, good=RATE))
    yield scenario(
        "everything fails, and then nothing does",
        slo,
        environment,
        phases,
        [
            count(firing(slo, pair.alert), 0, (healthy + needed - 1) * step),
            *(count(firing(slo, pair.alert, "pending"), 1, (healthy + needed + n) * step) for n in range(held)),
            count(firing(slo, pair.alert), 1, (healthy + needed + held) * step),
            count(firing(slo, pair.alert), 0, (healthy + outage + calm) * step),
            rounded(whole(names.BAD_ROLLUP, slo), steps.figure(steps.bad(1)), (healthy + 2) * step),
            *_figures(slo, steps, pair.long, healthy, outage),
            *_rolled_up(slo, steps, environment.rollup_interval, (healthy + outage) * step),
        ],
    )


def _figures(slo: Slo, steps: Steps, span: timedelta, healthy: int, outage: int) -> Iterator[Value]:
    """What is recorded at the end of an outage."""
    step, passed = steps.length, healthy + outage
    window, within, at = durations.text(span), span // step, passed * step
    share = decimal(Fraction(steps.bad_within(outage, within)) / min(steps.counted(passed), within))
    covered = Decimal(min(steps.known(passed), within) * (step // SECOND)) / (span // SECOND)
    yield rounded(promql.series(names.SLI, slo, window), 1 - share, at)
    yield rounded(promql.series(names.BURN_RATE, slo, window), share / (1 - slo.target), at)
    yield rounded(promql.series(names.COVERAGE, slo, window), covered, at)
    yield rounded(promql.failed_events(slo, at), steps.figure(steps.bad(outage)), at)
    yield rounded(promql.total_events(slo, at), steps.figure(passed), at)
    yield rounded(whole(names.OBJECTIVE, slo), slo.target, at)
    yield from _grid(slo, steps, at)


def _grid(slo: Slo, steps: Steps, at: timedelta) -> Iterator[Value]:
    """What one evaluation records while everything fails."""
    one = steps.figure(1)
    judged = {names.BAD_DELTA: one, names.TOTAL_DELTA: one}
    if isinstance(slo.sli, RatioSli):
        judged |= {names.OBSERVED_BAD_DELTA: Decimal(RATE), names.OBSERVED_TOTAL_DELTA: Decimal(RATE)}
    for name, value in judged.items():
        yield rounded(whole(name, slo), value, at)


def _rolled_up(slo: Slo, steps: Steps, interval: timedelta, at: timedelta) -> Iterator[Value]:
    """What the roll-up of the grid comes to while everything fails, where an outage is longer than one."""
    inside = interval // steps.length
    yield rounded(whole(names.TOTAL_ROLLUP, slo), steps.figure(inside), at)
    yield rounded(whole(names.BAD_ROLLUP, slo), steps.figure(inside), at)
    yield rounded(whole(names.COVERED_ROLLUP, slo), Decimal(inside * (steps.length // SECOND)), at)


def darkness(slo: Slo, environment: Environment) -> Iterator[Value]:
    """Traffic, then the edge is gone and the probe fails: it burns as fast as if all that traffic had failed."""
    pair, step = burning.burn_pairs(slo)[0], environment.evaluation_interval
    if not burning.can_fire(slo, pair) or not is_probed(slo):
        return
    steps = steps_of(slo, step)
    # At the first sample nothing has been gained yet, so the mean step has a little less than what came in one.
    weight = 1 if steps.judges_time else Fraction(HEALTHY, HEALTHY + 1)
    needed = until_fast(slo, steps, HEALTHY, weight, dark=True)
    held = math.ceil(burning.hold(slo, environment) / step)
    dark = needed + held + 4
    phases = (Phase(steps=HEALTHY, good=RATE), Phase(steps=dark, absent=True, probe=0))
    at, lost = (HEALTHY + dark) * step, steps.figure(dark * weight)
    counted = [
        rounded(promql.failed_events(slo, dark * step), lost, at),
        rounded(promql.total_events(slo, at), steps.figure(HEALTHY) + lost, at),
    ]
    yield scenario(
        "traffic, then the edge is gone, and the probe says so",
        slo,
        environment,
        phases,
        [
            count(firing(slo, pair.alert), 0, (HEALTHY + needed + held - 1) * step),
            count(firing(slo, pair.alert), 1, (HEALTHY + needed + held) * step),
            # Beyond its memory the mean step is one without the first sample.
            *(counted if at <= promql.TRAFFIC_MEMORY else ()),
        ],
    )
