"""The replica set in detail: members, elections, replication, flow control. Pure."""

from __future__ import annotations

from monitor.render.dashboards_model import Panel, Query
from monitor.render.dashboards_promql import RATE, within_an_hour
from monitor.render.dashboards_style import LAG_S, OPLOG_S, YES, below, warned

MEMBER = 'member=~"$member"'
_RAW_LAG = f"max by (member) (mongodb_replset_replication_lag_seconds{{{MEMBER}}})"
_WANTED = f"(max by (member) (mongodb_replset_member_delay_seconds{{{MEMBER}}}) or 0 * {_RAW_LAG})"
LAG = f"clamp_min({_RAW_LAG} - {_WANTED}, 0)"
"""Where the set's configuration may not be read, no delay is known of, and the lag is shown as it is."""

HEARTBEAT_S = below(10, warn=4)
"""Heartbeats are sent every 2 s; after 10 s without one a member is taken for dead (electionTimeoutMillis)."""


def replica_set() -> tuple[Panel, ...]:
    """What a failover depends on."""
    return (*_members(), *_elections(), *_replication(), *_reasons())


def _members() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Are all members of the replica set well?",
            text="Healthy and configured members. Good is equal. One fewer: no second fault is survived; follow the "
            "runbook within the day. Without a majority there is no primary.",
            queries=(
                Query("max(mongodb_replset_members_healthy)", "healthy"),
                Query("max(mongodb_replset_members_configured)", "configured"),
                Query("max(mongodb_replset_majority_votes)", "majority"),
            ),
            alerts=("MongoRedundancyLost",),
        ),
        Panel(
            title="Is MongoDB up, member by member?",
            text=(
                "Whether the exporter reaches each member (1 is up). Good is all. A member that is up but not healthy "
                "beside is partitioned or recovering."
            ),
            queries=(Query(f"max by (member) (mongodb_up{{{MEMBER}}})", "{{member}}"),),
            steps=YES,
            maximum=1,
            alerts=("MongoRedundancyLost",),
        ),
        Panel(
            title="Do the members hear each other?",
            text=(
                "Time since each member's last heartbeat, as the primary sees it. Good is two seconds or less; at ten "
                "a member is taken for dead and, if it was the primary, an election begins."
            ),
            unit="s",
            queries=(
                Query(f"max by (member) (mongodb_replset_member_heartbeat_age_seconds{{{MEMBER}}})", "{{member}}"),
            ),
            steps=HEARTBEAT_S,
            draw_thresholds=True,
        ),
    )


def _reasons() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Why does a member not answer?",
            text=(
                "Members that do not answer the exporter, by reason. Good is none; auth and denied are a password or a "
                "right that changed, refused a process that is gone, timeout one that hangs or cannot be reached."
            ),
            width=12,
            height=6,
            queries=(Query(f"sum by (reason) (mongodb_up_reason{{{MEMBER}}})", "{{reason}}"),),
            steps=below(1),
        ),
        Panel(
            title="From whom does each member copy?",
            text=(
                "Where each member fetches its operations from (1). Good is the primary, or a member near by; one that "
                "copies from nobody falls behind, and long chains add up their lags."
            ),
            width=12,
            height=6,
            queries=(
                Query(
                    f"max by (member, sync_source) (mongodb_replset_member_syncs_from{{{MEMBER}}}) == 1",
                    "{{member}} from {{sync_source}}",
                ),
            ),
        ),
    )


def _elections() -> tuple[Panel, ...]:
    return (
        Panel(
            title="How often is a primary elected?",
            text=(
                "Elections that members called within the hour before, by reason. Good is none but those of a deploy "
                "or a drill. Several in an hour are a network or a disk that stalls: each costs patients some seconds."
            ),
            unit="short",
            queries=(Query(within_an_hour(f"mongodb_replset_elections_total{{{MEMBER}}}", "reason"), "{{reason}}"),),
            steps=warned(2),
        ),
        Panel(
            title="How long has the primary been primary?",
            text=(
                "Time since the primary was elected. Good is days; a saw with small teeth is a set that cannot settle. "
                "A gap is a time without a primary."
            ),
            unit="s",
            queries=(Query("time() - max(mongodb_replset_primary_elected_timestamp_seconds)", "since"),),
        ),
        Panel(
            title="What would a failover lose?",
            text=(
                "Age of the primary's oldest write that no majority holds yet. Good is well below a second. Writes "
                "with majority concern are acknowledged only after it, so a rise makes bookings slow."
            ),
            unit="s",
            queries=(Query("max(mongodb_replset_majority_commit_lag_seconds)", "majority lag"),),
            steps=LAG_S,
        ),
    )


def _replication() -> tuple[Panel, ...]:
    return (
        Panel(
            title="Does the oplog reach back far enough?",
            text=(
                "Time between first and last operation of each member's oplog. Good is above a day; a fall under the "
                "same load means that more is written. A member away for longer must be copied anew."
            ),
            unit="s",
            queries=(Query(f"min by (member) (mongodb_oplog_window_seconds{{{MEMBER}}})", "{{member}}"),),
            steps=OPLOG_S,
        ),
        Panel(
            title="Does flow control slow writers down?",
            text=(
                "Share of time in which the primary held writers back because secondaries lagged. Good is zero. "
                "Otherwise bookings are slow on purpose: repair the lagging member rather than the primary."
            ),
            unit="percentunit",
            queries=(
                Query(
                    f"sum by (member) (rate(mongodb_flow_control_lagged_seconds_total{{{MEMBER}}}[{RATE}]))",
                    "held back {{member}}",
                ),
            ),
            steps=warned(0.01),
        ),
        Panel(
            title="Can secondaries apply as fast as they fetch?",
            text=(
                "Operations that members have fetched and not applied yet. Good is near zero; one that grows has too "
                "slow a disk or too little CPU, and its lag follows."
            ),
            unit="short",
            queries=(Query(f"max by (member) (mongodb_replication_buffer_operations{{{MEMBER}}})", "{{member}}"),),
        ),
    )
