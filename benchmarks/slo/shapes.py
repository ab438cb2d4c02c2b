"""The rules of one SLO in three shapes: ours as generated, Sloth's and Pyrra's as their generators write them.

Theirs are written by hand from their sources (sloth 0e395d81, pyrra 1ba95afb; research section 2); their programs are
not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from monitor.catalogue.model import Budgeting, Environment, Place, RatioSli, Slo, Window
from monitor.slo import alerts, names, promql, rules

TARGET = Decimal("0.999")
BAD, TOTAL = 'shop_total{job="shop",code="500"}', 'shop_total{job="shop"}'
DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: what it records (nothing: an alert), and how often it is evaluated, in seconds."""

    record: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    expr: str
    every: int


@dataclass(frozen=True, kw_only=True)
class Shape:
    """All rules of one SLO, and the expression for the share of the budget that it says is spent."""

    name: str
    rules: tuple[Rule, ...]
    spent: str


def slo(days: int, name: str = "shop", *, bad: str = BAD, total: str = TOTAL, target: Decimal = TARGET) -> Slo:
    """The SLO that all three are about, or another one like it."""
    return Slo(
        name=name,
        service="shop",
        display_name="Shop",
        description="Requests are answered.",
        budgeting=Budgeting.OCCURRENCES,
        window=Window(duration=timedelta(days=days)),
        target=target,
        sli=RatioSli(bad=bad, total=total),
        place=Place(file="shop.yaml"),
    )


def ours(environment: Environment, promise: Slo) -> Shape:
    """As ``monitor generate`` writes them."""
    made = [
        Rule(record=one.record, labels=one.labels, expr=one.expr, every=int(group.interval.total_seconds()))
        for group in rules.groups(promise, environment)
        for one in group.rules
    ]
    step = int(environment.evaluation_interval.total_seconds())
    made += [Rule(expr=one.expr, every=step) for one in alerts.alerts(promise, environment)]
    return Shape(name="ours", rules=tuple(made), spent=promql.series(names.BURN_RATE, promise, promise.window.text))


def sloth(days: int) -> Shape:
    """Eight ratios, seven of them from raw metrics, and a mean of means over the window; all evaluated every 30 s."""
    made = [
        Rule(record=f"slo:sli_error:ratio_rate{window}", expr=_ratio(window), every=30)
        for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
    ]
    own, five = f"slo:sli_error:ratio_rate{days}d", "slo:sli_error:ratio_rate5m"
    made.append(Rule(record=own, expr=f"sum_over_time({five}[{days}d]) / count_over_time({five}[{days}d])", every=30))
    budget = f"{1 - TARGET}"
    made.append(Rule(record="slo:current_burn_rate:ratio", expr=f"{five} / {budget}", every=30))
    made.append(Rule(record="slo:period_burn_rate:ratio", expr=f"{own} / {budget}", every=30))
    for pairs in ((("5m", "1h", "14.4"), ("30m", "6h", "6")), (("2h", "1d", "3"), ("6h", "3d", "1"))):
        either = " or ".join(
            f"(max(slo:sli_error:ratio_rate{short} > ({factor} * {budget})) and "
            f"max(slo:sli_error:ratio_rate{long} > ({factor} * {budget})))"
            for short, long, factor in pairs
        )
        made.append(Rule(expr=either, every=30))
    return Shape(name="Sloth's shape", rules=tuple(made), spent="slo:period_burn_rate:ratio")


def pyrra(days: int) -> Shape:
    """Seven burn rates from raw metrics every 30 s, and the exact increase over the window every 2 min 30 s."""
    made = [
        Rule(record=f"shop:burnrate{window}", expr=_ratio(window), every=30)
        for window in ("5m", "32m", "1h4m", "2h9m", "6h26m", "1d1h43m", "4d6h51m")
    ]
    own = f"shop:increase{days}d"
    made.append(Rule(record=own, expr=f"sum by (code) (increase({TOTAL}[{days}d]))", every=150))
    made.append(Rule(expr=f"absent({TOTAL}) == 1", every=30))
    for short, long, factor in (
        ("5m", "1h4m", 14),
        ("32m", "6h26m", 7),
        ("2h9m", "1d1h43m", 2),
        ("6h26m", "4d6h51m", 1),
    ):
        limit = f"({factor} * ({1 - TARGET}))"
        made.append(Rule(expr=f"shop:burnrate{short} > {limit} and shop:burnrate{long} > {limit}", every=30))
    spent = f"sum(increase({BAD}[{days}d])) / sum(increase({TOTAL}[{days}d])) / {1 - TARGET}"
    return Shape(name="Pyrra's shape", rules=tuple(made), spent=spent)


def _ratio(window: str) -> str:
    return f"(sum(rate({BAD}[{window}])) / sum(rate({TOTAL}[{window}])))"


def rounds(shape: Shape) -> Iterator[list[Rule]]:
    """The recording rules in the order in which one feeds the next, all that can be made at once together."""
    left = [rule for rule in shape.rules if rule.record]
    while left:
        waiting = {rule.record for rule in left}
        ready = [rule for rule in left if not (reads(rule, waiting) - {rule.record})]
        assert ready, f"rules wait for each other: {sorted(waiting)}"
        yield ready
        left = [rule for rule in left if rule not in ready]


def reads(rule: Rule, recorded: set[str]) -> set[str]:
    """Which recorded series a rule reads."""
    return recorded & set(re.findall(r"[a-zA-Z_:][\w:]*", rule.expr))


def lasting(shape: Shape) -> set[str]:
    """Recorded series whose whole past is needed: some rule reads them over time, or makes such a series of them."""
    found = {name for rule in shape.rules for name in re.findall(r"([a-zA-Z_:][\w:]*)(?:\{[^}]*\})?\[", rule.expr)}
    recorded = {rule.record for rule in shape.rules}
    while True:
        more = {name for rule in shape.rules if rule.record in found for name in reads(rule, recorded)} - found
        if not more:
            return found
        found |= more
