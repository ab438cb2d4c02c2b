"""What Redis does inside: clients, keys, slow commands, persistence, replication. Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE
from monitor.render.dashboards_style import SHARE_USED, YES, below, warned
from monitor.render.links import HOSTS_DASHBOARD

REDIS = 'instance=~"$instance"'
NO_REPLICA = "this Redis has no replica"


def clients() -> tuple[Panel, ...]:
    """Who is connected."""
    return (
        Panel(
            title="Who is connected to Redis?",
            width=6,
            text=(
                "Clients by their user and the name they gave themselves. Good is steady and about the size of the "
                "pools. One that grows does not close its connections; one that is missing lost its way to Redis."
            ),
            unit="short",
            queries=(Query(f"sum by (user, client_name) (redis_clients{{{REDIS}}})", "{{user}} {{client_name}}"),),
            stacked=True,
        ),
        Panel(
            title="Why does Redis not answer?",
            width=6,
            text=(
                "Redis servers that do not answer the exporter, by reason. Good is none; auth and denied are a "
                "password or a right that changed, refused a process that is gone, timeout one that hangs."
            ),
            queries=(Query(f"sum by (reason) (redis_up_reason{{{REDIS}}})", "{{reason}}"),),
            steps=below(1),
        ),
        Panel(
            title="Are clients turned away?",
            width=6,
            text=(
                "Connections per second refused because the limit was reached. Good is zero. Otherwise raise "
                "maxclients only after you know who holds them."
            ),
            unit="cps",
            queries=(Query(f"sum(rate(redis_rejected_connections_total{{{REDIS}}}[{RATE}]))", "rejected"),),
            steps=below(0.01),
        ),
        Panel(
            title="How much do clients take?",
            width=6,
            text=(
                "Bytes per second in and out. Good is in step with the commands; much more out than in is a client "
                "that reads large values, which are better kept small or compressed."
            ),
            unit="Bps",
            queries=(
                Query(f"sum(rate(redis_net_input_bytes_total{{{REDIS}}}[{RATE}]))", "in"),
                Query(f"sum(rate(redis_net_output_bytes_total{{{REDIS}}}[{RATE}]))", "out"),
            ),
        ),
    )


def keys() -> tuple[Panel, ...]:
    """What is kept."""
    return (
        Panel(
            title="How many keys are kept?",
            text=(
                "Keys by database, and those that expire. Good is nearly all expiring: a key of a cache that does not "
                "stays until memory is full."
            ),
            unit="short",
            queries=(
                Query(f"sum by (db) (redis_db_keys{{{REDIS}}})", "{{db}}"),
                Query(f"sum by (db) (redis_db_keys_expiring{{{REDIS}}})", "{{db}} expiring"),
            ),
        ),
        Panel(
            title="Does Redis hold memory that it does not use?",
            text=(
                "Memory taken from the system beyond what is used: fragmentation, and some ten MiB of the process "
                "itself. Good is level and small beside the used memory; otherwise activedefrag, or a restart in a "
                "quiet hour."
            ),
            unit="bytes",
            minimum=None,
            queries=(Query(f"max by (instance) (redis_mem_fragmentation_bytes{{{REDIS}}})", "{{instance}}"),),
        ),
        Panel(
            title="Were keys evicted?",
            text=(
                "Keys per second removed because memory was full, over time. Good is none. A lasting rate means that "
                "the data does not fit: more memory, or a shorter time to live."
            ),
            unit="ops",
            queries=(Query(f"sum(rate(redis_evicted_keys_total{{{REDIS}}}[{RATE}]))", "evicted"),),
            steps=warned(1),
        ),
    )


def slow() -> tuple[Panel, ...]:
    """What makes everybody wait."""
    return (
        Panel(
            title="How are commands' times spread?",
            width=6,
            text=(
                "Number of commands by duration over time. Good is a dark band at some ten microseconds; dots above a "
                "millisecond are commands that made all others wait."
            ),
            kind="heatmap",
            unit="s",
            queries=(
                Query(f"sum by (le) (increase(redis_command_latency_seconds_bucket{{{REDIS}}}[{RATE}]))", "{{le}}"),
            ),
        ),
        Panel(
            title="What stands in the slow log?",
            width=6,
            text=(
                "Slow commands per second, all of them and by name. Good is none; the name says what to look for in "
                "the app. SLOWLOG GET shows the newest with their arguments (which may hold patients' data)."
            ),
            unit="ops",
            queries=_all_and_by("cmd", "redis_slowlog_entries_total", "redis_slow_commands_total"),
            steps=warned(0.1),
        ),
        Panel(
            title="How busy is Redis's one thread?",
            text=(
                "Processor time per second of Redis, by exporter; commands have one core at most. Good is below 0.8: "
                "beyond it every command waits for the ones before it. Find the costly command, or share the keys "
                "out."
            ),
            width=6,
            unit="percentunit",
            queries=(
                Query(
                    f"max by (instance) (rate(redis_cpu_user_seconds_total{{{REDIS}}}[{RATE}])"
                    f" + rate(redis_cpu_sys_seconds_total{{{REDIS}}}[{RATE}]))",
                    "{{instance}}",
                ),
            ),
            steps=SHARE_USED,
        ),
        Panel(
            title="Which errors does Redis answer?",
            width=6,
            text=(
                "Error answers per second, all of them and by their first word. Good is none but a few while a deploy "
                "goes on; OOM means that memory is full, NOPERM and WRONGPASS that a user's rights or password changed."
            ),
            unit="ops",
            queries=_all_and_by("err", "redis_error_replies_total", "redis_errors_total"),
            steps=warned(1),
        ),
    )


def _all_and_by(label: str, every: str, each: str) -> tuple[Query, ...]:
    """One query, for what is told apart is there only once it has happened, and an empty query says nothing."""
    total = f'label_replace(sum(rate({every}{{{REDIS}}}[{RATE}])), "{label}", "all", "", "")'
    return (Query(f"{total} or sum by ({label}) (rate({each}{{{REDIS}}}[{RATE}]))", f"{{{{{label}}}}}"),)


def persistence() -> tuple[Panel, ...]:
    """What a restart would begin with."""
    return (
        Panel(
            title="How old is the last snapshot?",
            text=(
                "Time since the last snapshot succeeded. Good is as the save rule says, some minutes under load. A "
                "cache can be lost; what hurts is the load on MongoDB while it fills again."
            ),
            unit="s",
            queries=(
                Query(f"time() - max by (instance) (redis_rdb_last_save_timestamp_seconds{{{REDIS}}})", "{{instance}}"),
            ),
        ),
        Panel(
            title="How much would a restart lose?",
            text=(
                "Changes that no snapshot holds. Good is a saw that falls to zero at each snapshot; one that only "
                "rises means that snapshots fail: see the log and the disk."
            ),
            unit="short",
            queries=(Query(f"max by (instance) (redis_rdb_changes_since_last_save{{{REDIS}}})", "{{instance}}"),),
        ),
        Panel(
            title="Can Redis write to its disk?",
            text=(
                "Whether the last snapshot and the last write to the append-only file succeeded (1). Good is 1 for "
                "both; 0 is a full or broken disk, and Redis then refuses writes."
            ),
            queries=(
                Query(f"min(redis_rdb_last_bgsave_status{{{REDIS}}})", "snapshot"),
                Query(f"min(redis_aof_last_write_status{{{REDIS}}})", "append-only file"),
            ),
            steps=YES,
            maximum=1,
            leads_to=HOSTS_DASHBOARD,
        ),
    )


def replication() -> tuple[Panel, ...]:
    """Whether a replica could take over."""
    return (
        Panel(
            title="Are replicas connected?",
            width=6,
            text=(
                "Replicas that receive the stream. Good is as many as there should be; none is fine for a cache that "
                "stands alone. One fewer than usual: see its log, and the network between them."
            ),
            unit="short",
            queries=(Query(f"max by (instance) (redis_connected_slaves{{{REDIS}}})", "{{instance}}"),),
        ),
        Panel(
            title="How far behind are replicas?",
            width=6,
            text=(
                "Bytes of the replication stream that each replica has not confirmed. Good is near zero; a growing one "
                "is too slow a network or machine, and will have to be sent everything once it leaves the backlog."
            ),
            unit="bytes",
            queries=(Query(f"max by (replica) (redis_replication_lag_bytes{{{REDIS}}})", "{{replica}}"),),
            empty_until="first_redis_replica",
            nothing=NO_REPLICA,
        ),
        Panel(
            title="Is this replica connected to its primary?",
            width=6,
            text=(
                "On a replica: whether its link to the primary is up (1). Good is 1; at 0 it answers with what it had, "
                "older by the minute. On a primary there is nothing to show."
            ),
            queries=(Query(f"min by (instance) (redis_master_link_up{{{REDIS}}})", "{{instance}}"),),
            steps=YES,
            maximum=1,
            empty_until="first_redis_replica",
            nothing="what is read here is a primary",
        ),
        Panel(
            title="Does the backlog save full copies?",
            width=6,
            text=(
                "Replicas per second that had to be sent everything, and that the backlog helped. Good is none of the "
                "first; otherwise make the backlog larger, for a full copy costs memory and time."
            ),
            unit="ops",
            queries=(
                Query(f"sum(rate(redis_replica_full_resyncs_total{{{REDIS}}}[{RATE}]))", "full copy"),
                Query(
                    f"sum(rate(redis_replica_partial_resyncs_accepted_total{{{REDIS}}}[{RATE}]))", "from the backlog"
                ),
            ),
        ),
    )
