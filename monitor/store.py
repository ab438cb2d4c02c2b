"""The monitor's own memory: one SQLite file (WAL), never in the databases that it watches.

``work`` and ``up`` migrate it; every other process waits until the schema is there. Each method is one short
transaction, so any number of processes may share the file; call from a thread where an event loop runs.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NoReturn, Self

from monitor import clock
from monitor.errors import Unavailable
from monitor.store_schema import MIGRATIONS, statements

RecordKind = Literal[
    "backup",
    "verification",
    "drill",
    "job",
    "report",
    "watchdog",
    "calendar",
    "override",
    "erasure",
    "redis",
    "configuration",
    "set",
    "anchor",
    "capture",
]
"""What the append-only records are of. The body's shape belongs to the module that writes it."""

AlertEventState = Literal["firing", "resolved", "forgotten", "returned"]
"""``forgotten``: we closed the episode ourselves, for Alertmanager no longer knew the alert and had told no end.
``returned``: what was told to be over had not ended."""

REOPENED_AFTER = timedelta(minutes=1)
"""So long after its end, word of the same episode that it fires is no late repeat (Alertmanagers of a cluster wait 15 s
for one another): Alertmanager heard nothing of Prometheus for some minutes and took that for the end."""

KEPT_FOR = timedelta(days=400)
"""How long runs of jobs and changes of components are kept: a year, and the month in which it is looked back on."""

KEPT_OF_EACH = 2000
"""How many of one job, component or alert are kept at most: one that fails each minute must not fill the disk."""

ALERTS_KEPT_FOR = timedelta(days=3 * 366)
"""How long resolved episodes are kept: they are the history that this year's and last year's are compared in."""

_SELECT_ALERTS = "SELECT fingerprint, starts_at, state, received_at, ends_at, labels, annotations FROM alerts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One append-only entry: what happened, when, and its JSON body."""

    kind: RecordKind
    id: str
    at: datetime
    body: dict[str, Any]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentChange:
    """A component of the embedded stack entered a state."""

    name: str
    at: datetime
    state: str
    reason: str
    address: str


class Store:
    """A handle on the state file. Cheap to open; close it, or use it as a context manager.

    Raises:
        Unavailable: the file cannot be opened, or is no database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            _unusable(path, error)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error as error:
            self._connection.close()
            _unusable(path, error)

    @classmethod
    def migrate(cls, path: Path) -> Self:
        """Open the store and bring its schema up to date; made, with its directory, if not there.

        Raises:
            Unavailable: the file cannot be opened or written, or is no database of ours.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = cls(path)
        try:
            store._bring_up_to_date()
        except sqlite3.Error as error:
            store.close()
            _unusable(path, error)
        return store

    def _bring_up_to_date(self) -> None:
        with self.transaction() as connection:
            version = self._version()
            for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
                for statement in statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")

    @classmethod
    def open(cls, path: Path, *, wait_s: float = 10) -> Self:
        """Open a store that ``work`` or ``up`` has made, waiting up to ``wait_s`` for its schema.

        Raises:
            Unavailable: there is none, it cannot be used, or it stayed older than this program.
        """
        deadline = time.monotonic() + wait_s
        while True:
            if path.exists():
                store = cls(path)
                try:
                    if store._version() == len(MIGRATIONS):
                        return store
                except sqlite3.Error as error:
                    store.close()
                    _unusable(path, error)
                store.close()
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"the store {path} is not ready: start `monitor work` (or `monitor up`), which makes it"
                )
            time.sleep(0.1)

    def close(self) -> None:
        """Close the handle."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the handle."""
        self.close()

    # --- records ---------------------------------------------------------------------------------------------------

    def put(self, kind: RecordKind, record_id: str, body: dict[str, Any], *, at: datetime | None = None) -> None:
        """Write a record, replacing one of the same kind and id."""
        row = (kind, record_id, stamp(at or clock.now()), json.dumps(body, sort_keys=True))
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO records (kind, id, at, body) VALUES (?, ?, ?, ?)", row)

    def get(self, kind: RecordKind, record_id: str) -> Record | None:
        """Return one record."""
        query = "SELECT kind, id, at, body FROM records WHERE kind = ? AND id = ?"
        row = self._connection.execute(query, (kind, record_id)).fetchone()
        return None if row is None else _record(row)

    def records(self, kind: RecordKind, *, since: datetime | None = None, limit: int = 1000) -> tuple[Record, ...]:
        """Return records of a kind, newest first."""
        query = "SELECT kind, id, at, body FROM records WHERE kind = ? AND at >= ? ORDER BY at DESC, id DESC LIMIT ?"
        rows = self._connection.execute(query, (kind, stamp(since) if since else "", limit))
        return tuple(_record(row) for row in rows)

    def newest_job(self, name: str, outcome: str, until: datetime) -> Record | None:
        """Return the newest run of a job that went so and ended at an instant or before, however many ran since."""
        query = (
            "SELECT kind, id, at, body FROM records WHERE kind = 'job' AND json_extract(body, '$.job') = ?"
            " AND json_extract(body, '$.outcome') = ? AND at <= ? ORDER BY at DESC, id DESC LIMIT 1"
        )
        row = self._connection.execute(query, (name, outcome, stamp(until))).fetchone()
        return None if row is None else _record(row)

    def newest_jobs(self) -> tuple[Record, ...]:
        """Return the newest run of each job and outcome, newest first."""
        query = (
            "SELECT kind, id, at, body FROM (SELECT *, row_number() OVER (PARTITION BY json_extract(body, '$.job'),"
            " json_extract(body, '$.outcome') ORDER BY at DESC, id DESC) AS place FROM records WHERE kind = 'job')"
            " WHERE place = 1 ORDER BY at DESC, id DESC"
        )
        return tuple(_record(row) for row in self._connection.execute(query))

    def prune(self, now: datetime) -> int:
        """Delete old runs of jobs, changes of components and resolved episodes of alerts; returns how many.

        What is older than ``KEPT_FOR`` (of alerts: ``ALERTS_KEPT_FOR``) goes, and of each job, component or alert what
        is beyond the newest ``KEPT_OF_EACH``; the newest run of each job and outcome, the first and the newest change
        of each component, and every alert that fires always stay.
        """
        limits = (KEPT_OF_EACH, stamp(now - KEPT_FOR))
        jobs = (
            "DELETE FROM records WHERE rowid IN (SELECT entry FROM (SELECT rowid AS entry, at,"
            " row_number() OVER (PARTITION BY json_extract(body, '$.job') ORDER BY at DESC, id DESC) AS place,"
            " row_number() OVER (PARTITION BY json_extract(body, '$.job'), json_extract(body, '$.outcome')"
            " ORDER BY at DESC, id DESC) AS of_outcome FROM records WHERE kind = 'job')"
            " WHERE of_outcome > 1 AND (place > ? OR at < ?))"
        )
        changes = (
            "DELETE FROM component_changes WHERE rowid IN (SELECT entry FROM (SELECT rowid AS entry, at,"
            " row_number() OVER (PARTITION BY name ORDER BY rowid DESC) AS place,"
            " row_number() OVER (PARTITION BY name ORDER BY rowid) AS age FROM component_changes)"
            " WHERE place > 1 AND age > 1 AND (place > ? OR at < ?))"
        )
        episodes = (
            "DELETE FROM alerts WHERE rowid IN (SELECT entry FROM (SELECT rowid AS entry, received_at,"
            " row_number() OVER (PARTITION BY fingerprint ORDER BY starts_at DESC) AS place"
            " FROM alerts WHERE state = 'resolved') WHERE place > ? OR received_at < ?)"
        )
        suppressions = (
            "DELETE FROM alert_suppressions WHERE rowid IN (SELECT entry FROM (SELECT rowid AS entry, last_at,"
            " row_number() OVER (PARTITION BY fingerprint ORDER BY starts_at DESC) AS place"
            " FROM alert_suppressions) WHERE place > ? OR last_at < ?)"
        )
        timelines = [
            f"DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM alerts"  # noqa: S608  # two names of ours
            f" WHERE alerts.fingerprint = {table}.fingerprint AND alerts.starts_at = {table}.starts_at)"
            for table in ("alert_events", "alert_actions")
        ]
        with self.transaction() as connection:
            gone = sum(connection.execute(query, limits).rowcount for query in (jobs, changes))
            for query in (episodes, suppressions):
                gone += connection.execute(query, (KEPT_OF_EACH, stamp(now - ALERTS_KEPT_FOR))).rowcount
            for query in timelines:
                connection.execute(query)
        return gone

    # --- alerts ----------------------------------------------------------------------------------------------------

    def record_alert(self, alert: AlertRecord, *, event: AlertEventState | None = None) -> None:
        """Remember what Alertmanager said. Repeats change nothing; the first ``received_at`` is kept.

        An episode that is told to fire well after its end (``REOPENED_AFTER``) is open again. ``event`` is what the
        timeline says of it, where that is not the alert's state.
        """
        key = (alert.fingerprint, stamp(alert.starts_at))
        with self.transaction() as connection:
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

    def alerts(
        self, *, state: str | None = None, since: datetime | None = None, limit: int = 500
    ) -> tuple[AlertRecord, ...]:
        """Return alert episodes, newest first."""
        query = (
            f"{_SELECT_ALERTS} WHERE (? IS NULL OR state = ?) AND received_at >= ? ORDER BY received_at DESC LIMIT ?"
        )
        rows = self._connection.execute(query, (state, state, stamp(since) if since else "", limit))
        return tuple(_alert(row) for row in rows)

    def count_alerts(self, *, state: str | None = None, since: datetime | None = None) -> int:
        """Return how many episodes ``alerts`` would return without a limit."""
        query = "SELECT count(*) FROM alerts WHERE (? IS NULL OR state = ?) AND received_at >= ?"
        return int(self._connection.execute(query, (state, state, stamp(since) if since else "")).fetchone()[0])

    def firing(self) -> tuple[AlertRecord, ...]:
        """Return every episode that fires, newest first: how many there are must not decide which count."""
        rows = self._connection.execute(f"{_SELECT_ALERTS} WHERE state = 'firing' ORDER BY received_at DESC")
        return tuple(_alert(row) for row in rows)

    def episodes(self, fingerprint: str, *, limit: int = 200) -> tuple[AlertRecord, ...]:
        """Return the episodes of one alert, the one that began last first."""
        rows = self._connection.execute(
            f"{_SELECT_ALERTS} WHERE fingerprint = ? ORDER BY starts_at DESC LIMIT ?", (fingerprint, limit)
        )
        return tuple(_alert(row) for row in rows)

    def episode(self, fingerprint: str, starts_at: datetime | None) -> AlertRecord | None:
        """Return the episode of one alert that began at an instant, or the one that began last."""
        query = f"{_SELECT_ALERTS} WHERE fingerprint = ? AND ? IN (starts_at, '') ORDER BY starts_at DESC LIMIT 1"
        row = self._connection.execute(query, (fingerprint, stamp(starts_at) if starts_at else "")).fetchone()
        return None if row is None else _alert(row)

    def alerts_between(self, start: datetime, end: datetime) -> tuple[AlertRecord, ...]:
        """Return the episodes that fired at some time in a span, the one that began first first."""
        query = f"{_SELECT_ALERTS} WHERE starts_at < ? AND (ends_at IS NULL OR ends_at >= ?) ORDER BY starts_at"
        return tuple(_alert(row) for row in self._connection.execute(query, (stamp(end), stamp(start))))

    def began(self) -> datetime | None:
        """Return when this memory begins: the oldest alert, run of a job or change of a component that is kept."""
        query = (
            "SELECT min(at) FROM (SELECT min(received_at) AS at FROM alerts UNION ALL"
            " SELECT min(at) FROM records WHERE kind = 'job' UNION ALL SELECT min(at) FROM component_changes)"
        )
        (oldest,) = self._connection.execute(query).fetchone()
        return clock.from_rfc3339(oldest) if oldest else None

    def firing_beside(self, fingerprint: str, starts_at: datetime) -> tuple[AlertRecord, ...]:
        """Return the episodes of one alert that fire, but for the one that began at an instant."""
        query = f"{_SELECT_ALERTS} WHERE fingerprint = ? AND starts_at <> ? AND state = 'firing'"
        rows = self._connection.execute(query, (fingerprint, stamp(starts_at)))
        return tuple(_alert(row) for row in rows)

    def alert_events(self, fingerprint: str, starts_at: datetime) -> tuple[AlertEvent, ...]:
        """Return what became known of one episode, oldest first."""
        query = "SELECT at, state FROM alert_events WHERE fingerprint = ? AND starts_at = ? ORDER BY rowid"
        rows = self._connection.execute(query, (fingerprint, stamp(starts_at)))
        return tuple(AlertEvent(at=clock.from_rfc3339(at), state=state) for at, state in rows)

    # --- components ------------------------------------------------------------------------------------------------

    def record_component(self, change: ComponentChange) -> None:
        """Append a state change of a component."""
        row = (change.name, stamp(change.at), change.state, change.reason, change.address)
        with self.transaction() as connection:
            connection.execute("INSERT INTO component_changes VALUES (?, ?, ?, ?, ?)", row)

    def components(self) -> tuple[ComponentChange, ...]:
        """Return the newest change of each component, in the order they were first seen."""
        query = (
            "SELECT name, at, state, reason, address FROM component_changes WHERE rowid IN"
            " (SELECT max(rowid) FROM component_changes GROUP BY name)"
            " ORDER BY (SELECT min(rowid) FROM component_changes AS first WHERE first.name = component_changes.name)"
        )
        return tuple(_change(row) for row in self._connection.execute(query))

    def component_changes(self, *, since: datetime) -> tuple[ComponentChange, ...]:
        """Return all changes since an instant, oldest first."""
        query = "SELECT name, at, state, reason, address FROM component_changes WHERE at >= ? ORDER BY rowid"
        return tuple(_change(row) for row in self._connection.execute(query, (stamp(since),)))

    # --- for the modules that keep tables of their own here (store_history) ----------------------------------------

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Read rows; nothing is locked."""
        return self._connection.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing, one process at a time."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])


def _unusable(path: Path, error: sqlite3.Error) -> NoReturn:
    """Say in one sentence why the state file cannot be used, and what to do."""
    if isinstance(error, sqlite3.OperationalError):
        raise Unavailable(
            f"the store {path} cannot be used ({error}): see who owns it, and the disk it is on"
        ) from error
    raise Unavailable(
        f"the store {path} is damaged or no database ({error}): move it away, then start `monitor work` "
        "(or `monitor up`), which makes a new one"
    ) from error


def stamp(instant: datetime) -> str:
    """Always with milliseconds, so that the text sorts as the instants do."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _record(row: tuple[Any, ...]) -> Record:
    kind, record_id, at, body = row
    return Record(kind=kind, id=record_id, at=clock.from_rfc3339(at), body=json.loads(body))


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


def _change(row: tuple[Any, ...]) -> ComponentChange:
    name, at, state, reason, address = row
    return ComponentChange(name=name, at=clock.from_rfc3339(at), state=state, reason=reason, address=address)
