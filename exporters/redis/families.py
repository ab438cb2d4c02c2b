"""Redis's families, by redis_exporter's names, and the fields of INFO that they come from."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.reasons import Reason
from telemetry.metric import Metric, MetricType


@dataclass(frozen=True, slots=True)
class Field:
    """One number of INFO: ``metric`` is ``field`` times ``scale``."""

    metric: Metric
    field: str
    scale: float = 1


def _field(field: str, name: str, text: str, *, scale: float = 1) -> Field:
    kind: MetricType = "counter" if name.endswith("_total") else "gauge"
    stem = name.removesuffix("_total")
    unit = next((unit for unit in ("seconds", "bytes", "ratio") if stem.endswith(f"_{unit}")), "")
    return Field(Metric(name=name, type=kind, unit=unit, help=f"{text} (INFO field {field}).", labels=()), field, scale)


FIELDS: tuple[Field, ...] = (
    _field("uptime_in_seconds", "redis_uptime_in_seconds", "Seconds since Redis started"),
    _field("connected_clients", "redis_connected_clients", "Clients connected now, replicas apart"),
    _field("blocked_clients", "redis_blocked_clients", "Clients waiting in a blocking command"),
    _field("maxclients", "redis_max_clients", "The most clients that may connect"),
    _field("used_memory", "redis_memory_used_bytes", "Memory that Redis asked its allocator for"),
    _field("used_memory_rss", "redis_memory_used_rss_bytes", "Memory that the operating system sees in use"),
    _field("used_memory_peak", "redis_memory_used_peak_bytes", "The most memory used since the start"),
    _field("used_memory_dataset", "redis_memory_used_dataset_bytes", "Memory held by the data itself"),
    _field("used_memory_overhead", "redis_memory_used_overhead_bytes", "Memory held by buffers and structures"),
    _field("maxmemory", "redis_memory_max_bytes", "The memory limit; 0 is none"),
    _field("total_system_memory", "redis_total_system_memory_bytes", "Memory of the machine"),
    _field("mem_fragmentation_ratio", "redis_mem_fragmentation_ratio", "Resident memory over used memory"),
    _field("mem_fragmentation_bytes", "redis_mem_fragmentation_bytes", "Resident memory beyond used memory"),
    _field("mem_clients_normal", "redis_mem_clients_normal", "Bytes held for ordinary clients"),
    _field("loading", "redis_loading_dump_file", "Whether data is being loaded and commands are refused"),
    _field("rdb_changes_since_last_save", "redis_rdb_changes_since_last_save", "Changes that no snapshot holds"),
    _field("rdb_last_save_time", "redis_rdb_last_save_timestamp_seconds", "When the last snapshot succeeded"),
    _field("rdb_bgsave_in_progress", "redis_rdb_bgsave_in_progress", "Whether a snapshot is being written"),
    _field("aof_enabled", "redis_aof_enabled", "Whether the append-only file is on"),
    _field("aof_current_size", "redis_aof_current_size_bytes", "Size of the append-only file"),
    _field("aof_delayed_fsync", "redis_aof_delayed_fsync", "Times that a write waited for the disk"),
    _field("latest_fork_usec", "redis_latest_fork_seconds", "How long the last fork stopped Redis", scale=1e-6),
    _field("total_connections_received", "redis_connections_received_total", "Connections accepted"),
    _field("rejected_connections", "redis_rejected_connections_total", "Connections refused at the limit"),
    _field("total_commands_processed", "redis_commands_processed_total", "Commands run"),
    _field("total_net_input_bytes", "redis_net_input_bytes_total", "Bytes read from the network"),
    _field("total_net_output_bytes", "redis_net_output_bytes_total", "Bytes written to the network"),
    _field("expired_keys", "redis_expired_keys_total", "Keys removed because their time was over"),
    _field("evicted_keys", "redis_evicted_keys_total", "Keys removed because memory was full"),
    _field("keyspace_hits", "redis_keyspace_hits_total", "Look-ups that found their key"),
    _field("keyspace_misses", "redis_keyspace_misses_total", "Look-ups that found nothing"),
    _field("total_error_replies", "redis_total_error_replies", "Commands answered with an error"),
    _field("acl_access_denied_auth", "redis_acl_access_denied_auth_total", "Log-ins refused"),
    _field("acl_access_denied_cmd", "redis_acl_access_denied_cmd_total", "Commands refused by access rules"),
    _field("acl_access_denied_key", "redis_acl_access_denied_key_total", "Keys refused by access rules"),
    _field("pubsub_channels", "redis_pubsub_channels", "Channels with a subscriber"),
    _field("connected_slaves", "redis_connected_slaves", "Replicas connected"),
    _field("master_repl_offset", "redis_master_repl_offset", "Position of the replication stream"),
    _field("used_cpu_sys", "redis_cpu_sys_seconds_total", "Processor time spent in the kernel"),
    _field("used_cpu_user", "redis_cpu_user_seconds_total", "Processor time spent in Redis itself"),
)
"""What is a plain number in INFO, and exported as that number."""

UP = Metric(name="redis_up", type="gauge", help="Whether Redis answered INFO within this scrape.")
UP_REASON = Metric(
    name="redis_up_reason",
    type="gauge",
    help="Why Redis did not answer: 1 for the reason that holds, 0 for all others; all 0 while it answers.",
    labels=("reason",),
)
REASONS = tuple(reason.value for reason in Reason)
INSTANCE_INFO = Metric(
    name="redis_instance_info",
    type="gauge",
    help="Always 1; the labels say what runs there.",
    labels=("role", "redis_version", "redis_mode", "os", "maxmemory_policy"),
)
START_TIME = Metric(
    name="redis_start_time_seconds", type="gauge", unit="seconds", help="When Redis started, as a Unix timestamp."
)
LAST_SAVE_OK = Metric(
    name="redis_rdb_last_bgsave_status", type="gauge", help="Whether the last snapshot succeeded (or none was tried)."
)
LAST_WRITE_OK = Metric(
    name="redis_aof_last_write_status", type="gauge", help="Whether the last write to the append-only file succeeded."
)
COMMANDS = Metric(name="redis_commands_total", type="counter", help="Calls of each command.", labels=("cmd",))
COMMAND_SECONDS = Metric(
    name="redis_commands_duration_seconds_total",
    type="counter",
    unit="seconds",
    help="Processor time spent in each command.",
    labels=("cmd",),
)
COMMANDS_REJECTED = Metric(
    name="redis_commands_rejected_calls_total",
    type="counter",
    help="Calls refused before they ran, for each command.",
    labels=("cmd",),
)
COMMANDS_FAILED = Metric(
    name="redis_commands_failed_calls_total",
    type="counter",
    help="Calls that ran and ended in an error, for each command.",
    labels=("cmd",),
)
ERRORS = Metric(
    name="redis_errors_total",
    type="counter",
    help="Error answers by their first word (INFO errorstats).",
    labels=("err",),
)
DB_KEYS = Metric(name="redis_db_keys", type="gauge", help="Keys in each database that is used.", labels=("db",))
DB_EXPIRING = Metric(
    name="redis_db_keys_expiring", type="gauge", help="Keys that have a time to live, in each database.", labels=("db",)
)
DB_TTL = Metric(
    name="redis_db_avg_ttl_seconds",
    type="gauge",
    unit="seconds",
    help="Mean time to live of the keys that have one, in each database.",
    labels=("db",),
)
SLOWLOG_LENGTH = Metric(name="redis_slowlog_length", type="gauge", help="Entries in the slow log.")
CONFIG_MAXMEMORY = Metric(
    name="redis_config_maxmemory", type="gauge", help="The memory limit in bytes as configured; 0 is none."
)
CONFIG_MAXCLIENTS = Metric(
    name="redis_config_maxclients", type="gauge", help="The limit of connected clients as configured."
)

METRICS: tuple[Metric, ...] = (
    UP,
    UP_REASON,
    INSTANCE_INFO,
    START_TIME,
    LAST_SAVE_OK,
    LAST_WRITE_OK,
    COMMANDS,
    COMMAND_SECONDS,
    COMMANDS_REJECTED,
    COMMANDS_FAILED,
    ERRORS,
    DB_KEYS,
    DB_EXPIRING,
    DB_TTL,
    SLOWLOG_LENGTH,
    CONFIG_MAXMEMORY,
    CONFIG_MAXCLIENTS,
    *(field.metric for field in FIELDS),
)
