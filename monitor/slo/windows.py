"""Burn-rate alerting as data, with its source, and the spans that are recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from monitor.catalogue.model import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which share of the error budget of ``window`` each burn alert stands for, the most urgent first."""

    window: timedelta
    budget_percents: tuple[Decimal, Decimal, Decimal, Decimal]
    source: str


POLICIES = (
    Policy(
        window=timedelta(days=7),
        budget_percents=(Decimal(8), Decimal("12.5"), Decimal(20), Decimal(42)),
        source="https://github.com/slok/sloth/blob/main/examples/windows/7d.yaml",
    ),
    Policy(
        window=timedelta(days=28),
        budget_percents=(Decimal(2), Decimal(5), Decimal(10), Decimal(10)),
        source="https://github.com/slok/sloth (the workbook's shares of 28 days: 13.44, 5.6, 2.8, 0.9333)",
    ),
    Policy(
        window=timedelta(days=30),
        budget_percents=(Decimal(2), Decimal(5), Decimal(10), Decimal(10)),
        source="https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts",
    ),
)
"""Google, The Site Reliability Workbook, chapter 5 (table 5-8, and the 3x pair of its rule example), and what others
made of it for other windows. A window that is not listed takes the factors of the one that is nearest by ratio, so that
the same share of failures pages whether the promise is for a month, a quarter or a year: what it is given for does not
make an outage less urgent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One burn alert, whatever an SLO's window: how far back it looks, and what it does.

    An alert that wakes someone also ends where the shortest window says that the budget burns no more (``NO_LONGER``):
    its own short window of half an hour would wake him after the outage is over. ``keep`` is the share of the
    environment's ``keep_firing_for`` that applies: a slower alert ends before the faster one that inhibits it.
    """

    alert: str
    severity: Severity
    long: timedelta
    short: timedelta
    ends_with_the_outage: bool = False
    keep: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnPair(Speed):
    """One alert: the budget burns ``factor`` times too fast over the long window, and still does over the short one.

    ``budget_percent`` of the SLO's budget is spent when the long window has burnt at ``factor`` throughout.
    """

    factor: Decimal
    budget_percent: Decimal


SPEEDS = (
    Speed(
        alert="ErrorBudgetBurnFast",
        severity=Severity.CRITICAL,
        long=timedelta(hours=1),
        short=timedelta(minutes=5),
        keep=Decimal(1),
    ),
    Speed(
        alert="ErrorBudgetBurnMedium",
        severity=Severity.CRITICAL,
        long=timedelta(hours=6),
        short=timedelta(minutes=30),
        ends_with_the_outage=True,
        keep=Decimal("0.5"),
    ),
    Speed(
        alert="ErrorBudgetBurnSlow",
        severity=Severity.WARNING,
        long=timedelta(days=1),
        short=timedelta(hours=2),
    ),
    Speed(
        alert="ErrorBudgetBurnVerySlow",
        severity=Severity.WARNING,
        long=timedelta(days=3),
        short=timedelta(hours=6),
    ),
)


@lru_cache(maxsize=128)
def burn_pairs(window: timedelta) -> tuple[BurnPair, ...]:
    """Return the burn alerts of an SLO with this window (of a calendar its nominal length), the most urgent first."""
    policy = min(POLICIES, key=lambda known: abs(math.log(window / known.window)))
    made = zip(SPEEDS, policy.budget_percents, strict=True)
    return tuple(_pair(speed, percent, policy.window, window) for speed, percent in made)


def _pair(speed: Speed, percent: Decimal, known: timedelta, window: timedelta) -> BurnPair:
    """Factor = share of the budget x window / long window: Sloth's formula, and the workbook's."""
    factor = percent / 100 * _ratio(known, speed.long)
    return BurnPair(
        alert=speed.alert,
        severity=speed.severity,
        long=speed.long,
        short=speed.short,
        ends_with_the_outage=speed.ends_with_the_outage,
        keep=speed.keep,
        factor=_plain(factor, 4),
        budget_percent=_plain(percent * _ratio(known, window), 2),
    )


def _plain(value: Decimal, digits: int) -> Decimal:
    """A number as people write it: 0.9333, 10 and not 1E+1."""
    return Decimal(format(round(value, digits).normalize(), "f"))


def _ratio(span: timedelta, other: timedelta) -> Decimal:
    return Decimal(span // _SECOND) / Decimal(other // _SECOND)


_SECOND = timedelta(seconds=1)

BURN_PAIRS = burn_pairs(timedelta(days=30))
"""Those of 30 days, which most SLOs have: for whoever asks for the alerts' names and windows alone."""

MINIMUM_BAD_EVENTS = 10
"""Fewer bad events than this in the long window never alert: one failed request at three in the morning may be half of
an hour's traffic, and is no reason to wake anyone. A total outage is seen by the probe, however little the traffic."""

SHORT_WINDOWS = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=1))
"""Added up from the grid at each evaluation: these decide how fast a page comes."""

NO_LONGER = Decimal(1)
"""Burn over the shortest window at or below which an outage is over: the budget is spent no faster than it may be.
Where nothing came in that window nothing is known, and the alert stays."""

MIDDLE_WINDOWS = (timedelta(hours=2), timedelta(hours=6))
"""Added up from the first roll-up, once per roll-up interval: these decide how fast a page ends."""

LONG_WINDOWS = (timedelta(days=1), timedelta(days=3))
"""Added up from the second roll-up, as is the SLO's own window: cheap whatever the traffic and the number of series."""

SECOND_ROLLUP = 5
THIRD_ROLLUP = 60
"""Of how many roll-up intervals the second and the third roll-up are: at 1 min, 5 min and an hour. 30 days read from
the first would be 43,200 samples a minute for each of three figures; from the second they are 8,640 in five minutes."""

LONGEST_FROM_SECOND = timedelta(days=35)
"""An own window that is longer (a quarter, a year) is added up from the third roll-up: it is an hour behind at most."""


def hold(scrape_interval: timedelta, evaluation_interval: timedelta) -> timedelta:
    """The shortest ``for`` of an alert that is held: two scrapes and one evaluation."""
    return 2 * scrape_interval + evaluation_interval
