"""Replication, seen from either end. No role and no state is a label of a number: a failover renames nothing."""

from __future__ import annotations

from exporters.readings import Readings
from exporters.redis import families as f
from exporters.redis.info import Info, number, pairs


def write(info: Info, readings: Readings) -> None:
    """Write each replica's position and lag, and on a replica how it stands with its primary."""
    offset = number(info.fields.get("master_repl_offset")) or 0
    for text in info.replicas:
        _write_replica(pairs(text), offset, readings)
    if info.fields.get("role") == "slave":
        _write_master(info, readings)


def _write_replica(replica: dict[str, str], written: float, readings: Readings) -> None:
    address, port = replica.get("ip", ""), replica.get("port", "")
    online = replica.get("state") == "online"
    name = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    readings.add(f.REPLICA_ONLINE, int(online), name)
    seconds, confirmed = number(replica.get("lag")), number(replica.get("offset"))
    if seconds is not None:
        readings.add(f.REPLICA_SECONDS, seconds, address, port)
    if confirmed is not None:
        readings.add(f.REPLICA_OFFSET, confirmed, address, port)
        if online:
            # INFO is one moment of the server, so what was confirmed cannot be ahead but for a restart of the stream.
            readings.add(f.REPLICATION_LAG, max(0, written - confirmed), name)


def _write_master(info: Info, readings: Readings) -> None:
    fields = info.fields
    labels = (fields.get(label, "") for label in ("master_host", "master_port", "slave_read_only"))
    readings.add(f.SLAVE_INFO, 1, *labels)
    readings.add(f.MASTER_LINK_UP, int(fields.get("master_link_status") == "up"))
    for metric, field in f.MASTER_FIELDS:
        value = number(fields.get(field))
        if value is not None:
            readings.add(metric, value)
