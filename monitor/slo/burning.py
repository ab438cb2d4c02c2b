"""When an SLO's error budget burns too fast, and when it is spent, as expressions over what is recorded. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.catalogue import durations
from monitor.catalogue.model import Environment, Severity, Slo
from monitor.slo import names, promql, windows
from monitor.slo.stand_in import Owner, Told
from monitor.slo.windows import BurnPair


def burn_pairs(slo: Told) -> tuple[BurnPair, ...]:
    """The burn alerts of an SLO, the most urgent first; tickets all where it pages nobody."""
    pairs = windows.burn_pairs(slo.window.duration)
    return pairs if slo.pages else tuple(replace(pair, severity=Severity.WARNING) for pair in pairs)


def burn_expression(slo: Owner, pair: BurnPair) -> str:
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


def hold(slo: Told, environment: Environment) -> timedelta:
    """The ``for`` of an SLO's burn alerts: nothing, as in the workbook; a scrape where two producers are compared.

    A bad scrape stays in the shortest window for five minutes, so a hold of less filters nothing and is only late; the
    floor of bad events is what keeps a few from waking anyone. But what good and total count at different instants
    looks bad for a moment when traffic jumps, and the next scrape puts it right.
    """
    return max(environment.scrape_interval, environment.evaluation_interval) if slo.compared else timedelta(0)


def can_fire(slo: Slo, pair: BurnPair) -> bool:
    """Whether total failure reaches the threshold: else the alert is decoration."""
    return pair.factor * (1 - slo.target) < 1


def highest_burn(slo: Slo) -> Decimal:
    """The burn rate of total failure."""
    return 1 / (1 - slo.target)


def exhausted_expression(slo: Owner) -> str:
    """When the error budget of the SLO's own window is spent.

    What is left is counted of the whole window: of a tenth of it measured, a tenth of the budget may have been spent
    at the pace that is allowed. So what was not measured never exhausts it, and a fresh start is not nervous. There is
    no floor of bad events as for burning: the promise is broken, however few there were.
    """
    left = promql.series(names.BUDGET_REMAINING, slo, slo.window.text)
    return f"max by ({names.SLO_LABEL}, {names.SERVICE_LABEL}) ({left}) <= 0"
