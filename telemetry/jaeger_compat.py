"""Keeps ``opentelemetry-exporter-jaeger`` 1.21 (the last one, November 2023) working on today's OpenTelemetry.

As installed it cannot even be imported: the API no longer depends on ``deprecated``, and the SDK dropped the names of
the exporter's environment variables. Both are put back before the import. Two more cures, each for a loss without a
word: batches over UDP are split (else one larger than a datagram vanishes whole), and an HTTP answer that is no success
counts as a failure (else it counts as exported). Only thrift is offered; the gRPC half of the package needs protobuf 3.
"""

from __future__ import annotations

import importlib
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.sdk import environment_variables
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from yarl import URL

_VARIABLES = (
    "OTEL_EXPORTER_JAEGER_AGENT_HOST",
    "OTEL_EXPORTER_JAEGER_AGENT_PORT",
    "OTEL_EXPORTER_JAEGER_AGENT_SPLIT_OVERSIZED_BATCHES",
    "OTEL_EXPORTER_JAEGER_ENDPOINT",
    "OTEL_EXPORTER_JAEGER_PASSWORD",
    "OTEL_EXPORTER_JAEGER_TIMEOUT",
    "OTEL_EXPORTER_JAEGER_USER",
    "OTEL_EXPORTER_JAEGER_CERTIFICATE",
    "OTEL_EXPORTER_JAEGER_GRPC_INSECURE",
)
_AGENT_PORT = 6831
_COLLECTOR_PATH = "/api/traces"
_SUCCESSES = range(200, 300)


class JaegerThriftExporter(SpanExporter):
    """Sends spans as thrift to a Jaeger collector (HTTP) or agent (UDP)."""

    def __init__(self, endpoint: str, *, timeout_s: int = 2) -> None:
        """Connect to ``http(s)://host:14268[/api/traces]`` or ``udp://host:6831``.

        Raises:
            ValueError: the endpoint is neither.
        """
        url = URL(endpoint)
        if url.host is None or url.scheme not in {"http", "https", "udp"}:
            raise ValueError(f"{endpoint!r} is no Jaeger endpoint: http://host:14268 or udp://host:6831")
        self._over_http = url.scheme != "udp"
        if self._over_http:
            path = url.path if url.path not in {"", "/"} else _COLLECTOR_PATH
            options: dict[str, Any] = {"collector_endpoint": str(url.with_path(path)), "timeout": timeout_s}
        else:
            options = {"agent_host_name": url.host, "agent_port": url.port or _AGENT_PORT}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # where `deprecated` is installed, it says so each time
            self._exporter: Any = load().JaegerExporter(udp_split_oversized_batches=True, **options)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; whatever goes wrong is a failure, told to the caller."""
        self._exporter.export(spans)
        # The exporter says SUCCESS whatever the collector answered.
        if self._over_http and self._answer() not in _SUCCESSES:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def _answer(self) -> int:
        return int(self._exporter._collector_http_client.http_transport.code)  # noqa: SLF001  # kept nowhere else

    def shutdown(self) -> None:
        """Nothing is held open between batches that the system would not close."""
        if self._over_http and self._exporter._collector is not None:  # noqa: SLF001  # the exporter's own shutdown does nothing
            self._exporter._collector.http_transport.close()  # noqa: SLF001  # same

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  # the interface's signature
        """Nothing is buffered here."""
        return True


def load() -> types.ModuleType:
    """Put back what the package imports and no longer finds, and import it."""
    if "deprecated" not in sys.modules:
        try:
            importlib.import_module("deprecated")
        except ModuleNotFoundError:
            stub = types.ModuleType("deprecated")
            stub.deprecated = _pass_through  # type: ignore[attr-defined]  # a module built by hand
            sys.modules["deprecated"] = stub
    for name in _VARIABLES:
        if not hasattr(environment_variables, name):
            setattr(environment_variables, name, name)
    return importlib.import_module("opentelemetry.exporter.jaeger.thrift")


def _pass_through(*_: object, **__: object) -> Callable[[Any], Any]:
    return lambda decorated: decorated
