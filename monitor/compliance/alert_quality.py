"""How good the alerts are, from what was received and what people did: pages a week, precision, flaps, times. Pure.

An alert that nobody acts on teaches people not to look; one that flaps, to wait; one that never fired is not known to
work. Drills are left out: they fire on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from monitor import clock
from monitor.catalogue.model import Severity
from monitor.store import AlertRecord
from monitor.store_actions import Action

FLAP = timedelta(minutes=5)
"""An episode that ended within this was over before anybody could look (research/dashboards 6.4)."""

WEEK = timedelta(days=7)
LONGEST_PERIOD = timedelta(days=366)
"""Further back than this nobody compares weeks."""
ACTED = frozenset({"acknowledged", "noted", "silenced"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuality:
    """One alert over a period. ``None``: there is nothing to tell it from."""

    alert: str
    severity: str
    fired: int = 0
    per_week: float = 0.0
    acted_on: float | None = None
    """Share of its ended or answered episodes that somebody acknowledged, noted or silenced: its precision."""
    flaps: int = 0
    silenced: float | None = None
    """Share of its episodes that somebody silenced."""
    acknowledged_after: timedelta | None = None
    """Median, of those that were acknowledged or silenced."""
    resolved_after: timedelta | None = None
    """Median, of those that ended."""

    def to_json(self) -> dict[str, Any]:
        """Durations in seconds, shares 0-1."""
        return {
            "alert": self.alert,
            "severity": self.severity,
            "fired": self.fired,
            "per_week": self.per_week,
            "acted_on": self.acted_on,
            "flaps": self.flaps,
            "silenced": self.silenced,
            "acknowledged_after_seconds": _seconds(self.acknowledged_after),
            "resolved_after_seconds": _seconds(self.resolved_after),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """All alerts over a period: those that fired, most often first, and those that never did."""

    start: datetime
    end: datetime
    alerts: tuple[AlertQuality, ...]
    never_fired: tuple[str, ...]
    pages_per_week: float
    """Episodes of critical alerts a week, drills left out."""

    def to_json(self) -> dict[str, Any]:
        """As the API and ``--json`` show it."""
        return {
            "from": clock.to_rfc3339(self.start),
            "to": clock.to_rfc3339(self.end),
            "pages_per_week": self.pages_per_week,
            "alerts": [alert.to_json() for alert in self.alerts],
            "never_fired": list(self.never_fired),
        }


def alert_quality(
    episodes: Iterable[AlertRecord],
    actions: Iterable[Action],
    known: Mapping[str, str],
    *,
    start: datetime,
    end: datetime,
) -> QualityReport:
    """Judge the alerts over a period by the episodes that began in it.

    ``known`` is each alert of the catalogue with its severity; what fired without being there is judged as well.
    """
    answers: dict[tuple[str, datetime], list[Action]] = {}
    for action in actions:
        answers.setdefault((action.fingerprint, action.starts_at), []).append(action)
    of: dict[str, list[AlertRecord]] = {}
    for episode in episodes:
        if start <= episode.starts_at < end and _counts(episode):
            of.setdefault(episode.labels.get("alertname", ""), []).append(episode)
    weeks = (end - start) / WEEK
    judged = (_judge(name, found, answers, weeks) for name, found in of.items())
    ranked = sorted(judged, key=lambda one: (one.severity != Severity.CRITICAL, -one.fired, one.alert))
    pages = sum(episode.labels.get("severity") == Severity.CRITICAL for found in of.values() for episode in found)
    never = sorted(name for name, severity in known.items() if name not in of and severity != Severity.NONE)
    return QualityReport(
        start=start,
        end=end,
        alerts=tuple(ranked),
        never_fired=tuple(never),
        pages_per_week=pages / weeks if weeks else 0.0,
    )


def _counts(episode: AlertRecord) -> bool:
    return episode.labels.get("severity") != Severity.NONE and episode.labels.get("drill") != "true"


def _judge(
    name: str,
    found: Sequence[AlertRecord],
    answers: Mapping[tuple[str, datetime], Sequence[Action]],
    weeks: float,
) -> AlertQuality:
    answered = [(episode, answers.get((episode.fingerprint, episode.starts_at), ())) for episode in found]
    acted = [(episode, [one for one in done if one.kind in ACTED]) for episode, done in answered]
    silenced = [episode for episode, done in acted if any(one.kind == "silenced" for one in done)]
    # What still fires and nobody has answered yet may be answered in a minute.
    judged = [done for episode, done in acted if done or episode.ends_at is not None]
    took = [(done[0].at - episode.starts_at) for episode, done in acted if done]
    lasted = [episode.ends_at - episode.starts_at for episode in found if episode.ends_at is not None]
    return AlertQuality(
        alert=name,
        severity=min((episode.labels.get("severity", "") for episode in found), key=_gravity),
        fired=len(found),
        per_week=len(found) / weeks if weeks else 0.0,
        acted_on=sum(bool(done) for done in judged) / len(judged) if judged else None,
        flaps=sum(span <= FLAP for span in lasted),
        silenced=len(silenced) / len(found),
        acknowledged_after=_median(took),
        resolved_after=_median(lasted),
    )


def _gravity(severity: str) -> int:
    order = [one.value for one in Severity]
    return order.index(severity) if severity in order else len(order)


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(span.total_seconds() for span in spans)) if spans else None


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
