"""Whatever is posted or asked, the console goes on showing what it can: one webhook or one row costs itself only."""

from __future__ import annotations

import asyncio
import json
import zlib
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from monitor import clock
from monitor.store import Store
from monitor.store_alerts import AlertRecord, Alerts
from tests.contract.test_web_console import PROBLEM, notification
from tests.contract.web_server import console

Client = TestClient[web.Request, web.Application]

PAGES = ("/", "/alerts", "/alerts?state=firing", "/runbooks", "/api/v1/alerts", "/metrics", "/-/ready")
HALF = "\ud800"
FIVE_THOUSAND_DIGITS = "9" * 5000


async def statuses(client: Client) -> dict[str, int]:
    return {page: (await client.get(page)).status for page in PAGES}


async def post(client: Client, body: bytes, **headers: str) -> aiohttp.ClientResponse:
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/hooks/alertmanager", data=BytesIO(body), headers=sent)


def labels(**more: str) -> dict[str, str]:
    return {"alertname": "RedisDown", "severity": "warning"} | more


HOSTILE: dict[str, Any] = {
    "half a character in an annotation": notification(annotations={"summary": HALF}),
    "half a character in the name of an annotation": notification(annotations={HALF: "x"}),
    "half a character in a name whose value is no text": notification(annotations={HALF: 1}),
    "half a character in a label": notification(labels=labels(severity=HALF)),
    "half a character in the fingerprint": notification(fingerprint=HALF),
    "half a character in the version": {"version": HALF, "alerts": []},
    "a fingerprint without end": notification(fingerprint="f" * 10_000),
    "a number for a label": notification(labels=labels() | {"instance": 5}),
    "a list for a label": notification(labels=labels() | {"instance": ["x"]}),
    "no number for a status": notification(status=float("nan")),
    "a list for a status": notification(status=["firing"]),
    "an object for a fingerprint": notification(fingerprint={"a": 1}),
    "a long list for a version": {"version": ["x" * 100] * 1000, "alerts": []},
    "a wall of text for a version": {"version": "x" * 100_000, "alerts": []},
    "alerts as an object": {"version": "4", "alerts": {"0": notification()}},
}


TOO_MUCH: dict[str, Any] = {
    "the end of time": notification(startsAt="9999-12-31T23:59:59Z"),
    "the beginning of time": notification(startsAt="0001-01-01T00:00:00Z"),
    "an end at the end of time": notification(status="resolved", endsAt="9999-12-31T23:59:59Z"),
    "an end before all time": notification(status="resolved", endsAt="0001-01-01T00:00:00Z"),
    "labels without end": notification(labels=labels() | {f"label_{number}": "x" for number in range(5000)}),
    "a label without end": notification(labels=labels(instance="x" * 100_000)),
    "annotations without end": notification(annotations={f"a{number}": "x" for number in range(5000)}),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_alertmanager_would_never_send_is_refused_and_kept_nowhere(tmp_path: Path, name: str) -> None:
    async with console(tmp_path) as (client, store):
        answer = await post(client, json.dumps(HOSTILE[name]).encode())
        detail = (await answer.json())["detail"]
        assert (answer.status, answer.content_type) == (400, PROBLEM)
        assert "\n" not in detail
        assert len(detail) < 300
        assert Alerts(store).newest() == ()
        assert set((await statuses(client)).values()) == {200}


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_what_alertmanager_may_send_and_no_page_could_show_costs_only_itself(tmp_path: Path, name: str) -> None:
    """Anything but 2xx, and Alertmanager would send the group again at each of its intervals, for ever."""
    (odd,) = TOO_MUCH[name]["alerts"]
    (good,) = notification(fingerprint="good")["alerts"]
    async with console(tmp_path) as (client, store):
        for alerts in ([odd], [good, odd]):
            answer = await post(client, json.dumps({"version": "4", "alerts": alerts}).encode())
            assert answer.status == 204
        assert [alert.fingerprint for alert in Alerts(store).newest()] == ["good"]
        counted = await (await client.get("/metrics")).text()
        for sample in (
            'monitor_alerts_received_total{status="refused"} 2.0',
            'monitor_alerts_received_total{status="firing"} 1.0',
            'monitor_alert_notifications_total{outcome="partial"} 1.0',
            'monitor_alert_notifications_total{outcome="refused"} 1.0',
        ):
            assert sample in counted
        assert set((await statuses(client)).values()) == {200}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"version": "4", "alerts": ' + FIVE_THOUSAND_DIGITS.encode() + b"}", {}, 400),
        (b'{"alerts":' * 50_000, {}, 400),
        (b"[" * 500_000, {}, 400),
        (b'{"alerts": [NaN, Infinity, 1e999]}', {}, 400),
        (b"x" * 10_000_000, {}, 413),
        (zlib.compress(b" " * 50_000_000), {"Content_Encoding": "deflate"}, 413),
        (b"this was never compressed", {"Content_Encoding": "deflate"}, 400),
        (b"this was never compressed", {"Content_Encoding": "gzip"}, 400),
    ],
)
async def test_a_body_that_is_no_json_is_refused(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    async with console(tmp_path) as (client, _):
        answer = await post(client, body, **headers)
        assert (answer.status, answer.content_type) == (status, PROBLEM)


@pytest.mark.parametrize(
    "alert",
    [
        {"annotations": {"summary": "x" * 200_000, "impact": "y" * 200_000}},
        {"annotations": {"summary": "\0<script>\u202e", "runbook_url": "javascript:alert(1)"}},
        {"annotations": {"runbook_url": "http://[", "dashboard_url": "http://x:99999/"}},
        {"labels": labels(severity="none of yours")},
        {"labels": {"alertname": "../../etc/passwd"}, "fingerprint": "a/../b"},
        {"startsAt": "2199-12-31T23:59:59Z"},
        {"status": "resolved", "endsAt": "2001-01-01T00:00:00Z"},
    ],
)
async def test_what_is_odd_but_true_is_kept_and_every_page_shows_it(tmp_path: Path, alert: dict[str, Any]) -> None:
    async with console(tmp_path) as (client, store):
        answer = await post(client, json.dumps(notification(**alert)).encode())
        assert answer.status == 204
        (kept,) = Alerts(store).newest()
        assert len(json.dumps(kept.annotations)) < 20_000
        assert set((await statuses(client)).values()) == {200}


@pytest.mark.parametrize("evaluated", ["1e999", "-1e308", "9" * 5000, "nan", "0"])
async def test_a_watchdog_from_no_time_that_was_has_no_latency(tmp_path: Path, evaluated: str) -> None:
    async with console(tmp_path) as (client, store):
        body = notification(annotations={"evaluated_at": evaluated})
        assert (await client.post("/hooks/watchdog", json=body)).status == 204
        seen = store.get("watchdog", "latest")
        assert seen is not None
        assert seen.body["latency_seconds"] is None


async def test_a_group_of_three_thousand_alerts_is_taken(tmp_path: Path) -> None:
    """In an incident that large the record must not be empty; the annotations are as long as the catalogue's."""
    (alert,) = notification(annotations={"summary": "s" * 200, "impact": "i" * 800, "query": "q" * 1000})["alerts"]
    body = {"version": "4", "alerts": [alert | {"fingerprint": f"{number:016x}"} for number in range(3000)]}
    async with console(tmp_path) as (client, store):
        assert (await post(client, json.dumps(body).encode())).status == 204
        assert len(Alerts(store).firing()) == 3000


HOUR = 3600.0


async def told(client: Client, store: Store, hours: int, environment: str = "", **fields: Any) -> int:
    """Post a Watchdog of an evaluation of some hours ago; of which one the console takes for the newest."""
    own = {"environment": environment} if environment else {}
    evaluated = {"evaluated_at": str(clock.now().timestamp() - hours * HOUR)}
    body = notification(labels={"alertname": "Watchdog", "severity": "none"} | own, annotations=evaluated, **fields)
    assert (await client.post("/hooks/watchdog", json=body)).status == 204
    seen = store.get("watchdog", "latest")
    assert seen is not None
    return round(float(seen.body["latency_seconds"]) / HOUR)


async def test_the_watchdog_of_another_environment_does_not_speak_for_ours(tmp_path: Path) -> None:
    """One Alertmanager may serve several; the console's catalogue is of the environment ``local``."""
    async with console(tmp_path) as (client, store):
        assert await told(client, store, 1, "staging") == 1
        assert await told(client, store, 2, "local") == 2
        assert await told(client, store, 3, "staging") == 2
        assert await told(client, store, 4) == 2
        assert await told(client, store, 5, "local", status="resolved", endsAt="2026-11-22T17:05:00Z") == 2
        assert await told(client, store, 6, "local") == 6


async def test_a_prometheus_that_names_no_environment_or_another_is_heard_all_the_same(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        for hours, environment in enumerate(("", "production", "")):
            assert await told(client, store, hours, environment) == hours


async def test_a_row_that_cannot_be_shown_costs_only_itself(tmp_path: Path) -> None:
    """Such rows are refused today; a store may hold some from before."""
    now = clock.now()
    ages = clock.from_rfc3339("9999-12-31T23:59:59Z")
    async with console(tmp_path) as (client, store):
        for number, (summary, starts_at) in enumerate([(HALF, now), ("far", ages), ("Redis is down", now)]):
            record = AlertRecord(
                fingerprint=f"f{number}",
                labels=labels(),
                annotations={"summary": summary},
                state="firing",
                starts_at=starts_at,
                received_at=now,
            )
            Alerts(store).record(record)
        assert set((await statuses(client)).values()) == {200}
        assert "Redis is down" in await (await client.get("/")).text()


@pytest.mark.parametrize("path", ["/api/v1/alerts", "/api/v1/drills", "/api/v1/jobs"])
@pytest.mark.parametrize(
    "query",
    [
        f"limit={FIVE_THOUSAND_DIGITS}",
        "limit=%ED%A0%80",
        "limit=%D9%A3",
        f"since={FIVE_THOUSAND_DIGITS}",
        "since=9999-12-31T23:59:59-23:59",
        "since=0001-01-01T00:00:00%2B23:59",
        "since=%ED%A0%80",
        "since=%00",
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(tmp_path: Path, path: str, query: str) -> None:
    async with console(tmp_path) as (client, _):
        answer = await client.get(f"{path}?{query}")
        assert (answer.status, answer.content_type) == (400, PROBLEM)
        assert len((await answer.json())["detail"]) < 300


@pytest.mark.parametrize("start", ["/drills/", "/api/v1/drills/", "/slos/", "/runbooks/", "/static/", "/", "/api/"])
@pytest.mark.parametrize("end", [b"%00", b"\xff", b"%ff", b"%ED%A0%80", b"..%2f..%2fetc", b"x" * 7000, b"%"])
async def test_a_path_that_leads_nowhere_is_said_so(tmp_path: Path, start: str, end: bytes) -> None:
    async with console(tmp_path) as (client, _):
        # Raw: clients repair such paths before they send them.
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(f"GET {start}".encode() + end + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status = int((await reader.readline()).split()[1])
        writer.close()
        assert 400 <= status < 500


async def test_what_fires_is_listed_however_many_came_and_went_since(tmp_path: Path) -> None:
    now = clock.now()
    before = now - timedelta(days=1)
    old = AlertRecord(
        fingerprint="old", labels=labels(alertname="Old"), state="firing", starts_at=before, received_at=before
    )
    ended = replace(old, labels=labels(), state="resolved", starts_at=now, received_at=now, ends_at=now)
    async with console(tmp_path) as (client, store):
        Alerts(store).record(old)
        for number in range(210):
            Alerts(store).record(replace(ended, fingerprint=f"f{number}"))
        for page, shown in (("/alerts", True), ("/alerts?state=firing", True), ("/alerts?state=resolved", False)):
            assert ("/alerts/old" in await (await client.get(page)).text()) == shown


async def test_an_old_episode_ends_however_many_fire(tmp_path: Path) -> None:
    """Of 1500 alerts that fired anew, each had its old episode left open unless it was among the newest 500."""
    began, now = clock.now() - timedelta(hours=1), clock.now()
    names = [f"f{number}" for number in range(1500)]
    async with console(tmp_path) as (client, store):
        for name in names:
            Alerts(store).record(
                AlertRecord(fingerprint=name, labels=labels(), state="firing", starts_at=began, received_at=began)
            )
        (alert,) = notification(startsAt=clock.to_rfc3339(now))["alerts"]
        body = {"version": "4", "alerts": [alert | {"fingerprint": name} for name in names]}
        assert (await post(client, json.dumps(body).encode())).status == 204
        assert len(Alerts(store).newest(state="resolved", limit=5000)) == 1500
        assert {clock.to_rfc3339(alert.starts_at) for alert in Alerts(store).firing()} == {clock.to_rfc3339(now)}
        assert 'monitor_alerts_active{severity="warning"} 1500.0' in await (await client.get("/metrics")).text()
        assert (await client.get("/")).status == 200
