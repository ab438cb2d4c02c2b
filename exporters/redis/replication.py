"""Replication, seen from either end. No role and no state is a label of a number: a failover renames nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporters.readings import Readings
from exporters.redis import families as f
from exporters.redis.info import Info, number, pairs
from exporters.redis.shape import text

Address = tuple[str, str]


@dataclass(slots=True)
class _Replica:
    """What is known of those that announce one address: of each figure the worst."""

    connections: int
    online: bool
    seconds: float | None
    confirmed: float | None
    lag: float | None

    def merge(self, other: _Replica) -> None:
        """Take in another replica of the same address."""
        self.connections += other.connections
        self.online = self.online and other.online
        self.seconds = _worst(max, self.seconds, other.seconds)
        self.confirmed = _worst(min, self.confirmed, other.confirmed)
        self.lag = _worst(max, self.lag, other.lag)


def write(info: Info, readings: Readings) -> None:
    """Write each replica's position and lag, and on a replica how it stands with its primary."""
    offset = number(info.fields.get("master_repl_offset")) or 0
    replicas: dict[Address, _Replica] = {}
    for row in info.replicas:
        address, replica = _read(pairs(row), offset)
        # Behind a translation of addresses several may announce the same one.
        known = replicas.setdefault(address, replica)
        if known is not replica:
            known.merge(replica)
    for address, replica in replicas.items():
        _write_replica(address, replica, readings)
    if info.fields.get("role") == "slave":
        _write_master(info, readings)


def _worst(choose: Callable[[float, float], float], one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return choose(one, other)


def _read(fields: dict[str, str], written: float) -> tuple[Address, _Replica]:
    online = fields.get("state") == "online"
    confirmed = number(fields.get("offset"))
    # INFO is one moment of the server, so what was confirmed cannot be ahead but for a restart of the stream.
    lag = max(0, written - confirmed) if online and confirmed is not None else None
    address = text(fields.get("ip", "")), text(fields.get("port", ""))
    return address, _Replica(1, online, number(fields.get("lag")), confirmed, lag)


def _write_replica(address: Address, replica: _Replica, readings: Readings) -> None:
    host, port = address
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    readings.add(f.REPLICA_CONNECTIONS, replica.connections, name)
    readings.add(f.REPLICA_ONLINE, int(replica.online), name)
    if replica.lag is not None:
        readings.add(f.REPLICATION_LAG, replica.lag, name)
    if replica.seconds is not None:
        readings.add(f.REPLICA_SECONDS, replica.seconds, *address)
    if replica.confirmed is not None:
        readings.add(f.REPLICA_OFFSET, replica.confirmed, *address)


def _write_master(info: Info, readings: Readings) -> None:
    fields = info.fields
    labels = (text(fields.get(label, "")) for label in ("master_host", "master_port", "slave_read_only"))
    readings.add(f.SLAVE_INFO, 1, *labels)
    readings.add(f.MASTER_LINK_UP, int(fields.get("master_link_status") == "up"))
    for metric, field in f.MASTER_FIELDS:
        value = number(fields.get(field))
        if value is not None:
            readings.add(metric, value)
