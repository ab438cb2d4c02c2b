"""How long the monitor's memory keeps what, and the removal of what is older."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.store import Store, stamp

KEPT_FOR = timedelta(days=400)
"""How long runs of jobs and changes of components are kept: a year, and the month in which it is looked back on."""

KEPT_OF_EACH = 2000
"""How many of one job, component or alert are kept at most: one that fails each minute must not fill the disk."""

ALERTS_KEPT_FOR = timedelta(days=3 * 366)
"""How long resolved episodes are kept: they are the history that this year's and last year's are compared in."""


def prune(store: Store, now: datetime) -> int:
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
    with store.transaction() as connection:
        gone = sum(connection.execute(query, limits).rowcount for query in (jobs, changes))
        for query in (episodes, suppressions):
            gone += connection.execute(query, (KEPT_OF_EACH, stamp(now - ALERTS_KEPT_FOR))).rowcount
        for query in timelines:
            connection.execute(query)
    return gone
