"""Traces of requests, MongoDB and Redis commands and jobs, by OTLP/HTTP or by Jaeger's thrift; off until asked for.

Nothing here is global but the two instrumentation libraries, which know no other way; ``instrument_clients`` points
them at the tracing in force. Every endpoint may be dead: requests never wait, spans are lost and counted. The SDK and
the exporters (half a second, 20 MB) are imported only where an endpoint is set: telemetry/pipeline.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, Span, SpanKind, StatusCode, Tracer, format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry.kinds import UNMATCHED, method_of, route_of

if TYPE_CHECKING:
    from telemetry.pipeline import Pipeline

_SERVER_ERROR = 500


class Tracing:
    """One process's tracing; the null object while no endpoint is set."""

    def __init__(self, pipeline: Pipeline | None = None) -> None:
        self._pipeline = pipeline
        self.tracer: Tracer = pipeline.tracer if pipeline else NoOpTracer()

    @property
    def enabled(self) -> bool:
        """Whether spans are made at all."""
        return self._pipeline is not None

    def span(self, name: str, attributes: Mapping[str, Any] | None = None) -> AbstractContextManager[Span]:
        """Open a span around work of our own; names are in ``allow_list.SPAN_NAMES``."""
        return _open(self.tracer, name, SpanKind.INTERNAL, None, attributes)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until all ended spans were tried; tell whether that was done in time."""
        return self._pipeline is None or self._pipeline.flush(timeout_s)

    def close(self) -> None:
        """Send what is left, within the queues' grace period, and stop."""
        if self._pipeline is not None:
            self._pipeline.close()


def configure(
    service: str,
    *,
    otlp_endpoint: str | None = None,
    jaeger_endpoint: str | None = None,
    version: str | None = None,
    instance: str | None = None,
    environment: str | None = None,
    sample_ratio: float = 1.0,
    queue_size: int = 2048,
) -> Tracing:
    """Set up tracing for this process.

    Args:
        service: ``service.name`` of all spans.
        otlp_endpoint: ``http://host:4318`` of a collector, Jaeger or the Datadog Agent.
        jaeger_endpoint: ``http://host:14268`` of a Jaeger collector, or ``udp://host:6831`` of an agent.
        version: ``service.version``.
        instance: ``service.instance.id``.
        environment: ``deployment.environment.name``.
        sample_ratio: which part of the traces is kept, 0 to 1.
        queue_size: how many spans may wait for each exporter.

    Raises:
        ValueError: an endpoint is malformed.
    """
    if not (otlp_endpoint or jaeger_endpoint):
        return Tracing()
    from telemetry import pipeline  # noqa: PLC0415  # see above

    about = {
        "service.name": service,
        "service.version": version,
        "service.instance.id": instance,
        "deployment.environment.name": environment,
    }
    return Tracing(
        pipeline.build(
            {key: value for key, value in about.items() if value},
            otlp_endpoint=otlp_endpoint,
            jaeger_endpoint=jaeger_endpoint,
            sample_ratio=sample_ratio,
            queue_size=queue_size,
        )
    )


def instrument_clients(tracing: Tracing) -> None:
    """Trace the commands of MongoDB and Redis clients made after this call, as children of what is being done.

    Commands outside any span (an exporter's polling, a background refresh) make none.
    """
    if tracing.enabled:
        from telemetry import clients  # noqa: PLC0415  # see above

        clients.point_at(tracing.tracer)


def trace_id() -> str:
    """The trace that is being recorded here, as 32 hexadecimal digits, for exemplars; empty: there is none."""
    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.trace_flags.sampled else ""


def http_middleware(tracing: Tracing) -> Middleware:
    """Return an aiohttp middleware that makes one server span a request.

    A caller's ``traceparent`` is continued, but whether to keep the trace is decided here. Of the URL only the route's
    template is recorded; of an exception only its class.
    """
    propagator = TraceContextTextMapPropagator()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not tracing.enabled:
            return await handler(request)
        carrier = {key: request.headers[key] for key in ("traceparent",) if key in request.headers}
        attributes = _request_attributes(request)
        with _open(tracing.tracer, "request", SpanKind.SERVER, propagator.extract(carrier), attributes) as span:
            try:
                response = await handler(request)
            except web.HTTPException as answer:
                _record_status(span, answer.status)
                raise
            _record_status(span, response.status)
            return response

    return middleware


@contextmanager
def _open(
    tracer: Tracer, name: str, kind: SpanKind, context: Context | None, attributes: Mapping[str, Any] | None
) -> Iterator[Span]:
    """Open a span that keeps an exception's class and nothing of its text."""
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=dict(attributes or {}),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except web.HTTPException:
            raise
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


def _request_attributes(request: web.Request) -> dict[str, Any]:
    route = route_of(request)
    attributes: dict[str, Any] = {"http.request.method": method_of(request), "url.scheme": request.scheme}
    if route != UNMATCHED:
        attributes["http.route"] = route
    return attributes


def _record_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= _SERVER_ERROR:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)
