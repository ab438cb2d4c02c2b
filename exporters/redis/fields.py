"""INFO's plain numbers: what each is called on the page."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.declare import family
from telemetry.metric import Metric

LIKE = ("redis_exporter",)


@dataclass(frozen=True, slots=True)
class Field:
    """One number of INFO: ``metric`` is ``field`` times ``scale``, unless it is below ``least``."""

    metric: Metric
    field: str
    scale: float = 1
    least: float | None = None


def _same(field: str, name: str, text: str, *, scale: float = 1, least: float | None = None) -> Field:
    """Declare a number by the name that redis_exporter gave it."""
    return Field(family(name, f"{text}.", source=f"INFO {field}", like=LIKE), field, scale, least)


def _ours(field: str, name: str, text: str, *, scale: float = 1, least: float | None = None) -> Field:
    """Declare a number that redis_exporter lacks, or has with another type or unit."""
    return Field(family(name, f"{text}.", source=f"INFO {field}"), field, scale, least)


_SERVER = (
    _same("uptime_in_seconds", "redis_uptime_in_seconds", "Seconds since Redis started"),
    _same("connected_clients", "redis_connected_clients", "Clients connected now, replicas apart"),
    _same("blocked_clients", "redis_blocked_clients", "Clients waiting in a blocking command"),
    _same("maxclients", "redis_max_clients", "The most clients that may connect"),
    _same("tracking_clients", "redis_tracking_clients", "Clients that let Redis track what they have cached"),
    _same(
        "client_recent_max_input_buffer",
        "redis_client_recent_max_input_buffer_bytes",
        "The largest query buffer among the clients of late",
    ),
    _same(
        "client_recent_max_output_buffer",
        "redis_client_recent_max_output_buffer_bytes",
        "The largest output buffer among the clients of late",
    ),
)
_MEMORY = (
    _same("used_memory", "redis_memory_used_bytes", "Memory that Redis asked its allocator for"),
    _same("used_memory_rss", "redis_memory_used_rss_bytes", "Memory that the operating system sees in use"),
    _same("used_memory_peak", "redis_memory_used_peak_bytes", "The most memory used since the start"),
    _same("used_memory_dataset", "redis_memory_used_dataset_bytes", "Memory held by the data itself"),
    _same("used_memory_overhead", "redis_memory_used_overhead_bytes", "Memory held by buffers and structures"),
    _same("used_memory_startup", "redis_memory_used_startup_bytes", "Memory held before there was any data"),
    _same("used_memory_lua", "redis_memory_used_lua_bytes", "Memory held by the script engine"),
    _same("used_memory_scripts", "redis_memory_used_scripts_bytes", "Memory held by cached scripts"),
    _same("maxmemory", "redis_memory_max_bytes", "The memory limit; 0 is none"),
    _same("total_system_memory", "redis_total_system_memory_bytes", "Memory of the machine"),
    _same("mem_fragmentation_ratio", "redis_mem_fragmentation_ratio", "Resident memory over used memory"),
    _same("mem_fragmentation_bytes", "redis_mem_fragmentation_bytes", "Resident memory beyond used memory"),
    _same("allocator_frag_ratio", "redis_allocator_frag_ratio", "The allocator's active over its allocated memory"),
    _same("allocator_frag_bytes", "redis_allocator_frag_bytes", "The allocator's active beyond its allocated memory"),
    _same("allocator_rss_ratio", "redis_allocator_rss_ratio", "The allocator's resident over its active memory"),
    _same("allocator_rss_bytes", "redis_allocator_rss_bytes", "The allocator's resident beyond its active memory"),
    _same("mem_clients_normal", "redis_mem_clients_normal", "Bytes held for ordinary clients"),
    _same("mem_clients_slaves", "redis_mem_clients_slaves", "Bytes held for replicas"),
    _same(
        "mem_not_counted_for_evict",
        "redis_mem_not_counted_for_eviction_bytes",
        "Memory of replication and append-only buffers, which eviction does not count",
    ),
    _same("active_defrag_running", "redis_active_defrag_running", "Share of a processor spent on defragmenting, in %"),
    _same("lazyfree_pending_objects", "redis_lazyfree_pending_objects", "Objects still to be freed in the background"),
)
_PERSISTENCE = (
    _same("loading", "redis_loading_dump_file", "Whether data is being loaded and commands are refused"),
    _same("rdb_changes_since_last_save", "redis_rdb_changes_since_last_save", "Changes that no snapshot holds"),
    _same("rdb_last_save_time", "redis_rdb_last_save_timestamp_seconds", "When the last snapshot succeeded"),
    _same("rdb_bgsave_in_progress", "redis_rdb_bgsave_in_progress", "Whether a snapshot is being written"),
    _same("rdb_last_cow_size", "redis_rdb_last_cow_size_bytes", "Memory that the last snapshot made be copied"),
    _ours(
        "rdb_last_bgsave_time_sec",
        "redis_rdb_last_bgsave_duration_seconds",
        "How long the last snapshot took; absent before the first one",
        least=0,
    ),
    _ours(
        "rdb_current_bgsave_time_sec",
        "redis_rdb_current_bgsave_duration_seconds",
        "How long the snapshot under way has taken; absent while there is none",
        least=0,
    ),
    _same("aof_enabled", "redis_aof_enabled", "Whether the append-only file is on"),
    _same("aof_rewrite_in_progress", "redis_aof_rewrite_in_progress", "Whether that file is being rewritten"),
    _same("aof_current_size", "redis_aof_current_size_bytes", "Size of the append-only file"),
    _same("aof_base_size", "redis_aof_base_size_bytes", "Size of the append-only file after its last rewrite"),
    _same("aof_buffer_length", "redis_aof_buffer_length", "Bytes not yet written to the append-only file"),
    _same("aof_pending_bio_fsync", "redis_aof_pending_bio_fsync", "Flushes that wait for the disk"),
    _ours("aof_delayed_fsync", "redis_aof_delayed_fsyncs_total", "Times that a write waited for the disk"),
    _ours(
        "aof_last_rewrite_time_sec",
        "redis_aof_last_rewrite_duration_seconds",
        "How long the last rewrite took; absent before the first one",
        least=0,
    ),
    _same("latest_fork_usec", "redis_latest_fork_seconds", "How long the last fork stopped Redis", scale=1e-6),
)
_STATS = (
    _same("total_connections_received", "redis_connections_received_total", "Connections accepted"),
    _same("rejected_connections", "redis_rejected_connections_total", "Connections refused at the limit"),
    _same("total_commands_processed", "redis_commands_processed_total", "Commands run"),
    _same("total_net_input_bytes", "redis_net_input_bytes_total", "Bytes read from the network"),
    _same("total_net_output_bytes", "redis_net_output_bytes_total", "Bytes written to the network"),
    _same("expired_keys", "redis_expired_keys_total", "Keys removed because their time was over"),
    _same("evicted_keys", "redis_evicted_keys_total", "Keys removed because memory was full"),
    _same("keyspace_hits", "redis_keyspace_hits_total", "Look-ups that found their key"),
    _same("keyspace_misses", "redis_keyspace_misses_total", "Look-ups that found nothing"),
    _ours("evicted_clients", "redis_evicted_clients_total", "Clients closed for the memory of their buffers"),
    _ours(
        "total_eviction_exceeded_time",
        "redis_eviction_exceeded_seconds_total",
        "Time in which memory use was above its limit",
        scale=1e-3,
    ),
    _ours(
        "expired_time_cap_reached_count",
        "redis_expire_cycles_cut_short_total",
        "Times that removing expired keys used up its share of time",
    ),
    _same(
        "client_query_buffer_limit_disconnections",
        "redis_client_query_buffer_limit_disconnections_total",
        "Clients closed because what they sent outgrew its buffer",
    ),
    _same(
        "client_output_buffer_limit_disconnections",
        "redis_client_output_buffer_limit_disconnections_total",
        "Clients closed because they read too slowly",
    ),
    _ours("total_error_replies", "redis_error_replies_total", "Commands answered with an error"),
    _ours("unexpected_error_replies", "redis_unexpected_error_replies_total", "Errors inside Redis itself"),
    _same("acl_access_denied_auth", "redis_acl_access_denied_auth_total", "Log-ins refused"),
    _same("acl_access_denied_cmd", "redis_acl_access_denied_cmd_total", "Commands refused by access rules"),
    _same("acl_access_denied_key", "redis_acl_access_denied_key_total", "Keys refused by access rules"),
    _same("acl_access_denied_channel", "redis_acl_access_denied_channel_total", "Channels refused by access rules"),
    _same("pubsub_channels", "redis_pubsub_channels", "Channels with a subscriber"),
    _same("pubsub_patterns", "redis_pubsub_patterns", "Patterns with a subscriber"),
    _same("used_cpu_sys", "redis_cpu_sys_seconds_total", "Processor time spent in the kernel"),
    _same("used_cpu_user", "redis_cpu_user_seconds_total", "Processor time spent in Redis itself"),
    _same("used_cpu_sys_children", "redis_cpu_sys_children_seconds_total", "Kernel time of snapshots and rewrites"),
    _same("used_cpu_user_children", "redis_cpu_user_children_seconds_total", "Other time of snapshots and rewrites"),
)
_REPLICATION = (
    _same("connected_slaves", "redis_connected_slaves", "Replicas connected"),
    _same("master_repl_offset", "redis_master_repl_offset", "Position of the replication stream"),
    _same("repl_backlog_active", "redis_repl_backlog_is_active", "Whether a backlog for replicas is kept"),
    _same("repl_backlog_size", "redis_replication_backlog_bytes", "Size that the backlog may have"),
    _same("repl_backlog_histlen", "redis_repl_backlog_history_bytes", "Bytes that the backlog holds"),
    _ours("sync_full", "redis_replica_full_resyncs_total", "Replicas that had to be sent everything"),
    _ours("sync_partial_ok", "redis_replica_partial_resyncs_accepted_total", "Replicas that the backlog helped"),
    _ours("sync_partial_err", "redis_replica_partial_resyncs_denied_total", "Replicas that the backlog could not help"),
)
_CLUSTER = (_same("cluster_enabled", "redis_cluster_enabled", "Whether this is a cluster's node"),)
_SENTINEL = (
    _same("sentinel_masters", "redis_sentinel_masters", "Primaries that this sentinel watches"),
    _same("sentinel_tilt", "redis_sentinel_tilt", "Whether the sentinel distrusts its own clock and does nothing"),
    _same("sentinel_running_scripts", "redis_sentinel_running_scripts", "Scripts that the sentinel is running"),
    _same("sentinel_scripts_queue_length", "redis_sentinel_scripts_queue_length", "Scripts that wait to be run"),
)

FIELDS: tuple[Field, ...] = (*_SERVER, *_MEMORY, *_PERSISTENCE, *_STATS, *_REPLICATION, *_CLUSTER, *_SENTINEL)
"""What is a plain number in INFO, and exported as that number."""
