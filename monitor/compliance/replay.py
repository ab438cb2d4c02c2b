"""Replays an SLO's burn alerts on what Prometheus has kept: reads the counters once, then only adds and compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor import clock
from monitor.catalogue.model import Environment, Slo
from monitor.compliance.replay_reading import read
from monitor.errors import InputError
from monitor.render.rules import complete
from monitor.slo import alerts, burning, judging
from monitor.slo.judging import Incident, Judgement, Recommendation
from monitor.slo.replay import BurnAlert, Episode
from monitor.slo.replay import replay as fire
from monitor.sources.prometheus import Prometheus

FINE_UP_TO = timedelta(days=2)
"""Spans up to here are replayed evaluation by evaluation, longer ones minute by minute: 30 days are 43,200 of them."""

COARSE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What would have happened under one objective (0-1). ``error_budget_spent`` is a share of this span's budget."""

    objective: Decimal
    episodes: tuple[Episode, ...]
    pages_per_month: float
    tickets_per_month: float
    error_budget_spent: float | None
    judgement: Judgement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replayed span. ``achieved`` and ``coverage`` are 0-1; ``outcomes`` begin with the objective as it stands."""

    slo: str
    start: datetime
    end: datetime
    resolution: timedelta
    achieved: float | None
    coverage: float
    events: float
    outcomes: tuple[Outcome, ...]
    recommendation: Recommendation


def replay(
    prometheus: Prometheus,
    slo: Slo,
    environment: Environment,
    span: tuple[datetime, datetime],
    *,
    objectives: Sequence[Decimal] = (),
    incidents: Sequence[Incident] | None = None,
) -> Replay:
    """Say what the burn alerts of an SLO would have done between two instants, under its own and other objectives.

    Raises:
        InputError: the span is empty or not over.
        Unavailable: Prometheus cannot be reached, or refuses.
    """
    start, end = span
    if not start < end <= clock.now():
        raise InputError("--from must be before --to, and --to not in the future")
    events = read(prometheus, slo, environment, (start, end), resolution(environment, end - start))
    first = next((number for number in range(len(events.bad)) if events.at(number) > start), 0)
    total, bad = sum(events.total[first:]), max(sum(events.bad[first:]), 0.0)
    achieved = max(0.0, 1 - bad / total) if total > 0 else None
    coverage = sum(events.known[first:]) / max(len(events.bad) - first, 1)
    outcomes = []
    for objective in (slo.target, *objectives):
        episodes = fire(events, float(objective), burn_alerts(replace(slo, target=objective), environment), since=start)
        spent = None if achieved is None else (1 - achieved) / float(1 - objective) * coverage
        outcomes.append(_outcome(objective, episodes, spent, end - start, incidents))
    return Replay(
        slo=slo.name,
        start=start,
        end=end,
        resolution=events.cell,
        achieved=achieved,
        coverage=coverage,
        events=total,
        outcomes=tuple(outcomes),
        recommendation=judging.recommend(achieved, coverage, total, end - start),
    )


def resolution(environment: Environment, span: timedelta) -> timedelta:
    """How wide a cell is: one evaluation; for long spans a minute, and two scrapes at least, so that none is empty."""
    if span <= FINE_UP_TO:
        return environment.evaluation_interval
    return max(COARSE, 2 * environment.scrape_interval, environment.evaluation_interval)


def burn_alerts(slo: Slo, environment: Environment) -> tuple[BurnAlert, ...]:
    """The burn alerts as they are rendered, the fastest first."""
    rendered = {rule.name: complete(rule, environment) for rule in alerts.alerts(slo, environment)}
    return tuple(
        BurnAlert(pair=pair, severity=rule.severity, hold=rule.hold, keep=rule.keep_firing_for)
        for pair in burning.burn_pairs(slo)
        for rule in (rendered[pair.alert],)
    )


def _outcome(
    objective: Decimal,
    episodes: tuple[Episode, ...],
    spent: float | None,
    span: timedelta,
    incidents: Sequence[Incident] | None,
) -> Outcome:
    pages, tickets = (judging.heard(episodes, severity) for severity in judging.HEARD)
    return Outcome(
        objective=objective,
        episodes=episodes,
        pages_per_month=judging.per_month(len(pages), span),
        tickets_per_month=judging.per_month(len(tickets), span),
        error_budget_spent=spent,
        judgement=None if incidents is None else judging.judge(episodes, incidents),
    )
