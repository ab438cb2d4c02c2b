"""The panels of what lies behind the apps: databases, cache, processes, machine. Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_model import GOOD, WARN, Panel, Query, above
from monitor.render.dashboards_promql import RATE, latency_limit, mean, quantile

OPERATIONS = "db_client_operation_duration_seconds"
UP_DOWN = {"1": "up", "0": "down"}
_RAW_LAG = "max by (member) (mongodb_replset_replication_lag_seconds)"
_WANTED = f"(max by (member) (mongodb_replset_member_delay_seconds) or 0 * {_RAW_LAG})"
_LAG = f"clamp_min({_RAW_LAG} - {_WANTED}, 0)"
"""Where the set's configuration may not be read, no delay is known of, and the lag is shown as it is."""


def database(catalogue: Catalogue) -> tuple[Panel, ...]:
    """What the app waits for when it asks its database."""
    mongodb = 'job="app",db_system_name="mongodb"'
    pool = "db_client_connection_pool_name"
    return (
        Panel(
            title="How fast does the database answer?",
            text=(
                "Mean and 99th percentile of MongoDB operations as the app sees them, waiting for a connection "
                "included. Good is below the promised line; above it, look at the pool beside and at MongoDB "
                "below."
            ),
            kind="graph",
            unit="s",
            queries=(
                Query(expr=mean(OPERATIONS, mongodb), name="mean"),
                Query(expr=quantile(0.99, OPERATIONS, mongodb), name="99 %"),
            ),
            steps=latency_limit(catalogue, "database-latency"),
            draw_thresholds=True,
            minimum=0,
        ),
        Panel(
            title="Do database operations fail?",
            text=(
                "Operations per second by system and outcome. Good is only ok. Errors of MongoDB for some seconds are "
                "a failover; of Redis alone they cost speed, not bookings."
            ),
            kind="graph",
            unit="ops",
            queries=(
                Query(
                    expr=f'sum by (db_system_name, outcome) (rate({OPERATIONS}_count{{job="app"}}[{RATE}]))',
                    name="{{db_system_name}} {{outcome}}",
                ),
            ),
            minimum=0,
        ),
        Panel(
            title="Is the connection pool enough?",
            text=(
                "Used connections of the most that may be open, and requests waiting for one. Good is far below one "
                "and nobody waiting. If requests wait while the database is fast, the pool is too small."
            ),
            kind="graph",
            unit="short",
            queries=(
                Query(
                    expr=f'sum by ({pool}) (db_client_connection_count{{db_client_connection_state="used"}})',
                    name=f"used {{{{{pool}}}}}",
                ),
                Query(expr=f"sum by ({pool}) (db_client_connection_pending_requests)", name=f"waiting {{{{{pool}}}}}"),
                Query(expr=f"sum by ({pool}) (db_client_connection_max)", name=f"most {{{{{pool}}}}}"),
            ),
            minimum=0,
        ),
    )


def mongodb() -> tuple[Panel, ...]:
    """The replica set, from its members' own words."""
    return (
        Panel(
            title="Are all members of the replica set well?",
            text="Healthy and configured members. Good is equal. One fewer: no second fault is survived; follow the "
            "runbook within the day. Without a majority there is no primary.",
            kind="graph",
            unit="none",
            queries=(
                Query(expr="max(mongodb_replset_members_healthy)", name="healthy"),
                Query(expr="max(mongodb_replset_members_configured)", name="configured"),
            ),
            minimum=0,
            alert="MongoRedundancyLost",
        ),
        Panel(
            title="Are secondaries up to date?",
            text=(
                "Replication lag of each member, on top of a delay that is wanted. Good is below a second or two. A "
                "growing one means that a failover would wait, and reads from that member are old: look at its disk "
                "and load."
            ),
            kind="graph",
            unit="s",
            queries=(Query(expr=_LAG, name="{{member}}"),),
            steps=((None, GOOD), (10.0, WARN)),
            minimum=0,
        ),
        Panel(
            title="How long may a member be away?",
            text=(
                "Time that the oplog reaches back. A member that is away for longer must be synchronised from "
                "scratch. Good is more than a day in steady use; a fresh replica set starts at zero and grows."
            ),
            kind="graph",
            unit="s",
            queries=(Query(expr="min by (member) (mongodb_oplog_window_seconds)", name="{{member}}"),),
            minimum=0,
        ),
        Panel(
            title="What is MongoDB doing?",
            text="Operations per second by type over all members. What is good is what is usual; a rise without more "
            "requests at the edge is a job, a missing index, or a client that retries.",
            kind="graph",
            unit="ops",
            queries=(Query(expr=f"sum by (type) (rate(mongodb_op_counters_total[{RATE}]))", name="{{type}}"),),
            minimum=0,
        ),
        Panel(
            title="Who is connected to MongoDB?",
            text=(
                "Current connections by member. Good is steady. A steep rise is a pool that is not closed, or clients "
                "that reconnect in a loop after a failover."
            ),
            kind="graph",
            unit="short",
            queries=(Query(expr='max by (member) (mongodb_connections{state="current"})', name="{{member}}"),),
            minimum=0,
        ),
        Panel(
            title="Is MongoDB up, member by member?",
            text=(
                "Whether the exporter reaches each member (1 is up). Good is all. A member that is up but not healthy "
                "above is partitioned or recovering."
            ),
            kind="graph",
            unit="none",
            queries=(Query(expr="max by (member) (mongodb_up)", name="{{member}}"),),
            steps=above(1),
            minimum=0,
            maximum=1,
            alert="MongoRedundancyLost",
        ),
    )


def redis() -> tuple[Panel, ...]:
    """The cache."""
    return (
        Panel(
            title="Is Redis up?",
            text=(
                "Whether the exporter reaches Redis. Good is up. Down costs speed and single sign-out, not bookings: "
                "the app goes on without its cache. The runbook says how to bring it back."
            ),
            kind="stat",
            unit="none",
            width=4,
            queries=(Query(expr="max(redis_up)", name="redis"),),
            steps=above(1),
            says=UP_DOWN,
            alert="RedisDown",
        ),
        Panel(
            title="Does the cache help?",
            text=(
                "Share of cache requests that hit, by cache. Good is a steady level well above a half; a fall to zero "
                "after a deploy is a changed key, errors are Redis's."
            ),
            kind="graph",
            unit="percentunit",
            width=10,
            queries=(
                Query(
                    expr=(
                        f'sum by (cache) (rate(cache_requests_total{{outcome="hit"}}[{RATE}]))'
                        f" / sum by (cache) (rate(cache_requests_total[{RATE}]))"
                    ),
                    name="{{cache}}",
                ),
            ),
            minimum=0,
            maximum=1,
        ),
        Panel(
            title="How much memory does Redis use?",
            text="Memory used by data and taken from the system. Good is below its limit; far more taken than used is "
            "fragmentation. At the limit, keys are evicted and the cache helps less.",
            kind="graph",
            unit="bytes",
            width=10,
            queries=(
                Query(expr="max(redis_memory_used_bytes)", name="used"),
                Query(expr="max(redis_memory_used_rss_bytes)", name="from the system"),
            ),
            minimum=0,
        ),
        Panel(
            title="What is Redis doing?",
            text=(
                "Commands per second and clients connected. What is good is what is usual; many clients with few "
                "commands are connections that nobody closes."
            ),
            kind="graph",
            unit="short",
            width=24,
            queries=(
                Query(expr=f"sum(rate(redis_commands_processed_total[{RATE}]))", name="commands per second"),
                Query(expr="max(redis_connected_clients)", name="clients"),
            ),
            minimum=0,
        ),
    )


def processes() -> tuple[Panel, ...]:
    """Targets, processes and the machine that they share."""
    return (
        Panel(
            title="Is everything there that we watch?",
            text="Whether Prometheus reaches each target (1 is up). Good is all. What is missing here is not known "
            "anywhere else on these pages either.",
            kind="graph",
            unit="none",
            queries=(Query(expr="min by (job, instance) (up)", name="{{job}} {{instance}}"),),
            steps=above(1),
            minimum=0,
            maximum=1,
            alert="TargetMissing",
        ),
        Panel(
            title="Are the apps ready?",
            text=(
                "Whether each app says that it may be given requests. Good is 1 for every instance; 0 while it starts "
                "and while it drains before it stops."
            ),
            kind="graph",
            unit="none",
            queries=(Query(expr="max by (instance) (app_ready)", name="{{instance}}"),),
            steps=above(1),
            minimum=0,
            maximum=1,
            alert="EdgeHasNoBackend",
        ),
        Panel(
            title="Are the apps' event loops blocked?",
            text=(
                "99th percentile of how late the event loop ran, by app. Good is a few milliseconds; tens of them "
                "mean blocking code or too little CPU, and slow every request at once."
            ),
            kind="graph",
            unit="s",
            queries=(
                Query(
                    expr=(
                        f"histogram_quantile(0.99, sum by (le, instance) (rate(event_loop_lag_seconds_bucket[{RATE}])))"
                    ),
                    name="{{instance}}",
                ),
            ),
            steps=((None, GOOD), (0.05, WARN)),
            minimum=0,
        ),
        Panel(
            title="Is the machine busy?",
            text=(
                "Share of CPU time that is not idle, and processes that wait for a CPU per core. Good is below 80 %; "
                "beyond it answer times grow for everyone."
            ),
            kind="graph",
            unit="percentunit",
            width=12,
            queries=(
                Query(expr=f'1 - avg(rate(node_cpu_seconds_total{{mode="idle"}}[{RATE}]))', name="CPU busy"),
                Query(
                    expr='max(node_load1) / count(count by (cpu) (node_cpu_seconds_total{mode="idle"}))',
                    name="load per core",
                ),
            ),
            steps=((None, GOOD), (0.8, WARN)),
            minimum=0,
        ),
        Panel(
            title="Is there memory left?",
            text=(
                "Memory available of all memory of the machine. Good is above 10 %; below it the kernel ends "
                "processes, databases first, for they are the largest."
            ),
            kind="graph",
            unit="percentunit",
            width=12,
            queries=(
                Query(expr="max(node_memory_MemAvailable_bytes) / max(node_memory_MemTotal_bytes)", name="available"),
            ),
            steps=above(0.1),
            draw_thresholds=True,
            minimum=0,
            maximum=1,
        ),
    )
