"""MongoDB's families, and where in ``serverStatus`` each number is found.

Names that community dashboards use are kept where their type and unit are right (percona's compatible mode); all
others are our own. Every family of one member carries ``member``; no family carries a role or a state as a label, so
that a failover renames nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from exporters.reasons import Reason
from telemetry.metric import Metric, MetricType

MEMBER = "member"

OP_EDGES_MICROS = (
    128,
    256,
    512,
    1_024,
    2_048,
    4_096,
    8_192,
    16_384,
    32_768,
    49_152,
    65_536,
    131_072,
    262_144,
    524_288,
    1_048_576,
    2_097_152,
    4_194_304,
    8_388_608,
)
"""A choice of mongod's own bucket bounds, so that no count is split; 49.152 ms is the closest to the promised 50 ms."""


@dataclass(frozen=True, slots=True)
class Field:
    """One number of serverStatus: the value at ``path`` times ``scale``, under ``labels`` after ``member``."""

    metric: Metric
    path: tuple[str, ...]
    labels: tuple[str, ...] = ()
    scale: float = 1


def _metric(name: str, text: str, *labels: str) -> Metric:
    kind: MetricType = "counter" if name.endswith("_total") else "gauge"
    stem = name.removesuffix("_total")
    unit = next((unit for unit in ("seconds", "bytes", "ratio") if stem.endswith(f"_{unit}")), "")
    return Metric(name=name, type=kind, unit=unit, help=text, labels=(MEMBER, *labels))


def _one(metric: Metric, *path: str, scale: float = 1) -> tuple[Field, ...]:
    return (Field(metric, path, (), scale),)


def _each(metric: Metric, names: dict[str, tuple[str, ...]], *path: str, scale: float = 1) -> tuple[Field, ...]:
    """One sample per label value, each from its own place below ``path``."""
    return tuple(Field(metric, (*path, *place), (label,), scale) for label, place in names.items())


def _same(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


UP = _metric("mongodb_up", "Whether this member answered serverStatus within this scrape.")
UP_REASON = _metric(
    "mongodb_up_reason",
    "Why this member did not answer: 1 for the reason that holds, 0 for all others; all 0 while it answers.",
    "reason",
)
REASONS = tuple(reason.value for reason in Reason)
VERSION_INFO = _metric("mongodb_version_info", "Always 1; the label says which version runs.", "mongodb")
OP_LATENCY = Metric(
    name="mongodb_op_latency_seconds",
    type="histogram",
    unit="seconds",
    help="Latency of operations as mongod itself measures it (serverStatus.opLatencies), without queueing at clients.",
    labels=(MEMBER, "op"),
    buckets=tuple(edge / 1e6 for edge in OP_EDGES_MICROS),
)
OPLOG_WINDOW = _metric(
    "mongodb_oplog_window_seconds", "Time between the first and the last operation that this member's oplog holds."
)
TICKETS_OUT = _metric(
    "mongodb_mongod_wiredtiger_concurrent_transactions_out_tickets",
    "Operations that are inside the storage engine.",
    "txn_rw",
)
TICKETS_AVAILABLE = _metric(
    "mongodb_mongod_wiredtiger_concurrent_transactions_available_tickets",
    "Operations that could still enter the storage engine; none left means queueing.",
    "txn_rw",
)
ELECTIONS = _metric("mongodb_replset_elections_total", "Elections that this member called, by reason.", "reason")
ELECTIONS_WON = _metric(
    "mongodb_replset_elections_won_total", "Elections that this member called and won, by reason.", "reason"
)
MEMBER_STATE = _metric(
    "mongodb_replset_member_state",
    "State of this member: 1 PRIMARY, 2 SECONDARY, 3 RECOVERING, 5 STARTUP2, 7 ARBITER, 8 DOWN, 9 ROLLBACK.",
)
LAG = _metric(
    "mongodb_replset_replication_lag_seconds",
    "How far this secondary's last write is behind the primary's, as the primary sees it; absent while there is none.",
)
HAS_PRIMARY = Metric(
    name="mongodb_replset_has_primary",
    type="gauge",
    help="Whether the members that answer know of a live primary (1) or not (0); 0 also when no member answers.",
)
HEALTHY = Metric(
    name="mongodb_replset_members_healthy",
    type="gauge",
    help="Members that are PRIMARY, SECONDARY or ARBITER, and answer.",
)
CONFIGURED = Metric(
    name="mongodb_replset_members_configured",
    type="gauge",
    help="Members in the replica set's configuration; absent while no member answers.",
)
COMMIT_LAG = Metric(
    name="mongodb_replset_majority_commit_lag_seconds",
    type="gauge",
    unit="seconds",
    help="Age of the primary's oldest write that a failover could still lose: last applied minus last committed.",
)

_TICKET_KINDS = ("read", "write")
ELECTION_REASONS = {
    "step_up": "stepUpCmd",
    "priority": "priorityTakeover",
    "catch_up": "catchUpTakeover",
    "timeout": "electionTimeout",
    "freeze": "freezeTimeout",
}

FIELDS: tuple[Field, ...] = (
    *_one(_metric("mongodb_instance_uptime_seconds", "Seconds since mongod started."), "uptime"),
    *_each(
        _metric("mongodb_connections", "Connections by state; available is how many more could come.", "state"),
        _same("current", "available", "active"),
        "connections",
    ),
    *_one(_metric("mongodb_connections_metrics_created_total", "Connections accepted."), "connections", "totalCreated"),
    *_each(
        _metric("mongodb_op_counters_total", "Operations that clients asked for, by type.", "type"),
        _same("insert", "query", "update", "delete", "getmore", "command"),
        "opcounters",
    ),
    *_each(
        _metric("mongodb_mongod_op_counters_repl_total", "Operations applied by replication, by type.", "type"),
        _same("insert", "query", "update", "delete", "getmore", "command"),
        "opcountersRepl",
    ),
    *_each(
        _metric("mongodb_asserts_total", "Errors raised inside mongod, by type.", "type"),
        _same("regular", "warning", "msg", "user", "rollovers"),
        "asserts",
    ),
    *_each(
        _metric("mongodb_mongod_global_lock_current_queue", "Operations waiting for a lock.", "type"),
        {"reader": ("readers",), "writer": ("writers",)},
        "globalLock",
        "currentQueue",
    ),
    *_each(
        _metric("mongodb_mongod_wiredtiger_cache_bytes", "Bytes in the storage engine's cache.", "type"),
        {"total": ("bytes currently in the cache",), "dirty": ("tracked dirty bytes in the cache",)},
        "wiredTiger",
        "cache",
    ),
    *_one(
        _metric("mongodb_mongod_wiredtiger_cache_max_bytes", "The most that the storage engine's cache may hold."),
        "wiredTiger",
        "cache",
        "maximum bytes configured",
    ),
    *_each(
        _metric("mongodb_wiredtiger_cache_io_bytes_total", "Bytes read into and written from the cache.", "type"),
        {"read": ("bytes read into cache",), "written": ("bytes written from cache",)},
        "wiredTiger",
        "cache",
    ),
    *_one(
        _metric(
            "mongodb_wiredtiger_cache_application_evictions_total",
            "Pages that clients' own threads had to evict: they waited for it.",
        ),
        "wiredTiger",
        "cache",
        "pages evicted by application threads",
    ),
    *_each(
        _metric("mongodb_mongod_metrics_document_total", "Documents touched, by what was done to them.", "state"),
        _same("deleted", "inserted", "returned", "updated"),
        "metrics",
        "document",
    ),
    *_each(
        _metric("mongodb_mongod_metrics_query_executor_total", "Index keys and documents that queries read.", "state"),
        {"scanned": ("scanned",), "scanned_objects": ("scannedObjects",)},
        "metrics",
        "queryExecutor",
    ),
    *_one(
        _metric("mongodb_collection_scans_total", "Queries that read a whole collection."),
        "metrics",
        "queryExecutor",
        "collectionScans",
        "total",
    ),
    *_each(
        _metric("mongodb_mongod_metrics_operation_total", "Sorts without an index, and write conflicts.", "type"),
        {"scanAndOrder": ("scanAndOrder",), "writeConflicts": ("writeConflicts",)},
        "metrics",
        "operation",
    ),
    *_each(
        _metric("mongodb_mongod_metrics_cursor_open", "Open cursors.", "state"),
        {"total": ("total",), "pinned": ("pinned",), "noTimeout": ("noTimeout",)},
        "metrics",
        "cursor",
        "open",
    ),
    *_one(
        _metric("mongodb_mongod_metrics_cursor_timed_out_total", "Cursors given up because their client was gone."),
        "metrics",
        "cursor",
        "timedOut",
    ),
    *_one(
        _metric("mongodb_mongod_metrics_ttl_deleted_documents_total", "Documents removed because their time was over."),
        "metrics",
        "ttl",
        "deletedDocuments",
    ),
    *_each(
        _metric("mongodb_network_bytes_total", "Bytes received from and sent to clients and members.", "state"),
        {"in_bytes": ("bytesIn",), "out_bytes": ("bytesOut",)},
        "network",
    ),
    *_one(_metric("mongodb_network_metrics_num_requests_total", "Requests received."), "network", "numRequests"),
    *_one(_metric("mongodb_memory_resident_bytes", "Memory that mongod holds."), "mem", "resident", scale=1024 * 1024),
    *_one(
        _metric("mongodb_extra_info_page_faults_total", "Page faults that needed the disk."),
        "extra_info",
        "page_faults",
    ),
    *_one(
        _metric("mongodb_flow_control_lagged", "Whether the primary slows writers down because of lag."),
        "flowControl",
        "isLagged",
    ),
    *_one(
        _metric("mongodb_flow_control_lagged_seconds_total", "Time in which the primary slowed writers down."),
        "flowControl",
        "isLaggedTimeMicros",
        scale=1e-6,
    ),
    *_one(_metric("mongodb_transactions_open", "Transactions that are open."), "transactions", "currentOpen"),
    *_one(
        _metric("mongodb_transactions_aborted_total", "Transactions that were aborted."), "transactions", "totalAborted"
    ),
    *_each(ELECTIONS, {label: (key, "called") for label, key in ELECTION_REASONS.items()}, "electionMetrics"),
    *_each(ELECTIONS_WON, {label: (key, "successful") for label, key in ELECTION_REASONS.items()}, "electionMetrics"),
)
"""What is a plain number in serverStatus."""

TICKETS: dict[str, Metric] = {"out": TICKETS_OUT, "available": TICKETS_AVAILABLE}

METRICS: tuple[Metric, ...] = (
    UP,
    UP_REASON,
    VERSION_INFO,
    HAS_PRIMARY,
    HEALTHY,
    CONFIGURED,
    MEMBER_STATE,
    LAG,
    COMMIT_LAG,
    OPLOG_WINDOW,
    OP_LATENCY,
    TICKETS_OUT,
    TICKETS_AVAILABLE,
    *dict.fromkeys(field.metric for field in FIELDS),
)
