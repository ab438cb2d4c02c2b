"""How good alerts were: against incidents that are known, and as a number of pages. And which objective fits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.catalogue.model import Severity
from monitor.slo.promql import number
from monitor.slo.replay import Episode
from monitor.slo.windows import MINIMUM_BAD_EVENTS

AFTERGLOW = timedelta(minutes=5)
"""An alert that comes this long after an incident's end still tells of it: the shortest window has it in sight."""

MONTH = timedelta(days=30)

HEARD = (Severity.CRITICAL, Severity.WARNING)
"""Severities that somebody is told of: pages and tickets."""

STEPS = tuple(map(Decimal, ("0.9", "0.95", "0.99", "0.995", "0.999", "0.9995", "0.9999", "0.99995", "0.99999")))
"""Objectives that people choose from: the nines of the workbook's table 5-1, and the halves between them."""

ROOM = 0.5
"""Share of the budget that a recommended objective leaves: a period twice as bad would still have been met. The bundled
availability objective stands to its SLA as this does."""

ENOUGH_COVERAGE = 0.9
"""Below this share of measured time what is recommended would be a guess about the rest."""

SHORTEST = timedelta(days=7)
"""A week has its busy days, nights and a weekend; what is shorter says little about a month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Time in which users are known to have suffered."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How one incident was noticed: the first page and the first ticket that tell of it, if there was one."""

    incident: Incident
    pages: int
    page_at: datetime | None
    ticket_at: datetime | None

    @property
    def delay(self) -> timedelta | None:
        """From the incident's start to the first page; 0 for a page that was there already."""
        return None if self.page_at is None else max(self.page_at - self.incident.start, timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Alerts against incidents. Ratios 0-1; ``None`` where there is nothing to divide by."""

    detections: tuple[Detection, ...]
    precision: float | None
    """Share of the pages that tell of a known incident."""
    recall: float | None
    """Share of the incidents that somebody was paged for."""


def heard(episodes: Iterable[Episode], severity: Severity) -> tuple[Episode, ...]:
    """The episodes of a severity that somebody was told of."""
    return tuple(one for one in episodes if one.severity is severity and one.heard is not None)


def judge(episodes: Sequence[Episode], incidents: Iterable[Incident]) -> Judgement:
    """Hold what fired against what is known to have happened."""
    pages, tickets = (heard(episodes, severity) for severity in HEARD)
    detections, telling = [], set()
    for incident in incidents:
        told = [page for page in pages if _tells(page, incident)]
        telling.update(told)
        detections.append(
            Detection(
                incident=incident,
                pages=len(told),
                page_at=_first(told),
                ticket_at=_first([ticket for ticket in tickets if _tells(ticket, incident)]),
            )
        )
    found = sum(detection.page_at is not None for detection in detections)
    return Judgement(
        detections=tuple(detections),
        precision=len(telling) / len(pages) if pages else None,
        recall=found / len(detections) if detections else None,
    )


def per_month(count: int, span: timedelta) -> float:
    """How many of something there are in 30 days, where a span had ``count``."""
    return count * (MONTH / span)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """An objective (0-1, ``None`` if nothing can be recommended), and why in one sentence."""

    objective: Decimal | None
    reason: str


def recommend(achieved: float | None, coverage: float, events: float, span: timedelta) -> Recommendation:
    """The strictest of the usual steps that the period would have met with room.

    ``events`` were counted in ``span``, of which ``coverage`` was measured; a step whose budget is fewer than ten
    events is left out, for there a handful of failures would decide the month.
    """
    if achieved is None or coverage < ENOUGH_COVERAGE:
        return Recommendation(
            objective=None,
            reason=f"Nothing can be recommended: {coverage:.1%} was measured, {ENOUGH_COVERAGE:.0%} is needed.",
        )
    if span < SHORTEST:
        return Recommendation(objective=None, reason="Nothing can be recommended from less than seven days.")
    kept = [step for step in STEPS if 1 - achieved <= float(1 - step) * (1 - ROOM)]
    counted = [step for step in kept if float(1 - step) * events >= MINIMUM_BAD_EVENTS]
    if not counted:
        why = f"not even {percent(STEPS[0])} would have been met with room" if not kept else "there are too few events"
        return Recommendation(objective=None, reason=f"Nothing can be recommended: {why}.")
    best = counted[-1]
    spent = (1 - achieved) / float(1 - best)
    limit = "" if best == kept[-1] else "; a stricter one would allow fewer than ten failed events"
    return Recommendation(
        objective=best,
        reason=(
            f"{percent(best)} is the strictest usual objective of whose budget this period would have spent at most "
            f"half: it achieved {achieved:.4%} ({coverage:.1%} measured), which is {spent:.0%} of that budget{limit}."
        ),
    )


def percent(target: Decimal) -> str:
    """An objective as people write it: ``99.95 %``."""
    return f"{number(target * 100)} %"


def _tells(episode: Episode, incident: Incident) -> bool:
    """Whether somebody was told while it went on, or had been told before and it still fired then."""
    assert episode.heard is not None  # what heard() lets through
    return episode.heard <= incident.end + AFTERGLOW and (episode.end is None or episode.end > incident.start)


def _first(episodes: Iterable[Episode]) -> datetime | None:
    return min((one.heard for one in episodes if one.heard is not None), default=None)
