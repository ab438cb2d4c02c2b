"""MongoDB: is there a primary, can the set survive a fault, and where is the time spent? Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_model import Board, Panel, Query, Said, Section, Variable
from monitor.render.dashboards_mongodb_detail import connections, queries, storage
from monitor.render.dashboards_mongodb_set import LAG, replica_set
from monitor.render.dashboards_promql import RATE, latency_limit
from monitor.render.dashboards_style import (
    BAD,
    CACHE_DIRTY,
    GOOD,
    LAG_S,
    OPLOG_S,
    QUEUED,
    SHARE_USED,
    STATE_COLOURS,
    WARN,
    YES,
)
from monitor.render.links import MONGODB_DASHBOARD, SERVICE_DASHBOARD

MEMBER = 'member=~"$member"'
USED_CONNECTIONS = (
    f'max(mongodb_connections{{{MEMBER},state="current"}}'
    f' / ignoring (state) (mongodb_connections{{{MEMBER},state="current"}}'
    f' + ignoring (state) mongodb_connections{{{MEMBER},state="available"}}))'
)

MEMBER_STATES = (
    Said(0, "STARTUP", STATE_COLOURS["warn"]),
    Said(1, "PRIMARY", STATE_COLOURS["good"]),
    Said(2, "SECONDARY", STATE_COLOURS["quiet"]),
    Said(3, "RECOVERING", STATE_COLOURS["warn"]),
    Said(5, "STARTUP2", STATE_COLOURS["warn"]),
    Said(6, "UNKNOWN", STATE_COLOURS["bad"]),
    Said(7, "ARBITER", STATE_COLOURS["quiet"]),
    Said(8, "DOWN", STATE_COLOURS["bad"]),
    Said(9, "ROLLBACK", STATE_COLOURS["bad"]),
    Said(10, "REMOVED", STATE_COLOURS["off"]),
)
"""MongoDB's own numbers."""


def mongodb_board(catalogue: Catalogue) -> Board:
    """Make the board."""
    return Board(
        uid=MONGODB_DASHBOARD,
        title="MongoDB: overview and replica set",
        text="Can patients' bookings be written, would they survive the next fault, and what makes the database slow?",
        span="now-3h",
        marks_backups=True,
        variables=(Variable(name="member", label="Member", metric="mongodb_up", choice="member"),),
        sections=(
            Section(title="Now", panels=_now()),
            Section(title="Overview", panels=_overview(catalogue)),
            Section(title="Replica set in detail", panels=replica_set(), collapsed=True),
            Section(title="Connections, queues and tickets", panels=connections(), collapsed=True),
            Section(title="Cache and storage", panels=storage(), collapsed=True),
            Section(title="Queries", panels=queries(), collapsed=True),
        ),
    )


def _now() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Is there a primary?",
            text="Whether the replica set has a primary. Good is yes. Without one no booking can be written; a "
            "failover takes seconds, so a lasting no needs the runbook.",
            kind="stat",
            queries=(Query("max(mongodb_replset_has_primary)", "primary"),),
            steps=YES,
            says=(Said(1, "yes"), Said(0, "no")),
            alerts=("MongoNoPrimary",),
        ),
        Panel(
            title="How many faults would it survive?",
            text=(
                "Healthy members beyond the majority that a primary needs. Good is one or more. At zero the next fault "
                "stops all bookings: bring the missing member back today; below zero nothing is written."
            ),
            kind="stat",
            queries=(Query("max(mongodb_replset_members_healthy) - max(mongodb_replset_majority_votes)", "spare"),),
            steps=((None, BAD), (0.0, WARN), (1.0, GOOD)),
            minimum=None,
            alerts=("MongoRedundancyLost",),
        ),
        Panel(
            title="How far behind is the slowest member?",
            text=(
                "Greatest replication lag, beyond a delay that is wanted. Good is below a second or two. Above ten, "
                "a failover has to wait for it, and reads from that member are old: see its disk and load."
            ),
            kind="stat",
            unit="s",
            queries=(Query(f"max({LAG})", "lag"),),
            steps=LAG_S,
        ),
        Panel(
            title="How long may a member be away?",
            text=(
                "Time that the shortest oplog reaches back. Good is more than a day in steady use (a fresh set starts "
                "at zero and grows); a member that is away for longer must be copied anew."
            ),
            kind="stat",
            unit="s",
            queries=(Query(f"min(mongodb_oplog_window_seconds{{{MEMBER}}})", "oplog"),),
            steps=OPLOG_S,
        ),
        Panel(
            title="Are there connections left?",
            text=(
                "Used share of the connections that the fullest member accepts. Good is below 80 %. Above it a client "
                "does not close its own, or reconnects in a loop: see who, in the row on connections."
            ),
            kind="stat",
            unit="percentunit",
            decimals=1,
            queries=(Query(USED_CONNECTIONS, "used"),),
            steps=SHARE_USED,
            maximum=1,
        ),
        Panel(
            title="Do operations queue?",
            text=(
                "Operations that wait for a lock or for a ticket of the storage engine. Good is none for longer than a "
                "moment; a queue that stays is slow storage, a cache that is full, or one operation that blocks all."
            ),
            kind="stat",
            unit="short",
            queries=(Query(f"sum(mongodb_global_lock_queue{{{MEMBER}}})", "waiting"),),
            steps=QUEUED,
        ),
    )


def _overview(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        Panel(
            title="Which member is what?",
            text=(
                "State of each member over time. Good is one PRIMARY and the rest SECONDARY; a change of the primary "
                "is an election. RECOVERING or DOWN for more than a minute or two: follow the runbook."
            ),
            kind="timeline",
            width=24,
            height=6,
            queries=(Query(f"max by (member) (mongodb_replset_member_state{{{MEMBER}}})", "{{member}}"),),
            says=MEMBER_STATES,
            alerts=("MongoRedundancyLost",),
        ),
        Panel(
            title="Are secondaries up to date?",
            text=(
                "Replication lag of each member, on top of a delay that is wanted. Good is below a second or two. A "
                "growing one means that a failover would wait: look at that member's disk and load."
            ),
            unit="s",
            queries=(Query(LAG, "{{member}}"),),
            steps=LAG_S,
        ),
        Panel(
            title="How fast does MongoDB answer?",
            text=(
                "Mean latency as the servers measure it, by kind of operation, without the way there. Good is below "
                "the promised line. If the apps see more than this, their pool or the network is slow, not MongoDB."
            ),
            unit="s",
            queries=(
                Query(
                    f"sum by (op) (rate(mongodb_op_latency_seconds_sum{{{MEMBER}}}[{RATE}]))"
                    f" / (sum by (op) (rate(mongodb_op_latency_seconds_count{{{MEMBER}}}[{RATE}])) > 0)",
                    "{{op}}",
                ),
            ),
            steps=latency_limit(catalogue, "database-latency"),
            draw_thresholds=True,
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="What is MongoDB doing?",
            text="Operations per second by type over all members chosen. What is good is what is usual; a rise without "
            "more requests at the edge is a job, a missing index, or a client that retries.",
            unit="ops",
            queries=(Query(f"sum by (type) (rate(mongodb_op_counters_total{{{MEMBER}}}[{RATE}]))", "{{type}}"),),
        ),
        Panel(
            title="Who is connected?",
            text=(
                "Current connections by member. Good is steady. A steep rise is a pool that is not closed, or clients "
                "that reconnect in a loop after a failover."
            ),
            unit="short",
            width=12,
            queries=(Query(f'max by (member) (mongodb_connections{{{MEMBER},state="current"}})', "{{member}}"),),
        ),
        Panel(
            title="How much of the cache waits to be written?",
            text=(
                "Dirty share of WiredTiger's cache by member. Good is below 5 %; from 20 % on clients' own operations "
                "have to write it out, and everything slows down: the disk is too slow, or too much is written."
            ),
            unit="percentunit",
            width=12,
            queries=(
                Query(
                    f'max by (member) (mongodb_wiredtiger_cache_bytes{{{MEMBER},type="dirty"}})'
                    f" / max by (member) (mongodb_wiredtiger_cache_max_bytes{{{MEMBER}}})",
                    "{{member}}",
                ),
            ),
            steps=CACHE_DIRTY,
            draw_thresholds=True,
        ),
    )
