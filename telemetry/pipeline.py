"""The OpenTelemetry SDK put together for one process: sampler, resource, and per exporter an allow-list and a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import Tracer
from yarl import URL

from telemetry import clients
from telemetry.allow_list import AllowListExporter
from telemetry.jaeger_compat import JaegerThriftExporter
from telemetry.sampling import LocalSampler
from telemetry.span_queue import SpanQueue

EXPORT_TIMEOUT_S = 2
"""Seconds that one export may take; a collector that needs longer is as good as dead."""

_OTLP_PATH = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What makes spans, and what carries them away."""

    provider: TracerProvider
    queues: tuple[SpanQueue, ...]
    tracer: Tracer

    def flush(self, timeout_s: float) -> bool:
        """Wait until all ended spans were tried; tell whether that was done in time."""
        done = [queue.force_flush(round(timeout_s * 1000)) for queue in self.queues]
        return all(done)

    def close(self) -> None:
        """Send what is left, within the queues' grace period, and stop."""
        clients.point_at(None, instead_of=self.tracer)
        self.provider.shutdown()


def build(
    about: Mapping[str, str],
    *,
    otlp_endpoint: str | None,
    jaeger_endpoint: str | None,
    sample_ratio: float,
    queue_size: int,
) -> Pipeline:
    """Build it for a process that ``about`` describes; the arguments are those of ``traces.configure``.

    Raises:
        ValueError: an endpoint is malformed.
    """
    exporters: dict[str, SpanExporter] = {}
    if otlp_endpoint:
        exporters["otlp"] = OTLPSpanExporter(endpoint=_otlp_url(otlp_endpoint), timeout=EXPORT_TIMEOUT_S)
    if jaeger_endpoint:
        exporters["jaeger"] = JaegerThriftExporter(jaeger_endpoint, timeout_s=EXPORT_TIMEOUT_S)
    provider = TracerProvider(
        sampler=LocalSampler(sample_ratio),
        resource=Resource.create(dict(about)),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_attributes=32, max_events=0, max_links=4),
    )
    queues = tuple(SpanQueue(name, AllowListExporter(inner), size=queue_size) for name, inner in exporters.items())
    for queue in queues:
        provider.add_span_processor(queue)
    return Pipeline(provider, queues, provider.get_tracer("telemetry"))


def _otlp_url(endpoint: str) -> str:
    url = URL(endpoint)
    if url.host is None or url.scheme not in {"http", "https"}:
        raise ValueError(f"{endpoint!r} is no OTLP/HTTP endpoint: http://host:4318")
    return str(url.with_path(_OTLP_PATH) if url.path in {"", "/"} else url)
