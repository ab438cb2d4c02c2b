"""Spans arrive over each wire format with the same ids, carry only what is allowed, and cost no request anything."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from app.metrics import Metrics
from telemetry import own, traces
from telemetry.kinds import Route
from tests.contract.telemetry_receivers import (
    Receiver,
    dead_endpoint,
    jaeger_http_receiver,
    jaeger_udp_receiver,
    otlp_receiver,
)

PATIENT = "Erika Mustermann"
RECEIVERS: dict[str, tuple[Callable[[], AbstractContextManager[Receiver]], str]] = {
    "otlp over HTTP": (otlp_receiver, "otlp_endpoint"),
    "jaeger thrift over HTTP": (jaeger_http_receiver, "jaeger_endpoint"),
    "jaeger thrift over UDP": (jaeger_udp_receiver, "jaeger_endpoint"),
}


@pytest.fixture(params=RECEIVERS, ids=str)
def wire(request: pytest.FixtureRequest) -> tuple[Callable[[], AbstractContextManager[Receiver]], str]:
    return RECEIVERS[request.param]


@asynccontextmanager
async def served(tracing: traces.Tracing) -> AsyncIterator[str]:
    async def visit(request: web.Request) -> web.Response:
        if "fail" in request.query:
            raise ValueError(f"no such patient: {PATIENT}")
        return web.json_response({"id": request.match_info["id"]})

    app = web.Application(middlewares=[traces.http_middleware(tracing)])
    app.router.add_get("/patients/{id}", visit)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_request_arrives_with_its_ids_over_every_wire_format(
    wire: tuple[Callable[[], AbstractContextManager[Receiver]], str],
) -> None:
    receiver_of, setting = wire
    with receiver_of() as receiver:
        tracing = traces.configure("app", version="1.2.3", **{setting: receiver.endpoint})  # type: ignore[arg-type]  # all of them are str
        caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
        async with (
            served(tracing) as url,
            ClientSession() as session,
            session.get(f"{url}/patients/4711", headers={"traceparent": caller}) as answer,
        ):
            assert answer.status == 200
        tracing.close()
        receiver.wait()
        [span] = receiver.spans
    assert span.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert span.parent_id == "b7ad6b7169203331"
    assert span.name == "GET /patients/{id}"
    assert span.attributes["http.response.status_code"] == 200


async def test_an_exemplar_names_the_trace_that_is_sent_and_nothing_else() -> None:
    assert traces.trace_id() == ""
    named = []
    with otlp_receiver() as receiver:
        for ratio in (1.0, 0.0):
            tracing = traces.configure("app", otlp_endpoint=receiver.endpoint, sample_ratio=ratio)
            with tracing.span("job"):
                named.append(traces.trace_id())
            tracing.close()
        receiver.wait()
        [span] = receiver.spans
    assert named == [span.trace_id, ""]
    registry = CollectorRegistry()
    Metrics(registry, version="0").request("GET", Route("/readyz"), 200, 0.02, span.trace_id)
    metric = "http_server_request_duration_seconds"
    page = choose_encoder("application/openmetrics-text;version=1.0.0")[0](registry).decode()
    (told,) = [line for line in page.splitlines() if " # " in line]
    assert told.startswith(f"{metric}_bucket{{")
    assert re.search(rf' # {{trace_id="{span.trace_id}"}} 0\.02 [0-9.]+$', told)
    assert span.trace_id not in choose_encoder("text/plain")[0](registry).decode()


async def test_nothing_that_is_not_allowed_arrives(
    wire: tuple[Callable[[], AbstractContextManager[Receiver]], str],
) -> None:
    receiver_of, setting = wire
    before = own.dropped_attributes.value("key")
    with receiver_of() as receiver:
        tracing = traces.configure("app", **{setting: receiver.endpoint})  # type: ignore[arg-type]  # all of them are str
        async with served(tracing) as url, ClientSession() as session:
            hostile = {
                "User-Agent": PATIENT,
                "tracestate": f"name={PATIENT.replace(' ', '')}",
                "baggage": "n=Mustermann",
            }
            for path in (f"/patients/{PATIENT}", f"/patients/1?fail={PATIENT}", f"/{PATIENT}?name={PATIENT}"):
                async with session.get(url + path, headers=hostile) as answer:
                    await answer.read()
            async with session.request("PROPFIND", f"{url}/patients/1") as answer:
                assert answer.status == 405
        with tracing.tracer.start_as_current_span(PATIENT, kind=SpanKind.INTERNAL) as span:
            span.set_attribute("url.full", f"/patients/{PATIENT}")
            span.set_attribute("http.route", f"/patients/{PATIENT}")
            span.add_event("exception", {"exception.message": PATIENT})
        tracing.close()
        receiver.wait()
        spans = receiver.spans
        raw = b"".join(receiver.raw)
    assert {span.name for span in spans} == {"GET /patients/{id}", "GET", "_OTHER", "unnamed"}
    assert b"Mustermann" not in raw
    assert sum(span.events for span in spans) == 0
    assert {span.attributes.get("error.type") for span in spans} == {None, "ValueError"}
    assert own.dropped_attributes.value("key") > before


async def test_a_batch_larger_than_a_datagram_arrives_whole() -> None:
    with jaeger_udp_receiver() as receiver:
        tracing = traces.configure("app", jaeger_endpoint=receiver.endpoint)
        with tracing.span("job"):
            for _ in range(255):
                with tracing.span("scrape", {"db.system.name": "mongodb", "db.operation.name": "find"}):
                    pass
        tracing.close()
        receiver.wait(2)
        assert len({span.span_id for span in receiver.spans}) == 256


@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "never answers"])
async def test_a_dead_collector_costs_spans_and_no_request_time(*, silent: bool) -> None:
    created, exported = own.spans_created.value("otlp"), own.spans_exported.value("otlp")
    lost = sum(own.spans_dropped.value("otlp", reason) for reason in ("queue_full", "export_failed", "closed"))
    with dead_endpoint(silent=silent) as endpoint:
        tracing = traces.configure("app", otlp_endpoint=endpoint, queue_size=100)
        async with served(tracing) as url, ClientSession() as session:
            rounds, slowest = 0, 9.0
            while slowest > 1.5 and rounds < 4:  # or this machine stood still
                rounds, slowest = rounds + 1, 0.0
                for _ in range(400):
                    started = time.monotonic()
                    async with session.get(f"{url}/patients/1") as answer:
                        assert answer.status == 200
                    slowest = max(slowest, time.monotonic() - started)
        began = time.monotonic()
        tracing.close()
        assert time.monotonic() - began < 30, "closing is bounded"
        assert slowest < 1.5, "below the export's time limit of 2 s, on a busy machine too: requests do not wait for it"
    created = own.spans_created.value("otlp") - created
    exported = own.spans_exported.value("otlp") - exported
    lost = sum(own.spans_dropped.value("otlp", reason) for reason in ("queue_full", "export_failed", "closed")) - lost
    assert (created, exported, lost) == (400 * rounds, 0, 400 * rounds)


async def test_a_collector_that_refuses_is_not_counted_as_having_taken_them() -> None:
    before = own.spans_dropped.value("jaeger", "export_failed")
    with jaeger_http_receiver(status=503) as receiver:
        tracing = traces.configure("app", jaeger_endpoint=receiver.endpoint)
        with tracing.span("job"):
            pass
        tracing.close()
    assert own.spans_dropped.value("jaeger", "export_failed") == before + 1


async def test_the_ids_of_a_trace_are_the_same_over_otlp_and_jaeger() -> None:
    with otlp_receiver() as otlp, jaeger_http_receiver() as jaeger:
        tracing = traces.configure("work", otlp_endpoint=otlp.endpoint, jaeger_endpoint=jaeger.endpoint)
        with tracing.span("backup"), tracing.span("verification", {"outcome": "passed"}):
            pass
        tracing.close()
        by_otlp = {(s.trace_id, s.span_id, s.parent_id, s.name) for s in otlp.spans}
        by_jaeger = {(s.trace_id, s.span_id, s.parent_id, s.name) for s in jaeger.spans}
    assert by_otlp == by_jaeger
    assert len(by_otlp) == 2


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://127.0.0.1", "127.0.0.1:4318"])
def test_a_malformed_endpoint_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        traces.configure("app", otlp_endpoint=endpoint)
    with pytest.raises(ValueError, match="endpoint"):
        traces.configure("app", jaeger_endpoint=endpoint)


async def test_without_an_endpoint_there_are_no_spans_and_no_threads() -> None:
    before = own.spans_created.value("otlp") + own.spans_created.value("jaeger")
    tracing = traces.configure("app")
    async with served(tracing) as url, ClientSession() as session, session.get(f"{url}/patients/1") as answer:
        assert answer.status == 200
    tracing.close()
    assert not tracing.enabled
    assert own.spans_created.value("otlp") + own.spans_created.value("jaeger") == before
