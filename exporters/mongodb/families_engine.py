"""WiredTiger, the storage engine: cache, evictions, checkpoints, journal, tickets."""

from __future__ import annotations

from exporters.declare import family
from exporters.mongodb.fields import MEMBER, MICRO, MILLI, Field, each, one

_CACHE = "wiredTiger.cache"
_OLD_CHECKPOINT = "wiredTiger.transaction.transaction checkpoint"
_CHECKPOINT = "wiredTiger.checkpoint"
TICKET_PLACES = ("queues.execution", "wiredTiger.concurrentTransactions")
"""From 8.0 on, and before."""


def _queue(name: str, text: str, leaf: str, *, per: int = 1) -> tuple[Field, ...]:
    """Declare what 8.0 tells apart by priority (low is its own background work) and 7.0 did not; 6.0 has no queue."""
    metric = family(
        name, text, MEMBER, "operation", source=f"serverStatus.queues.execution.<operation>.normalPriority.{leaf}"
    )
    return tuple(
        Field(
            metric,
            tuple(
                (*place.split("."), operation, *priority, leaf)
                for place in TICKET_PLACES
                for priority in (("normalPriority",), ())
            ),
            (operation,),
            per,
        )
        for operation in ("read", "write")
    )


_MEMORY = (
    *each(
        "mongodb_wiredtiger_cache_bytes",
        "Bytes in the cache: all that is used, and parts of it, which overlap.",
        "type",
        {
            "used": "bytes currently in the cache",
            "dirty": "tracked dirty bytes in the cache",
            "updates": "bytes allocated for updates",
            "page_images": "bytes belonging to page images in the cache",
            "history_store": "bytes belonging to the history store table in the cache",
            "internal_pages": "tracked bytes belonging to internal pages in the cache",
            "leaf_pages": "tracked bytes belonging to leaf pages in the cache",
        },
        _CACHE,
    ),
    *one(
        "mongodb_wiredtiger_cache_max_bytes", "The most that the cache may hold.", f"{_CACHE}.maximum bytes configured"
    ),
    *each(
        "mongodb_wiredtiger_cache_pages",
        "Pages in the cache, and those of them that are dirty.",
        "type",
        {"used": "pages currently held in the cache", "dirty": "tracked dirty pages in the cache"},
        _CACHE,
    ),
    *each(
        "mongodb_wiredtiger_cache_io_bytes_total",
        "Bytes read into and written from the cache.",
        "type",
        {"read": "bytes read into cache", "written": "bytes written from cache"},
        _CACHE,
    ),
    *each(
        "mongodb_wiredtiger_cache_io_pages_total",
        "Pages read into and written from the cache.",
        "type",
        {"read": "pages read into cache", "written": "pages written from cache"},
        _CACHE,
    ),
    *one(
        "mongodb_wiredtiger_cache_requested_pages_total",
        "Pages that were asked of the cache; those that had to be read are its misses.",
        f"{_CACHE}.pages requested from the cache",
    ),
    *one(
        "mongodb_wiredtiger_history_store_bytes",
        "Disk space of old versions that open snapshots still need.",
        f"{_CACHE}.history store table on-disk size",
    ),
)
_EVICTION = (
    *each(
        "mongodb_wiredtiger_cache_evictions_total",
        "Pages evicted, by whether they had been changed.",
        "type",
        {"modified": "modified pages evicted", "unmodified": "unmodified pages evicted"},
        _CACHE,
    ),
    *one(
        "mongodb_wiredtiger_cache_application_evictions_total",
        "Pages that clients' own threads had to evict: they waited for it.",
        f"{_CACHE}.pages evicted by application threads",
    ),
    *one(
        "mongodb_wiredtiger_cache_application_eviction_seconds_total",
        "Time that clients' own threads spent evicting.",
        "wiredTiger.thread-yield.application thread time evicting (usecs)",
        per=MICRO,
    ),
    *one(
        "mongodb_wiredtiger_cache_application_wait_seconds_total",
        "Time that clients' own threads waited for room in the cache.",
        "wiredTiger.thread-yield.application thread time waiting for cache (usecs)",
        f"{_CACHE}.application threads total time waiting for cache (usecs)",
        per=MICRO,
    ),
    *each(
        "mongodb_wiredtiger_cache_application_io_pages_total",
        "Pages that clients' own threads had to read or write.",
        "operation",
        {
            "read": "application threads page read from disk to cache count",
            "write": "application threads page write from cache to disk count",
        },
        _CACHE,
    ),
    *each(
        "mongodb_wiredtiger_cache_application_io_seconds_total",
        "Time that clients' own threads spent reading or writing pages.",
        "operation",
        {
            "read": "application threads page read from disk to cache time (usecs)",
            "write": "application threads page write from cache to disk time (usecs)",
        },
        _CACHE,
        per=MICRO,
    ),
    *one(
        "mongodb_wiredtiger_cache_eviction_failures_total",
        "Pages chosen for eviction that could not be evicted.",
        f"{_CACHE}.pages selected for eviction unable to be evicted",
    ),
    *each(
        "mongodb_wiredtiger_cache_eviction_blocked_total",
        "Evictions that a reader or a checkpoint held up.",
        "reason",
        {"hazard_pointer": "hazard pointer blocked page eviction", "checkpoint": "checkpoint blocked page eviction"},
        _CACHE,
    ),
    *one(
        "mongodb_wiredtiger_cache_eviction_goal_missed_total",
        "Times that eviction could not keep up.",
        f"{_CACHE}.eviction server unable to reach eviction goal",
    ),
    *one(
        "mongodb_wiredtiger_cache_eviction_aggressive",
        "Above zero while eviction takes whatever it can get.",
        f"{_CACHE}.eviction currently operating in aggressive mode",
    ),
    *one(
        "mongodb_wiredtiger_cache_eviction_workers",
        "Threads that evict.",
        f"{_CACHE}.eviction worker thread active",
    ),
    *one(
        "mongodb_wiredtiger_cache_wait_timeouts_total",
        "Operations that waited for room in the cache in vain.",
        f"{_CACHE}.operations timed out waiting for space in cache",
    ),
)
_CHECKPOINTS = (
    *one(
        "mongodb_wiredtiger_checkpoint_running",
        "Above zero while a checkpoint is being written.",
        f"{_OLD_CHECKPOINT} currently running",
        f"{_CHECKPOINT}.currently running",
        f"{_CHECKPOINT}.progress state",
    ),
    *one(
        "mongodb_wiredtiger_checkpoints_total",
        "Checkpoints written.",
        f"{_OLD_CHECKPOINT}s",
        f"{_CHECKPOINT}.total succeed number of checkpoints",
    ),
    *one(
        "mongodb_wiredtiger_checkpoint_seconds_total",
        "Time spent writing checkpoints.",
        f"{_OLD_CHECKPOINT} total time (msecs)",
        f"{_CHECKPOINT}.total time (msecs)",
        per=MILLI,
    ),
    *one(
        "mongodb_wiredtiger_checkpoint_last_seconds",
        "How long the last checkpoint took.",
        f"{_OLD_CHECKPOINT} most recent time (msecs)",
        f"{_CHECKPOINT}.most recent time (msecs)",
        per=MILLI,
    ),
    *one(
        "mongodb_wiredtiger_checkpoint_max_seconds",
        "How long the slowest checkpoint since the start took.",
        f"{_OLD_CHECKPOINT} max time (msecs)",
        f"{_CHECKPOINT}.max time (msecs)",
        per=MILLI,
    ),
)
_JOURNAL = (
    *each(
        "mongodb_wiredtiger_log_bytes_total",
        "Bytes of the journal: what it was given, and what was written with padding.",
        "type",
        {"payload": "log bytes of payload data", "written": "log bytes written"},
        "wiredTiger.log",
    ),
    *each(
        "mongodb_wiredtiger_log_operations_total",
        "Operations of the journal.",
        "type",
        {
            "write": "log write operations",
            "flush": "log flush operations",
            "sync": "log sync operations",
            "scan": "log scan operations",
        },
        "wiredTiger.log",
    ),
    *one(
        "mongodb_wiredtiger_log_sync_seconds_total",
        "Time until the disk had confirmed the journal.",
        "wiredTiger.log.log sync time duration (usecs)",
        per=MICRO,
    ),
)
_INPUT_OUTPUT = (
    *each(
        "mongodb_wiredtiger_block_bytes_total",
        "Bytes read from and written to data files.",
        "type",
        {"read": "bytes read", "written": "bytes written", "written_for_checkpoint": "bytes written for checkpoint"},
        "wiredTiger.block-manager",
    ),
    *each(
        "mongodb_wiredtiger_block_operations_total",
        "Blocks read from and written to data files.",
        "type",
        {"read": "blocks read", "written": "blocks written"},
        "wiredTiger.block-manager",
    ),
    *each(
        "mongodb_wiredtiger_io_total",
        "Calls of the operating system.",
        "type",
        {"read": "total read I/Os", "write": "total write I/Os", "fsync": "total fsync I/Os"},
        "wiredTiger.connection",
    ),
    *one("mongodb_wiredtiger_open_files", "Files that are open.", "wiredTiger.connection.files currently open"),
    *one(
        "mongodb_wiredtiger_data_handles",
        "Collections and indexes that are in use.",
        "wiredTiger.data-handle.connection data handles currently active",
    ),
    *one("mongodb_wiredtiger_sessions", "Sessions that are open.", "wiredTiger.session.open session count"),
    *one("mongodb_wiredtiger_cursors", "Cursors that are open.", "wiredTiger.cursor.open cursor count"),
)
_TRANSACTIONS = (
    *one(
        "mongodb_wiredtiger_transactions_begun_total",
        "Transactions begun.",
        "wiredTiger.transaction.transaction begins",
    ),
    *each(
        "mongodb_wiredtiger_transactions_total",
        "Transactions ended; a read that is over counts as rolled back.",
        "result",
        {"committed": "transactions committed", "rolled_back": "transactions rolled back"},
        "wiredTiger.transaction",
    ),
    *one(
        "mongodb_wiredtiger_update_conflicts_total",
        "Updates of what another transaction had just changed.",
        "wiredTiger.transaction.update conflicts",
    ),
    *one(
        "mongodb_wiredtiger_pinned_transaction_ids",
        "Transactions since the oldest one that is still open: old versions are kept for it.",
        "wiredTiger.transaction.transaction range of IDs currently pinned",
    ),
    *one(
        "mongodb_snapshot_window_seconds",
        "How far back snapshots can still be read.",
        "wiredTiger.snapshot-window-settings.current available snapshot window size in seconds",
    ),
    *one(
        "mongodb_snapshot_too_old_total",
        "Reads of a snapshot that was gone.",
        "wiredTiger.snapshot-window-settings.total number of SnapshotTooOld errors",
    ),
)
_TICKETS = (
    *each(
        "mongodb_wiredtiger_tickets_out",
        "Operations that are inside the storage engine.",
        "operation",
        {"read": "read.out", "write": "write.out"},
        *TICKET_PLACES,
    ),
    *each(
        "mongodb_wiredtiger_tickets_available",
        "Operations that could still enter the storage engine; none left means queueing.",
        "operation",
        {"read": "read.available", "write": "write.available"},
        *TICKET_PLACES,
    ),
    *each(
        "mongodb_wiredtiger_tickets_limit",
        "Operations that the storage engine admits; 7.0 and later move it themselves.",
        "operation",
        {"read": "read.totalTickets", "write": "write.totalTickets"},
        *TICKET_PLACES,
    ),
    *_queue("mongodb_wiredtiger_tickets_queue", "Operations that wait for a ticket.", "queueLength"),
    *_queue("mongodb_wiredtiger_tickets_queued_total", "Operations that had to wait for a ticket.", "addedToQueue"),
    *_queue(
        "mongodb_wiredtiger_tickets_queued_seconds_total",
        "Time that operations waited for a ticket.",
        "totalTimeQueuedMicros",
        per=MICRO,
    ),
)
FIELDS: tuple[Field, ...] = (
    *_MEMORY,
    *_EVICTION,
    *_CHECKPOINTS,
    *_JOURNAL,
    *_INPUT_OUTPUT,
    *_TRANSACTIONS,
    *_TICKETS,
)
