"""When everything breaks at once: thousands of alerts, a Prometheus that hangs, clocks that differ."""

from __future__ import annotations

import asyncio
import json
import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from monitor import clock
from monitor.store import Store
from monitor.store_alerts import AlertRecord, Alerts
from monitor.store_suppressed import Suppressed, Suppressions
from tests.contract.test_web_console import notification
from tests.contract.test_web_hostile import post
from tests.contract.test_web_oncall import LABELS, form, record, text_of
from tests.contract.web_server import console

pytestmark = pytest.mark.usefixtures("steady_time")

Client = TestClient[web.Request, web.Application]
MANY = 2000


def storm(store: Store, *, severity: str = "critical") -> None:
    """So many hosts that went down together, whose alerts have the same name and the same words."""
    now = clock.now()
    with store.transaction() as connection:
        for number in range(MANY):
            labels = f'{{"alertname": "HostDown", "severity": "{severity}", "instance": "host-{number}"}}'
            at = clock.to_rfc3339((now - timedelta(minutes=12, milliseconds=number)).replace(microsecond=1000))
            row = (f"{number:016x}", at, "firing", at, None, labels, '{"summary": "A host is down"}')
            connection.execute("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?)", row)


async def test_what_was_done_about_an_alert_stays_in_its_story_whatever_else_fires(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        storm(store)
        record(store)
        page = "/alerts/fRedisDown"
        for path, why in (("acknowledge", "looking"), ("note", "it is the disk")):
            await client.post(f"{page}/{path}", data=await form(client, page, why=why))
        story = await (await client.get("/api/v1/alerts/fRedisDown")).json()
        draft = await text_of(client, f"{page}/postmortem.md")
    told = [entry["text"] for entry in story["timeline"]]
    assert {"RedisDown began to fire", "Ada acknowledged it: looking", "Ada noted it: it is the disk"} <= set(told)
    assert [entry["at"] for entry in story["timeline"]] == sorted(entry["at"] for entry in story["timeline"])
    assert len(told) == 300
    assert "it is the disk" in draft
    assert "more happened than is listed here" in draft


async def test_what_people_do_is_not_counted_as_an_error_of_the_console(tmp_path: Path) -> None:
    """Else whoever acknowledges sets off the alert about the console's own errors."""
    async with console(tmp_path) as (client, store):
        record(store)
        page = "/alerts/fRedisDown"
        fields = await form(client, page, why="")
        answer = await client.post(f"{page}/acknowledge", data=fields, allow_redirects=False)
        metrics = await text_of(client, "/metrics")
    assert (answer.status, answer.headers["Location"].partition("?")[0]) == (303, page)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert 'http_response_status_code="303"' in metrics
    assert 'http_response_status_code="500"' not in metrics


async def test_a_prometheus_that_hangs_delays_who_looks_once_however_many_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of a runbook's queries waited in turn for the few threads that there were."""
    monkeypatch.setattr("monitor.web.app.PROMETHEUS_TIMEOUT_S", 0.2)  # and the second that the client adds
    (tmp_path / "runbooks").mkdir()
    queries = "".join(f"```promql\nredis_up > {number}\n```\n" for number in range(8))
    (tmp_path / "runbooks" / "RedisDown.md").write_text(f"# RedisDown\n\n{queries}", encoding="utf-8")
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with console(tmp_path, prometheus_url=url) as (client, store):
            record(store)
            begun = time.monotonic()
            texts = await asyncio.gather(*(text_of(client, "/alerts/fRedisDown") for _ in range(4)))
            took = time.monotonic() - begun
        for writer in held:
            writer.close()
    for text in texts:
        assert "did not answer within" in text
        assert "not asked: Prometheus takes too long" in text
    assert took < 4


async def test_an_alertmanager_that_hangs_is_told_from_one_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.sources.alertmanager.TIMEOUT_S", 0.2)
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with console(tmp_path, alertmanager_url=url) as (client, store):
            record(store)
            page = "/alerts/fRedisDown"
            fields = await form(client, page, why="w", label="alertname", **{"for": "1h"})
            silenced = await client.post(f"{page}/silence", data=fields)
            listed = await client.get("/silences")
            texts = [await answer.text() for answer in (silenced, listed)]
        for writer in held:
            writer.close()
    assert (silenced.status, listed.status) == (503, 503)
    assert "did not answer within 0.2 s; it may have done what it was told" in texts[0]
    assert "did not answer within 0.2 s<" in texts[1]


@pytest.mark.parametrize("ahead", [timedelta(minutes=3), timedelta(days=3)])
async def test_an_alert_from_a_clock_that_is_ahead_is_shown_without_made_up_spans(
    tmp_path: Path, ahead: timedelta
) -> None:
    async with console(tmp_path) as (client, store):
        now = clock.now()
        alert = AlertRecord(fingerprint="fAhead", labels=LABELS, state="firing", starts_at=now + ahead, received_at=now)
        Alerts(store).record(alert)
        await client.post("/api/v1/alerts/fAhead/acknowledge", json={"who": "Ada"})
        text = await text_of(client, "/alerts/fAhead")
        await text_of(client, "/alerts/fAhead?range=24h")
        await text_of(client, "/alerts")
    assert "0 s later" in text
    assert "Ada, 0 s after it began" in text
    assert "for 0 s" in text


async def test_a_storm_is_listed_short_counted_whole_and_can_be_narrowed(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        storm(store)
        record(store, ago=600)  # milder and older than all of these
        record(store, name="MongoDown", ago=3, lasted=1)
        text, one, over, home = [
            await text_of(client, path)
            for path in ("/alerts", "/alerts?state=firing&name=RedisDown", "/alerts?name=MongoDown", "/")
        ]
        few = await client.get("/api/v1/alerts?state=firing&limit=3")
        assert (len(await few.json()), few.headers["X-Total-Count"]) == (3, "2001")
    assert len(text) < 300_000
    assert '<span class="count">2001</span>' in text
    assert 'name=HostDown">HostDown</a> <span class="count">2000' in text
    assert (text.count('<li class="alert critical">'), text.count('<li class="alert warning">')) == (199, 1)
    assert "RedisDown is wrong" in text
    assert (home.count('<li class="alert critical">'), "RedisDown is wrong" in home) == (99, True)
    assert len(set(re.findall(r"instance host-\d+<", text))) == 199  # what tells one from another of the same words
    assert re.findall(r'<li class="alert (\w+)">', one) == ["warning"]
    assert (re.findall(r'<li class="alert (\w+)">', over), "MongoDown is wrong" in over) == (["over"], True)


async def test_a_group_of_thousands_arrives_whole(tmp_path: Path) -> None:
    """Refused as too large it would never be sent again, in the very hour in which everything is down."""
    (alert,) = notification()["alerts"]
    words = dict.fromkeys(("summary", "impact", "action", "query"), "Patients on this host wait. " * 15)
    alerts = [alert | {"fingerprint": f"{number:016x}", "annotations": words} for number in range(3000)]
    async with console(tmp_path) as (client, store):
        begun = time.monotonic()
        answer = await post(client, json.dumps({"version": "4", "alerts": alerts}).encode())
        assert answer.status == 204
        assert len(Alerts(store).firing()) == 3000
        assert time.monotonic() - begun < 8  # Alertmanager waits 10 s where its group_interval is shorter


async def test_what_fires_is_listed_before_what_ended_since_and_says_who_has_it(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        for name, ago in (("RedisDown", 500.0), ("MongoDown", 600.0), ("AppDown", 700.0)):
            record(store, name=name, ago=ago)
        record(store, name="EdgeDown", ago=60, lasted=1)
        await client.post("/api/v1/alerts/fRedisDown/acknowledge", json={"who": "Ada <b>"})
        quiet, now = Alerts(store).firing()[1], clock.now()
        assert quiet.fingerprint == "fMongoDown"
        seen = Suppressed(
            fingerprint=quiet.fingerprint,
            labels=quiet.labels,
            starts_at=quiet.starts_at,
            first_at=now,
            last_at=now,
            silenced=True,
            inhibited=False,
        )
        Suppressions(store).see([seen])
        for path in ("/alerts", "/"):
            text = await text_of(client, path)
            places = [text.index(f"{name}Down is wrong") for name in ("Redis", "Mongo", "App", "Edge")]
            assert places == sorted(places)
            marks = [re.findall(r"taken by [^<]*|kept quiet", part) for part in text.split('<li class="alert ')[1:5]]
            assert marks == [["taken by Ada &lt;b&gt;"], ["kept quiet"], [], []]
