"""What only a cluster's node or a sentinel has to say."""

from __future__ import annotations

from exporters.readings import Readings
from exporters.redis import families as f
from exporters.redis.info import Info, number, pairs
from exporters.redis.shape import text
from exporters.redis.wire import Reply


def write_cluster(reply: str, readings: Readings) -> None:
    """Write CLUSTER INFO."""
    fields = dict(line.partition(":")[::2] for line in reply.split("\r\n"))
    if "cluster_state" in fields:
        readings.add(f.CLUSTER_STATE, int(fields["cluster_state"] == "ok"))
    for field, metric in f.CLUSTER_FIELDS.items():
        value = number(fields.get(field))
        if value is not None:
            readings.add(metric, value)


def write_sentinel(info: Info, readings: Readings) -> None:
    """Write what the sentinel believes of each primary. Where it is stands apart, since a failover changes that."""
    for row in info.watched:
        master = pairs(row)
        name = text(master.get("name", ""))
        readings.states(f.SENTINEL_STATUS, master.get("status"), f.SENTINEL_STATES, name)
        readings.add(f.SENTINEL_INFO, 1, name, text(master.get("address", "")))
        for metric, field in ((f.SENTINEL_SLAVES, "slaves"), (f.SENTINEL_SENTINELS, "sentinels")):
            value = number(master.get(field))
            if value is not None:
                readings.add(metric, value, name)


def write_quorum(reply: Reply, readings: Readings) -> None:
    """Write what SENTINEL MASTERS adds to INFO."""
    for flat in reply:
        master = dict(zip(flat[::2], flat[1::2], strict=True))
        value = number(master.get("quorum"))
        if value is not None:
            readings.add(f.SENTINEL_QUORUM, value, text(master.get("name", "")))
