"""Points OpenTelemetry's instrumentation of pymongo and redis-py at the tracing in force.

Both libraries can be installed once a process and keep the first tracer they were given; here they are given one that
hands over to whichever is current. What they would record beyond the allow-list is withheld before export.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.trace import NoOpTracer, Span, StatusCode, Tracer, TracerProvider
from pymongo.monitoring import CommandStartedEvent

_NOWHERE = NoOpTracer()
_SILENT = {"record_exception": False, "set_status_on_exception": False}


class _Current(Tracer):
    """Hands over to the tracer in force; never lets an exception's text into a span."""

    def __init__(self) -> None:
        self.target: Tracer = _NOWHERE

    def start_span(self, name: str, *args: Any, **options: Any) -> Span:
        return self.target.start_span(name, *args, **(options | _SILENT))

    @contextmanager
    def _as_current(self, name: str, *args: Any, **options: Any) -> Iterator[Span]:
        with self.target.start_as_current_span(name, *args, **(options | _SILENT)) as span:
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise

    def start_as_current_span(self, name: str, *args: Any, **options: Any) -> Any:
        return self._as_current(name, *args, **options)


class _CurrentProvider(TracerProvider):
    def get_tracer(self, *_: object, **__: object) -> Tracer:
        return _current


_current = _Current()
_installed = False


def point_at(tracer: Tracer | None, *, instead_of: Tracer | None = None) -> None:
    """Send the clients' spans to ``tracer``, or nowhere; with ``instead_of``, only if that one is in force now."""
    if instead_of is not None and _current.target is not instead_of:
        return
    if tracer is not None:
        _install()
    _current.target = tracer or _NOWHERE


def _install() -> None:
    global _installed  # noqa: PLW0603  # the libraries patch classes of the process: once is all there is
    if _installed:
        return
    # The stable names of attributes, which are those that the allow-list knows; the libraries ask here, and only once.
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "database,http"
    provider = _CurrentProvider()
    PymongoInstrumentor().instrument(tracer_provider=provider, request_hook=_name_mongodb, capture_statement=False)
    RedisInstrumentor().instrument(tracer_provider=provider, request_hook=_name_redis)
    _installed = True


def _name_mongodb(span: Span, started: CommandStartedEvent) -> None:
    span.set_attribute("db.operation.name", started.command_name)


def _name_redis(span: Span, _client: object, args: Sequence[Any], _kwargs: dict[str, Any]) -> None:
    if args and isinstance(args[0], str):
        span.set_attribute("db.operation.name", args[0].split(" ", 1)[0].upper())
