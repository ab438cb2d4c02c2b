"""Redis's families that have labels, or that are more than a number of INFO."""

from __future__ import annotations

from exporters.declare import family
from exporters.reasons import Reason
from exporters.redis.fields import FIELDS, LIKE
from telemetry.metric import Metric

UP = family("redis_up", "Whether Redis answered INFO within this scrape.", source="INFO", like=LIKE)
UP_REASON = family(
    "redis_up_reason",
    "Why Redis did not answer: 1 for the reason that holds, 0 for all others; all 0 while it answers.",
    "reason",
    source="INFO",
)
REASONS = tuple(reason.value for reason in Reason)
INSTANCE_INFO = family(
    "redis_instance_info",
    "Always 1; the labels say what runs there.",
    *("role", "redis_version", "redis_mode", "os", "maxmemory_policy", "tcp_port", "run_id", "process_id"),
    "master_replid",
    source="INFO server, memory, replication",
    like=LIKE,
)
MODULE_INFO = family(
    "redis_module_info", "Always 1 for each loaded module.", "name", "ver", source="INFO modules", like=LIKE
)
START_TIME = family(
    "redis_start_time_seconds",
    "When Redis started, as a Unix timestamp; it moves only when Redis restarts.",
    source="INFO server_time_usec - uptime_in_seconds",
    like=LIKE,
)
LAST_SAVE_OK = family(
    "redis_rdb_last_bgsave_status",
    "Whether the last snapshot succeeded (or none was tried).",
    source="INFO rdb_last_bgsave_status",
    like=LIKE,
)
LAST_REWRITE_OK = family(
    "redis_aof_last_bgrewrite_status",
    "Whether the last rewrite of the append-only file succeeded (or none was tried).",
    source="INFO aof_last_bgrewrite_status",
    like=LIKE,
)
LAST_WRITE_OK = family(
    "redis_aof_last_write_status",
    "Whether the last write to the append-only file succeeded.",
    source="INFO aof_last_write_status",
    like=LIKE,
)
STATUSES = (LAST_SAVE_OK, LAST_REWRITE_OK, LAST_WRITE_OK)

COMMANDS = family("redis_commands_total", "Calls of each command.", "cmd", source="INFO cmdstat_*.calls", like=LIKE)
COMMAND_SECONDS = family(
    "redis_commands_duration_seconds_total",
    "Processor time spent in each command.",
    "cmd",
    source="INFO cmdstat_*.usec",
    like=LIKE,
)
COMMANDS_REJECTED = family(
    "redis_commands_rejected_calls_total",
    "Calls refused before they ran, for each command.",
    "cmd",
    source="INFO cmdstat_*.rejected_calls",
    like=LIKE,
)
COMMANDS_FAILED = family(
    "redis_commands_failed_calls_total",
    "Calls that ran and ended in an error, for each command.",
    "cmd",
    source="INFO cmdstat_*.failed_calls",
    like=LIKE,
)
LATENCY_MICROSECONDS = (16, 66, 264, 1056, 4227, 33_816, 270_532)
"""The edges of the latency histogram, out of those that Redis keeps itself (about 1.03 x 2^n), so that each is exact.
Seven, because each command costs ten series: fine where Redis should be, coarse where any second is too long."""
LATENCY = family(
    "redis_command_latency_seconds",
    "How long each command ran. Redis counts what is longer than its last bucket of one second in +Inf as well.",
    "cmd",
    buckets=tuple(edge / 1e6 for edge in LATENCY_MICROSECONDS),
    source="LATENCY HISTOGRAM; the sum is INFO cmdstat_*.usec",
)
ERRORS = family(
    "redis_errors_total",
    "Error answers by their first word; words that are not Redis's kind, or too many, are summed up in __other__.",
    "err",
    source="INFO errorstat_*.count",
    like=LIKE,
)
DB_KEYS = family("redis_db_keys", "Keys in each used database.", "db", source="INFO dbN.keys", like=LIKE, additive=True)
DB_EXPIRING = family(
    "redis_db_keys_expiring",
    "Keys that have a time to live, in each used database.",
    "db",
    source="INFO dbN.expires",
    like=LIKE,
    additive=True,
)
DB_TTL = family(
    "redis_db_avg_ttl_seconds",
    "Mean time to live of the keys that have one, in each used database.",
    "db",
    source="INFO dbN.avg_ttl",
    like=LIKE,
)

SPIKE_LAST = family(
    "redis_latency_spike_last",
    "When the last spike of this kind was, as a Unix timestamp; kept only where latency-monitor-threshold is set.",
    "event_name",
    source="LATENCY LATEST",
    like=LIKE,
)
SPIKE_SECONDS = family(
    "redis_latency_spike_duration_seconds",
    "How long the last spike of this kind was.",
    "event_name",
    source="LATENCY LATEST",
    like=LIKE,
)
SPIKE_WORST = family(
    "redis_latency_spike_max_seconds",
    "The longest spike of this kind since the start or LATENCY RESET.",
    "event_name",
    source="LATENCY LATEST",
)
SLOWLOG_LENGTH = family("redis_slowlog_length", "Entries in the slow log.", source="SLOWLOG LEN", like=LIKE)
SLOWLOG_LAST_ID = family(
    "redis_slowlog_last_id", "Number of the newest entry of the slow log.", source="SLOWLOG GET", like=LIKE
)
SLOWLOG_LAST_SECONDS = family(
    "redis_last_slow_execution_duration_seconds",
    "How long the newest command in the slow log ran.",
    source="SLOWLOG GET",
    like=LIKE,
)
SLOWLOG_ENTRIES = family(
    "redis_slowlog_entries_total",
    "Commands that were slow since Redis started, also those that the log holds no more; since these exporters watch, "
    "where the log was empty then.",
    source="SLOWLOG GET: the newest id, plus one, less those before an empty log",
)
SLOW_COMMANDS = family(
    "redis_slow_commands_total",
    "Slow commands by name, since these exporters watch; __other__ are those that left the log before they were read.",
    "cmd",
    source="SLOWLOG GET",
)
SLOW_SECONDS = family(
    "redis_slow_commands_seconds_total",
    "Time that the slow commands took, by name, since these exporters watch.",
    "cmd",
    source="SLOWLOG GET",
)
SLOWLOG_THRESHOLD = family(
    "redis_slowlog_threshold_seconds",
    "From which duration on a command is slow; absent where the slow log is off.",
    source="CONFIG GET slowlog-log-slower-than",
)
CONFIG_NUMBERS: dict[str, Metric] = {
    "maxmemory": family(
        "redis_config_maxmemory",
        "The memory limit in bytes as configured; 0 is none.",
        source="CONFIG GET maxmemory",
        like=LIKE,
    ),
    "maxclients": family(
        "redis_config_maxclients",
        "The limit of connected clients as configured.",
        source="CONFIG GET maxclients",
        like=LIKE,
    ),
    "io-threads": family("redis_config_io_threads", "Threads for input and output.", source="CONFIG GET io-threads"),
    "repl-backlog-size": family(
        "redis_config_repl_backlog_size",
        "Bytes kept for replicas that come back, as configured.",
        source="CONFIG GET repl-backlog-size",
    ),
}
CONFIG_INFO = family(
    "redis_config_info",
    "Always 1; the labels say how Redis evicts and keeps data.",
    *("maxmemory_policy", "appendonly", "save"),
    source="CONFIG GET",
)

REPLICATION_LAG = family(
    "redis_replication_lag_bytes",
    "Bytes of the replication stream that this replica has not confirmed; absent while it is being sent everything.",
    "replica",
    source="INFO master_repl_offset - slaveN.offset",
)
REPLICA_ONLINE = family(
    "redis_replica_online", "Whether this replica receives the stream.", "replica", source="INFO slaveN.state"
)
REPLICA_CONNECTIONS = family(
    "redis_replica_connections",
    "Replicas that announce this address; where it is more than one (behind a NAT), other figures are of the worst.",
    "replica",
    source="INFO slaveN.ip, slaveN.port",
    additive=True,
)
REPLICA_SECONDS = family(
    "redis_connected_slave_lag_seconds",
    "Seconds since this replica last confirmed anything.",
    *("slave_ip", "slave_port"),
    source="INFO slaveN.lag",
    like=LIKE,
)
REPLICA_OFFSET = family(
    "redis_connected_slave_offset_bytes",
    "Position in the replication stream that this replica has confirmed.",
    *("slave_ip", "slave_port"),
    source="INFO slaveN.offset",
    like=LIKE,
)
MASTER_LINK_UP = family(
    "redis_master_link_up",
    "On a replica: whether it is connected to its primary.",
    source="INFO master_link_status",
    like=LIKE,
)
MASTER_LAST_IO = family(
    "redis_master_last_io_seconds_ago",
    "On a replica: seconds since its primary last said anything; -1 is never, or no link.",
    source="INFO master_last_io_seconds_ago",
    like=LIKE,
)
MASTER_SYNC = family(
    "redis_master_sync_in_progress",
    "On a replica: whether it is being sent everything.",
    source="INFO master_sync_in_progress",
    like=LIKE,
)
SLAVE_OFFSET = family(
    "redis_slave_repl_offset",
    "On a replica: its position in the replication stream.",
    source="INFO slave_repl_offset",
    like=LIKE,
)
SLAVE_INFO = family(
    "redis_slave_info",
    "On a replica: always 1; the labels say whose replica it is.",
    *("master_host", "master_port", "read_only"),
    source="INFO master_host, slave_read_only",
    like=LIKE,
)
MASTER_FIELDS = (
    (MASTER_LAST_IO, "master_last_io_seconds_ago"),
    (MASTER_SYNC, "master_sync_in_progress"),
    (SLAVE_OFFSET, "slave_repl_offset"),
)

CLUSTER_STATE = family(
    "redis_cluster_state",
    "Whether this node believes its cluster to be well.",
    source="CLUSTER INFO cluster_state",
    like=LIKE,
)
CLUSTER_FIELDS: dict[str, Metric] = {
    # The counts of messages are gauges there.
    field: family(name, text, source=f"CLUSTER INFO {field}", like=() if name.endswith("_total") else LIKE)
    for field, name, text in (
        ("cluster_slots_assigned", "redis_cluster_slots_assigned", "Slots that have a node."),
        ("cluster_slots_ok", "redis_cluster_slots_ok", "Slots whose node is well."),
        ("cluster_slots_pfail", "redis_cluster_slots_pfail", "Slots whose node this node cannot reach."),
        ("cluster_slots_fail", "redis_cluster_slots_fail", "Slots whose node the cluster has given up."),
        ("cluster_known_nodes", "redis_cluster_known_nodes", "Nodes that this node has heard of."),
        ("cluster_size", "redis_cluster_size", "Primaries that hold at least one slot."),
        ("cluster_current_epoch", "redis_cluster_current_epoch", "The cluster's epoch; it grows with each failover."),
        ("cluster_my_epoch", "redis_cluster_my_epoch", "The epoch of this node's configuration."),
        ("cluster_stats_messages_sent", "redis_cluster_messages_sent_total", "Messages sent to other nodes."),
        ("cluster_stats_messages_received", "redis_cluster_messages_received_total", "Messages from other nodes."),
    )
}
SENTINEL_STATES = ("ok", "sdown", "odown")
SENTINEL_STATUS = family(
    "redis_sentinel_master_status",
    "1 for the state that the sentinel believes the primary to be in, 0 for the others.",
    *("master_name", "master_status"),
    source="INFO masterN.status",
    like=LIKE,
)
SENTINEL_INFO = family(
    "redis_sentinel_master_info",
    "Always 1; the label says where the primary is.",
    *("master_name", "master_address"),
    source="INFO masterN.address",
)
SENTINEL_SLAVES = family(
    "redis_sentinel_master_slaves",
    "Replicas of the primary that the sentinel knows.",
    "master_name",
    source="INFO masterN.slaves",
    like=LIKE,
)
SENTINEL_SENTINELS = family(
    "redis_sentinel_master_sentinels",
    "Sentinels that watch the primary, this one among them.",
    "master_name",
    source="INFO masterN.sentinels",
    like=LIKE,
)
SENTINEL_QUORUM = family(
    "redis_sentinel_master_quorum",
    "Sentinels that must agree for the primary to be given up.",
    "master_name",
    source="SENTINEL MASTERS quorum",
)

METRICS: tuple[Metric, ...] = (
    *(UP, UP_REASON, INSTANCE_INFO, MODULE_INFO, START_TIME, *STATUSES),
    *(COMMANDS, COMMAND_SECONDS, COMMANDS_REJECTED, COMMANDS_FAILED, LATENCY, ERRORS),
    *(DB_KEYS, DB_EXPIRING, DB_TTL, SPIKE_LAST, SPIKE_SECONDS, SPIKE_WORST),
    *(SLOWLOG_LENGTH, SLOWLOG_LAST_ID, SLOWLOG_LAST_SECONDS, SLOWLOG_ENTRIES, SLOWLOG_THRESHOLD),
    *(SLOW_COMMANDS, SLOW_SECONDS, *CONFIG_NUMBERS.values(), CONFIG_INFO),
    *(REPLICATION_LAG, REPLICA_ONLINE, REPLICA_CONNECTIONS, REPLICA_SECONDS, REPLICA_OFFSET),
    *(MASTER_LINK_UP, MASTER_LAST_IO, MASTER_SYNC, SLAVE_OFFSET, SLAVE_INFO),
    *(CLUSTER_STATE, *CLUSTER_FIELDS.values()),
    *(SENTINEL_STATUS, SENTINEL_INFO, SENTINEL_SLAVES, SENTINEL_SENTINELS, SENTINEL_QUORUM),
    *(field.metric for field in FIELDS),
)
