"""DogStatsD, beside Prometheus and never instead of it: the same few figures for teams who look at Datadog.

Buffered, sent from its own thread, never waiting for the Agent; what is lost is counted. Tags are allow-listed like
everything else that leaves the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datadog.dogstatsd.base import DogStatsd
from yarl import URL

from telemetry import own
from telemetry.kinds import COMPONENT, COUNT, METHOD, ROUTE, STATUS, Kind, one_of

Tags = Mapping[str, object]

TAGS: Mapping[str, Kind] = {
    "route": ROUTE,
    "method": METHOD,
    "status": STATUS,
    "instance": COMPONENT,
    "system": one_of("mongodb", "redis"),
    "cache": one_of("slots", "practitioners", "sessions"),
    "operation": one_of(
        "find", "insert", "update", "findAndModify", "aggregate", "delete", "get", "set", "del", "eval"
    ),
    "outcome": one_of(
        "booked", "conflict", "invalid", "error", "hit", "miss", "ok", "fail", "passed", "failed", "aborted", "unknown"
    ),
    "severity": one_of("critical", "warning", "info", "none"),
    "job": one_of("backup", "verification", "report", "heartbeat", "drill"),
    "code_class": COUNT,
}
"""Each tag that may be sent, and how its value must look."""

_QUEUE = 256
_PORT = 8125


class Statsd:
    """The null object: takes everything, sends nothing."""

    def increment(self, name: str, value: float = 1, tags: Tags | None = None) -> None:
        """Count events."""

    def gauge(self, name: str, value: float, tags: Tags | None = None) -> None:
        """Report a present value."""

    def distribution(self, name: str, value: float, tags: Tags | None = None) -> None:
        """Report one measurement of many, in base units (seconds)."""

    def close(self) -> None:
        """Send what is buffered, and stop."""


class _Client(DogStatsd):
    """The library's client, with its losses counted as our metrics instead of sent to the Agent that may be away."""

    def _xmit_packet(self, packet: str, is_telemetry: bool, queue_mode: bool = False) -> bool | None:  # noqa: FBT001, FBT002  # the library's signature
        sent: bool | None = super()._xmit_packet(packet, is_telemetry, queue_mode)
        if sent:
            own.datagrams_sent.add()
        elif sent is False:
            own.datagrams_dropped.add("not_sent")
        return sent

    def _account_dropped_queue_full(self, item: Any) -> None:
        super()._account_dropped_queue_full(item)
        own.datagrams_dropped.add("queue_full")

    def _account_dropped_expired(self, item: Any) -> None:
        super()._account_dropped_expired(item)
        own.datagrams_dropped.add("expired")


class _Connected(Statsd):
    def __init__(self, client: _Client) -> None:
        self._client = client

    def increment(self, name: str, value: float = 1, tags: Tags | None = None) -> None:
        self._client.increment(name, value, tags=_allowed(tags))

    def gauge(self, name: str, value: float, tags: Tags | None = None) -> None:
        self._client.gauge(name, value, tags=_allowed(tags))

    def distribution(self, name: str, value: float, tags: Tags | None = None) -> None:
        self._client.distribution(name, value, tags=_allowed(tags))

    def close(self) -> None:
        self._client.wait_for_pending(1.0)
        self._client.stop(1.0)


def connect(address: str | None, *, constant_tags: Mapping[str, str] | None = None) -> Statsd:
    """Return a client for ``host:port``, ``udp://host:port`` or ``unix:///path``; the null object for ``None``.

    ``env``, ``service`` and ``version`` are taken from Datadog's own ``DD_ENV``, ``DD_SERVICE`` and ``DD_VERSION``.

    Raises:
        ValueError: the address is malformed.
    """
    if not address:
        return Statsd()
    where: dict[str, Any] = _where(address)
    return _Connected(
        _Client(
            **where,
            constant_tags=[f"{key}:{value}" for key, value in sorted((constant_tags or {}).items())],
            disable_telemetry=True,
            origin_detection_enabled=False,
            disable_background_sender=False,
            sender_queue_size=_QUEUE,
            sender_queue_timeout=0,
            track_instance=False,
        )
    )


def _where(address: str) -> dict[str, object]:
    url = URL(address if "://" in address else f"udp://{address}")
    if url.scheme == "unix" and url.path:
        return {"socket_path": url.path}
    if url.scheme == "udp" and url.host:
        return {"host": url.host, "port": url.port or _PORT}
    raise ValueError(f"{address!r} is no DogStatsD address: host:port or unix:///path")


def _allowed(tags: Tags | None) -> list[str]:
    kept: list[str] = []
    for key, value in (tags or {}).items():
        kind = TAGS.get(key)
        if kind is None or not kind.accepts(value):
            own.dropped_tags.add("key" if kind is None else "value")
            continue
        # The library would turn the braces of /a/{id} into underscores.
        kept.append(f"{key}:{str(value).replace('{', ':').replace('}', '')}")
    return kept
