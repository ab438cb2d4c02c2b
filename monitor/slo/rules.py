"""The recording rules and burn-rate alerts of one SLO, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, Slo
from monitor.slo import names, promql, windows
from monitor.slo.windows import BurnPair


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording rule."""

    record: str
    expr: str
    labels: dict[str, str] = field(default_factory=dict)


def grid(slo: Slo, environment: Environment) -> Iterator[Recording]:
    """What is recorded at each evaluation: the grid of events, and the windows that decide how fast a page comes."""
    step = environment.evaluation_interval
    yield _record(slo, names.OBJECTIVE, f"vector({promql.number(slo.target)})")
    yield _record(slo, names.OBSERVED_TOTAL_DELTA, promql.observed_total(slo, step))
    yield _record(slo, names.OBSERVED_BAD_DELTA, promql.observed_bad(slo, step))
    yield _record(slo, names.TOTAL_DELTA, promql.events_total(slo))
    yield _record(slo, names.BAD_DELTA, promql.events_bad(slo))
    for span in windows.SHORT_WINDOWS:
        counted = f"count_over_time({promql.series(names.TOTAL_DELTA, slo)}[{durations.text(span)}])"
        covered = f"clamp_max({counted} * {durations.seconds(step)} / {durations.seconds(span)}, 1)"
        yield from _window(slo, durations.text(span), span, (names.BAD_DELTA, names.TOTAL_DELTA), covered)


def rollup(slo: Slo, environment: Environment) -> Iterator[Recording]:
    """What is recorded at each roll-up interval: the roll-up of the grid, the long windows, and the budget."""
    step, size = environment.evaluation_interval, environment.rollup_interval
    counted = promql.tile(names.TOTAL_DELTA, slo, size, function="count_over_time")
    yield _record(slo, names.BAD_ROLLUP, promql.tile(names.BAD_DELTA, slo, size))
    yield _record(slo, names.TOTAL_ROLLUP, promql.tile(names.TOTAL_DELTA, slo, size))
    yield _record(slo, names.COVERED_ROLLUP, f"{counted} * {durations.seconds(step)}")
    for text, span in long_windows(slo):
        added = promql.window_sum(names.COVERED_ROLLUP, slo, span)
        covered = f"clamp_max({added} / {durations.seconds(span)}, 1)"
        yield from _window(slo, text, span, (names.BAD_ROLLUP, names.TOTAL_ROLLUP), covered)
    burn, coverage = (promql.series(name, slo, slo.window.text) for name in (names.BURN_RATE, names.COVERAGE))
    yield _record(slo, names.BUDGET_REMAINING, f"1 - {burn} * {coverage}", slo.window.text)


def long_windows(slo: Slo) -> tuple[tuple[str, timedelta], ...]:
    """The windows recorded from the roll-up; the SLO's own last, unless it is one that is recorded anyway."""
    own = () if slo.window.duration in windows.SHORT_WINDOWS + windows.LONG_WINDOWS else (slo.window.duration,)
    return tuple((durations.text(span), span) for span in (*windows.LONG_WINDOWS, *own))


def burn_expression(slo: Slo, pair: BurnPair) -> str:
    """When a burn alert fires.

    Burn over the long window is weighed by its coverage: what was not measured has not burnt. So the alert means the
    same share of budget spent when data is an hour old or a minute old, and a fresh start is no more nervous.
    """
    on = f"on ({names.SLO_LABEL}, {names.SERVICE_LABEL})"
    long, short = durations.text(pair.long), durations.text(pair.short)
    factor = promql.number(pair.factor)
    expression = (
        "(\n"
        f"  {promql.series(names.BURN_RATE, slo, long)}\n"
        f"  * {on} {promql.series(names.COVERAGE, slo, long)}\n"
        f") > {factor}\n"
        f"and {on} {promql.series(names.BURN_RATE, slo, short)} > {factor}\n"
        f"and {on} {promql.series(names.BAD_SUM, slo, long)} >= {windows.MINIMUM_BAD_EVENTS}"
    )
    if pair.ends_with_the_outage:
        now = promql.series(names.BURN_RATE, slo, durations.text(windows.SHORT_WINDOWS[0]))
        expression += f"\nunless {on} {now} <= {promql.number(windows.NO_LONGER)}"
    return expression


def can_fire(slo: Slo, pair: BurnPair) -> bool:
    """Whether total failure reaches the threshold: else the alert is decoration."""
    return pair.factor * (1 - slo.target) < 1


def highest_burn(slo: Slo) -> Decimal:
    """The burn rate of total failure."""
    return 1 / (1 - slo.target)


def _window(slo: Slo, text: str, span: timedelta, sources: tuple[str, str], covered: str) -> Iterator[Recording]:
    bad, total = sources
    yield _record(slo, names.BAD_SUM, promql.window_sum(bad, slo, span, clamp=True), text)
    yield _record(slo, names.TOTAL_SUM, promql.window_sum(total, slo, span), text)
    yield _record(slo, names.COVERAGE, covered, text)
    yield _record(slo, names.SLI, promql.sli_ratio(slo, text), text)
    yield _record(slo, names.BURN_RATE, promql.burn_rate(slo, text), text)


def _record(slo: Slo, name: str, expr: str, window: str = "") -> Recording:
    labels = {names.SLO_LABEL: slo.name, names.SERVICE_LABEL: slo.service}
    return Recording(record=name, expr=expr, labels=labels | ({names.WINDOW_LABEL: window} if window else {}))
