"""What of ``serverStatus`` is more than a plain number: histograms, locks, logins, the oplog's ends. Pure."""

from __future__ import annotations

from typing import Any

from exporters.mongodb import families as f
from exporters.mongodb import families_replset as r
from exporters.mongodb.faults import Document
from exporters.mongodb.fields import Path
from exporters.readings import Readings

_NO_DOCUMENT: dict[str, Any] = {}


def below(document: Document, path: Path) -> Document:
    """Return the document at ``path``, empty where there is none."""
    value: Any = document
    for key in path:
        value = value.get(key)
        if not isinstance(value, dict):  # what bson decodes to; asking for any mapping takes three times as long
            return _NO_DOCUMENT
    return value  # type: ignore[no-any-return]  # a mapping, as just seen


def number(document: Document, path: Path) -> float | None:
    """Return the number at ``path``, or ``None`` where there is none."""
    value = below(document, path[:-1]).get(path[-1])
    return value if isinstance(value, (int, float)) else None


def oplog_window(status: Document) -> int | None:
    """Return the seconds between the oplog's ends; ``None`` where there is no oplog (or nothing in it yet)."""
    oplog = status.get("oplog")
    if not isinstance(oplog, dict):
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


def write_latencies(member: str, status: Document, readings: Readings) -> None:
    """Write the histograms of latency."""
    latencies = below(status, ("opLatencies",))
    for label, name in f.OPERATIONS.items():
        section = below(latencies, (name,))
        total = number(section, ("latency",))
        if total is not None and "histogram" in section:
            readings.histogram(f.OP_LATENCY, cumulative(section["histogram"]), total / 1e6, member, label)


def write_locks(member: str, status: Document, readings: Readings) -> None:
    """Write all resources and modes: mongod names those that were waited for, and the first wait must be seen too."""
    locks = below(status, ("locks",))
    if not locks:
        return
    for resource, name in f.LOCK_RESOURCES.items():
        lock = below(locks, (name,))
        waits, micros = below(lock, ("acquireWaitCount",)), below(lock, ("timeAcquiringMicros",))
        for mode, letter in f.LOCK_MODES.items():
            readings.add(f.LOCK_WAITS, waits.get(letter, 0), member, resource, mode)
            readings.add(f.LOCK_SECONDS, micros.get(letter, 0) / 1e6, member, resource, mode)


def write_logins(member: str, status: Document, readings: Readings) -> None:
    """Write attempts to log in; which mechanisms there are is the server's configuration."""
    mechanisms = below(status, ("security", "authentication", "mechanisms"))
    for mechanism in mechanisms:
        for kind, name in f.AUTHENTICATION_KINDS.items():
            counts = below(mechanisms, (mechanism, name))
            if counts:
                readings.add(f.LOGINS, counts.get("received", 0), member, mechanism, kind)
                readings.add(f.LOGINS_DONE, counts.get("successful", 0), member, mechanism, kind)


def write_oplog(member: str, status: Document, readings: Readings) -> None:
    """Write how far the oplog reaches."""
    window = oplog_window(status)
    if window is not None:
        readings.add(r.OPLOG_WINDOW, window, member)
        readings.add(r.OPLOG_LAST, int(status["oplog"]["latestOptime"].time), member)


def write_pools(member: str, pools: Document, readings: Readings) -> None:
    """Write the server's own connections to others."""
    for state, key in (("in_use", "totalInUse"), ("available", "totalAvailable"), ("refreshing", "totalRefreshing")):
        if key in pools:
            readings.add(f.POOL, pools[key], member, state)
    if "totalCreated" in pools:
        readings.add(f.POOL_CREATED, pools["totalCreated"], member)
