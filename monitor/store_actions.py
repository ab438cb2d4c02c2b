"""What people did about an alert: who acknowledged or silenced it, when, why, until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from monitor import clock
from monitor.store import Store, stamp

ActionKind = Literal["acknowledged", "noted", "silenced", "silence ended"]
"""``silence ended``: somebody ended a silence before its time."""

MAX_TEXT = 500
"""Characters of who and why: a sentence or two. Beyond that it belongs into the postmortem."""

_SELECT = "SELECT fingerprint, starts_at, at, kind, who, why, until, silence FROM alert_actions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that one person did about one episode of an alert."""

    fingerprint: str
    starts_at: datetime
    at: datetime
    kind: ActionKind
    who: str
    why: str = ""
    until: datetime | None = None
    silence: str = ""
    """The silence's id in Alertmanager."""


class Actions:
    """The actions in the store. They are only ever added; the store's upkeep removes them with their episode."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, action: Action) -> None:
        """Remember an action."""
        row = (
            action.fingerprint,
            stamp(action.starts_at),
            stamp(action.at),
            action.kind,
            action.who[:MAX_TEXT],
            action.why[:MAX_TEXT],
            stamp(action.until) if action.until else None,
            action.silence,
        )
        with self._store.transaction() as connection:
            connection.execute("INSERT INTO alert_actions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def of(self, fingerprint: str, starts_at: datetime) -> tuple[Action, ...]:
        """What was done about one episode, oldest first."""
        query = f"{_SELECT} WHERE fingerprint = ? AND starts_at = ? ORDER BY rowid"
        return _actions(self._store.rows(query, (fingerprint, stamp(starts_at))))

    def takers(self) -> dict[tuple[str, datetime], list[str]]:
        """Who acknowledged or silenced each alert that fires, by fingerprint and start, in the order they did."""
        query = (
            "SELECT fingerprint, starts_at, who FROM alert_actions JOIN alerts USING (fingerprint, starts_at)"
            " WHERE state = 'firing' AND kind IN ('acknowledged', 'silenced') ORDER BY alert_actions.rowid"
        )
        found: dict[tuple[str, datetime], list[str]] = {}
        for fingerprint, starts_at, who in self._store.rows(query):
            found.setdefault((fingerprint, clock.from_rfc3339(starts_at)), []).append(who)
        return found

    def between(self, start: datetime, end: datetime) -> tuple[Action, ...]:
        """What was done in a span, oldest first."""
        query = f"{_SELECT} WHERE at >= ? AND at < ? ORDER BY rowid"
        return _actions(self._store.rows(query, (stamp(start), stamp(end))))


def _actions(rows: Iterable[tuple[Any, ...]]) -> tuple[Action, ...]:
    return tuple(
        Action(
            fingerprint=fingerprint,
            starts_at=clock.from_rfc3339(starts_at),
            at=clock.from_rfc3339(at),
            kind=kind,
            who=who,
            why=why,
            until=clock.from_rfc3339(until) if until else None,
            silence=silence,
        )
        for fingerprint, starts_at, at, kind, who, why, until, silence in rows
    )
