"""Replication: what each member says of its own part in it, and what is known of the set as a whole."""

from __future__ import annotations

from exporters.declare import family
from exporters.mongodb.fields import MEMBER, MILLI, Field, each, one

ELECTION_REASONS = {
    "step_up": "stepUpCmd",
    "priority": "priorityTakeover",
    "catch_up": "catchUpTakeover",
    "timeout": "electionTimeout",
    "freeze": "freezeTimeout",
}
_ELECTIONS = (
    *each(
        "mongodb_replset_elections_total",
        "Elections that this member called, by reason.",
        "reason",
        {label: f"{key}.called" for label, key in ELECTION_REASONS.items()},
        "electionMetrics",
    ),
    *each(
        "mongodb_replset_elections_won_total",
        "Elections that this member called and won, by reason.",
        "reason",
        {label: f"{key}.successful" for label, key in ELECTION_REASONS.items()},
        "electionMetrics",
    ),
    *one(
        "mongodb_replset_stepdowns_higher_term_total",
        "Times that this member stepped down because another one had been elected.",
        "electionMetrics.numStepDownsCausedByHigherTerm",
    ),
    *each(
        "mongodb_replset_catch_ups_total",
        "How this member's catching up after it was elected ended.",
        "result",
        {
            "succeeded": "numCatchUpsSucceeded",
            "already_caught_up": "numCatchUpsAlreadyCaughtUp",
            "skipped": "numCatchUpsSkipped",
            "timed_out": "numCatchUpsTimedOut",
            "failed_error": "numCatchUpsFailedWithError",
            "failed_new_term": "numCatchUpsFailedWithNewTerm",
            "aborted": "numCatchUpsFailedWithReplSetAbortPrimaryCatchUpCmd",
        },
        "electionMetrics",
    ),
)
_PIPELINE = (
    *one(
        "mongodb_replication_buffer_operations",
        "Operations fetched and not applied yet.",
        "metrics.repl.buffer.apply.count",
        "metrics.repl.buffer.count",
    ),
    *one(
        "mongodb_replication_buffer_bytes",
        "Bytes fetched and not applied yet.",
        "metrics.repl.buffer.apply.sizeBytes",
        "metrics.repl.buffer.sizeBytes",
    ),
    *one(
        "mongodb_replication_buffer_max_bytes",
        "Bytes that may wait there at most.",
        "metrics.repl.buffer.apply.maxSizeBytes",
        "metrics.repl.buffer.maxSizeBytes",
    ),
    *one("mongodb_replication_apply_batches_total", "Batches applied.", "metrics.repl.apply.batches.num"),
    *one(
        "mongodb_replication_apply_seconds_total",
        "Time spent applying.",
        "metrics.repl.apply.batches.totalMillis",
        per=MILLI,
    ),
    *one("mongodb_replication_apply_operations_total", "Operations applied.", "metrics.repl.apply.ops"),
    *one(
        "mongodb_replication_network_bytes_total", "Bytes fetched from the sync source.", "metrics.repl.network.bytes"
    ),
    *one(
        "mongodb_replication_network_operations_total",
        "Operations fetched from the sync source.",
        "metrics.repl.network.ops",
    ),
    *one(
        "mongodb_replication_network_getmores_total",
        "Questions to the sync source.",
        "metrics.repl.network.getmores.num",
    ),
    *one(
        "mongodb_replication_network_getmore_seconds_total",
        "Time spent waiting for the sync source.",
        "metrics.repl.network.getmores.totalMillis",
        per=MILLI,
    ),
    *one(
        "mongodb_replication_network_empty_getmores_total",
        "Questions that the sync source had nothing new for.",
        "metrics.repl.network.getmores.numEmptyBatches",
    ),
    *one(
        "mongodb_replication_oplog_getmores_served_total",
        "Questions of others for this member's oplog.",
        "metrics.repl.network.oplogGetMoresProcessed.num",
    ),
    *one(
        "mongodb_replication_oplog_getmores_served_seconds_total",
        "Time spent answering these.",
        "metrics.repl.network.oplogGetMoresProcessed.totalMillis",
        per=MILLI,
    ),
    *one(
        "mongodb_replication_oplog_readers_total",
        "Times that a sync source was connected to.",
        "metrics.repl.network.readersCreated",
    ),
    *one(
        "mongodb_replication_not_primary_writes_total",
        "Writes sent here by clients that want no answer, while this member is no primary: they are lost.",
        "metrics.repl.network.notPrimaryUnacknowledgedWrites",
    ),
    *each(
        "mongodb_replication_sync_source_selections_total",
        "Searches for a sync source, by what came of them.",
        "result",
        {"different": "numTimesChoseDifferent", "same": "numTimesChoseSame", "none": "numTimesCouldNotFind"},
        "metrics.repl.syncSource",
    ),
    *each(
        "mongodb_replset_initial_syncs_total",
        "Initial syncs by what came of them; an attempt may fail and be repeated.",
        "result",
        {"completed": "completed", "failed_attempt": "failedAttempts", "failed": "failures"},
        "metrics.repl.initialSync",
    ),
    *one("mongodb_replset_rollback_id", "Rises by one with each rollback of this member.", "repl.rbid"),
    *one(
        "mongodb_replset_transition_operations_killed",
        "Operations of clients that this member's last change of state ended.",
        "metrics.repl.stateTransition.userOperationsKilled",
        "metrics.repl.stateTransition.totalOperationsKilled",
    ),
    *one(
        "mongodb_oplog_truncations_total",
        "Times that the oldest part of the oplog was cut off.",
        "oplogTruncation.truncateCount",
    ),
    *one(
        "mongodb_oplog_truncation_seconds_total",
        "Time spent on that.",
        "oplogTruncation.totalTimeTruncatingMicros",
        per=1_000_000,
    ),
)
FIELDS: tuple[Field, ...] = (*_ELECTIONS, *_PIPELINE)

OPLOG_WINDOW = family(
    "mongodb_oplog_window_seconds",
    "Time between the first and the last operation that this member's oplog holds.",
    MEMBER,
    source="serverStatus.oplog.{earliestOptime,latestOptime}",
)
OPLOG_LAST = family(
    "mongodb_oplog_last_timestamp_seconds",
    "Time of the last operation in this member's oplog, as a Unix timestamp.",
    MEMBER,
    source="serverStatus.oplog.latestOptime",
)
OPLOG_BYTES = family(
    "mongodb_oplog_bytes",
    "Size of the operations in this member's oplog; read once a minute.",
    MEMBER,
    source="collStats(local.oplog.rs).size",
)
OPLOG_MAX_BYTES = family(
    "mongodb_oplog_max_bytes",
    "Size that this member's oplog may have; read once a minute.",
    MEMBER,
    source="collStats(local.oplog.rs).maxSize",
)

SET_INFO = family("mongodb_replset_info", "Always 1; the label names the set.", "set", source="replSetGetStatus.set")
HAS_PRIMARY = family(
    "mongodb_replset_has_primary",
    "Whether the members that answer know of a live primary (1) or not (0); 0 also when no member answers.",
    source="replSetGetStatus.members[].{state,lastHeartbeat}",
)
HEALTHY = family(
    "mongodb_replset_members_healthy",
    "Members that are PRIMARY, SECONDARY or ARBITER, and answer.",
    source="replSetGetStatus.myState",
)
CONFIGURED = family(
    "mongodb_replset_members_configured",
    "Members in the replica set's configuration; absent while no member answers.",
    source="replSetGetStatus.members",
)
TERM = family(
    "mongodb_replset_term", "The set's election term; rises with each election.", source="replSetGetStatus.term"
)
VOTING = family("mongodb_replset_voting_members", "Members that vote.", source="replSetGetStatus.votingMembersCount")
MAJORITY = family(
    "mongodb_replset_majority_votes", "Votes that make a primary.", source="replSetGetStatus.majorityVoteCount"
)
ELECTED = family(
    "mongodb_replset_primary_elected_timestamp_seconds",
    "When the primary was elected, as a Unix timestamp; absent while there is none.",
    source="replSetGetStatus.members[].electionDate",
)
COMMIT_LAG = family(
    "mongodb_replset_majority_commit_lag_seconds",
    "Age of the primary's oldest write that a failover could still lose: last applied minus last committed.",
    source="replSetGetStatus.optimes.{lastAppliedWallTime,lastCommittedWallTime}",
)
CONFIG_VERSION = family(
    "mongodb_replset_config_version",
    "Version of the set's configuration that this member has.",
    MEMBER,
    source="replSetGetStatus.members[].configVersion",
)

MEMBER_STATE = family(
    "mongodb_replset_member_state",
    "State of this member: 0 STARTUP, 1 PRIMARY, 2 SECONDARY, 3 RECOVERING, 5 STARTUP2, 6 UNKNOWN, 7 ARBITER, 8 DOWN, "
    "9 ROLLBACK, 10 REMOVED.",
    MEMBER,
    source="replSetGetStatus.{myState,members[].state}",
)
MEMBER_HEALTH = family(
    "mongodb_replset_member_health",
    "Whether the others hear this member's heartbeat, as the primary (or who knows best) sees it.",
    MEMBER,
    source="replSetGetStatus.members[].health",
)
LAG = family(
    "mongodb_replset_replication_lag_seconds",
    "How far this member's last write is behind the primary's, as the primary sees it; 0 for the primary itself, "
    "absent while there is none. A delay that is wanted (mongodb_replset_member_delay_seconds) is part of it.",
    MEMBER,
    source="replSetGetStatus.members[].lastAppliedWallTime",
)
PING = family(
    "mongodb_replset_member_ping_seconds",
    "Time of a heartbeat to this member and back, as the primary (or who knows best) sees it; 0 for that one itself.",
    MEMBER,
    source="replSetGetStatus.members[].pingMs",
)
HEARTBEAT_AGE = family(
    "mongodb_replset_member_heartbeat_age_seconds",
    "Time since this member's last heartbeat, as the primary (or who knows best) sees it; 0 for that one itself.",
    MEMBER,
    source="replSetGetStatus.members[].lastHeartbeat",
)
SYNCS_FROM = family(
    "mongodb_replset_member_syncs_from",
    "Whether this member fetches its operations from that one: one series for each pair.",
    MEMBER,
    "sync_source",
    source="replSetGetStatus.{syncSourceHost,members[].syncSourceHost}",
)
PRIORITY = family(
    "mongodb_replset_member_priority",
    "How much this member should be primary; 0 means never.",
    MEMBER,
    source="replSetGetConfig.members[].priority",
)
VOTES = family(
    "mongodb_replset_member_votes", "Votes of this member.", MEMBER, source="replSetGetConfig.members[].votes"
)
HIDDEN = family(
    "mongodb_replset_member_hidden",
    "Whether this member is hidden from clients.",
    MEMBER,
    source="replSetGetConfig.members[].hidden",
)
ARBITER = family(
    "mongodb_replset_member_arbiter",
    "Whether this member only votes, and holds no data.",
    MEMBER,
    source="replSetGetConfig.members[].arbiterOnly",
)
DELAY = family(
    "mongodb_replset_member_delay_seconds",
    "How far this member is kept behind on purpose.",
    MEMBER,
    source="replSetGetConfig.members[].{secondaryDelaySecs|slaveDelay}",
)

SYNC_COPIED = family(
    "mongodb_replset_initial_sync_copied_bytes",
    "Data that the initial sync under way has copied.",
    MEMBER,
    source="replSetGetStatus.initialSyncStatus.approxTotalBytesCopied",
)
SYNC_SIZE = family(
    "mongodb_replset_initial_sync_expected_bytes",
    "Data that the initial sync under way has to copy.",
    MEMBER,
    source="replSetGetStatus.initialSyncStatus.approxTotalDataSize",
)
SYNC_ELAPSED = family(
    "mongodb_replset_initial_sync_elapsed_seconds",
    "Time since the initial sync under way began.",
    MEMBER,
    source="replSetGetStatus.initialSyncStatus.totalInitialSyncElapsedMillis",
)
SYNC_REMAINING = family(
    "mongodb_replset_initial_sync_remaining_seconds",
    "Time that the initial sync under way may still take.",
    MEMBER,
    source="replSetGetStatus.initialSyncStatus.remainingInitialSyncEstimatedMillis",
)

OF_THE_SET = (
    SET_INFO, HAS_PRIMARY, HEALTHY, CONFIGURED, TERM, VOTING, MAJORITY, ELECTED, COMMIT_LAG,
    MEMBER_STATE, MEMBER_HEALTH, LAG, PING, HEARTBEAT_AGE, SYNCS_FROM, PRIORITY, VOTES, HIDDEN, ARBITER, DELAY,
)  # fmt: skip
OF_A_MEMBER = (
    OPLOG_WINDOW, OPLOG_LAST, OPLOG_BYTES, OPLOG_MAX_BYTES, CONFIG_VERSION, SYNC_COPIED, SYNC_SIZE, SYNC_ELAPSED,
    SYNC_REMAINING,
)  # fmt: skip
METRICS = (*OF_THE_SET, *OF_A_MEMBER)
