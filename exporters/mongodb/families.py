"""MongoDB's families. The tables of plain numbers stand in the ``families_*`` modules beside this one.

Every family of one member carries ``member``; no family carries a role or a state as a label, so that a failover
renames nothing. Percona's names are an addition of their own (``--names percona``).
"""

from __future__ import annotations

from exporters.declare import family
from exporters.mongodb import families_engine, families_replset, families_server, families_work
from exporters.mongodb.fields import MEMBER, Field
from exporters.reasons import Reason
from telemetry.metric import Metric

OP_EDGES_MICROS = (
    128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 49_152, 65_536, 131_072, 262_144, 524_288, 1_048_576,
    2_097_152, 4_194_304, 8_388_608,
)  # fmt: skip
"""A choice of mongod's own bucket bounds, so that no count is split; 49.152 ms is the closest to the promised 50 ms."""
OPERATIONS = {"read": "reads", "write": "writes", "command": "commands", "transaction": "transactions"}

UP = family(
    "mongodb_up",
    "Whether this member answered within this scrape.",
    MEMBER,
    source="serverStatus",
    like=("mongodb_exporter",),
)
UP_REASON = family(
    "mongodb_up_reason",
    "Why this member did not answer: 1 for the reason that holds, 0 for all others; all 0 while it answers.",
    MEMBER,
    "reason",
    source="serverStatus",
)
REASONS = tuple(reason.value for reason in Reason)
VERSION_INFO = family(
    "mongodb_version_info",
    "Always 1; the labels say which version of what runs.",
    MEMBER,
    "mongodb",
    "process",
    source="serverStatus.{version,process}",
    like=("mongodb_exporter",),
)
OP_LATENCY = family(
    "mongodb_op_latency_seconds",
    "Latency of operations as the server itself measures it, without queueing at clients.",
    MEMBER,
    "op",
    buckets=tuple(edge / 1e6 for edge in OP_EDGES_MICROS),
    source="serverStatus.opLatencies.{reads,writes,commands,transactions}",
)

LOCK_RESOURCES = {
    "global": "Global",
    "database": "Database",
    "collection": "Collection",
    "oplog": "oplog",
    "parallel_batch_writer": "ParallelBatchWriterMode",
    "replication_state": "ReplicationStateTransition",
}
LOCK_MODES = {"intent_shared": "r", "intent_exclusive": "w", "shared": "R", "exclusive": "W"}
LOCK_WAITS = family(
    "mongodb_lock_waits_total",
    "Times that an operation had to wait for a lock.",
    MEMBER,
    "resource",
    "mode",
    source="serverStatus.locks.<resource>.acquireWaitCount",
)
LOCK_SECONDS = family(
    "mongodb_lock_wait_seconds_total",
    "Time that operations waited for locks.",
    MEMBER,
    "resource",
    "mode",
    source="serverStatus.locks.<resource>.timeAcquiringMicros",
)

AUTHENTICATION_KINDS = {
    "client": "authenticate",
    "cluster": "clusterAuthenticate",
    "speculative": "speculativeAuthenticate",
}
LOGINS = family(
    "mongodb_authentications_total",
    "Attempts to log in, by mechanism; those of other members (cluster) and those sent with the first message "
    "(speculative) are counted among the clients' too.",
    MEMBER,
    "mechanism",
    "kind",
    source="serverStatus.security.authentication.mechanisms.<mechanism>.<kind>.received",
)
LOGINS_DONE = family(
    "mongodb_authentications_successful_total",
    "Attempts to log in that succeeded; the difference to all attempts are those that failed.",
    MEMBER,
    "mechanism",
    "kind",
    source="serverStatus.security.authentication.mechanisms.<mechanism>.<kind>.successful",
)

POOL = family(
    "mongodb_outgoing_connections",
    "Connections from this server to other members and shards.",
    MEMBER,
    "state",
    source="connPoolStats.{totalInUse,totalAvailable,totalRefreshing}",
)
POOL_CREATED = family(
    "mongodb_outgoing_connections_created_total",
    "Connections from this server to other members and shards that were opened.",
    MEMBER,
    source="connPoolStats.totalCreated",
)

FIELDS: tuple[Field, ...] = (
    *families_server.FIELDS,
    *families_work.FIELDS,
    *families_engine.FIELDS,
    *families_replset.FIELDS,
)
"""What is a plain number in serverStatus."""

METRICS: tuple[Metric, ...] = (
    UP,
    UP_REASON,
    VERSION_INFO,
    OP_LATENCY,
    LOCK_WAITS,
    LOCK_SECONDS,
    LOGINS,
    LOGINS_DONE,
    POOL,
    POOL_CREATED,
    *dict.fromkeys(field.metric for field in FIELDS),
    *families_replset.METRICS,
)
