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
from monitor.compliance.alert_answers import Fate, fates, precision, silenced_share, taken_after
from monitor.store_actions import Action
from monitor.store_alerts import AlertRecord
from monitor.store_suppressed import Suppressed

FLAP = timedelta(minutes=5)
"""An episode that ended within this was over before anybody could look."""

WEEK = timedelta(days=7)
LONGEST_PERIOD = timedelta(days=366)
"""Further back than this nobody compares weeks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuality:
    """One alert over a period. ``None``: there is nothing to tell it from."""

    alert: str
    severity: str
    fired: int = 0
    """Episodes that were received."""
    per_week: float = 0.0
    acted_on: float | None = None
    """Share of its ended or answered episodes that somebody acknowledged, noted or silenced: its precision."""
    flaps: int = 0
    silenced: float | None = None
    """Share of its episodes that somebody silenced, of all but those that only other alerts kept back."""
    unheard: int = 0
    """Episodes that never arrived: silenced or inhibited from their first second to their last."""
    acknowledged_after: timedelta | None = None
    """Median, of those that were acknowledged, noted or silenced."""
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
            "unheard": self.unheard,
            "acknowledged_after_seconds": _seconds(self.acknowledged_after),
            "resolved_after_seconds": _seconds(self.resolved_after),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """All alerts over a period: those that began to fire, most often first, and those that never fired at all."""

    start: datetime
    end: datetime
    since: datetime
    """From when on anything is known of the period: its start, or the beginning of the monitor's memory."""
    alerts: tuple[AlertQuality, ...]
    never_fired: tuple[str, ...]
    pages_per_week: float
    """Episodes of critical alerts a week, drills left out."""

    def to_json(self) -> dict[str, Any]:
        """As the API and ``--json`` show it."""
        return {
            "from": clock.to_rfc3339(self.start),
            "to": clock.to_rfc3339(self.end),
            "known_from": clock.to_rfc3339(self.since),
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
    suppressed: Iterable[Suppressed] = (),
    began: datetime | None = None,
) -> QualityReport:
    """Judge the alerts over a period by the episodes that began in it.

    ``known`` is each alert of the catalogue with its severity; what fired without being there is judged as well.
    ``suppressed`` are the episodes that Alertmanager was seen to keep back, received or not. ``began`` is when the
    monitor's memory begins: what is told by the week is of the time since then, and of a week at least, for the pages
    of the first hour are no measure of a week.
    """
    of: dict[str, list[Fate]] = {}
    fired = set()
    for fate in fates(episodes, actions, suppressed):
        if fate.starts_at < end and fate.fired_after(start):
            fired.add(fate.alert)
        if start <= fate.starts_at < end:
            of.setdefault(fate.alert, []).append(fate)
    since = min(max(start, began or start), end)
    weeks = min(max(end - since, WEEK), end - start) / WEEK
    judged = (_judge(name, found, weeks) for name, found in of.items())
    ranked = sorted(judged, key=lambda one: (one.severity != Severity.CRITICAL, -one.fired, one.alert))
    pages = sum(
        fate.received is not None and fate.severity == Severity.CRITICAL for found in of.values() for fate in found
    )
    never = sorted(name for name, severity in known.items() if name not in fired and severity != Severity.NONE)
    return QualityReport(
        start=start,
        end=end,
        since=since,
        alerts=tuple(ranked),
        never_fired=tuple(never),
        pages_per_week=pages / weeks if weeks else 0.0,
    )


def _judge(name: str, found: Sequence[Fate], weeks: float) -> AlertQuality:
    received = [fate.received for fate in found if fate.received is not None]
    lasted = [episode.ends_at - episode.starts_at for episode in received if episode.ends_at is not None]
    return AlertQuality(
        alert=name,
        severity=min((fate.severity for fate in found), key=_gravity),
        fired=len(received),
        per_week=len(received) / weeks if weeks else 0.0,
        acted_on=precision(found),
        flaps=sum(span <= FLAP for span in lasted),
        silenced=silenced_share(found),
        unheard=len(found) - len(received),
        acknowledged_after=_median(taken_after(found)),
        resolved_after=_median(lasted),
    )


def _gravity(severity: str) -> int:
    order = [one.value for one in Severity]
    return order.index(severity) if severity in order else len(order)


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(span.total_seconds() for span in spans)) if spans else None


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
