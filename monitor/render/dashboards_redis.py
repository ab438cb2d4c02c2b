"""Redis: does the cache help, has it room, and who makes it slow? Pure."""

from __future__ import annotations

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_model import Board, Panel, Query, Said, Section, Variable
from monitor.render.dashboards_promql import RATE, quantile
from monitor.render.dashboards_redis_detail import clients, keys, persistence, replication, slow
from monitor.render.dashboards_style import HIT_RATIO, SHARE_USED, YES, Steps, warned
from monitor.render.links import HOSTS_DASHBOARD, REDIS_DASHBOARD, SERVICE_DASHBOARD

REDIS = 'instance=~"$instance"'
COMMAND_S: Steps = warned(0.005)
"""Commands of a cache take some ten microseconds; at five milliseconds everybody behind them waits."""

_LOOKUPS = (
    f"(sum(rate(redis_keyspace_hits_total{{{REDIS}}}[{RATE}]))"
    f" + sum(rate(redis_keyspace_misses_total{{{REDIS}}}[{RATE}])))"
)
HITS = f"sum(rate(redis_keyspace_hits_total{{{REDIS}}}[{RATE}])) / ({_LOOKUPS} > 0)"


def redis_board(_: Catalogue) -> Board:
    """Make the board."""
    return Board(
        uid=REDIS_DASHBOARD,
        title="Redis: the cache",
        text="Is the cache there, does it help, has it room, and which command or client makes it slow?",
        span="now-3h",
        variables=(Variable(name="instance", label="Exporter", metric="redis_up", choice="instance"),),
        sections=(
            Section(title="Now", panels=_now()),
            Section(title="Overview", panels=_overview()),
            Section(title="Clients", panels=clients(), collapsed=True),
            Section(title="Keys and memory", panels=keys(), collapsed=True),
            Section(title="Slow commands and errors", panels=slow(), collapsed=True),
            Section(title="Persistence", panels=persistence(), collapsed=True),
            Section(title="Replication", panels=replication(), collapsed=True),
        ),
    )


def _now() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Is Redis up?",
            text=(
                "Whether the exporter reaches Redis. Good is up. Down costs speed and single sign-out, not bookings: "
                "the app goes on without its cache. The runbook says how to bring it back."
            ),
            kind="stat",
            queries=(Query(f"min(redis_up{{{REDIS}}})", "redis"),),
            steps=YES,
            says=(Said(1, "up"), Said(0, "down")),
            alerts=("RedisDown",),
        ),
        Panel(
            title="How often does a look-up hit?",
            text=(
                "Share of look-ups that found their key. Good is well above a half and steady. A fall to zero after a "
                "deploy is a changed key; a slow one, keys that are evicted or expire too soon."
            ),
            kind="stat",
            unit="percentunit",
            decimals=1,
            queries=(Query(HITS, "hits"),),
            steps=HIT_RATIO,
            maximum=1,
            nothing="no look-up now, or nobody counts them",
        ),
        Panel(
            title="How much of its memory is used?",
            text=(
                "Memory used of the limit that is set. Good is below 80 %; at the limit keys are evicted, or writes "
                "refused, as maxmemory-policy says. Empty where no limit is set: then the machine is the limit."
            ),
            kind="stat",
            unit="percentunit",
            decimals=1,
            queries=(
                Query(f"max(redis_memory_used_bytes{{{REDIS}}} / (redis_memory_max_bytes{{{REDIS}}} > 0))", "used"),
            ),
            steps=SHARE_USED,
            maximum=1,
            nothing="no limit is set",
        ),
        Panel(
            title="Are keys evicted?",
            text=(
                "Keys per second removed because memory was full. Good is none in steady use; some at the peak are "
                "what the policy is for. Many make the hit ratio fall: give it more memory."
            ),
            kind="stat",
            unit="ops",
            queries=(Query(f"sum(rate(redis_evicted_keys_total{{{REDIS}}}[{RATE}]))", "evicted"),),
            steps=warned(1),
        ),
        Panel(
            title="Are there connections left?",
            text=(
                "Connected clients of the most that may connect. Good is below 80 %. Above it somebody opens "
                "connections and does not close them: see who, in the row on clients."
            ),
            kind="stat",
            unit="percentunit",
            decimals=1,
            queries=(
                Query(f"max(redis_connected_clients{{{REDIS}}} / redis_config_maxclients{{{REDIS}}})", "clients"),
            ),
            steps=SHARE_USED,
            maximum=1,
        ),
        Panel(
            title="Did the last snapshot succeed?",
            text=(
                "Whether Redis could write its last snapshot. Good is yes. No means that a restart begins with an "
                "old or an empty cache, and by default that writes are refused: look at its disk first."
            ),
            kind="stat",
            queries=(Query(f"min(redis_rdb_last_bgsave_status{{{REDIS}}})", "snapshot"),),
            steps=YES,
            says=(Said(1, "yes"), Said(0, "no")),
        ),
    )


def _overview() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Does the hit ratio hold?",
            text=(
                "Share of look-ups that found their key, over time. Good is a level line above a half; a dip at a "
                "deploy heals within minutes. While it is low, MongoDB answers instead: watch its load."
            ),
            unit="percentunit",
            queries=(Query(HITS, "hits"),),
            steps=HIT_RATIO,
            maximum=1,
            leads_to=SERVICE_DASHBOARD,
        ),
        Panel(
            title="How much memory does Redis use?",
            text="Memory used by data, and taken from the system. Good is level, and both close together; far more "
            "taken than used is fragmentation. At the limit, keys are evicted and the cache helps less.",
            unit="bytes",
            queries=(
                Query(f"max by (instance) (redis_memory_used_bytes{{{REDIS}}})", "{{instance}} used"),
                Query(f"max by (instance) (redis_memory_used_rss_bytes{{{REDIS}}})", "{{instance}} from the system"),
            ),
            leads_to=HOSTS_DASHBOARD,
        ),
        Panel(
            title="What is Redis asked?",
            text=(
                "Calls per second of each command. What is good is what is usual; KEYS or long SCANs do not belong "
                "in production, and a command that is new came with the last deploy."
            ),
            unit="ops",
            queries=(Query(f"sum by (cmd) (rate(redis_commands_total{{{REDIS}}}[{RATE}])) > 0", "{{cmd}}"),),
            stacked=True,
        ),
        Panel(
            title="Which command is slow?",
            text=(
                "99th percentile of each command's run time. Good is far below a millisecond. Redis runs one command "
                "at a time: a slow one makes everybody wait, so find its caller in the row on clients."
            ),
            unit="s",
            width=12,
            queries=(Query(quantile(0.99, "redis_command_latency_seconds", REDIS, by="cmd"), "{{cmd}}"),),
            steps=COMMAND_S,
        ),
        Panel(
            title="Which keys leave?",
            text=(
                "Keys per second that expired, as is intended. Good is in step with what is written. Beside it the "
                "figure above shows those evicted for want of memory, which should be none."
            ),
            unit="ops",
            width=12,
            queries=(Query(f"sum(rate(redis_expired_keys_total{{{REDIS}}}[{RATE}]))", "expired"),),
        ),
    )
