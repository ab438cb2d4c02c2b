"""What a MongoDB member does inside: connections and queues, cache and disk, queries. Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE
from monitor.render.dashboards_style import CACHE_USED, DISK_USED, QUEUED, Steps, warned
from monitor.render.links import HOSTS_DASHBOARD

MEMBER = 'member=~"$member"'

LONG_RUNNING_S: Steps = warned(10)
"""No request of a patient lasts so long: it is a report, a migration, or a query without an index."""

SCANNED: Steps = warned(100)
"""Documents read for each one returned: MongoDB's advisor speaks up from a thousand on; a clinic's data is small."""

CHECKPOINT_S: Steps = warned(60)
"""Checkpoints are due every minute."""


def connections() -> tuple[Panel, ...]:
    """Who comes in, and who has to wait."""
    return (
        Panel(
            title="How many connections are made anew?",
            text=(
                "Connections that each member accepts per second. Good is near zero, for pools keep theirs; a storm "
                "after a failover should end within a minute."
            ),
            unit="cps",
            queries=(
                Query(f"sum by (member) (rate(mongodb_connections_created_total{{{MEMBER}}}[{RATE}]))", "{{member}}"),
            ),
        ),
        Panel(
            title="Who waits for a lock?",
            text=(
                "Operations in the global queue, by kind. Good is none for longer than a moment; many readers or "
                "writers that stay mean slow storage or an operation that holds everything up."
            ),
            unit="short",
            queries=(Query(f"sum by (type) (mongodb_global_lock_queue{{{MEMBER}}})", "{{type}}"),),
            steps=QUEUED,
        ),
        Panel(
            title="Are there tickets left?",
            text=(
                "Operations that could still enter the storage engine, by member and kind. Good is far above zero; "
                "with none left every further operation queues, which is felt at once."
            ),
            unit="short",
            queries=(
                Query(
                    f"min by (member, operation) (mongodb_wiredtiger_tickets_available{{{MEMBER}}})",
                    "{{member}} {{operation}}",
                ),
            ),
            steps=((None, "red"), (10.0, "green")),
        ),
        Panel(
            title="How long does the longest operation run?",
            text=(
                "Longest running operation of a client, by member and kind. Good is below a second or two; one of "
                "minutes is a report or a query without an index: find it by currentOp, end it only if it blocks "
                "others."
            ),
            unit="s",
            width=12,
            queries=(
                Query(f"max by (member, op) (mongodb_currentop_longest_seconds{{{MEMBER}}})", "{{member}} {{op}}"),
            ),
            steps=LONG_RUNNING_S,
        ),
        Panel(
            title="How long do writes wait for other members?",
            text=(
                "Time per second that writes of each member waited for others to confirm. Good is steady and small; a "
                "rise is a secondary that lags, and makes every booking slower."
            ),
            unit="percentunit",
            width=12,
            queries=(
                Query(
                    f"sum by (member) (rate(mongodb_write_concern_wait_seconds_total{{{MEMBER}}}[{RATE}]))",
                    "{{member}}",
                ),
            ),
        ),
    )


def storage() -> tuple[Panel, ...]:
    """Cache, checkpoints and disk."""
    return (
        Panel(
            title="How full is the cache?",
            text=(
                "Used share of WiredTiger's cache by member. Good is up to 80 %, where it begins to evict; at 95 % "
                "clients' own operations have to make room: give it more memory, or read less."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f'max by (member) (mongodb_wiredtiger_cache_bytes{{{MEMBER},type="used"}})'
                    f" / max by (member) (mongodb_wiredtiger_cache_max_bytes{{{MEMBER}}})",
                    "{{member}}",
                ),
            ),
            steps=CACHE_USED,
            maximum=1,
        ),
        Panel(
            title="Do clients have to make room themselves?",
            text=(
                "Pages per second that clients' own threads had to evict. Good is zero. Anything lasting means that "
                "eviction cannot keep up: the cache is too small or the disk too slow."
            ),
            unit="ops",
            queries=(
                Query(
                    f"sum by (member) (rate(mongodb_wiredtiger_cache_application_evictions_total{{{MEMBER}}}[{RATE}]))",
                    "{{member}}",
                ),
            ),
            steps=warned(1),
        ),
        Panel(
            title="Is the cache read from disk?",
            text=(
                "Bytes per second read into and written from the cache. Good is reads far below what is asked for; "
                "reads that rise with the load mean that the working set does not fit any more."
            ),
            unit="Bps",
            queries=(
                Query(f"sum by (type) (rate(mongodb_wiredtiger_cache_io_bytes_total{{{MEMBER}}}[{RATE}]))", "{{type}}"),
            ),
        ),
        Panel(
            title="How long does a checkpoint take?",
            text=(
                "Duration of each member's last checkpoint; one is due every minute. Good is a few seconds; near a "
                "minute the disk cannot write what comes in."
            ),
            unit="s",
            queries=(Query(f"max by (member) (mongodb_wiredtiger_checkpoint_last_seconds{{{MEMBER}}})", "{{member}}"),),
            steps=CHECKPOINT_S,
        ),
        Panel(
            title="Is there room on the disk?",
            text=(
                "Used share of the file system that holds each member's data. Good is below 80 %; MongoDB stops when "
                "it is full, and needs room for a copy while it compacts or builds an index."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"max by (member) (mongodb_filesystem_used_bytes{{{MEMBER}}})"
                    f" / max by (member) (mongodb_filesystem_size_bytes{{{MEMBER}}})",
                    "{{member}}",
                ),
            ),
            steps=DISK_USED,
            maximum=1,
            leads_to=HOSTS_DASHBOARD,
        ),
        Panel(
            title="How fast does the data grow?",
            text=(
                "Data and indexes of each database, before compression. Good is as slow as appointments are made; a "
                "jump is an import, a log that is kept in the database, or an index that nobody needs."
            ),
            unit="bytes",
            queries=(
                Query(f"max by (database) (mongodb_database_data_bytes{{{MEMBER}}})", "{{database}} data"),
                Query(f"max by (database) (mongodb_database_index_bytes{{{MEMBER}}})", "{{database}} indexes"),
            ),
        ),
    )


def queries() -> tuple[Panel, ...]:
    """What queries cost, and what goes wrong with them."""
    returned = f'sum by (member) (rate(mongodb_documents_total{{{MEMBER},operation="returned"}}[{RATE}]))'
    return (
        Panel(
            title="Is an index missing?",
            text=(
                "Documents read for each one returned, by member. Good is near one. Tens and more mean that a query "
                "reads what it does not need: find it in the profiler or in the app's slow operations, add an index."
            ),
            unit="short",
            queries=(
                Query(
                    f'sum by (member) (rate(mongodb_query_scanned_total{{{MEMBER},type="documents"}}[{RATE}]))'
                    f" / ({returned} > 0)",
                    "{{member}}",
                ),
            ),
            steps=SCANNED,
        ),
        Panel(
            title="Are whole collections read?",
            text=(
                "Queries per second that read a whole collection, and sorts that no index served. Good is near zero "
                "on large collections; small ones may be read whole without harm."
            ),
            unit="ops",
            queries=(
                Query(f"sum(rate(mongodb_collection_scans_non_tailable_total{{{MEMBER}}}[{RATE}]))", "scans"),
                Query(f"sum(rate(mongodb_operations_scan_and_order_total{{{MEMBER}}}[{RATE}]))", "sorts"),
            ),
        ),
        Panel(
            title="Do writes get in each other's way?",
            text=(
                "Writes per second that met another one and were tried again. Good is few: two patients wanted the "
                "same slot. Many without more bookings are a hot document."
            ),
            unit="ops",
            queries=(
                Query(
                    f"sum by (member) (rate(mongodb_operations_write_conflicts_total{{{MEMBER}}}[{RATE}]))",
                    "{{member}}",
                ),
            ),
        ),
        Panel(
            title="What goes wrong inside?",
            text=(
                "Assertions per second by kind. Good is none but a few of user (what clients got wrong); regular and "
                "msg are the server's own trouble: read its log."
            ),
            unit="ops",
            width=12,
            queries=(Query(f"sum by (type) (rate(mongodb_asserts_total{{{MEMBER}}}[{RATE}]))", "{{type}}"),),
        ),
        Panel(
            title="Are transactions aborted?",
            text=(
                "Transactions per second that were committed and aborted. Good is few aborted: two patients wanted the "
                "same slot. Many, with no more bookings, are writes that meet each other or time out."
            ),
            unit="ops",
            width=12,
            queries=(
                Query(f"sum(rate(mongodb_transactions_committed_total{{{MEMBER}}}[{RATE}]))", "committed"),
                Query(f"sum(rate(mongodb_transactions_aborted_total{{{MEMBER}}}[{RATE}]))", "aborted"),
            ),
        ),
    )
