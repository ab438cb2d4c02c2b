"""The past of an SLO, as a Prometheus would have scraped it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.catalogue.load import load
from monitor.catalogue.model import Budgeting, Catalogue, Place, RatioSli, Slo, Window
from tests.contract.history import History

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
SCRAPE = 30
MIDNIGHT = datetime(2026, 10, 23, 22, tzinfo=UTC)
"""In Berlin: the 24th, 25th (of 25 hours) and 26th follow."""


def promised(
    name: str = "answers",
    *,
    bad: str = 'e_total{code="5xx"}',
    good: str = "",
    total: str = "e_total",
    probe: str = "",
) -> Slo:
    return Slo(
        name=name,
        service="clinic",
        display_name=name,
        description="Requests are answered.",
        budgeting=Budgeting.OCCURRENCES,
        window=Window(duration=timedelta(days=30)),
        target=Decimal("0.99"),
        sli=RatioSli(bad="" if good else bad, good=good, total=total, probe=probe),
        place=Place(file="x.yaml"),
    )


def catalogue(*slos: Slo) -> Catalogue:
    return replace(load(None, "compose"), slos=slos or (promised(),))


Value = Callable[[float], float | None]


def past(values: dict[str, Value], *, hours: float, name: str = "e_total", first: datetime = MIDNIGHT) -> History:
    """Scrape counters by code, each ``value(seconds since first)``."""
    history = History()
    offsets = range(-HOUR // SECOND, int(hours * 3600) + 1, SCRAPE)
    for code, value in values.items():
        seen = ((first + timedelta(seconds=s, milliseconds=137), value(s)) for s in offsets)
        history.add(name, {"code": code}, [(at, number) for at, number in seen if number is not None])
    return history
