"""Counts what happens in the MongoDB driver's connection pools, one pool a member."""

from __future__ import annotations

from pymongo import monitoring

from app.metrics import Children, Metrics

_Address = tuple[str, int | None]


class PoolMetrics(monitoring.ConnectionPoolListener):
    """Turns the driver's pool events into OpenTelemetry's ``db_client_connection_*``."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._wait = Children(metrics.connection_wait)
        self._states: dict[tuple[_Address, int], str] = {}

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """A member was found."""
        self._metrics.connections_max.labels(_name(event.address)).set(event.options.get("maxPoolSize", 0))
        self._metrics.connections_pending.labels(_name(event.address)).set(0)
        for state in ("idle", "used"):
            self._metrics.connections.labels(_name(event.address), state).set(0)

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None:
        """The member is usable."""

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None:
        """The member was lost; each of its connections is reported closed on its own."""

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None:
        """The member left the replica set."""

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        """A connection exists, though it is not usable yet."""

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None:
        """A connection is authenticated."""
        self._move(event.address, event.connection_id, "idle")

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        """A connection is gone, in whatever state it was."""
        self._move(event.address, event.connection_id, None)

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None:
        """An operation asks for a connection."""
        self._metrics.connections_pending.labels(_name(event.address)).inc()

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        """It got none."""
        self._metrics.connections_pending.labels(_name(event.address)).dec()
        self._wait.of(_name(event.address)).observe(event.duration or 0.0)

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        """It got one."""
        self._metrics.connections_pending.labels(_name(event.address)).dec()
        self._wait.of(_name(event.address)).observe(event.duration or 0.0)
        self._move(event.address, event.connection_id, "used")

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        """An operation gave its connection back; a broken one may have been closed already."""
        if (event.address, event.connection_id) in self._states:
            self._move(event.address, event.connection_id, "idle")

    def _move(self, address: _Address, connection: int, state: str | None) -> None:
        # Each connection's state is remembered, so that a close in any state keeps the sums right.
        before = self._states.pop((address, connection), None)
        if before is not None:
            self._metrics.connections.labels(_name(address), before).dec()
        if state is not None:
            self._states[address, connection] = state
            self._metrics.connections.labels(_name(address), state).inc()


def _name(address: _Address) -> str:
    host, port = address
    return f"{host}:{port}"
