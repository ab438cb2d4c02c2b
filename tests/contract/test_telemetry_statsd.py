"""DogStatsD datagrams arrive as Datadog's Agent reads them, and nobody waits for an Agent that is away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from telemetry import own, statsd
from telemetry.kinds import Route
from tests.contract.telemetry_receivers import dogstatsd_receiver


@pytest.mark.parametrize("unix", [False, True], ids=["udp", "unix socket"])
def test_counts_gauges_and_distributions_arrive(tmp_path: Path, *, unix: bool) -> None:
    sent = own.datagrams_sent.value()
    with dogstatsd_receiver(tmp_path / "agent.sock" if unix else None) as agent:
        client = statsd.connect(agent.endpoint, constant_tags={"service": "app"})
        client.increment("app.requests", tags={"route": Route("/api/v1/appointments/{id}"), "status": 200})
        client.gauge("app.ready", 1)
        client.distribution("app.request.seconds", 0.25, tags={"outcome": "ok"})
        client.close()
        agent.wait_for_lines(3)
    assert agent.lines == [
        "app.ready:1|g|#service:app",
        "app.request.seconds:0.25|d|#outcome:ok,service:app",
        "app.requests:1|c|#route:/api/v1/appointments/:id,status:200,service:app",
    ]
    assert own.datagrams_sent.value() > sent


def test_a_tag_that_is_not_allowed_does_not_arrive() -> None:
    keys, values = own.dropped_tags.value("key"), own.dropped_tags.value("value")
    with dogstatsd_receiver() as agent:
        client = statsd.connect(agent.endpoint)
        client.increment(
            "app.requests", tags={"patient": "Mustermann", "route": "/patients/Mustermann", "method": "GET"}
        )
        client.close()
        agent.wait()
        assert b"".join(agent.raw).strip() == b"app.requests:1|c|#method:GET"
    assert own.dropped_tags.value("key") == keys + 1
    assert own.dropped_tags.value("value") == values + 1


def test_an_absent_agent_costs_datagrams_and_no_time(tmp_path: Path) -> None:
    lost = sum(own.datagrams_dropped.value(reason) for reason in ("queue_full", "expired", "not_sent"))
    client = statsd.connect(f"unix://{tmp_path}/nobody.sock")
    started = time.monotonic()
    for _ in range(5_000):
        client.distribution("app.request.seconds", 0.25, tags={"outcome": "ok"})
    assert time.monotonic() - started < 10, "2 ms each"
    client.close()
    assert time.monotonic() - started < 30
    assert sum(own.datagrams_dropped.value(reason) for reason in ("queue_full", "expired", "not_sent")) > lost


def test_without_an_address_nothing_is_sent() -> None:
    client = statsd.connect(None)
    client.increment("app.requests")
    client.gauge("app.ready", 1)
    client.distribution("app.request.seconds", 1)
    client.close()
    assert type(client) is statsd.Statsd


@pytest.mark.parametrize("address", ["unix://", "http://127.0.0.1:8125", "/var/run/dsd.sock"])
def test_a_malformed_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="DogStatsD address"):
        statsd.connect(address)
