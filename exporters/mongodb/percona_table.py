"""Which number of serverStatus Percona's mongodb_exporter shows under which name; see ``percona.py``. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporters.mongodb.families import METRICS as OURS
from exporters.mongodb.percona import named
from telemetry.metric import Metric, MetricType

_UNKNOWN: MetricType = "unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """One sample: the sum of the numbers at ``paths`` in serverStatus, under ``labels`` after ``member``."""

    metric: Metric
    paths: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()
    """Where newer servers keep it, if there is none at ``paths``."""


def _one(
    name: str, *path: str, kind: MetricType | None = None, unit: str = "", newer: tuple[str, ...] = ()
) -> tuple[Row, ...]:
    return (Row(named(name, "serverStatus." + ".".join(path), kind=kind, unit=unit), (path,), newer=newer),)


def _by(
    name: str, label: str, places: Mapping[str, str], *path: str, kind: MetricType | None = None, unit: str = ""
) -> tuple[Row, ...]:
    """One sample per label value; each value's place is a dotted path below ``path``."""
    metric = named(name, "serverStatus." + ".".join(path), label, kind=kind, unit=unit)
    return tuple(Row(metric, ((*path, *place.split(".")),), (value,)) for value, place in places.items())


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _each(prefix: str, fields: tuple[str, ...], *path: str, kind: MetricType | None = None) -> tuple[Row, ...]:
    """One family per field, named after it as Percona's exporter does: other characters become underscores."""
    return tuple(row for field in fields for row in _one(f"{prefix}_{_word(field)}", *path, field, kind=kind))


def _word(field: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in field)


_CACHE = ("wiredTiger", "cache")
_ENGINE = ("wiredTiger", "transaction")
_CHECKPOINT = "transaction checkpoint"
_NEWER = ("wiredTiger", "checkpoint")
"""Where WiredTiger keeps its checkpoints' figures from MongoDB 7.0 on."""
_CHECKPOINT_TIME = named(
    "mongodb_mongod_wiredtiger_transactions_checkpoint_milliseconds", "serverStatus.wiredTiger.transaction", "type"
)
_TRANSACTIONS = named("mongodb_mongod_wiredtiger_transactions_total", "serverStatus.wiredTiger.transaction", "type")
_REPL = ("metrics", "repl")
_OPS = ("insert", "query", "update", "delete", "getmore", "command")
_LATENCY_OF = {"read": "reads", "write": "writes", "command": "commands", "transactions": "transactions"}
_ASSERTS = ("regular", "warning", "msg", "user", "rollovers")
_CURSORS = ("noTimeout", "pinned", "total")
_STATES = ("deleted", "inserted", "returned", "updated")

_COMPATIBLE: tuple[Row, ...] = (
    *_by("mongodb_connections", "state", _same("current", "available", "active", "threaded"), "connections"),
    *_one("mongodb_connections_metrics_created_total", "connections", "totalCreated"),
    *_by("mongodb_op_counters_total", "type", _same(*_OPS), "opcounters"),
    *_by("mongodb_mongod_op_counters_repl_total", "type", _same(*_OPS), "opcountersRepl"),
    *_by("mongodb_asserts_total", "type", _same(*_ASSERTS), "asserts"),
    *_one("mongodb_extra_info_page_faults_total", "extra_info", "page_faults"),
    *_by("mongodb_network_bytes_total", "state", {"in_bytes": "bytesIn", "out_bytes": "bytesOut"}, "network"),
    *_one("mongodb_network_metrics_num_requests_total", "network", "numRequests"),
    *_by("mongodb_mongod_metrics_document_total", "state", _same(*_STATES), "metrics", "document"),
    *_by(
        "mongodb_mongod_metrics_query_executor_total",
        "state",
        {"scanned": "scanned", "scanned_objects": "scannedObjects"},
        "metrics",
        "queryExecutor",
    ),
    *_by(
        "mongodb_mongod_metrics_operation_total",
        "state",
        _same("scanAndOrder", "writeConflicts"),
        "metrics",
        "operation",
    ),
    *_by("mongodb_mongod_metrics_cursor_open", "state", _same(*_CURSORS), "metrics", "cursor", "open"),
    *_one("mongodb_mongod_metrics_cursor_timed_out_total", "metrics", "cursor", "timedOut"),
    *_one("mongodb_mongod_metrics_ttl_deleted_documents_total", "metrics", "ttl", "deletedDocuments"),
    *_by(
        "mongodb_mongod_global_lock_current_queue",
        "type",
        {"reader": "readers", "writer": "writers", "total": "total"},
        "globalLock",
        "currentQueue",
    ),
    *_by(
        "mongodb_mongod_wiredtiger_cache_bytes",
        "type",
        {"total": "bytes currently in the cache", "dirty": "tracked dirty bytes in the cache"},
        *_CACHE,
    ),
    *_one("mongodb_mongod_wiredtiger_cache_max_bytes", *_CACHE, "maximum bytes configured"),
    *_one("mongodb_instance_uptime_seconds", "uptime"),
    *_by(
        "mongodb_mongod_op_latencies_latency_total",
        "type",
        {label: f"{key}.latency" for label, key in _LATENCY_OF.items()},
        "opLatencies",
        unit="microseconds",
    ),
    *_by(
        "mongodb_mongod_op_latencies_ops_total",
        "type",
        {label: f"{key}.ops" for label, key in _LATENCY_OF.items()},
        "opLatencies",
    ),
    *_by(
        "mongodb_mongod_global_lock_client",
        "type",
        {"reader": "readers", "writer": "writers", "total": "total"},
        "globalLock",
        "activeClients",
    ),
    *_by(
        "mongodb_mongod_wiredtiger_cache_bytes_total",
        "type",
        {"read": "bytes read into cache", "written": "bytes written from cache"},
        *_CACHE,
    ),
    *_by(
        "mongodb_mongod_wiredtiger_cache_pages",
        "type",
        {"total": "pages currently held in the cache", "dirty": "tracked dirty pages in the cache"},
        *_CACHE,
    ),
    *_by(
        "mongodb_mongod_wiredtiger_cache_pages_total",
        "type",
        {"read": "pages read into cache", "written": "pages written from cache"},
        *_CACHE,
    ),
    Row(
        named("mongodb_mongod_wiredtiger_cache_evicted_total", "serverStatus.wiredTiger.cache: pages evicted"),
        ((*_CACHE, "modified pages evicted"), (*_CACHE, "unmodified pages evicted")),
    ),
    *(
        Row(
            _CHECKPOINT_TIME,
            ((*_ENGINE, f"{_CHECKPOINT} {end} time (msecs)"),),
            (end,),
            (*_NEWER, f"{end} time (msecs)"),
        )
        for end in ("min", "max")
    ),
    *_one(
        "mongodb_mongod_wiredtiger_transactions_checkpoint_milliseconds_total",
        "wiredTiger",
        "transaction",
        f"{_CHECKPOINT} total time (msecs)",
        newer=(*_NEWER, "total time (msecs)"),
    ),
    *_one(
        "mongodb_mongod_wiredtiger_transactions_running_checkpoints",
        "wiredTiger",
        "transaction",
        f"{_CHECKPOINT} currently running",
        newer=(*_NEWER, "progress state"),
    ),
    *(
        Row(_TRANSACTIONS, ((*_ENGINE, place),), (label,), newer)
        for label, place, newer in (
            ("begins", "transaction begins", ()),
            ("checkpoints", "transaction checkpoints", (*_NEWER, "total succeed number of checkpoints")),
            ("committed", "transactions committed", ()),
            ("rolled_back", "transactions rolled back", ()),
        )
    ),
    *_by(
        "mongodb_mongod_wiredtiger_blockmanager_bytes_total",
        "type",
        {"read": "bytes read", "read_mapped": "mapped bytes read", "written": "bytes written"},
        "wiredTiger",
        "block-manager",
    ),
    *_by(
        "mongodb_mongod_wiredtiger_log_bytes_total",
        "type",
        {"payload": "log bytes of payload data", "unwritten": "log bytes written"},
        "wiredTiger",
        "log",
    ),
    *_by(
        "mongodb_mongod_wiredtiger_log_records_total",
        "type",
        {"compressed": "log records compressed", "uncompressed": "log records not compressed"},
        "wiredTiger",
        "log",
    ),
    *_by(
        "mongodb_mongod_wiredtiger_log_operations_total",
        "type",
        {
            "read": "log read operations",
            "write": "log write operations",
            "scan": "log scan operations",
            "sync": "log sync operations",
            "sync_dir": "log sync_dir operations",
            "flush": "log flush operations",
        },
        "wiredTiger",
        "log",
    ),
    *_one("mongodb_mongod_metrics_ttl_passes_total", "metrics", "ttl", "passes"),
    *_one("mongodb_mongod_metrics_repl_apply_batches_num_total", *_REPL, "apply", "batches", "num"),
    *_one(
        "mongodb_mongod_metrics_repl_apply_batches_total_milliseconds",
        *_REPL,
        "apply",
        "batches",
        "totalMillis",
        kind=_UNKNOWN,
    ),
    *_one("mongodb_mongod_metrics_repl_apply_ops_total", *_REPL, "apply", "ops"),
    *_one(
        "mongodb_mongod_metrics_repl_buffer_count",
        *_REPL,
        "buffer",
        "count",
        newer=(*_REPL, "buffer", "apply", "count"),
    ),
    *_one(
        "mongodb_mongod_metrics_repl_buffer_size_bytes",
        *_REPL,
        "buffer",
        "sizeBytes",
        newer=(*_REPL, "buffer", "apply", "sizeBytes"),
    ),
    *_one(
        "mongodb_mongod_metrics_repl_buffer_max_size_bytes",
        *_REPL,
        "buffer",
        "maxSizeBytes",
        newer=(*_REPL, "buffer", "apply", "maxSizeBytes"),
    ),
    *_one("mongodb_mongod_metrics_repl_network_bytes_total", *_REPL, "network", "bytes"),
    *_one("mongodb_mongod_metrics_repl_network_ops_total", *_REPL, "network", "ops"),
    *_one("mongodb_mongod_metrics_repl_network_readers_created_total", *_REPL, "network", "readersCreated"),
    *_one("mongodb_mongod_metrics_repl_network_getmores_num_total", *_REPL, "network", "getmores", "num"),
    *_one(
        "mongodb_mongod_metrics_repl_network_getmores_total_milliseconds",
        *_REPL,
        "network",
        "getmores",
        "totalMillis",
        kind=_UNKNOWN,
    ),
    *_one("mongodb_mongod_metrics_get_last_error_wtime_num_total", "metrics", "getLastError", "wtime", "num"),
    *_one(
        "mongodb_mongod_metrics_get_last_error_wtime_total_milliseconds",
        "metrics",
        "getLastError",
        "wtime",
        "totalMillis",
        kind=_UNKNOWN,
    ),
    *_one("mongodb_mongod_metrics_get_last_error_wtimeouts_total", "metrics", "getLastError", "wtimeouts"),
    *_by("mongodb_memory", "type", _same("resident", "virtual"), "mem", unit="MiB"),
    *_one("mongodb_mongod_instance_uptime_seconds", "uptime"),
)
"""The names of its compatible mode, which the community's dashboards use most."""

_PLAIN: tuple[Row, ...] = (
    *_one("mongodb_ss_uptime", "uptime", unit="seconds"),
    *_by("mongodb_ss_connections", "conn_type", _same("current", "available", "active", "threaded"), "connections"),
    *_one("mongodb_ss_connections_totalCreated", "connections", "totalCreated", kind=_UNKNOWN),
    *_by("mongodb_ss_opcounters", "legacy_op_type", _same(*_OPS), "opcounters", kind=_UNKNOWN),
    *_by("mongodb_ss_opcountersRepl", "legacy_op_type", _same(*_OPS), "opcountersRepl", kind=_UNKNOWN),
    *_by(
        "mongodb_ss_asserts",
        "assert_type",
        _same(*_ASSERTS),
        "asserts",
        kind=_UNKNOWN,
    ),
    *(
        row
        for what, unit in (("latency", "microseconds"), ("ops", ""))
        for row in _by(
            f"mongodb_ss_opLatencies_{what}",
            "op_type",
            {key: f"{key}.{what}" for key in _LATENCY_OF.values()},
            "opLatencies",
            kind=_UNKNOWN,
            unit=unit,
        )
    ),
    *_by(
        "mongodb_ss_globalLock_currentQueue",
        "count_type",
        _same("readers", "writers", "total"),
        "globalLock",
        "currentQueue",
    ),
    *_each("mongodb_ss_globalLock_activeClients", ("readers", "writers", "total"), "globalLock", "activeClients"),
    *_each("mongodb_ss_mem", ("resident", "virtual"), "mem"),
    *_each("mongodb_ss_network", ("bytesIn", "bytesOut", "numRequests"), "network", kind=_UNKNOWN),
    *_each("mongodb_ss_extra_info", ("page_faults",), "extra_info", kind=_UNKNOWN),
    *_by("mongodb_ss_metrics_document", "doc_op_type", _same(*_STATES), "metrics", "document", kind=_UNKNOWN),
    *_by(
        "mongodb_ss_metrics_cursor_open",
        "csr_type",
        _same(*_CURSORS),
        "metrics",
        "cursor",
        "open",
    ),
    *_each("mongodb_ss_metrics_cursor", ("timedOut",), "metrics", "cursor", kind=_UNKNOWN),
    *_each(
        "mongodb_ss_metrics_queryExecutor", ("scanned", "scannedObjects"), "metrics", "queryExecutor", kind=_UNKNOWN
    ),
    *_each("mongodb_ss_metrics_operation", ("scanAndOrder", "writeConflicts"), "metrics", "operation", kind=_UNKNOWN),
    *_each("mongodb_ss_metrics_ttl", ("deletedDocuments", "passes"), "metrics", "ttl", kind=_UNKNOWN),
    *_each("mongodb_ss_metrics_repl_buffer", ("count", "sizeBytes", "maxSizeBytes"), *_REPL, "buffer"),
    *_each("mongodb_ss_metrics_repl_buffer_apply", ("count", "sizeBytes", "maxSizeBytes"), *_REPL, "buffer", "apply"),
    *_each("mongodb_ss_flowControl", ("isLagged", "targetRateLimit"), "flowControl"),
    *_each("mongodb_ss_flowControl", ("isLaggedCount", "isLaggedTimeMicros"), "flowControl", kind=_UNKNOWN),
    *_each("mongodb_ss_transactions", ("currentActive", "currentInactive", "currentOpen"), "transactions"),
    *_each(
        "mongodb_ss_transactions", ("totalStarted", "totalCommitted", "totalAborted"), "transactions", kind=_UNKNOWN
    ),
    *_each(
        "mongodb_ss_wt_cache",
        ("bytes currently in the cache", "maximum bytes configured", "tracked dirty bytes in the cache"),
        *_CACHE,
    ),
    *_each(
        "mongodb_ss_wt_cache",
        (
            "bytes read into cache",
            "bytes written from cache",
            "modified pages evicted",
            "unmodified pages evicted",
            "pages evicted by application threads",
            "pages read into cache",
            "pages written from cache",
        ),
        *_CACHE,
        kind=_UNKNOWN,
    ),
)
"""The names that are serverStatus's own, flattened."""

OWN_NAMES = frozenset(metric.name for metric in OURS)
ROWS = tuple(row for row in (*_COMPATIBLE, *_PLAIN) if row.metric.name not in OWN_NAMES)
"""What is not on the page anyway, because our own family has that very name."""
