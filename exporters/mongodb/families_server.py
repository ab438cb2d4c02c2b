"""MongoDB as a process: connections, network, memory, who logs in, what waits for what."""

from __future__ import annotations

from exporters.declare import family
from exporters.mongodb.fields import MEBI, MEMBER, MICRO, MILLI, Field, each, one, same

_CONNECTIONS = (
    *each(
        "mongodb_connections",
        "Connections by state; available is how many more could come, active is a part of current.",
        "state",
        {
            **same("current", "available", "active", "threaded"),
            "exhaust_hello": "exhaustHello",
            "awaiting_topology_changes": "awaitingTopologyChanges",
        },
        "connections",
    ),
    *one("mongodb_connections_created_total", "Connections accepted.", "connections.totalCreated"),
    *one("mongodb_connections_rejected_total", "Connections refused for want of room.", "connections.rejected"),
    *one(
        "mongodb_connections_queued_for_establishment",
        "Connections that wait to be established.",
        "connections.queuedForEstablishment",
    ),
)
_TLS = family(
    "mongodb_tls_connections_total",
    "Connections accepted, by version of TLS.",
    MEMBER,
    "version",
    source="serverStatus.transportSecurity",
)
_NETWORK = (
    *each(
        "mongodb_network_logical_bytes_total",
        "Bytes received from and sent to clients and members, before compression.",
        "direction",
        {"received": "bytesIn", "sent": "bytesOut"},
        "network",
    ),
    *each(
        "mongodb_network_physical_bytes_total",
        "Bytes that went over the wire, after compression.",
        "direction",
        {"received": "physicalBytesIn", "sent": "physicalBytesOut"},
        "network",
    ),
    *one("mongodb_network_requests_total", "Requests received.", "network.numRequests"),
    *one(
        "mongodb_network_slow_dns_operations_total",
        "Names that took more than a second to look up.",
        "network.numSlowDNSOperations",
    ),
    *one(
        "mongodb_network_slow_tls_operations_total",
        "TLS handshakes that took more than a second.",
        "network.numSlowSSLOperations",
    ),
    *each(
        "mongodb_network_compression_bytes_total",
        "Bytes that went into and came out of each compressor.",
        ("compressor", "operation", "side"),
        {
            (name, operation, side): f"{name}.{part}.{place}"
            for name in ("snappy", "zstd", "zlib")
            for operation, part in (("compress", "compressor"), ("decompress", "decompressor"))
            for side, place in (("before", "bytesIn"), ("after", "bytesOut"))
        },
        "network.compression",
    ),
    *(
        Field(_TLS, (("transportSecurity", version),), (version,))
        for version in ("1.0", "1.1", "1.2", "1.3", "unknown")
    ),
)
_MACHINE = (
    *one("mongodb_memory_resident_bytes", "Memory that the process holds.", "mem.resident", times=MEBI),
    *one("mongodb_memory_virtual_bytes", "Address space of the process.", "mem.virtual", times=MEBI),
    *each(
        "mongodb_tcmalloc_bytes",
        "Memory in the allocator's hands: asked for by mongod, taken from the system, and free parts of that.",
        "type",
        {
            "allocated": "generic.current_allocated_bytes",
            "heap": "generic.heap_size",
            "pageheap_free": "tcmalloc.pageheap_free_bytes",
            "pageheap_unmapped": "tcmalloc.pageheap_unmapped_bytes",
            "thread_cache": "tcmalloc.current_total_thread_cache_bytes",
            "thread_cache_free": "tcmalloc.thread_cache_free",
            "central_cache_free": "tcmalloc.central_cache_free_bytes",
            "transfer_cache_free": "tcmalloc.transfer_cache_free_bytes",
            "cpu_free": "tcmalloc.cpu_free",
        },
        "tcmalloc",
    ),
    *one("mongodb_page_faults_total", "Page faults that needed the disk.", "extra_info.page_faults"),
    *each(
        "mongodb_cpu_seconds_total",
        "Processor time of the process.",
        "mode",
        {"user": "user_time_us", "system": "system_time_us"},
        "extra_info",
        per=MICRO,
    ),
    *each(
        "mongodb_context_switches_total",
        "Times that a thread gave up the processor, or had it taken away.",
        "type",
        {"voluntary": "voluntary_context_switches", "involuntary": "involuntary_context_switches"},
        "extra_info",
    ),
)
_SESSIONS = (
    *one(
        "mongodb_sessions_active",
        "Sessions used since they were last stored.",
        "logicalSessionRecordCache.activeSessionsCount",
    ),
    *one("mongodb_sessions_cataloged", "Sessions in memory.", "logicalSessionRecordCache.sessionCatalogSize"),
    *one(
        "mongodb_sessions_refreshes_total",
        "Times that sessions were written to their collection.",
        "logicalSessionRecordCache.sessionsCollectionJobCount",
    ),
)
_WAITING = (
    *each(
        "mongodb_asserts_total",
        "Errors raised inside the server, by type; user is what clients got wrong.",
        "type",
        same("regular", "warning", "msg", "user", "tripwire"),
        "asserts",
    ),
    *each(
        "mongodb_global_lock_queue",
        "Operations that wait for a lock.",
        "type",
        {"reader": "readers", "writer": "writers"},
        "globalLock.currentQueue",
    ),
    *each(
        "mongodb_global_lock_clients",
        "Clients with an operation under way.",
        "type",
        {"reader": "readers", "writer": "writers"},
        "globalLock.activeClients",
    ),
    *one("mongodb_flow_control_enabled", "Whether the primary may slow writers down.", "flowControl.enabled"),
    *one("mongodb_flow_control_lagged", "Whether it does so now, because of lag.", "flowControl.isLagged"),
    *one("mongodb_flow_control_engaged_total", "Times that it began to.", "flowControl.isLaggedCount"),
    *one(
        "mongodb_flow_control_lagged_seconds_total",
        "Time in which the primary slowed writers down.",
        "flowControl.isLaggedTimeMicros",
        per=MICRO,
    ),
    *one(
        "mongodb_flow_control_wait_seconds_total",
        "Time that writers waited for flow control's tickets.",
        "flowControl.timeAcquiringMicros",
        per=MICRO,
    ),
    *one(
        "mongodb_flow_control_target_rate",
        "Tickets a second that flow control hands out; a billion means no limit.",
        "flowControl.targetRateLimit",
    ),
    *one("mongodb_index_builds_active", "Index builds under way.", "activeIndexBuilds.total"),
    *one(
        "mongodb_backup_cursor_open",
        "Whether a backup cursor keeps files from changing.",
        "storageEngine.backupCursorOpen",
    ),
    *each(
        "mongodb_catalog_collections",
        "Collections by kind; capped and clustered ones are collections too.",
        "kind",
        {
            **same("collections", "capped", "clustered", "timeseries", "views"),
            "internal": "internalCollections",
        },
        "catalogStats",
    ),
)
FIELDS: tuple[Field, ...] = (
    *one(
        "mongodb_instance_uptime_seconds",
        "Seconds since the process started.",
        "uptimeMillis",
        per=MILLI,
    ),
    *_CONNECTIONS,
    *_NETWORK,
    *_MACHINE,
    *_SESSIONS,
    *_WAITING,
)
