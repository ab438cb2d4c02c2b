"""Replays an SLO's alerts on what Prometheus has kept: reads the counters once, then only adds and compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor import clock
from monitor.catalogue.model import AlertRule, Environment, Slo
from monitor.compliance.period import LONGEST
from monitor.compliance.replay_past import Past, read_past
from monitor.compliance.replay_reading import LEAD
from monitor.errors import InputError
from monitor.render.rules import complete
from monitor.slo import alerts, burning, judging, other_policies, replay_budget
from monitor.slo.judging import Incident, Judgement, Recommendation
from monitor.slo.other_policies import OtherPolicy
from monitor.slo.replay import Alert, BurnAlert, Episode
from monitor.slo.replay import replay as fire
from monitor.slo.spending import SPENT
from monitor.sources.prometheus import Prometheus

Policy = tuple[str, tuple[BurnAlert, ...]]
"""A policy's name, and its burn alerts as they would be written for the SLO."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What would have happened under one objective (0-1) and one policy of burn alerts (empty: our own rules).

    ``error_budget_spent`` is a share of this span's budget; ``frozen`` is for how long the gate had been shut.
    """

    objective: Decimal
    policy: str = ""
    episodes: tuple[Episode, ...]
    pages_per_month: float
    tickets_per_month: float
    error_budget_spent: float | None
    frozen: timedelta
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
    incidents_outside: int = 0
    """How many of the known incidents lie outside of the span: nothing that is replayed could have told of them."""


def replay(
    prometheus: Prometheus,
    slo: Slo,
    environment: Environment,
    span: tuple[datetime, datetime],
    *,
    objectives: Sequence[Decimal] = (),
    policies: Sequence[OtherPolicy] = (),
    incidents: Sequence[Incident] | None = None,
) -> Replay:
    """Say what the alerts of an SLO would have done between two instants: its own, with other objectives, and others'.

    Raises:
        InputError: the span is empty, not over, or longer than anything that is reported on.
        Unavailable: Prometheus cannot be reached, or refuses.
    """
    start, end = span
    if not start < end <= clock.now():
        raise InputError("--from must be before --to, and --to not in the future")
    if end - start > LONGEST:
        raise InputError(f"--from is more than {LONGEST.days} days before --to: samples are not kept for longer")
    others = [(policy.name, other_policies.burn_alerts(policy, slo)) for policy in policies]
    longest = max((LEAD, *(alert.pair.long for _, some in others for alert in some)))
    past = read_past(prometheus, slo, environment, span, longest=longest)
    targets = (slo.target, *objectives)
    inside = None if incidents is None else [one for one in incidents if one.end > start and one.start < end]
    outcomes = [
        *(_outcome(past, replace(slo, target=target), environment, None, inside) for target in targets),
        *(_outcome(past, slo, environment, policy, inside) for policy in others),
    ]
    return Replay(
        slo=slo.name,
        start=start,
        end=end,
        resolution=past.events.cell,
        achieved=past.achieved,
        coverage=past.coverage,
        events=past.total,
        outcomes=tuple(outcomes),
        recommendation=judging.recommend(past.achieved, past.coverage, past.total, end - start),
        incidents_outside=len(incidents or ()) - len(inside or ()),
    )


def burn_alerts(slo: Slo, environment: Environment) -> tuple[BurnAlert, ...]:
    """The burn alerts as they are rendered, the fastest first."""
    rendered = _rendered(slo, environment)
    return tuple(
        BurnAlert(name=rule.name, pair=pair, severity=rule.severity, hold=rule.hold, keep=rule.keep_firing_for)
        for pair in burning.burn_pairs(slo)
        for rule in (rendered[pair.alert],)
    )


def _rendered(slo: Slo, environment: Environment) -> dict[str, AlertRule]:
    return {rule.name: complete(rule, environment) for rule in alerts.alerts(slo, environment)}


def _outcome(
    past: Past, slo: Slo, environment: Environment, policy: Policy | None, incidents: Sequence[Incident] | None
) -> Outcome:
    own = {
        rule.name: Alert(name=rule.name, severity=rule.severity, hold=rule.hold, keep=rule.keep_firing_for)
        for rule in _rendered(slo, environment).values()
    }
    target, (name, some) = float(slo.target), policy or ("", burn_alerts(slo, environment))
    burnt = fire(past.events, target, some, since=past.start)
    left = list(past.spending.left(target, past.window))
    spent = replay_budget.spent(past.spending, left, [own[alert] for alert in SPENT], past.start)
    silent = replay_budget.silent(past.events, own[alerts.NO_DATA], past.start)
    every = tuple(sorted((*burnt, *spent, *silent), key=lambda episode: (episode.start, episode.alert)))
    pages, tickets = (judging.heard(every, severity) for severity in judging.HEARD)
    length = past.end - past.start
    return Outcome(
        objective=slo.target,
        policy=name,
        episodes=every,
        pages_per_month=judging.per_month(len(pages), length),
        tickets_per_month=judging.per_month(len(tickets), length),
        error_budget_spent=None if past.achieved is None else (1 - past.achieved) / (1 - target) * past.coverage,
        frozen=replay_budget.frozen(past.spending, left, past.start),
        # A budget that was spent long ago tells of no incident.
        judgement=None if incidents is None else judging.judge(burnt, incidents),
    )
