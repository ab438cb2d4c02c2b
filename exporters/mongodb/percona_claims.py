"""Which names of Percona's mongodb_exporter the community's dashboards ask for, and which of them we leave out.

Data only: a test holds a real page against the first list, and docs/compatibility.md shows the second.
"""

from __future__ import annotations

from dataclasses import dataclass

COMPATIBLE: tuple[str, ...] = (
    "mongodb_up",
    "mongodb_version_info",
    "mongodb_instance_uptime_seconds",
    "mongodb_mongod_instance_uptime_seconds",
    "mongodb_ss_uptime",
    "mongodb_connections",
    "mongodb_connections_metrics_created_total",
    "mongodb_ss_connections",
    "mongodb_op_counters_total",
    "mongodb_ss_opcounters",
    "mongodb_mongod_op_counters_repl_total",
    "mongodb_ss_opcountersRepl",
    "mongodb_mongod_op_latencies_latency_total",
    "mongodb_mongod_op_latencies_ops_total",
    "mongodb_asserts_total",
    "mongodb_mongod_global_lock_current_queue",
    "mongodb_mongod_global_lock_client",
    "mongodb_mongod_wiredtiger_cache_bytes",
    "mongodb_mongod_wiredtiger_cache_max_bytes",
    "mongodb_mongod_wiredtiger_cache_bytes_total",
    "mongodb_mongod_wiredtiger_cache_pages_total",
    "mongodb_mongod_wiredtiger_cache_evicted_total",
    "mongodb_ss_wt_cache_bytes_currently_in_the_cache",
    "mongodb_ss_wt_cache_maximum_bytes_configured",
    "mongodb_ss_wt_cache_tracked_dirty_bytes_in_the_cache",
    "mongodb_mongod_wiredtiger_concurrent_transactions_out_tickets",
    "mongodb_mongod_wiredtiger_concurrent_transactions_available_tickets",
    "mongodb_mongod_wiredtiger_concurrent_transactions_total_tickets",
    "mongodb_mongod_wiredtiger_transactions_checkpoint_milliseconds",
    "mongodb_mongod_wiredtiger_transactions_running_checkpoints",
    "mongodb_mongod_metrics_document_total",
    "mongodb_mongod_metrics_query_executor_total",
    "mongodb_mongod_metrics_operation_total",
    "mongodb_mongod_metrics_cursor_open",
    "mongodb_mongod_metrics_cursor_timed_out_total",
    "mongodb_mongod_metrics_ttl_deleted_documents_total",
    "mongodb_network_bytes_total",
    "mongodb_network_metrics_num_requests_total",
    "mongodb_memory",
    "mongodb_extra_info_page_faults_total",
    "mongodb_ss_flowControl_isLagged",
    "mongodb_ss_flowControl_isLaggedCount",
    "mongodb_ss_flowControl_isLaggedTimeMicros",
    "mongodb_ss_flowControl_targetRateLimit",
    "mongodb_ss_transactions_currentOpen",
    "mongodb_ss_transactions_totalAborted",
    "mongodb_mongod_metrics_repl_buffer_count",
    "mongodb_mongod_metrics_repl_buffer_size_bytes",
    "mongodb_mongod_metrics_repl_buffer_max_size_bytes",
    "mongodb_mongod_metrics_repl_apply_ops_total",
    "mongodb_mongod_metrics_repl_apply_batches_total_milliseconds",
    "mongodb_mongod_metrics_repl_network_getmores_total_milliseconds",
    "mongodb_mongod_metrics_get_last_error_wtime_num_total",
    "mongodb_mongod_metrics_get_last_error_wtimeouts_total",
    "mongodb_mongod_metrics_get_last_error_wtime_total_milliseconds",
    "mongodb_mongod_replset_my_state",
    "mongodb_mongod_replset_my_name",
    "mongodb_mongod_replset_number_of_members",
    "mongodb_mongod_replset_member_health",
    "mongodb_mongod_replset_member_election_date",
    "mongodb_mongod_replset_member_optime_date",
    "mongodb_mongod_replset_oplog_head_timestamp",
    "mongodb_mongod_replset_oplog_tail_timestamp",
    "mongodb_oplog_stats_size",
    "mongodb_oplog_stats_maxSize",
    "mongodb_oplog_stats_count",
    "mongodb_dbstats_dataSize",
    "mongodb_dbstats_indexSize",
    "mongodb_dbstats_storageSize",
    "mongodb_dbstats_objects",
    "mongodb_dbstats_collections",
    "mongodb_dbstats_indexes",
    "mongodb_dbstats_fsUsedSize",
    "mongodb_dbstats_fsTotalSize",
    "mongodb_mongod_db_data_size_bytes",
    "mongodb_mongod_db_index_size_bytes",
    "mongodb_collstats_storageStats_count",
    "mongodb_collstats_storageStats_size",
    "mongodb_collstats_storageStats_storageSize",
    "mongodb_collstats_storageStats_totalIndexSize",
    "mongodb_collstats_storageStats_totalSize",
    "mongodb_collstats_storageStats_indexSizes",
    "mongodb_collstats_latencyStats_reads_latency",
    "mongodb_collstats_latencyStats_reads_ops",
    "mongodb_collstats_latencyStats_writes_latency",
    "mongodb_collstats_latencyStats_writes_ops",
    "mongodb_collstats_latencyStats_commands_latency",
    "mongodb_collstats_latencyStats_commands_ops",
    "mongodb_indexstats_accesses_ops",
    "mongodb_top_queries_count",
    "mongodb_top_queries_time",
    "mongodb_top_insert_count",
    "mongodb_top_insert_time",
    "mongodb_top_update_count",
    "mongodb_top_update_time",
    "mongodb_top_remove_count",
    "mongodb_top_remove_time",
    "mongodb_top_getmore_count",
    "mongodb_top_getmore_time",
    "mongodb_top_commands_count",
    "mongodb_top_commands_time",
    "mongodb_top_total_count",
    "mongodb_top_total_time",
    "mongodb_currentop_fsync_lock_state",
    "collector_scrape_time_ms",
)
"""Asked for by PMM's MongoDB dashboards and by Grafana's mongodb-mixin; on the page of any replica set's member."""

WITH_OTHERS: tuple[str, ...] = (
    "mongodb_mongod_replset_member_last_heartbeat",
    "mongodb_mongod_replset_member_ping_ms",
    "mongodb_mongod_replset_member_replication_lag",
)
"""Those that are about the other members: absent where a set has only one."""


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """Names that the same dashboards ask for, and why we do not have them."""

    names: tuple[str, ...]
    reason: str
    instead: str = ""


NOT_CLAIMED: tuple[NotClaimed, ...] = (
    NotClaimed(
        (
            "mongodb_mongod_db_collections_total",
            "mongodb_mongod_db_indexes_total",
            "mongodb_mongod_db_objects_total",
            "mongodb_mongod_wiredtiger_session_open_cursors_total",
            "mongodb_mongod_wiredtiger_session_open_sessions_total",
        ),
        "They go down as well as up, but are named as counters: OpenMetrics does not allow it.",
        "mongodb_database_collections, _indexes, _documents",
    ),
    NotClaimed(
        ("mongodb_currentop_query_uptime",),
        "One series for each operation, with its id as a label: that never ends.",
        "mongodb_currentop_longest_seconds, mongodb_currentop_over_threshold",
    ),
    NotClaimed(
        ("mongodb_profile_slow_query_count",),
        "Counts a capped collection, which forgets; and only where the profiler is on.",
        "mongodb_currentop_over_threshold, mongodb_op_latency_seconds",
    ),
    NotClaimed(
        (
            "mongodb_mongod_metrics_record_moves_total",
            "mongodb_mongod_metrics_repl_preload_docs_num_total",
            "mongodb_mongod_metrics_repl_preload_docs_total_milliseconds",
            "mongodb_mongod_metrics_repl_preload_indexes_num_total",
            "mongodb_mongod_metrics_repl_preload_indexes_total_milliseconds",
            "mongodb_mongod_durability_commits",
            "mongodb_mongod_durability_journaled_megabytes",
            "mongodb_mongod_background_flushing_average_milliseconds",
        ),
        "Figures of the storage engine MMAPv1, which is gone since MongoDB 4.2.",
    ),
    NotClaimed(
        ("mongodb_mongod_op_counters_total", "mongodb_mongod_connections", "mongodb_mongod_asserts_total"),
        "Older names; every dashboard that asks for them asks for the newer ones as well, with `or`.",
        "mongodb_op_counters_total, mongodb_connections, mongodb_asserts_total",
    ),
    NotClaimed(
        (
            "mongodb_mongod_locks_time_acquiring_global_microseconds_total",
            "mongodb_mongod_locks_time_locked_local_microseconds_total",
            "mongodb_ss_locks_acquireCount",
        ),
        "Of serverStatus.locks only what was waited for is shown, under our own names: every operation takes locks, so "
        "that their number says nothing, and how long they are held no server tells since 3.0.",
        "mongodb_lock_waits_total, mongodb_lock_wait_seconds_total, mongodb_currentop_waiting_for_lock",
    ),
    NotClaimed(
        ("mongodb_rs_members_state", "mongodb_rs_members_pingMs", "mongodb_members_health"),
        "The label member_state renames them at each failover.",
        "mongodb_mongod_replset_*, mongodb_replset_member_state",
    ),
    NotClaimed(
        ("mongodb_mongos_sharding_shards_total", "mongodb_mongos_db_data_size_bytes"),
        "Sharded clusters are not read through mongos.",
    ),
    NotClaimed(
        ("mongodb_pbm_backup_size_bytes",),
        "Figures of Percona Backup for MongoDB, with a label that grows by each backup.",
        "the monitor's own backup metrics",
    ),
)
