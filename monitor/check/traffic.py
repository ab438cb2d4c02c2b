"""Promises that do not fit the traffic that is expected, and windows that do not fit how often is looked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import promql_parser as ql

from monitor.catalogue import durations, promql
from monitor.catalogue.model import Catalogue, Environment, Place, RatioSli, Slo, ThresholdSli
from monitor.check.finding import Finding, finding
from monitor.slo import burning, windows
from monitor.slo.promql import LOOKBACK, number
from monitor.slo.windows import BurnPair

FEW_FAILURES = 5
"""An alert that so few failed requests fire is about single users, or about one client that is broken."""

LEAST_PROMISE = Decimal("0.5")
"""An objective that lets half of all events fail promises nothing."""

NEEDS_TWO = frozenset({"rate", "irate", "increase", "delta", "idelta", "deriv", "changes", "resets"})
"""Functions that answer only where their range holds two samples (https://prometheus.io/docs/prometheus/latest/querying/functions/)."""

HOUR = timedelta(hours=1)


def unfit_for_traffic(catalogue: Catalogue) -> Iterator[Finding]:
    """SLOs whose alerts, at the traffic they expect, would speak of single failures, never, or when all is spent."""
    for slo in catalogue.slos:
        if slo.expected_requests_per_hour and counts_events(slo):
            yield from at_traffic(slo, slo.expected_requests_per_hour)


def counts_events(slo: Slo) -> bool:
    """Whether traffic decides what an SLO's alerts can see: slices of time and gauges do not depend on it."""
    return isinstance(slo.sli, RatioSli) and not slo.sli.slice


def at_traffic(slo: Slo, hourly: Decimal, source: str = "") -> Iterator[Finding]:
    """What is wrong with an SLO at so many events an hour; ``source`` says who has counted them, if anybody has."""
    traffic = f"at {number(hourly)} {slo.events} an hour{source}"
    for pair in burning.burn_pairs(slo):
        if burning.can_fire(slo, pair):  # else it never fires whatever the traffic (``never-fires``)
            yield from _unfit_alert(slo, pair, hourly, traffic)
    budget = hourly * Decimal(slo.window.duration / HOUR) * (1 - slo.target)
    if budget < windows.MINIMUM_BAD_EVENTS:
        message = (
            f"{slo.name}: {traffic} the budget of {slo.window.text} is {budget:.2g} of them, and alerts stay silent "
            f"below {windows.MINIMUM_BAD_EVENTS}: it is spent unheard"
        )
        remedy = "lower the objective, lengthen the window, or probe the service so that there is something to count"
        yield finding(slo.place, "budget-too-small", message, remedy)


def _unfit_alert(slo: Slo, pair: BurnPair, hourly: Decimal, traffic: str) -> Iterator[Finding]:
    events = hourly * Decimal(pair.long / HOUR)
    needed = max(windows.MINIMUM_BAD_EVENTS, math.floor(pair.factor * (1 - slo.target) * events) + 1)
    long = durations.text(pair.long)
    if needed > events:
        message = (
            f"{slo.name}: {pair.alert} can never fire {traffic}: it waits for {needed} bad ones in {long}, and "
            f"{events:.2g} come"
        )
        yield finding(
            slo.place, "too-little-traffic", message, "judge slices of time instead of events, or add a probe's events"
        )
    elif needed < FEW_FAILURES:
        message = (
            f"{slo.name}: {traffic} {pair.alert} fires on {needed} bad {'one' if needed == 1 else 'ones'} in {long}: "
            "one failure at 03:00 may wake somebody"
        )
        yield finding(
            slo.place, "few-failures-fire", message, "lower the objective, or ask for more bad events in the window"
        )


def odd_targets(catalogue: Catalogue) -> Iterator[Finding]:
    """Objectives that allow less than can be seen, or nearly everything."""
    seen = 2 * catalogue.environment.scrape_interval
    for slo in catalogue.slos:
        allowed = slo.window.duration * float(1 - slo.target)
        objective = f"{slo.name}: {number(slo.target * 100)} %"
        if allowed < seen:
            message = (
                f"{objective} of {slo.window.text} allows {allowed.total_seconds():.3g} s of failure; less than two "
                f"scrapes ({durations.text(seen)}) may not be seen: the first failure that is has spent it"
            )
            yield finding(slo.place, "target-beyond-sight", message, "lower the objective, or scrape more often")
        elif slo.target < LEAST_PROMISE:
            message = f"{objective} lets more than half of all {slo.events} fail, which promises nothing"
            yield finding(slo.place, "target-too-low", message, "raise the objective")


def unfit_for_intervals(catalogue: Catalogue) -> Iterator[Finding]:
    """Windows that hold fewer than two scrapes or evaluations, so that they jump or say nothing."""
    environment = catalogue.environment
    place = Place(file=f"environments/{environment.name}.yaml")
    shortest = min(windows.SHORT_WINDOWS)
    for field in ("scrape_interval", "evaluation_interval"):
        interval: timedelta = getattr(environment, field)
        if 2 * interval > shortest:
            message = (
                f"{field} {durations.text(interval)} is more than half of the shortest burn window "
                f"({durations.text(shortest)}): it would rest on one sample"
            )
            yield finding(place, "window-too-short", message, f"set it to {durations.text(shortest / 2)} or less")
    if 2 * environment.scrape_interval > LOOKBACK:
        message = (
            f"scrape_interval {durations.text(environment.scrape_interval)}: one scrape that is missed makes counters "
            f"forgotten, which are remembered for {durations.text(LOOKBACK)}"
        )
        yield finding(
            place, "scraped-too-rarely", message, f"scrape every {durations.text(LOOKBACK / 2)} or more often"
        )
    for name, where, query in _queries(catalogue):
        for function, span in sorted(set(_two_samples(promql.parse(query)))):
            if span < 2 * environment.scrape_interval:
                yield _short_range(name, where, function, span, environment)


def _queries(catalogue: Catalogue) -> Iterator[tuple[str, Place, str]]:
    """What was written by hand as a whole query: alerts, and SLOs that judge a value."""
    for group in catalogue.alerts:
        for rule in group.rules:
            yield rule.name, rule.place, rule.expr
    for slo in catalogue.slos:
        if isinstance(slo.sli, ThresholdSli):
            yield slo.name, slo.place, slo.sli.query


def _short_range(name: str, place: Place, function: str, span: timedelta, environment: Environment) -> Finding:
    every = durations.text(environment.scrape_interval)
    message = (
        f"{name} takes {function}() over {durations.text(span)}, and scrapes are {every} apart: mostly it has no answer"
    )
    remedy = f"make the range at least {durations.text(4 * environment.scrape_interval)}, so that one scrape may fail"
    return finding(place, "range-too-short", message, remedy)


def _two_samples(expr: ql.Expr) -> Iterator[tuple[str, timedelta]]:
    """Every range that a function needs two samples of, with that function."""
    for part in promql.every_part(expr):
        if isinstance(part, ql.Call) and part.func.name in NEEDS_TWO:
            for argument in part.args:
                if isinstance(argument, ql.MatrixSelector):
                    yield part.func.name, argument.range
