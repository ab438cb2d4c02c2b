"""What MongoDB is asked to do: operations, documents, queries, cursors, transactions, commands, write concerns."""

from __future__ import annotations

from exporters.mongodb.fields import MICRO, MILLI, Field, each, one, same

_OPERATION_TYPES = ("insert", "query", "update", "delete", "getmore", "command")
COMMANDS = (
    "abortTransaction",
    "aggregate",
    "commitTransaction",
    "count",
    "createIndexes",
    "delete",
    "distinct",
    "explain",
    "find",
    "findAndModify",
    "getMore",
    "hello",
    "insert",
    "isMaster",
    "killCursors",
    "killOp",
    "listCollections",
    "listIndexes",
    "ping",
    "saslContinue",
    "saslStart",
    "update",
)
"""Of the 200 kinds of commands, what clients send; a list of our own, so that the series are there from the start."""

_OPERATIONS = (
    *each(
        "mongodb_op_counters_total",
        "Operations that clients asked for, by type.",
        "type",
        same(*_OPERATION_TYPES),
        "opcounters",
    ),
    *each(
        "mongodb_op_counters_repl_total",
        "Operations applied by replication, by type.",
        "type",
        same(*_OPERATION_TYPES),
        "opcountersRepl",
    ),
    *each(
        "mongodb_commands_total",
        "Commands executed, by kind.",
        "command",
        {name: f"{name}.total" for name in COMMANDS},
        "metrics.commands",
    ),
    *each(
        "mongodb_commands_failed_total",
        "Commands that ended in an error, by kind.",
        "command",
        {name: f"{name}.failed" for name in COMMANDS},
        "metrics.commands",
    ),
    *one(
        "mongodb_operations_scan_and_order_total",
        "Sorts that no index could serve.",
        "metrics.operation.scanAndOrder",
    ),
    *one(
        "mongodb_operations_write_conflicts_total",
        "Writes that met another one, and were tried again.",
        "metrics.operation.writeConflicts",
    ),
    *one(
        "mongodb_operations_temporarily_unavailable_total",
        "Writes that found no room in the cache, and were tried again.",
        "metrics.operation.temporarilyUnavailableErrors",
    ),
    *one(
        "mongodb_operations_too_large_for_cache_total",
        "Transactions given up because they do not fit into the cache.",
        "metrics.operation.transactionTooLargeForCacheErrors",
    ),
    *each(
        "mongodb_operations_killed_total",
        "Operations given up because their client was gone or their time over.",
        "reason",
        {"client_disconnect": "killedDueToClientDisconnect", "max_time": "killedDueToMaxTimeMSExpired"},
        "metrics.operation",
    ),
)
_QUERIES = (
    *each(
        "mongodb_documents_total",
        "Documents, by what was done to them.",
        "operation",
        same("deleted", "inserted", "returned", "updated"),
        "metrics.document",
    ),
    *each(
        "mongodb_query_scanned_total",
        "Index keys and documents that queries read; many for each one returned mean a missing index.",
        "type",
        {"index_keys": "scanned", "documents": "scannedObjects"},
        "metrics.queryExecutor",
    ),
    *one(
        "mongodb_collection_scans_total",
        "Queries that read a whole collection.",
        "metrics.queryExecutor.collectionScans.total",
    ),
    *one(
        "mongodb_collection_scans_non_tailable_total",
        "Those of them that do not follow a capped collection.",
        "metrics.queryExecutor.collectionScans.nonTailable",
    ),
    *each(
        "mongodb_query_planner_races_total",
        "Queries for which several plans had to be tried, by query engine.",
        "engine",
        {"classic": "classicCount", "sbe": "sbeCount"},
        "metrics.query.multiPlanner",
    ),
    *each(
        "mongodb_query_planner_race_seconds_total",
        "Time spent trying plans, by query engine.",
        "engine",
        {"classic": "classicMicros", "sbe": "sbeMicros"},
        "metrics.query.multiPlanner",
        per=MICRO,
    ),
    *each(
        "mongodb_plan_cache_lookups_total",
        "Queries that found a plan in the cache, found none, or found one that was bad by now.",
        "result",
        {"hit": "hits", "miss": "misses", "replanned": "replanned"},
        "metrics.query.planCache.classic",
    ),
    *one(
        "mongodb_plan_cache_bytes",
        "Memory that cached plans take.",
        "metrics.query.planCacheTotalSizeEstimateBytes",
        "metrics.query.planCache.totalSizeEstimateBytes",
    ),
    *one(
        "mongodb_query_sort_spills_total",
        "Times that a sort went to disk for want of memory.",
        "metrics.query.sort.spillToDisk",
    ),
    *one("mongodb_query_sort_bytes_total", "Bytes sorted.", "metrics.query.sort.totalBytesSorted"),
    *one(
        "mongodb_ttl_deleted_documents_total",
        "Documents removed because their time was over.",
        "metrics.ttl.deletedDocuments",
    ),
    *one("mongodb_ttl_passes_total", "Times that the server looked for such documents.", "metrics.ttl.passes"),
)
_CURSORS = (
    *one("mongodb_cursors_open", "Open cursors.", "metrics.cursor.open.total"),
    *one("mongodb_cursors_pinned", "Those of them that an operation uses now.", "metrics.cursor.open.pinned"),
    *one("mongodb_cursors_no_timeout", "Those of them that never time out.", "metrics.cursor.open.noTimeout"),
    *one("mongodb_cursors_opened_total", "Cursors opened.", "metrics.cursor.totalOpened"),
    *one("mongodb_cursors_multiple_batches_total", "Cursors that were read on.", "metrics.cursor.moreThanOneBatch"),
    *one(
        "mongodb_cursors_timed_out_total", "Cursors given up because their client was gone.", "metrics.cursor.timedOut"
    ),
)
_TRANSACTIONS = (
    *one("mongodb_transactions_open", "Transactions that are open.", "transactions.currentOpen"),
    *each(
        "mongodb_transactions",
        "Open transactions: at work, idle, or prepared for a commit on several shards.",
        "state",
        {"active": "currentActive", "inactive": "currentInactive", "prepared": "currentPrepared"},
        "transactions",
    ),
    *one("mongodb_transactions_started_total", "Transactions that were begun.", "transactions.totalStarted"),
    *one("mongodb_transactions_committed_total", "Transactions that were committed.", "transactions.totalCommitted"),
    *one("mongodb_transactions_aborted_total", "Transactions that were aborted.", "transactions.totalAborted"),
    *one(
        "mongodb_retried_commands_total",
        "Retryable commands that had been executed before.",
        "transactions.retriedCommandsCount",
    ),
    *one(
        "mongodb_retried_statements_total",
        "Statements that had been executed before.",
        "transactions.retriedStatementsCount",
    ),
)
_WRITE_CONCERNS = (
    *one(
        "mongodb_write_concern_waits_total",
        "Writes that waited for other members.",
        "metrics.getLastError.wtime.num",
    ),
    *one(
        "mongodb_write_concern_wait_seconds_total",
        "Time that writes waited for other members.",
        "metrics.getLastError.wtime.totalMillis",
        per=MILLI,
    ),
    *one(
        "mongodb_write_concern_timeouts_total",
        "Writes that other members did not confirm in time.",
        "metrics.getLastError.wtimeouts",
    ),
    *one(
        "mongodb_write_concern_unsatisfiable_total",
        "Writes whose default write concern the replica set cannot meet.",
        "metrics.getLastError.default.unsatisfiable",
    ),
)
FIELDS: tuple[Field, ...] = (*_OPERATIONS, *_QUERIES, *_CURSORS, *_TRANSACTIONS, *_WRITE_CONCERNS)
