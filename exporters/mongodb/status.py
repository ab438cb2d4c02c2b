"""Turns one member's ``serverStatus`` into samples. Pure: recorded replies test it without a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporters.mongodb import families as f
from exporters.mongodb.member import Document
from exporters.readings import Readings

_OPERATIONS = {"read": "reads", "write": "writes", "command": "commands"}
_TICKET_KINDS = ("read", "write")


def write(member: str, status: Document, readings: Readings) -> None:
    """Write every family that serverStatus feeds; what this version or role of mongod lacks is left out."""
    readings.add(f.VERSION_INFO, 1, member, str(status.get("version", "")))
    for field in f.FIELDS:
        value = find(status, field.path)
        if value is not None:
            readings.add(field.metric, value if field.scale == 1 else value * field.scale, member, *field.labels)
    _write_tickets(member, status, readings)
    _write_latencies(member, status, readings)
    window = oplog_window(status)
    if window is not None:
        readings.add(f.OPLOG_WINDOW, window, member)


def find(document: Document, path: tuple[str, ...]) -> float | None:
    """Return the number at ``path``, or ``None`` where there is none."""
    value: Any = document
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value if isinstance(value, (int, float)) else None


def oplog_window(status: Document) -> int | None:
    """Return the seconds between the oplog's ends; ``None`` where there is no oplog (or nothing in it yet)."""
    oplog = status.get("oplog")
    if not isinstance(oplog, Mapping):
        return None
    first, last = oplog.get("earliestOptime"), oplog.get("latestOptime")
    if first is None or last is None or not first.time or not last.time:
        return None
    return max(0, int(last.time) - int(first.time))


def cumulative(histogram: list[Document]) -> list[int]:
    """Count operations below each of our edges, then all of them.

    mongod names the lower bound of each bucket and leaves empty ones out; ours are a subset of its bounds, so a bucket
    lies wholly below an edge or wholly above. (Its buckets include their lower bound where Prometheus includes the
    upper one: an operation of exactly 49.152 ms is counted one bucket up.)
    """
    rows = sorted((int(row["micros"]), int(row["count"])) for row in histogram)
    counts, total, row = [], 0, 0
    for edge in f.OP_EDGES_MICROS:
        while row < len(rows) and rows[row][0] < edge:
            total += rows[row][1]
            row += 1
        counts.append(total)
    return [*counts, total + sum(count for _, count in rows[row:])]


def _write_latencies(member: str, status: Document, readings: Readings) -> None:
    latencies = status.get("opLatencies", {})
    for label, name in _OPERATIONS.items():
        section = latencies.get(name, {})
        total = find(section, ("latency",))
        if total is not None:
            readings.histogram(f.OP_LATENCY, cumulative(section.get("histogram", [])), total / 1e6, member, label)


def _write_tickets(member: str, status: Document, readings: Readings) -> None:
    """Up to 6.0 tickets are in the storage engine's section, later in ``queues.execution``."""
    for place in (("queues", "execution"), ("wiredTiger", "concurrentTransactions")):
        found = [
            (metric, value, kind)
            for kind in _TICKET_KINDS
            for key, metric in f.TICKETS.items()
            if (value := find(status, (*place, kind, key))) is not None
        ]
        for metric, value, kind in found:
            readings.add(metric, value, member, kind)
        if found:
            return
