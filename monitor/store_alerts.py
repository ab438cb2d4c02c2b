"""What Alertmanager told of each alert: one episode from firing to resolved, and when what became known of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from monitor import clock
from monitor.store import Store, stamp

AlertEventState = Literal["firing", "resolved", "forgotten", "returned"]
"""``forgotten``: we closed the episode ourselves, for Alertmanager no longer knew the alert and had told no end.
``returned``: what was told to be over had not ended."""

REOPENED_AFTER = timedelta(minutes=1)
"""So long after its end, word of the same episode that it fires is no late repeat (Alertmanagers of a cluster wait 15 s
for one another): Alertmanager heard nothing of Prometheus for some minutes and took that for the end."""

_SELECT_ALERTS = "SELECT fingerprint, starts_at, state, received_at, ends_at, labels, annotations FROM alerts"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """One episode of one alert, from firing to resolved. ``received_at`` is when we first heard of it."""

    fingerprint: str
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    state: Literal["firing", "resolved"]
    starts_at: datetime
    received_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """What became known of an episode, and when."""

    at: datetime
    state: AlertEventState


class Alerts:
    """The episodes of alerts in the store; its upkeep removes the old ones."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, alert: AlertRecord, *, event: AlertEventState | None = None) -> None:
        """Remember what Alertmanager said. Repeats change nothing; the first ``received_at`` is kept.

        An episode that is told to fire well after its end (``REOPENED_AFTER``) is open again. ``event`` is what the
        timeline says of it, where that is not the alert's state.
        """
        key = (alert.fingerprint, stamp(alert.starts_at))
        with self._store.transaction() as connection:
            query = "SELECT state FROM alerts WHERE fingerprint = ? AND starts_at = ?"
            known = connection.execute(query, key).fetchone()
            if known is not None and known[0] == alert.state:
                return
            if known is not None and known[0] == "resolved":
                if not self._returns(alert):
                    return
                event = "returned"
            connection.execute(
                "INSERT INTO alerts (fingerprint, starts_at, state, received_at, ends_at, labels, annotations)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint, starts_at)"
                " DO UPDATE SET state = excluded.state, ends_at = excluded.ends_at",
                (
                    *key,
                    alert.state,
                    stamp(alert.received_at),
                    stamp(alert.ends_at) if alert.ends_at else None,
                    json.dumps(alert.labels, sort_keys=True),
                    json.dumps(alert.annotations, sort_keys=True),
                ),
            )
            connection.execute(
                "INSERT INTO alert_events (fingerprint, starts_at, at, state) VALUES (?, ?, ?, ?)",
                (*key, stamp(alert.received_at), event or alert.state),
            )

    def _returns(self, alert: AlertRecord) -> bool:
        """Whether an episode that has ended fires after all: told long after its end, and no newer one is known."""
        newest = self.episodes(alert.fingerprint, limit=1)[0]
        ended = newest.ends_at is not None and newest.ends_at <= alert.received_at - REOPENED_AFTER
        return ended and stamp(newest.starts_at) == stamp(alert.starts_at)

    def newest(
        self, *, state: str | None = None, since: datetime | None = None, limit: int = 500
    ) -> tuple[AlertRecord, ...]:
        """Return alert episodes, newest first."""
        query = (
            f"{_SELECT_ALERTS} WHERE (? IS NULL OR state = ?) AND received_at >= ? ORDER BY received_at DESC LIMIT ?"
        )
        rows = self._store.rows(query, (state, state, stamp(since) if since else "", limit))
        return tuple(_alert(row) for row in rows)

    def count(self, *, state: str | None = None, since: datetime | None = None) -> int:
        """Return how many episodes ``newest`` would return without a limit."""
        query = "SELECT count(*) FROM alerts WHERE (? IS NULL OR state = ?) AND received_at >= ?"
        ((number,),) = self._store.rows(query, (state, state, stamp(since) if since else ""))
        return int(number)

    def firing(self) -> tuple[AlertRecord, ...]:
        """Return every episode that fires, newest first: how many there are must not decide which count."""
        rows = self._store.rows(f"{_SELECT_ALERTS} WHERE state = 'firing' ORDER BY received_at DESC")
        return tuple(_alert(row) for row in rows)

    def episodes(self, fingerprint: str, *, limit: int = 200) -> tuple[AlertRecord, ...]:
        """Return the episodes of one alert, the one that began last first."""
        rows = self._store.rows(
            f"{_SELECT_ALERTS} WHERE fingerprint = ? ORDER BY starts_at DESC LIMIT ?", (fingerprint, limit)
        )
        return tuple(_alert(row) for row in rows)

    def episode(self, fingerprint: str, starts_at: datetime | None) -> AlertRecord | None:
        """Return the episode of one alert that began at an instant, or the one that began last."""
        query = f"{_SELECT_ALERTS} WHERE fingerprint = ? AND ? IN (starts_at, '') ORDER BY starts_at DESC LIMIT 1"
        rows = self._store.rows(query, (fingerprint, stamp(starts_at) if starts_at else ""))
        return next(map(_alert, rows), None)

    def between(self, start: datetime, end: datetime) -> tuple[AlertRecord, ...]:
        """Return the episodes that fired at some time in a span, the one that began first first."""
        query = f"{_SELECT_ALERTS} WHERE starts_at < ? AND (ends_at IS NULL OR ends_at >= ?) ORDER BY starts_at"
        return tuple(_alert(row) for row in self._store.rows(query, (stamp(end), stamp(start))))

    def firing_beside(self, fingerprint: str, starts_at: datetime) -> tuple[AlertRecord, ...]:
        """Return the episodes of one alert that fire, but for the one that began at an instant."""
        # The plus keeps SQLite from walking through all that fire, in a storm of thousands for each of them.
        query = f"{_SELECT_ALERTS} WHERE fingerprint = ? AND starts_at <> ? AND +state = 'firing'"
        rows = self._store.rows(query, (fingerprint, stamp(starts_at)))
        return tuple(_alert(row) for row in rows)

    def events(self, fingerprint: str, starts_at: datetime) -> tuple[AlertEvent, ...]:
        """Return what became known of one episode, oldest first."""
        query = "SELECT at, state FROM alert_events WHERE fingerprint = ? AND starts_at = ? ORDER BY rowid"
        rows = self._store.rows(query, (fingerprint, stamp(starts_at)))
        return tuple(AlertEvent(at=clock.from_rfc3339(at), state=state) for at, state in rows)


def _alert(row: tuple[Any, ...]) -> AlertRecord:
    fingerprint, starts_at, state, received_at, ends_at, labels, annotations = row
    return AlertRecord(
        fingerprint=fingerprint,
        labels=json.loads(labels),
        annotations=json.loads(annotations),
        state=state,
        starts_at=clock.from_rfc3339(starts_at),
        received_at=clock.from_rfc3339(received_at),
        ends_at=clock.from_rfc3339(ends_at) if ends_at else None,
    )
