"""The names of Percona's mongodb_exporter for what serverStatus and replSetGetStatus say; see ``percona.py``.

Nothing is asked for these: they are other names for the answers that the fast figures come from anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from exporters.mongodb.member import Document, Member
from exporters.mongodb.percona import named
from exporters.mongodb.percona_table import OWN_NAMES, ROWS
from exporters.readings import Readings
from telemetry.metric import Metric

_TICKETS = {
    key: (
        named(f"mongodb_ss_wt_concurrentTransactions_{key}", "serverStatus: tickets of the storage engine", "txn_rw"),
        named(
            f"mongodb_mongod_wiredtiger_concurrent_transactions_{name}_tickets",
            "serverStatus: tickets of the storage engine",
            "txn_rw",
        ),
    )
    for key, name in (("out", "out"), ("available", "available"), ("totalTickets", "total"))
}
_PRIMARY = 1
_ENGINE = named("mongodb_mongod_storage_engine", "serverStatus.storageEngine.name", "engine")
_OPLOG = {
    key: named(f"mongodb_mongod_replset_oplog_{end}_timestamp", f"serverStatus.oplog.{key}", unit="Unix seconds")
    for key, end in (("latestOptime", "head"), ("earliestOptime", "tail"))
}

_OPLOG_STATS = {
    field: named(f"mongodb_oplog_stats_{field}", f"collStats.{field} of the oplog")
    for field in ("size", "maxSize", "count", "storageSize")
}


def _set(name: str, source: str, *labels: str, unit: str = "") -> Metric:
    return named(f"mongodb_mongod_replset_{name}", f"replSetGetStatus.{source}", *labels, "set", unit=unit)


_MY_STATE = _set("my_state", "myState")
_MY_NAME = _set("my_name", "members.name", "name")
_MEMBERS = _set("number_of_members", "members")
_HEALTH = _set("member_health", "members.health", "name")
_LAG = _set("member_replication_lag", "members.optimeDate", "name", unit="seconds")
_NUMBERS = {
    "pingMs": _set("member_ping_ms", "members.pingMs", "name", unit="milliseconds"),
    "configVersion": _set("member_config_version", "members.configVersion", "name"),
}
_DATES = {
    "electionDate": _set("member_election_date", "members.electionDate", "name", unit="Unix seconds"),
    "optimeDate": _set("member_optime_date", "members.optimeDate", "name", unit="Unix seconds"),
    "lastHeartbeat": _set("member_last_heartbeat", "members.lastHeartbeat", "name", unit="Unix seconds"),
    "lastHeartbeatRecv": _set("member_last_heartbeat_recv", "members.lastHeartbeatRecv", "name", unit="Unix seconds"),
}
SCRAPE_TIME = named("collector_scrape_time_ms", "our own clock", "collector", "exporter", unit="milliseconds")
"""How long a collector took to read this member, last time."""

METRICS: tuple[Metric, ...] = tuple(
    metric
    for metric in dict.fromkeys(
        (
            *(row.metric for row in ROWS),
            *(metric for pair in _TICKETS.values() for metric in pair),
            _ENGINE,
            *_OPLOG.values(),
            *_OPLOG_STATS.values(),
            _MY_STATE,
            _MY_NAME,
            _MEMBERS,
            _HEALTH,
            _LAG,
            *_NUMBERS.values(),
            *_DATES.values(),
            SCRAPE_TIME,
        )
    )
    if metric.name not in OWN_NAMES
)
_DECLARED = frozenset(METRICS)


def write(target: Member, status: Document, view: Document | None, readings: Readings) -> None:
    """Write one member's samples; ``view`` is its replSetGetStatus, where it belongs to a set."""
    member = target.name
    for row in ROWS:
        if values := _numbers(status, row.paths) or _numbers(status, (row.newer,)):
            readings.add(row.metric, sum(values), member, *row.labels)
    _write_tickets(member, status, readings)
    engine = status.get("storageEngine", {}).get("name")
    if engine:
        readings.add(_ENGINE, 1, member, str(engine))
    for key, metric in _OPLOG.items():
        end = status.get("oplog", {}).get(key)
        if end is not None:
            readings.add(metric, end.time, member)
    for field, metric in _OPLOG_STATS.items():
        if target.oplog is not None and field in target.oplog:
            readings.add(metric, target.oplog[field], member)
    if view is not None:
        _write_set(member, view, readings)
    for collector, seconds in target.seconds.items():
        readings.add(SCRAPE_TIME, 1000 * seconds, member, collector.removeprefix("mongodb_"), "mongodb")


def _write_tickets(member: str, status: Document, readings: Readings) -> None:
    for place in (("queues", "execution"), ("wiredTiger", "concurrentTransactions")):
        if any(_number(status, (*place, kind, "out")) is not None for kind in ("read", "write")):
            for key, metrics in _TICKETS.items():
                for kind in ("read", "write"):
                    value = _number(status, (*place, kind, key))
                    for metric in metrics:
                        if value is not None and metric in _DECLARED:
                            readings.add(metric, value, member, kind)
            return


def _write_set(member: str, view: Document, readings: Readings) -> None:
    name_of_set, rows = str(view["set"]), view["members"]
    readings.add(_MY_STATE, view["myState"], member, name_of_set)
    readings.add(_MEMBERS, len(rows), member, name_of_set)
    newest = next((_seconds(row.get("optimeDate")) for row in rows if row["state"] == _PRIMARY), None)
    for row in rows:
        labels = (member, str(row["name"]), name_of_set)
        if row.get("self"):
            readings.add(_MY_NAME, 1, *labels)
        readings.add(_HEALTH, row["health"], *labels)
        for key, metric in _NUMBERS.items():
            if key in row:
                readings.add(metric, row[key], *labels)
        for key, metric in _DATES.items():
            seconds = _seconds(row.get(key))
            if seconds is not None:
                readings.add(metric, seconds, *labels)
        applied = _seconds(row.get("optimeDate"))
        if newest is not None and applied is not None and row["state"] != _PRIMARY:
            # Theirs takes the size of the difference: a member that is ahead in this view would seem to lag.
            readings.add(_LAG, max(0.0, newest - applied), *labels)


def _seconds(date: Any) -> float | None:
    """Unix seconds; the epoch means that there never was any."""
    seconds = date.replace(tzinfo=UTC).timestamp() if isinstance(date, datetime) else 0
    return seconds if seconds > 0 else None


def _numbers(status: Document, paths: tuple[tuple[str, ...], ...]) -> list[float]:
    return [value for path in paths if (value := _number(status, path)) is not None]


def _number(document: Document, path: tuple[str, ...]) -> float | None:
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, (int, float)) else None
