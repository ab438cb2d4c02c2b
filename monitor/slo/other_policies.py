"""Burn alerts as others choose them, to be replayed beside our own. Data, with its sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from monitor.catalogue import durations
from monitor.catalogue.model import Severity, Slo
from monitor.slo.replay import BurnAlert
from monitor.slo.windows import BurnPair

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One burn alert: its windows, its factor, its ``for``, and how many events must have been bad."""

    severity: Severity
    long: timedelta
    short: timedelta
    factor: Decimal
    hold: timedelta = timedelta(0)
    keep: timedelta = timedelta(0)
    least: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPolicy:
    """Burn alerts under one name, the fastest first: it mutes those after it."""

    name: str
    rules: tuple[Rule, ...]
    source: str = ""


_PAGE, _TICKET = Severity.CRITICAL, Severity.WARNING

WORKBOOK = OtherPolicy(
    name="workbook",
    rules=(
        Rule(severity=_PAGE, long=HOUR, short=5 * MINUTE, factor=Decimal("14.4")),
        Rule(severity=_PAGE, long=6 * HOUR, short=30 * MINUTE, factor=Decimal(6)),
        Rule(severity=_TICKET, long=DAY, short=2 * HOUR, factor=Decimal(3)),
        Rule(severity=_TICKET, long=3 * DAY, short=6 * HOUR, factor=Decimal(1)),
    ),
    source="https://sre.google/workbook/alerting-on-slos/ (as Sloth and Grafana SLO write it for 30 days)",
)

PYRRA_WINDOW = 28 * DAY
"""What Pyrra's numbers are for; its windows grow with the SLO's, rounded to minutes, and its factors stay."""

PYRRA = OtherPolicy(
    name="pyrra",
    rules=(
        Rule(severity=_PAGE, long=HOUR, short=5 * MINUTE, factor=Decimal(14), hold=2 * MINUTE),
        Rule(severity=_PAGE, long=6 * HOUR, short=30 * MINUTE, factor=Decimal(7), hold=15 * MINUTE),
        Rule(severity=_TICKET, long=DAY, short=2 * HOUR, factor=Decimal(2), hold=HOUR),
        Rule(severity=_TICKET, long=4 * DAY, short=6 * HOUR, factor=Decimal(1), hold=3 * HOUR),
    ),
    source="https://github.com/pyrra-dev/pyrra/blob/main/slo/rules.go",
)
ONE_WINDOW = OtherPolicy(
    name="one-window",
    rules=(Rule(severity=_PAGE, long=HOUR, short=HOUR, factor=Decimal("14.4")),),
    source="https://sre.google/workbook/alerting-on-slos/#4-alert-on-burn-rate",
)

KNOWN = (WORKBOOK, PYRRA, ONE_WINDOW)


def burn_alerts(policy: OtherPolicy, slo: Slo) -> tuple[BurnAlert, ...]:
    """The policy as it would be written for an SLO: scaled if it is one that scales; tickets where nobody is paged."""
    by = slo.window.duration / PYRRA_WINDOW if policy is PYRRA else 1.0
    return tuple(_burn_alert(policy.name, rule, by, slo) for rule in policy.rules)


def _burn_alert(name: str, rule: Rule, by: float, slo: Slo) -> BurnAlert:
    long, short, hold = (_scaled(span, by) for span in (rule.long, rule.short, rule.hold))
    severity = rule.severity if slo.pages else Severity.WARNING
    budget = rule.factor * Decimal(long / slo.window.duration) * 100
    pair = BurnPair(
        alert=f"{name} {durations.text(long)}",
        severity=severity,
        long=long,
        short=short,
        factor=rule.factor,
        budget_percent=budget,
    )
    return BurnAlert(name=pair.alert, pair=pair, severity=severity, hold=hold, keep=rule.keep, least=rule.least)


def _scaled(span: timedelta, by: float) -> timedelta:
    """To whole minutes, and not to nothing: Pyrra's own rounding makes ``rate(x[0s])`` of short windows."""
    return max(round(span * by / MINUTE), 1) * MINUTE if span and by != 1 else span
