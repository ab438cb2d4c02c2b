"""Episodes that Alertmanager was seen to keep from people: silenced, or inhibited by others. Some never arrive here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor import clock
from monitor.store import Store, stamp

_SEE = (
    "INSERT INTO alert_suppressions (fingerprint, starts_at, labels, first_at, last_at, silenced, inhibited)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint, starts_at) DO UPDATE SET last_at = excluded.last_at,"
    " silenced = max(silenced, excluded.silenced), inhibited = max(inhibited, excluded.inhibited)"
)
_SELECT = "SELECT fingerprint, starts_at, labels, first_at, last_at, silenced, inhibited FROM alert_suppressions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """One episode of one alert that was seen suppressed, first and last; ``silenced`` and ``inhibited``: ever."""

    fingerprint: str
    labels: Mapping[str, str]
    starts_at: datetime
    first_at: datetime
    last_at: datetime
    silenced: bool
    inhibited: bool


class Suppressions:
    """What was seen suppressed, in the store. Its upkeep removes what is old."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def see(self, found: Iterable[Suppressed]) -> None:
        """Remember what one look found; what was seen of an episode before is kept."""
        rows = [
            (
                each.fingerprint,
                stamp(each.starts_at),
                json.dumps(dict(each.labels), sort_keys=True),
                stamp(each.first_at),
                stamp(each.last_at),
                int(each.silenced),
                int(each.inhibited),
            )
            for each in found
        ]
        if rows:
            with self._store.transaction() as connection:
                connection.executemany(_SEE, rows)

    def firing(self, since: datetime) -> frozenset[tuple[str, datetime]]:
        """The alerts that fire and were seen suppressed since an instant, by fingerprint and start."""
        query = (
            "SELECT fingerprint, starts_at FROM alert_suppressions JOIN alerts USING (fingerprint, starts_at)"
            " WHERE state = 'firing' AND last_at >= ?"
        )
        rows = self._store.rows(query, (stamp(since),))
        return frozenset((fingerprint, clock.from_rfc3339(starts_at)) for fingerprint, starts_at in rows)

    def between(self, start: datetime, end: datetime) -> tuple[Suppressed, ...]:
        """The episodes that began in a span, the one that began first first."""
        query = f"{_SELECT} WHERE starts_at >= ? AND starts_at < ? ORDER BY starts_at"
        return tuple(
            Suppressed(
                fingerprint=fingerprint,
                labels=json.loads(labels),
                starts_at=clock.from_rfc3339(starts_at),
                first_at=clock.from_rfc3339(first_at),
                last_at=clock.from_rfc3339(last_at),
                silenced=bool(silenced),
                inhibited=bool(inhibited),
            )
            for fingerprint, starts_at, labels, first_at, last_at, silenced, inhibited in self._store.rows(
                query, (stamp(start), stamp(end))
            )
        )
