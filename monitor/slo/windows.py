"""Burn-rate alerting as data, with its source, and the spans that are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from monitor.catalogue.model import Severity

SOURCE = "https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts"
"""Google, The Site Reliability Workbook, chapter 5: table 5-8, and the 3x pair of its rule example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnPair:
    """One alert: the budget burns ``factor`` times too fast over the long window, and still does over the short one.

    ``budget_percent`` of a 30-day budget is spent when the long window has burnt at ``factor`` throughout. An alert
    that wakes someone also ends where the shortest window says that the budget burns no more (``NO_LONGER``): its own
    short window of half an hour would wake him after the outage is over. ``keep`` is the share of the environment's
    ``keep_firing_for`` that applies: a slower alert ends before the faster one that inhibits it.
    """

    alert: str
    severity: Severity
    factor: Decimal
    long: timedelta
    short: timedelta
    budget_percent: int
    ends_with_the_outage: bool = False
    keep: Decimal = Decimal(0)


BURN_PAIRS = (
    BurnPair(
        alert="ErrorBudgetBurnFast",
        severity=Severity.CRITICAL,
        factor=Decimal("14.4"),
        long=timedelta(hours=1),
        short=timedelta(minutes=5),
        budget_percent=2,
        keep=Decimal(1),
    ),
    BurnPair(
        alert="ErrorBudgetBurnMedium",
        severity=Severity.CRITICAL,
        factor=Decimal(6),
        long=timedelta(hours=6),
        short=timedelta(minutes=30),
        budget_percent=5,
        ends_with_the_outage=True,
        keep=Decimal("0.5"),
    ),
    BurnPair(
        alert="ErrorBudgetBurnSlow",
        severity=Severity.WARNING,
        factor=Decimal(3),
        long=timedelta(days=1),
        short=timedelta(hours=2),
        budget_percent=10,
    ),
    BurnPair(
        alert="ErrorBudgetBurnVerySlow",
        severity=Severity.WARNING,
        factor=Decimal(1),
        long=timedelta(days=3),
        short=timedelta(hours=6),
        budget_percent=10,
    ),
)

MINIMUM_BAD_EVENTS = 10
"""Fewer bad events than this in the long window never alert: one failed request at three in the morning may be half of
an hour's traffic, and is no reason to wake anyone. A total outage is seen by the probe, however little the traffic."""

SHORT_WINDOWS = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=1))
"""Added up from the grid at each evaluation: these decide how fast a page comes."""

NO_LONGER = Decimal(1)
"""Burn over the shortest window at or below which an outage is over: the budget is spent no faster than it may be.
Where nothing came in that window nothing is known, and the alert stays."""

LONG_WINDOWS = (timedelta(hours=2), timedelta(hours=6), timedelta(days=1), timedelta(days=3))
"""Added up from the roll-up, as is the SLO's own window: cheap whatever the traffic and the number of series."""


def hold(scrape_interval: timedelta, evaluation_interval: timedelta) -> timedelta:
    """The ``for`` of a burn alert: two scrapes and one evaluation, so that no single sample wakes anyone."""
    return 2 * scrape_interval + evaluation_interval
