"""Names that well-known dashboards and alerts ask of redis_exporter are here, with its types.

Read from redis_exporter's own Grafana dashboard (763), its redis-mixin, and the redis-mixin of grafana/jsonnet-libs.
What of redis_exporter is not claimed, and why, stands in docs/compatibility.md.
"""

from __future__ import annotations

from exporters.redis import RedisCollector
from telemetry.metric import Metric

DASHBOARD_763 = {
    "redis_up",
    "redis_uptime_in_seconds",
    "redis_connected_clients",
    "redis_memory_used_bytes",
    "redis_memory_max_bytes",
    "redis_commands_processed_total",
    "redis_keyspace_hits_total",
    "redis_keyspace_misses_total",
    "redis_net_input_bytes_total",
    "redis_net_output_bytes_total",
    "redis_db_keys",
    "redis_db_keys_expiring",
    "redis_expired_keys_total",
    "redis_evicted_keys_total",
    "redis_commands_total",
}
"""contrib/grafana_prometheus_redis_dashboard.json"""
REDIS_MIXIN = {
    "redis_up",
    "redis_memory_used_bytes",
    "redis_total_system_memory_bytes",
    "redis_connected_clients",
    "redis_blocked_clients",
    "redis_memory_used_rss_bytes",
    "redis_memory_max_bytes",
    "redis_commands_total",
    "redis_commands_duration_seconds_total",
    "redis_keyspace_hits_total",
    "redis_keyspace_misses_total",
    "redis_evicted_keys_total",
    "redis_db_keys",
    "redis_db_keys_expiring",
    "redis_connected_slaves",
    "redis_master_last_io_seconds_ago",
}
"""contrib/redis-mixin: alerts, rules, dashboard. redis_memory_fragmentation_ratio is a rule of its own."""
JSONNET_MIXIN = {
    "redis_instance_info",
    "redis_master_link_up",
    "redis_master_sync_in_progress",
    "redis_slave_info",
    "redis_slave_repl_offset",
    "redis_master_repl_offset",
    "redis_sentinel_master_status",
    "redis_connected_clients",
    "redis_blocked_clients",
    "redis_net_input_bytes_total",
    "redis_net_output_bytes_total",
    "redis_commands_total",
    "redis_db_keys",
    "redis_aof_current_size_bytes",
    "redis_rdb_last_save_timestamp_seconds",
}
"""grafana/jsonnet-libs redis-mixin: alerts.libsonnet, dashboards/overview.libsonnet"""
LABELS_ASKED_FOR = {
    "redis_commands_total": {"cmd"},
    "redis_commands_duration_seconds_total": {"cmd"},
    "redis_db_keys": {"db"},
    "redis_db_keys_expiring": {"db"},
    "redis_instance_info": {"role", "redis_mode"},
    "redis_slave_info": {"master_host"},
}
DECLARED: dict[str, Metric] = {metric.name: metric for metric in RedisCollector.metrics}


def test_every_name_that_the_dashboards_and_alerts_ask_for_is_declared() -> None:
    assert (DASHBOARD_763 | REDIS_MIXIN | JSONNET_MIXIN) - DECLARED.keys() == set()


def test_each_says_that_it_stands_in_for_redis_exporters() -> None:
    asked = DASHBOARD_763 | REDIS_MIXIN | JSONNET_MIXIN
    assert [name for name in asked if "redis_exporter" not in DECLARED[name].compatible_with] == []


def test_the_labels_that_their_queries_use_are_there() -> None:
    assert {name: labels - set(DECLARED[name].labels) for name, labels in LABELS_ASKED_FOR.items()} == {
        name: set() for name in LABELS_ASKED_FOR
    }


def test_every_family_says_where_it_is_read() -> None:
    assert [metric.name for metric in DECLARED.values() if not metric.source] == []


def test_no_state_and_no_role_is_a_label_of_a_number() -> None:
    mutable = {"role", "slave_state", "master_address", "master_host", "master_port", "run_id", "redis_version"}
    assert [
        name for name, metric in DECLARED.items() if mutable & set(metric.labels) and not name.endswith("_info")
    ] == []
