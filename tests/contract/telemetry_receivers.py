"""What the vendors' side would receive, for real and without an account: OTLP, Jaeger thrift, DogStatsD.

Each receiver listens on a free port in its own thread, keeps the raw bytes and decodes with the vendors' own formats.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.transport.TTransport import TMemoryBuffer

from telemetry import jaeger_compat


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSpan:
    """A span as a collector would store it; ids in hexadecimal."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    attributes: dict[str, Any]
    events: int


@dataclass(slots=True)
class Receiver:
    """``raw`` are the payloads in order of arrival; ``spans`` decodes them all."""

    endpoint: str
    decode: Callable[[bytes], list[SeenSpan]]
    raw: list[bytes] = field(default_factory=list)

    @property
    def spans(self) -> list[SeenSpan]:
        return [span for payload in list(self.raw) for span in self.decode(payload)]

    @property
    def lines(self) -> list[str]:
        """What came as text, however it was cut into payloads, sorted."""
        return sorted(line for payload in list(self.raw) for line in payload.decode().splitlines() if line)

    def wait_for_lines(self, lines: int, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while len(self.lines) < lines and time.monotonic() < deadline:
            time.sleep(0.01)

    def wait(self, payloads: int = 1, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while len(self.raw) < payloads and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.raw) >= payloads, f"{self.endpoint} received {len(self.raw)} payloads, not {payloads}"


@contextlib.contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    with _http(_decode_otlp, ExportTraceServiceResponse().SerializeToString(), "application/x-protobuf") as receiver:
        yield receiver


@contextlib.contextmanager
def jaeger_http_receiver(status: int = 202) -> Iterator[Receiver]:
    with _http(_decode_jaeger_batch, b"", "text/plain", status) as receiver:
        yield receiver


@contextlib.contextmanager
def jaeger_udp_receiver() -> Iterator[Receiver]:
    with _datagrams("udp", _decode_jaeger_agent) as receiver:
        yield receiver


@contextlib.contextmanager
def dogstatsd_receiver(path: Path | None = None) -> Iterator[Receiver]:
    with _datagrams("udp", lambda _: [], path) as receiver:
        yield receiver


@contextlib.contextmanager
def dead_endpoint(*, silent: bool) -> Iterator[str]:
    """An address where nobody answers: connections are refused, or accepted and never answered."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        if silent:
            reserved.listen(8)
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


@contextlib.contextmanager
def _http(
    decode: Callable[[bytes], list[SeenSpan]], answer: bytes, content_type: str, status: int = 200
) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.raw.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}", decode)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def _datagrams(scheme: str, decode: Callable[[bytes], list[SeenSpan]], path: Path | None = None) -> Iterator[Receiver]:
    listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    listener.bind(str(path) if path else ("127.0.0.1", 0))
    listener.settimeout(0.1)
    endpoint = f"unix://{path}" if path else f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    receiver = Receiver(endpoint, decode)
    stop = threading.Event()

    def listen() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                receiver.raw.append(listener.recv(65_536))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        stop.set()
        thread.join()
        listener.close()


def _decode_otlp(payload: bytes) -> list[SeenSpan]:
    request = ExportTraceServiceRequest.FromString(payload)
    return [
        SeenSpan(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            name=span.name,
            attributes={one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes},
            events=len(span.events),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _decode_jaeger_batch(payload: bytes) -> list[SeenSpan]:
    batch = _thrift().Batch()
    batch.read(TBinaryProtocol(TMemoryBuffer(payload)))
    return _jaeger_spans(batch)


def _decode_jaeger_agent(payload: bytes) -> list[SeenSpan]:
    from opentelemetry.exporter.jaeger.thrift.gen.agent import Agent  # noqa: PLC0415  # only after the cure

    protocol = TCompactProtocol(TMemoryBuffer(payload))
    name, _, _ = protocol.readMessageBegin()
    assert name == "emitBatch"
    arguments: Any = Agent.emitBatch_args()  # type: ignore[no-untyped-call]  # generated code without types
    arguments.read(protocol)
    return _jaeger_spans(arguments.batch)


def _thrift() -> Any:
    jaeger_compat.load()
    from opentelemetry.exporter.jaeger.thrift.gen.jaeger import Collector  # noqa: PLC0415  # only after the cure

    return Collector


def _jaeger_spans(batch: Any) -> list[SeenSpan]:
    return [
        SeenSpan(
            trace_id=f"{span.traceIdHigh % 2**64:016x}{span.traceIdLow % 2**64:016x}",
            span_id=f"{span.spanId % 2**64:016x}",
            parent_id=f"{span.parentSpanId % 2**64:016x}" if span.parentSpanId else "",
            name=span.operationName,
            attributes={tag.key: _tag_value(tag) for tag in span.tags},
            events=len(span.logs or ()),
        )
        for span in batch.spans
    ]


def _tag_value(tag: Any) -> object:
    values = (tag.vStr, tag.vDouble, tag.vBool, tag.vLong, tag.vBinary)
    return next((value for value in values if value is not None), None)
