"""How ``monitor slo replay`` shows what it found, to programs and to people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from monitor import clock
from monitor.catalogue.model import Severity
from monitor.compliance.replay import Outcome, Replay
from monitor.render import report_words as words
from monitor.slo.judging import Detection, heard, percent
from monitor.slo.replay import Episode

TOLD = {Severity.CRITICAL: "page", Severity.WARNING: "ticket", Severity.INFO: "info"}


def replay_json(found: Replay) -> dict[str, Any]:
    """The fields, for programs: times RFC 3339 in Z, spans in seconds, ratios 0-1."""
    advice = found.recommendation
    return {
        "slo": found.slo,
        "from": clock.to_rfc3339(found.start),
        "to": clock.to_rfc3339(found.end),
        "resolution_seconds": found.resolution.total_seconds(),
        "sli": found.achieved,
        "coverage": found.coverage,
        "events": found.events,
        "incidents_outside": found.incidents_outside,
        "outcomes": [_outcome_json(outcome) for outcome in found.outcomes],
        "recommended": {
            "objective": None if advice.objective is None else float(advice.objective),
            "reason": advice.reason,
        },
    }


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    judged = outcome.judgement
    return {
        "objective": float(outcome.objective),
        "policy": outcome.policy or None,
        "error_budget_spent": outcome.error_budget_spent,
        "frozen_seconds": outcome.frozen.total_seconds(),
        "pages_per_month": outcome.pages_per_month,
        "tickets_per_month": outcome.tickets_per_month,
        "precision": judged.precision if judged else None,
        "recall": judged.recall if judged else None,
        "alerts": [_episode_json(episode) for episode in outcome.episodes],
        "incidents": [_detection_json(detection) for detection in judged.detections] if judged else None,
    }


def _episode_json(episode: Episode) -> dict[str, Any]:
    lasted = None if episode.end is None else (episode.end - episode.start).total_seconds()
    return {
        "alert": episode.alert,
        "kind": TOLD[episode.severity],
        "start": clock.to_rfc3339(episode.start),
        "end": clock.to_rfc3339(episode.end) if episode.end else None,
        "duration_seconds": lasted,
        "notified_at": clock.to_rfc3339(episode.heard) if episode.heard else None,
    }


def _detection_json(detection: Detection) -> dict[str, Any]:
    incident, delay = detection.incident, detection.delay
    return {
        "name": incident.name,
        "start": clock.to_rfc3339(incident.start),
        "end": clock.to_rfc3339(incident.end),
        "pages": detection.pages,
        "page_at": clock.to_rfc3339(detection.page_at) if detection.page_at else None,
        "ticket_at": clock.to_rfc3339(detection.ticket_at) if detection.ticket_at else None,
        "detection_delay_seconds": None if delay is None else delay.total_seconds(),
    }


def lines(found: Replay, events: str) -> Iterator[str]:
    """The same, for people; ``events`` is what is counted."""
    span = clock.humanize(found.end - found.start)
    yield f"{found.slo}: {clock.to_rfc3339(found.start)} to {clock.to_rfc3339(found.end)} ({span})"
    yield (
        f"{words.percent(found.achieved, 4)} of {words.count(found.events)} {events} were good; "
        f"{words.percent(found.coverage, 1)} of the time was measured, every {clock.humanize(found.resolution)}"
    )
    for outcome in found.outcomes:
        yield ""
        yield from _outcome_lines(outcome)
    yield ""
    if found.incidents_outside:
        yield f"Not judged, for they lie outside of this time: {found.incidents_outside} of the known incidents."
    yield found.recommendation.reason


def _outcome_lines(outcome: Outcome) -> Iterator[str]:
    policy = f", burn alerts of {outcome.policy}" if outcome.policy else ""
    frozen = f"; changes frozen for {clock.humanize(outcome.frozen)}" if outcome.frozen else ""
    yield (
        f"Objective {percent(outcome.objective)}{policy}: "
        f"{words.percent(outcome.error_budget_spent, 1)} of the budget spent, "
        f"{outcome.pages_per_month:.1f} pages and {outcome.tickets_per_month:.1f} tickets a month{frozen}"
    )
    for severity, told in TOLD.items():
        for at, episode in _in_order(heard(outcome.episodes, severity)):
            lasted = "still firing" if episode.end is None else f"for {clock.humanize(episode.end - episode.start)}"
            yield f"  {clock.to_rfc3339(at)}  {told:<6}  {episode.alert:<24}  {lasted}"
    if outcome.judgement is None:
        return
    precision, recall = (words.percent(share, 0) for share in (outcome.judgement.precision, outcome.judgement.recall))
    yield f"  Precision {precision} (pages that tell of an incident), recall {recall} (incidents that were paged for)"
    for detection in outcome.judgement.detections:
        yield f"  {clock.to_rfc3339(detection.incident.start)}  {detection.incident.name}: {_noticed(detection)}"


def _in_order(episodes: Iterable[Episode]) -> list[tuple[datetime, Episode]]:
    """Each with when somebody was told, in that order."""
    told = [(episode.heard or episode.start, episode) for episode in episodes]
    return sorted(told, key=lambda pair: pair[0])


def _noticed(detection: Detection) -> str:
    if detection.delay is not None:
        more = f", {detection.pages} pages in all" if detection.pages > 1 else ""
        return f"paged after {clock.humanize(detection.delay)}{more}"
    return "a ticket only" if detection.ticket_at else "nobody was told"
