"""The tables of the monitor's memory, as the steps that made them. A released step is never changed: add one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

MIGRATIONS = (
    """
    CREATE TABLE records (
        kind TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
    ) STRICT;
    CREATE INDEX records_by_time ON records (kind, at);
    CREATE TABLE alerts (
        fingerprint TEXT NOT NULL, starts_at TEXT NOT NULL, state TEXT NOT NULL, received_at TEXT NOT NULL,
        ends_at TEXT, labels TEXT NOT NULL, annotations TEXT NOT NULL, PRIMARY KEY (fingerprint, starts_at)
    ) STRICT;
    CREATE TABLE alert_events (
        fingerprint TEXT NOT NULL, starts_at TEXT NOT NULL, at TEXT NOT NULL, state TEXT NOT NULL
    ) STRICT;
    CREATE TABLE component_changes (
        name TEXT NOT NULL, at TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, address TEXT NOT NULL
    ) STRICT;
    CREATE INDEX component_changes_by_name ON component_changes (name, at);
    """,
    """
    CREATE INDEX alerts_by_time ON alerts (received_at);
    CREATE INDEX alerts_by_state ON alerts (state, received_at);
    CREATE INDEX alert_events_by_episode ON alert_events (fingerprint, starts_at);
    """,
    # What store_history keeps: it is only ever added to, whoever holds the handle.
    """
    CREATE TABLE slo_days (
        slo TEXT NOT NULL, start_at TEXT NOT NULL, end_at TEXT NOT NULL, version INTEGER NOT NULL, day TEXT NOT NULL,
        sealed_at TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (slo, start_at, version)
    ) STRICT;
    CREATE TRIGGER slo_days_stay BEFORE DELETE ON slo_days
        BEGIN SELECT RAISE(ABORT, 'sealed days are never deleted'); END;
    CREATE TRIGGER slo_days_stay_so BEFORE UPDATE ON slo_days
        BEGIN SELECT RAISE(ABORT, 'sealed days are never changed'); END;
    CREATE TABLE slo_corrections (
        id TEXT NOT NULL PRIMARY KEY, slo TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER slo_corrections_stay BEFORE DELETE ON slo_corrections
        BEGIN SELECT RAISE(ABORT, 'corrections are never deleted'); END;
    CREATE TRIGGER slo_corrections_stay_so BEFORE UPDATE ON slo_corrections
        BEGIN SELECT RAISE(ABORT, 'corrections are never changed'); END;
    """,
    # What store_actions keeps.
    """
    CREATE TABLE alert_actions (
        fingerprint TEXT NOT NULL, starts_at TEXT NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL,
        why TEXT NOT NULL, until TEXT, silence TEXT NOT NULL
    ) STRICT;
    CREATE INDEX alert_actions_by_episode ON alert_actions (fingerprint, starts_at);
    CREATE INDEX alert_actions_by_time ON alert_actions (at);
    """,
    # REPLACE deletes without asking the triggers above. And who let changes out, and why, stays as it was told.
    """
    CREATE TRIGGER overrides_stay BEFORE DELETE ON records WHEN OLD.kind = 'override'
        BEGIN SELECT RAISE(ABORT, 'overrides are never deleted'); END;
    CREATE TRIGGER overrides_stay_so BEFORE UPDATE ON records WHEN OLD.kind = 'override'
        BEGIN SELECT RAISE(ABORT, 'overrides are never changed'); END;
    CREATE TRIGGER overrides_stay_once BEFORE INSERT ON records WHEN NEW.kind = 'override' AND EXISTS (
        SELECT 1 FROM records WHERE kind = NEW.kind AND id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'overrides are never changed'); END;
    CREATE TRIGGER slo_days_stay_once BEFORE INSERT ON slo_days WHEN EXISTS (
        SELECT 1 FROM slo_days WHERE slo = NEW.slo AND start_at = NEW.start_at AND version = NEW.version)
        BEGIN SELECT RAISE(ABORT, 'sealed days are never changed'); END;
    CREATE TRIGGER slo_corrections_stay_once BEFORE INSERT ON slo_corrections WHEN EXISTS (
        SELECT 1 FROM slo_corrections WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'corrections are never changed'); END;
    """,
    # What store_suppressed keeps.
    """
    CREATE TABLE alert_suppressions (
        fingerprint TEXT NOT NULL, starts_at TEXT NOT NULL, labels TEXT NOT NULL, first_at TEXT NOT NULL,
        last_at TEXT NOT NULL, silenced INTEGER NOT NULL, inhibited INTEGER NOT NULL,
        PRIMARY KEY (fingerprint, starts_at)
    ) STRICT;
    CREATE INDEX alert_suppressions_by_time ON alert_suppressions (starts_at);
    """,
)


def statements(script: str) -> Iterator[str]:
    """Cut a script into its statements; a trigger holds semicolons of its own."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            if part.strip():
                yield statement
            statement = ""
