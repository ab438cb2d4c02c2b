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
from dataclasses import dataclass
from datetime import UTC, datetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One append-only entry: what happened, when, and its JSON body."""

    kind: RecordKind
    id: str
    at: datetime
    body: dict[str, Any]


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

    def began(self) -> datetime | None:
        """Return when this memory begins: the oldest alert, run of a job or change of a component that is kept."""
        query = (
            "SELECT min(at) FROM (SELECT min(received_at) AS at FROM alerts UNION ALL"
            " SELECT min(at) FROM records WHERE kind = 'job' UNION ALL SELECT min(at) FROM component_changes)"
        )
        (oldest,) = self._connection.execute(query).fetchone()
        return clock.from_rfc3339(oldest) if oldest else None

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

    # --- for the modules that keep tables of their own here (store_alerts, store_history, ...) ---------------------

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Read rows; nothing is locked."""
        return self._connection.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing, one process at a time. Within another one, it is part of that."""
        if self._connection.in_transaction:
            yield self._connection
            return
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


def _change(row: tuple[Any, ...]) -> ComponentChange:
    name, at, state, reason, address = row
    return ComponentChange(name=name, at=clock.from_rfc3339(at), state=state, reason=reason, address=address)
