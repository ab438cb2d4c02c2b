"""The telemetry settings that every process has, read with that process's own prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """Where signals go. Everything but logs on standard output is off until an address is set."""

    otlp_endpoint: str | None = None
    """``http://host:4318`` of a collector, Jaeger or the Datadog Agent."""
    jaeger_endpoint: str | None = None
    """``http://host:14268`` (collector) or ``udp://host:6831`` (agent), in thrift."""
    dogstatsd_address: str | None = None
    """``host:8125`` or ``unix:///path`` of a Datadog Agent."""
    log_level: str = "info"


def from_environment(environ: Mapping[str, str], prefix: str) -> TelemetrySettings:
    """Read ``<prefix>OTLP_ENDPOINT``, ``..JAEGER_ENDPOINT``, ``..DOGSTATSD_ADDRESS`` and ``..LOG_LEVEL``."""
    given = {field.name: environ.get(prefix + field.name.upper(), "") for field in fields(TelemetrySettings)}
    return TelemetrySettings(**{name: value for name, value in given.items() if value})
