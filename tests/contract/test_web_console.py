"""The console, its API and its hooks over real HTTP and a real store."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth
from prometheus_client.parser import text_string_to_metric_families

from monitor import clock
from monitor.metrics import METRICS
from monitor.store import ComponentChange
from monitor.store_alerts import AlertRecord, Alerts
from monitor.web.hooks import MAX_BYTES
from telemetry.webconfig import WebConfig, hash_password
from tests.contract.history import History, serve
from tests.contract.web_server import console

PROBLEM = "application/problem+json"


def notification(**fields: Any) -> dict[str, Any]:
    alert = {
        "status": "firing",
        "labels": {"alertname": "RedisDown", "severity": "warning"},
        "annotations": {"summary": "Redis does not answer"},
        "startsAt": "2026-11-22T17:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "f1",
    }
    return {"version": "4", "alerts": [alert | fields]}


async def test_an_alert_is_stored_once_however_often_it_is_told(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        for _ in range(3):
            assert (await client.post("/hooks/alertmanager", json=notification())).status == 204
        (shown,) = await (await client.get("/api/v1/alerts")).json()
    received = clock.from_rfc3339(shown.pop("received_at"))
    assert clock.now() - received < timedelta(minutes=1)
    assert shown == {
        "fingerprint": "f1",
        "labels": {"alertname": "RedisDown", "severity": "warning"},
        "annotations": {"summary": "Redis does not answer"},
        "state": "firing",
        "starts_at": "2026-11-22T17:00:00Z",
        "ends_at": None,
    }


async def test_a_rehearsal_is_shown_as_one_wherever_alerts_are_listed(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        for drill in ("", "true"):
            labels = {"alertname": "RedisDown", "severity": "critical"} | ({"drill": drill} if drill else {})
            body = notification(labels=labels, fingerprint=f"f{drill}")
            assert (await client.post("/hooks/alertmanager", json=body)).status == 204
            for page in ("/", "/alerts"):
                text = await (await client.get(page)).text()
                assert (re.search(r"<span[^>]*>\s*(?:<[^>]*>)*\s*drill", text) is not None) == bool(drill), page


async def test_a_resolved_alert_keeps_when_it_was_first_heard_of(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        await client.post("/hooks/alertmanager", json=notification())
        (before,) = await (await client.get("/api/v1/alerts")).json()
        await client.post("/hooks/alertmanager", json=notification(status="resolved", endsAt="2026-11-22T17:05:00Z"))
        (after,) = await (await client.get("/api/v1/alerts?state=resolved")).json()
        assert await (await client.get("/api/v1/alerts?state=firing")).json() == []
    assert after == before | {"state": "resolved", "ends_at": "2026-11-22T17:05:00Z"}


async def test_an_alert_that_fires_again_ends_the_episode_that_was_never_resolved(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        await client.post("/hooks/alertmanager", json=notification())
        await client.post("/hooks/alertmanager", json=notification(startsAt="2026-11-22T17:10:00Z"))
        episodes = await (await client.get("/api/v1/alerts")).json()
    ends = {episode["starts_at"]: (episode["state"], episode["ends_at"]) for episode in episodes}
    assert ends == {
        "2026-11-22T17:00:00Z": ("resolved", "2026-11-22T17:10:00Z"),
        "2026-11-22T17:10:00Z": ("firing", None),
    }


async def test_an_alert_whose_start_moves_back_is_the_same_one(tmp_path: Path) -> None:
    """As Alertmanager does where a second Prometheus had seen it first: it was listed, and counted, twice."""
    async with console(tmp_path) as (client, _):
        for moved in (
            {},
            {"startsAt": "2026-11-22T16:59:50Z"},
            {"startsAt": "2026-11-22T16:59:50Z", "status": "resolved", "endsAt": "2026-11-22T17:05:00Z"},
        ):
            assert (await client.post("/hooks/alertmanager", json=notification(**moved))).status == 204
            assert len(await (await client.get("/api/v1/alerts")).json()) == 1
        (only,) = await (await client.get("/api/v1/alerts?state=resolved")).json()
    assert (only["starts_at"], only["ends_at"]) == ("2026-11-22T17:00:00Z", "2026-11-22T17:05:00Z")


async def test_the_late_end_of_an_older_episode_ends_no_newer_one(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        await client.post("/hooks/alertmanager", json=notification(startsAt="2026-11-22T17:10:00Z"))
        await client.post("/hooks/alertmanager", json=notification(status="resolved", endsAt="2026-11-22T17:05:00Z"))
        episodes = await (await client.get("/api/v1/alerts")).json()
    assert {one["starts_at"]: one["state"] for one in episodes} == {
        "2026-11-22T17:10:00Z": "firing",
        "2026-11-22T17:00:00Z": "resolved",
    }


@pytest.mark.parametrize("hook", ["/hooks/alertmanager", "/hooks/watchdog"])
@pytest.mark.parametrize(
    ("body", "content_type", "status", "detail"),
    [
        (b"", "application/json", 400, "the body is not JSON"),
        (b"\xff\xfe{}", "application/json", 400, "the body is not JSON"),
        (b"[" * 100_000, "application/json", 400, "the body is not JSON"),
        (b"[]", "application/json", 400, "the body is not a JSON object"),
        (b'{"alerts": [{}]}', "application/json", 400, "alerts[0].labels is not a JSON object"),
        (json.dumps(notification()).encode(), "text/plain", 415, "must be sent as application/json"),
        (json.dumps(notification()).encode(), "application/x-www-form-urlencoded", 415, "as application/json"),
        pytest.param(
            b" " * (MAX_BYTES + 1), "application/json", 413, "Maximum request body size", id="more than is taken"
        ),
    ],
)
async def test_garbage_is_refused_with_one_clear_sentence(
    tmp_path: Path, hook: str, body: bytes, content_type: str, status: int, detail: str
) -> None:
    async with console(tmp_path) as (client, _):
        answer = await client.post(hook, data=BytesIO(body), headers={"Content-Type": content_type})
        problem = await answer.json()
        assert (answer.status, answer.content_type) == (status, PROBLEM)
        assert detail in problem["detail"]
        assert "\n" not in problem["detail"]
        assert await (await client.get("/api/v1/alerts")).json() == []
        assert 'notifications_total{outcome="refused"} 1.0' in await (await client.get("/metrics")).text()


@pytest.mark.parametrize(
    "query",
    ["state=maybe", "since=yesterday", "since=2026-11-22", "limit=0", "limit=-1", "limit=²", "limit=99999999999"],
)
async def test_a_filter_that_makes_no_sense_is_refused(tmp_path: Path, query: str) -> None:
    async with console(tmp_path) as (client, _):
        answer = await client.get(f"/api/v1/alerts?{query}")
        assert (answer.status, answer.content_type) == (400, PROBLEM)


async def test_since_keeps_what_was_received_later(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        await client.post("/hooks/alertmanager", json=notification())
        later = clock.to_rfc3339(clock.now() + timedelta(hours=1))
        assert await (await client.get("/api/v1/alerts", params={"since": later})).json() == []
        assert len(await (await client.get("/api/v1/alerts?since=2026-01-01T00:00:00+01:00")).json()) == 1


async def test_the_watchdog_is_remembered_and_is_no_alert_for_people(tmp_path: Path) -> None:
    watchdog = {"alertname": "Watchdog", "severity": "none"}
    evaluated = {"evaluated_at": str(clock.now().timestamp() - 3)}
    async with console(tmp_path) as (client, store):
        assert "monitor_watchdog_last_seen" not in await (await client.get("/metrics")).text()
        assert "never seen" in await (await client.get("/")).text()
        body = notification(labels=watchdog, annotations=evaluated)
        assert (await client.post("/hooks/watchdog", json=body)).status == 204
        seen = store.get("watchdog", "latest")
        assert seen is not None
        assert 3 <= seen.body["latency_seconds"] < 10
        assert "monitor_watchdog_last_seen_timestamp_seconds" in await (await client.get("/metrics")).text()
        assert await (await client.get("/api/v1/alerts")).json() == []


async def test_what_an_alert_says_is_shown_as_text(tmp_path: Path) -> None:
    attack = '"><script>alert(1)</script>'
    labels = {"alertname": attack, "severity": attack, "x": attack}
    links = {"runbook_url": "javascript:alert(1)", "dashboard_url": 'http://grafana.example/d?x="onclick=alert(1)'}
    async with console(tmp_path) as (client, _):
        for severity in ("critical", attack):
            body = notification(
                labels=labels | {"severity": severity},
                annotations={"summary": attack, "impact": attack} | links,
                fingerprint=severity,
            )
            assert (await client.post("/hooks/alertmanager", json=body)).status == 204
        for page in ("/", "/alerts"):
            answer = await client.get(page)
            html = await answer.text()
            assert "<script>alert" not in html
            assert "&lt;script&gt;" in html
            assert "javascript:" not in html
            assert '"onclick' not in html
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy


async def test_without_prometheus_the_slos_are_unknown_and_the_page_still_comes(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        answer = await client.get("/api/v1/slos")
        assert (answer.status, answer.content_type) == (503, PROBLEM)
        assert (await answer.json())["detail"].startswith("cannot reach Prometheus at http://127.0.0.1:9")
        page = await client.get("/")
        assert page.status == 200
        assert "cannot reach Prometheus" in await page.text()


async def test_slos_are_what_prometheus_recorded(tmp_path: Path) -> None:
    history, now = History(), clock.now()
    times = [now + timedelta(seconds=15 * step) for step in range(-20, 20)]
    for family, value in (("sli", 0.9999), ("error_budget_remaining", 0.8), ("coverage", 0.001)):
        labels = {"slo": "availability", "window": "30d"}
        history.add(f"slo:{family}:ratio", labels, [(at, value) for at in times])
    with serve(history, tmp_path) as prometheus:
        async with console(tmp_path, prometheus_url=prometheus.url) as (client, _):
            rows = {row["name"]: row for row in await (await client.get("/api/v1/slos")).json()}
            page = await (await client.get("/")).text()
            one = await (await client.get("/slos/availability")).text()
    assert rows["availability"]["sli"] == 0.9999
    assert rows["availability"]["verdict"] == "insufficient data"
    assert rows["booking-success"]["sli"] is None
    assert "99.99 %" in page
    assert page.count("insufficient data") == len(rows)
    assert "80 % of the error budget is left, as far as measured" in one


async def test_components_backups_drills_and_jobs_are_shown(tmp_path: Path) -> None:
    now = clock.now()
    at = clock.to_rfc3339(now)
    journal: dict[str, Any] = {
        "id": "d1",
        "drill": "primary-killed",
        "title": "The primary dies",
        "outcome": "passed",
        "reason": "",
    }
    journal |= {"started_at": at, "finished_at": at, "measurements": {"failover_seconds": 2.5}}
    journal |= {"alerts": ["RedisDown"], "steps": [{"at": at, "what": "killed mongo-1", "ok": True}], "verdicts": []}
    taken = {"id": "b1", "type": "full", "outcome": "passed", "finished_at": at, "recovery_point": at, "bytes": 5}
    async with console(tmp_path) as (client, store):
        change = ComponentChange(name="mongo-1", at=now, state="held", reason="a drill", address="127.0.0.1:27017")
        store.record_component(change)
        store.put("backup", "b1", taken)
        store.put("verification", "v1", {"backup": "b1", "at": at, "outcome": "passed", "restore_seconds": 1.0})
        store.put("drill", "d1", journal)
        store.put("job", "j1", {"job": "backup", "started_at": at, "finished_at": at, "outcome": "passed"})
        components = (await (await client.get("/api/v1/components")).json())["components"]
        assert [(row["name"], row["state"], row["reason"]) for row in components] == [("mongo-1", "held", "a drill")]
        (backup,) = await (await client.get("/api/v1/backups")).json()
        assert backup["verification"]["outcome"] == "passed"
        assert await (await client.get("/api/v1/drills")).json() == [journal]
        assert await (await client.get("/api/v1/drills/d1")).json() == journal
        assert (await client.get("/api/v1/drills/nope")).status == 404
        assert len(await (await client.get("/api/v1/jobs")).json()) == 1
        page = await (await client.get("/")).text()
        assert "held" in page
        assert "primary-killed" in page
        assert "killed mongo-1" in await (await client.get("/drills/d1")).text()


async def test_a_runbook_is_joined_with_what_is_known_about_its_alert(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "RedisDown.md").write_text("## Meaning\n\nRedis is away.\n", encoding="utf-8")
    now = clock.now()
    async with console(tmp_path) as (client, store):
        labels = {"alertname": "RedisDown", "severity": "warning"}
        alert = AlertRecord(fingerprint="f", labels=labels, state="firing", starts_at=now, received_at=now)
        Alerts(store).record(alert)
        page = await (await client.get("/runbooks/RedisDown")).text()
        assert "<h2>Meaning</h2>" in page
        assert "firing" in page
        assert "never" in page
        assert "RedisDown" in await (await client.get("/runbooks")).text()
        assert (await client.get("/runbooks/RedisDown.md")).status == 200


async def test_runbooks_lead_to_each_other_from_every_page_that_shows_them(tmp_path: Path) -> None:
    (tmp_path / "runbooks" / "procedures").mkdir(parents=True)
    written = {
        "RedisDown": "[rebuild](procedures/rebuild.md) [disk](DiskFull.md) [docs](https://redis.io/) [odd](http://[x)",
        "DiskFull": "x",
        "procedures/rebuild": "[back](../RedisDown.md) [next](verify.md)",
        "procedures/verify": "x",
    }
    for name, text in written.items():
        (tmp_path / "runbooks" / f"{name}.md").write_text(text, encoding="utf-8")
    async with console(tmp_path) as (client, _):
        assert (await client.post("/hooks/alertmanager", json=notification(fingerprint="f"))).status == 204
        for page in ("/runbooks", "/alerts/f", *(f"/runbooks/{name}" for name in written)):
            answer = await client.get(page)
            assert answer.status == 200, page
            links = re.findall(r'<a href="([^"#]+)"', await answer.text())
            assert all(link.startswith(("/", "http://", "https://")) for link in links)
            for link in {link for link in links if link.startswith("/runbooks/")}:
                assert (await client.get(link)).status == 200, (page, link)
        assert 'href="https://redis.io/"' in await (await client.get("/alerts/f")).text()


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/slos/nope", "/drills/nope", "/runbooks/Nope", "/runbooks/..%2f..%2fetc%2fpasswd", "/static/../x"],
)
async def test_what_is_not_there_is_a_page_that_says_so(tmp_path: Path, path: str) -> None:
    async with console(tmp_path) as (client, _):
        answer = await client.get(path)
        assert (answer.status, answer.content_type) == (404, "text/html")
        assert "Not Found" in await answer.text()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::"])
async def test_a_strangers_host_name_is_refused(tmp_path: Path, host: str) -> None:
    async with console(tmp_path) as (client, _):
        assert (await client.get("/api/v1/alerts", headers={"Host": host})).status in {400, 421}
        assert (await client.get("/api/v1/alerts", headers={"Host": "localhost:9500"})).status == 200


async def test_with_users_configured_only_they_get_in(tmp_path: Path) -> None:
    protection = WebConfig(users={"sre": hash_password("right", cost=4)})
    async with console(tmp_path, protection=protection) as (client, _):
        assert (await client.get("/")).status == 401
        assert (await client.post("/hooks/alertmanager", json=notification())).status == 401
        assert (await client.get("/-/ready")).status == 200
        assert (await client.get("/", headers={"Authorization": encode_basic_auth("sre", "right")})).status == 200
        assert (await client.get("/", headers={"Authorization": encode_basic_auth("sre", "wrong")})).status == 401
        counted = await client.get("/metrics", headers={"Authorization": encode_basic_auth("sre", "right")})
        # An Alertmanager with an old password: the alert AlertsRefused is about it as well.
        assert 'monitor_alert_notifications_total{outcome="refused"} 1.0' in await counted.text()


async def test_many_notifications_at_once_are_all_kept(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        posts = (client.post("/hooks/alertmanager", json=notification(fingerprint=f"f{n}")) for n in range(60))
        answers = await asyncio.gather(*posts)
        assert {answer.status for answer in answers} == {204}
        assert len(Alerts(store).newest()) == 60


async def test_no_method_but_those_offered_is_taken(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        for method, path in (("GET", "/hooks/alertmanager"), ("POST", "/api/v1/alerts"), ("DELETE", "/")):
            answer = await client.request(method, path)
            assert answer.status == 405
            assert answer.headers["Allow"]


async def test_every_metric_on_the_page_is_declared_with_its_labels(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        store.put("watchdog", "latest", {"at": clock.to_rfc3339(clock.now()), "latency_seconds": 1.5})
        await client.post("/hooks/alertmanager", json=notification())
        page = await (await client.get("/metrics")).text()
    declared = {metric.name: set(metric.labels) for metric in METRICS}
    families = {family.name: family for family in text_string_to_metric_families(page)}
    for family in families.values():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if family.name.endswith("_created"):
            continue
        assert name in declared, name
        assert all(set(sample.labels) - {"le"} == declared[name] for sample in family.samples), name
    assert families["monitor_watchdog_latency_seconds"].samples[0].value == 1.5
    (warning,) = (s for s in families["monitor_alerts_active"].samples if s.labels["severity"] == "warning")
    assert warning.value == 1


@pytest.mark.parametrize("path", ["/static/console.css", "/static/console.js", "/static/chart.css"])
async def test_what_pages_are_drawn_with_is_asked_for_again_and_sent_once(tmp_path: Path, path: str) -> None:
    """Or a browser shows the pages of a new version with the sheet of the old one, for days."""
    async with console(tmp_path) as (client, _):
        first = await client.get(path)
        again = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, first.headers["Cache-Control"], again.status) == (200, "no-cache", 304)
