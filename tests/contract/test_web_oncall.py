"""The pages of on-call over real HTTP: a real Alertmanager that silences, a real Prometheus that is drawn."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestClient, TestServer

from monitor import clock
from monitor.store import ComponentChange, Store
from monitor.store_actions import Actions
from monitor.store_alerts import AlertRecord, Alerts
from telemetry.webconfig import WebConfig, hash_password
from tests.contract.history import History, serve
from tests.contract.web_server import alertmanager, console

LABELS = {"alertname": "RedisDown", "severity": "warning", "component": "redis", "team": "sre"}
Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def answering(say: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Somebody at an address who answers whatever is asked."""
    stranger = web.Application()
    stranger.router.add_route("*", "/{path:.*}", say)
    async with TestServer(stranger, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


def record(
    store: Store, *, name: str = "RedisDown", ago: float = 10, lasted: float | None = None, **more: str
) -> AlertRecord:
    now = clock.now().replace(microsecond=0)
    begun = now - timedelta(minutes=ago)
    alert = AlertRecord(
        fingerprint="f" + name,
        labels=LABELS | {"alertname": name} | more,
        annotations={"summary": f"{name} is wrong", "impact": "Patients wait.", "action": "Open the runbook."},
        state="firing",
        starts_at=begun,
        received_at=begun + timedelta(seconds=5),
    )
    Alerts(store).record(alert)
    if lasted is not None:
        ends = begun + timedelta(minutes=lasted)
        over: dict[str, Any] = {"state": "resolved", "ends_at": ends, "received_at": ends}
        Alerts(store).record(AlertRecord(**{name: getattr(alert, name) for name in alert.__slots__} | over))
    return alert


async def form(client: Client, page: str, **fields: object) -> dict[str, object]:
    """What the page's forms carry along."""
    text = await (await client.get(page)).text()
    token = re.search(r'name="token" value="(\w+)"', text)
    assert token, "the page has no form"
    return {"token": token[1], "who": "Ada"} | fields


async def text_of(client: Client, path: str) -> str:
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def test_whoever_takes_an_alert_is_named_in_its_story(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        record(store, name="MongoDown", ago=8, lasted=2)
        record(store)
        store.record_component(
            ComponentChange(name="redis", at=clock.now(), state="stopped", reason="killed", address="")
        )
        page = "/alerts/fRedisDown"
        assert "nobody has taken it" in await text_of(client, page)
        for path, fields in (("acknowledge", {"why": "looking"}), ("note", {"why": "it is the disk"})):
            answer = await client.post(f"{page}/{path}", data=await form(client, page, **fields))
            assert answer.status == 200
        text = await text_of(client, page)
        story = await (await client.get("/api/v1/alerts/fRedisDown")).json()
        draft = await text_of(client, f"{page}/postmortem.md")
    assert "taken by Ada" in text
    assert story["acknowledged_by"] == "Ada"
    told = [entry["text"] for entry in story["timeline"]]
    for expected in (
        "RedisDown began to fire",
        "the console heard of it",
        "MongoDown resolved",
        "redis became stopped (killed)",
        "Ada acknowledged it: looking",
        "Ada noted it: it is the disk",
    ):
        assert expected in told
        assert expected.split(" (")[0] in draft.replace("\\", "")
    assert [entry["at"] for entry in story["timeline"]] == sorted(entry["at"] for entry in story["timeline"])
    assert "Patients wait." in draft


async def test_programs_acknowledge_by_json(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        record(store)
        url = "/api/v1/alerts/fRedisDown/acknowledge"
        done = await client.post(url, json={"who": "chat", "why": "from the channel"})
        assert (await done.json())["acknowledged_by"] == "chat"
        for body, status in (({}, 400), ({"who": "x" * 100}, 400), ({"who": "a\u202eb"}, 400), ([], 400)):
            assert (await client.post(url, json=body)).status == status
        assert (await client.post("/api/v1/alerts/nobody/acknowledge", json={"who": "a"})).status == 404
        # A page of strangers can make a browser post this, but not JSON.
        assert (await client.post(url, data="{}", headers={"Content-Type": "text/plain"})).status == 415


@pytest.mark.parametrize("who", ["آدا می‌خواهد", "Ada 👩‍⚕️", "שירה"])
async def test_a_name_is_a_name_in_every_script(tmp_path: Path, who: str) -> None:
    """Persian needs joiners that show nothing by themselves, and so do many signs."""
    async with console(tmp_path) as (client, store):
        record(store)
        page = "/alerts/fRedisDown"
        answer = await client.post(f"{page}/acknowledge", data=await form(client, page, who=who))
        assert (answer.status, f"taken by {who}" in await answer.text()) == (200, True)


async def test_how_often_it_fired_is_told_of_a_day_and_a_month(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        for ago in (100 * 24 * 60, 20 * 24 * 60, 3 * 24 * 60, 600):
            record(store, ago=ago, lasted=3)
        oldest = clock.to_rfc3339(record(store, ago=200 * 24 * 60, lasted=3).starts_at)
        record(store)
        assert "<dd>2 in 24 hours, 4 in 30 days</dd>" in await text_of(client, "/alerts/fRedisDown")
        for second in range(200):
            record(store, ago=5 + second / 60, lasted=0.001)
        assert "<dd>200 or more in 24 hours, 200 or more in 30 days</dd>" in await text_of(client, "/alerts/fRedisDown")
        assert f'datetime="{oldest}"' in await text_of(client, f"/alerts/fRedisDown?starts_at={oldest}")


async def test_two_who_took_it_are_both_named_and_the_last_one_has_it(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        record(store)
        for who in ("Ada", "Cem", "Bea"):
            await client.post("/api/v1/alerts/fRedisDown/acknowledge", json={"who": who})
        assert "taken by Ada, then Bea" in await text_of(client, "/alerts/fRedisDown")
        assert (await (await client.get("/api/v1/alerts/fRedisDown")).json())["acknowledged_by"] == "Ada"


@pytest.mark.parametrize("token", ["", "0" * 64, "ä"])
async def test_a_form_that_no_page_of_ours_made_changes_nothing(tmp_path: Path, token: str) -> None:
    async with console(tmp_path) as (client, store):
        alert = record(store)
        for path in ("/alerts/fRedisDown/acknowledge", "/alerts/fRedisDown/silence", "/silences/x/end"):
            answer = await client.post(path, data={"token": token, "who": "Eve", "why": "w", "for": "1h"})
            assert answer.status == 403
        assert Actions(store).of(alert.fingerprint, alert.starts_at) == ()


@pytest.mark.parametrize(
    ("charset", "body"), [("nothing", b"token=x"), ("utf-16", b"token=x"), ("utf-8", b"token=\xff\xfe")]
)
async def test_a_form_that_is_no_text_is_the_senders_fault(tmp_path: Path, charset: str, body: bytes) -> None:
    """Whoever may reach the console could else set off the alert about its own errors."""
    kind = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
    async with console(tmp_path) as (client, store):
        record(store)
        assert (await client.post("/alerts/fRedisDown/note", data=body, headers=kind)).status == 400


async def test_with_users_whoever_is_logged_in_is_who_did_it(tmp_path: Path) -> None:
    protection = WebConfig(users={name: hash_password("secret", cost=4) for name in ("ada", "eve")})
    async with console(tmp_path, protection=protection) as (client, store):
        record(store)
        as_ada, as_eve = ({"Authorization": encode_basic_auth(name, "secret")} for name in ("ada", "eve"))
        page = "/alerts/fRedisDown"
        text = await (await client.get(page, headers=as_ada)).text()
        assert "Your name" not in text
        (token,) = set(re.findall(r'name="token" value="(\w+)"', text))
        fields = {"token": token, "who": "somebody else", "why": ""}
        assert (await client.post(f"{page}/acknowledge", data=fields, headers=as_eve)).status == 403
        assert (await client.post(f"{page}/acknowledge", data=fields, headers=as_ada)).status == 200
        story = await (await client.get("/api/v1/alerts/fRedisDown", headers=as_ada)).json()
    assert story["acknowledged_by"] == "ada"


@pytest.fixture
def firing(tmp_path: Path) -> Iterator[str]:
    """An Alertmanager in which RedisDown fires."""
    with alertmanager(tmp_path, "http://127.0.0.1:9/hook") as url:
        post(url)
        yield url


def post(url: str) -> None:
    begun = clock.to_rfc3339(clock.now() - timedelta(minutes=10))
    requests.post(f"{url}/api/v2/alerts", json=[{"labels": LABELS, "startsAt": begun}], timeout=5).raise_for_status()


async def asked(url: str) -> Any:
    return (await asyncio.to_thread(requests.get, url, timeout=5)).json()


@asynccontextmanager
async def over(url: str, directory: Path) -> AsyncIterator[tuple[Client, Store]]:
    """A console over that Alertmanager, which knows the alert by Alertmanager's own fingerprint."""
    async with console(directory, alertmanager_url=url) as (client, store):
        (active,) = await asked(f"{url}/api/v2/alerts")
        alert = record(store)
        with store.transaction() as connection:
            connection.execute("UPDATE alerts SET fingerprint = ?", (active["fingerprint"],))
            connection.execute("UPDATE alert_events SET fingerprint = ?", (active["fingerprint"],))
        assert alert.labels == active["labels"]
        yield client, store


async def until(client: Client, path: str, said: str) -> str:
    deadline = time.monotonic() + 60
    while said not in (text := await text_of(client, path)):
        assert time.monotonic() < deadline, f"never said: {said}"
        await asyncio.sleep(0.2)
    return text


async def test_a_silence_is_made_shown_ended_and_its_end_is_told(firing: str, tmp_path: Path) -> None:
    async with over(firing, tmp_path) as (client, store):
        page = f"/alerts/{Alerts(store).firing()[0].fingerprint}"
        for wrong in (
            {"why": "", "for": "1h", "label": "alertname"},
            {"why": "w", "for": "9y", "label": "alertname"},
            {"why": "w", "for": "1h", "label": "nope"},
        ):
            assert (await client.post(f"{page}/silence", data=await form(client, page, **wrong))).status == 400
        assert await asked(f"{firing}/api/v2/silences") == []
        fields = await form(client, page, why="new disk <b>", **{"for": "2h"})
        answer = await client.post(f"{page}/silence", data=[*fields.items(), ("label", "alertname"), ("label", "team")])
        assert answer.status == 200
        (made,) = await asked(f"{firing}/api/v2/silences")
        assert {one["name"]: one["value"] for one in made["matchers"]} == {"alertname": "RedisDown", "team": "sre"}
        assert (made["createdBy"], made["comment"]) == ("Ada", "new disk <b>")
        assert made["status"]["state"] == "active"
        assert clock.now() - clock.from_rfc3339(made["startsAt"]) < clock.SKEW / 2
        text = await until(client, page, "until <time")
        assert "new disk &lt;b&gt;" in text
        assert "<b>" not in text
        listed = await until(client, "/silences", "keeps quiet now")
        assert "RedisDown" in listed
        ended = await client.post(f"/silences/{made['id']}/end", data=await form(client, "/silences", who="Bea"))
        assert ended.status == 200
        text = await until(client, page, "silence ended")
        assert "and the alert still fires" in text
        assert "Bea ended the silence" in text
        assert (await client.post(f"/silences/{made['id']}/end", data=await form(client, page))).status == 404


async def test_what_other_tools_silenced_and_what_inhibits_it_is_told_whatever_else_fires(tmp_path: Path) -> None:
    """The one that inhibits was looked for among the twenty nearest, of which there are hundreds in a storm."""
    now = clock.now().replace(microsecond=0)
    quiet = {"state": "suppressed", "silencedBy": [], "inhibitedBy": ["fMongoDown"]}
    active = [
        {"labels": {"alertname": name}, "fingerprint": f"f{name}", "startsAt": clock.to_rfc3339(now), "status": quiet}
        for name in ("RedisDown", "MongoDown")
    ]
    regex = [
        {"name": "alertname", "value": "Redis.*", "isRegex": True},
        {"name": "team", "value": "x", "isEqual": False},
    ]
    times = {
        "over": (-60, -5, "expired"),
        "before": (-60, -20, "expired"),
        "now": (-3, 60, "active"),
        "later": (5, 60, "pending"),
    }
    silences = [
        {
            "id": name,
            "status": {"state": state},
            "matchers": regex,
            "startsAt": clock.to_rfc3339(now + timedelta(minutes=begun)),
            "endsAt": clock.to_rfc3339(now + timedelta(minutes=ends)),
            "createdBy": "amtool",
            "comment": name,
        }
        for name, (begun, ends, state) in times.items()
    ]

    async def say(request: web.Request) -> web.Response:
        return web.json_response(active if request.path.endswith("alerts") else silences)

    async with (
        answering(say) as url,
        console(tmp_path, alertmanager_url=url) as (client, store),
    ):
        record(store)
        text = await text_of(client, "/alerts/fRedisDown")
        story = await (await client.get("/api/v1/alerts/fRedisDown")).json()
        draft = await text_of(client, "/alerts/fRedisDown/postmortem.md")
        unknown = await client.get("/alerts/fMongoDown")
        assert (unknown.status, "MongoDown fires in Alertmanager since" in await unknown.text()) == (404, True)
    assert '<a href="/alerts/fMongoDown">MongoDown</a>, which says the same thing better' in text
    told = [entry["text"] for entry in story["timeline"] if "amtool" in entry["text"]]
    until = {name: clock.to_rfc3339(now + timedelta(minutes=ends)) for name, (_, ends, _) in times.items()}
    assert told == [
        f"amtool silenced it in Alertmanager until {until['over']}: over",
        "the silence of amtool ended, and the alert still fired",
        f"amtool silenced it in Alertmanager until {until['now']}: now",
    ]
    assert all(line in text and line in draft for line in told)


@pytest.mark.parametrize("answer", [b"<html>", b"[1]", b'[{"id": 1}]', b"[" * 100_000])
async def test_whatever_answers_in_place_of_alertmanager_costs_what_it_would_have_said(
    tmp_path: Path, answer: bytes
) -> None:
    async def say(_: web.Request) -> web.Response:
        return web.Response(body=answer, content_type="application/json")

    async with (
        answering(say) as url,
        console(tmp_path, alertmanager_url=url) as (client, store),
    ):
        record(store)
        refused = await client.get("/silences")
        assert (refused.status, "does not answer like an Alertmanager" in await refused.text()) == (503, True)
        assert (await client.get("/alerts/fRedisDown")).status == 200


@pytest.mark.parametrize(
    "result",
    [
        [{"metric": {}, "values": []}],
        [{"metric": {}, "values": [[1e300, "1"]]}],
        [{"metric": {}, "value": [1e18, "1"]}],
    ],
)
async def test_whatever_answers_in_place_of_prometheus_costs_what_it_would_have_said(
    tmp_path: Path, result: list[object]
) -> None:
    async def say(_: web.Request) -> web.Response:
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": result}})

    async with (
        answering(say) as url,
        console(tmp_path, prometheus_url=url) as (client, store),
    ):
        record(store)
        assert (await client.get("/alerts/fRedisDown")).status == 200
        assert (await client.get("/")).status == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'"silence invalid:\\n end time can\'t be in the past"', "silence invalid: end time can&#39;t be in the past"),
        (b'{"code": 602, "message": "matchers in body is required"}', "matchers in body is required"),
        (b"<html><h1>Bad gateway</h1>", "answered 400 when asked for silences</p>"),
        (b"[1]", "answered 400 when asked for silences</p>"),
    ],
)
async def test_why_alertmanager_refuses_a_silence_is_said_in_its_words(tmp_path: Path, body: bytes, said: str) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=400, body=body, content_type="application/json")

    async with (
        answering(refuse) as url,
        console(tmp_path, alertmanager_url=url) as (client, store),
    ):
        record(store)
        page = "/alerts/fRedisDown"
        fields = await form(client, page, why="w", label="alertname", **{"for": "1h"})
        answer = await client.post(f"{page}/silence", data=fields)
        assert (answer.status, said in await answer.text()) == (503, True)


async def test_without_alertmanager_the_alert_is_shown_and_silencing_says_why_not(tmp_path: Path) -> None:
    async with console(tmp_path, alertmanager_url="http://127.0.0.1:9") as (client, store):
        record(store)
        page = "/alerts/fRedisDown"
        fields = await form(client, page, why="w", label="alertname", **{"for": "1h"})
        answer = await client.post(f"{page}/silence", data=fields)
        assert answer.status == 503
        assert "cannot reach Alertmanager" in await answer.text()
        assert (await client.get("/silences")).status == 503
        # Nobody may take that for "not silenced".
        assert "whether it is silenced, or kept back by another alert" in await text_of(client, page)


async def test_the_graph_shows_value_threshold_deploys_and_drills(tmp_path: Path) -> None:
    history, now = History(), clock.now().replace(microsecond=0)
    times = [now - timedelta(seconds=15 * n) for n in reversed(range(240))]
    history.add("redis_up", {"instance": "a"}, [(at, float(n < 200)) for n, at in enumerate(times)])
    history.add("app_build_info", {"version": "1"}, [(at, 1.0) for at in times[:120]])
    history.add("app_build_info", {"version": "2"}, [(at, 1.0) for at in times[120:]])
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "RedisDown.md").write_text(
        "# RedisDown\n\n```promql\nredis_up\n```\n\n```promql\nsum(nothing_such)\n```\n\n```promql\nsum(\n```\n"
    )
    with serve(history, tmp_path) as prometheus:
        async with console(tmp_path, prometheus_url=prometheus.url) as (client, store):
            record(store)
            body = {"drill": "redis-killed", "outcome": "passed", "alerts": []}
            store.put("drill", "d1", body, at=now - timedelta(minutes=20))
            text = await text_of(client, "/alerts/fRedisDown")
            month = await text_of(client, "/alerts/fRedisDown?range=30d")
            runbook = await text_of(client, "/runbooks/RedisDown")
    figure = text[text.index('<figure class="sheet">') : text.index("</figure>")]
    assert 'class="l-bad limit"' in figure
    assert 'class="f-bad event"' in figure
    for said in ("deploy 2, ", "drill redis-killed, "):  # in words as well as marked
        assert said in figure
    assert "deploy 1" not in figure
    assert 'aria-current="true">30 days' in month
    for shown in (text, runbook):
        assert "instance=a" in shown
        assert "now: nothing" in shown


async def test_a_dead_prometheus_costs_the_graph_only(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        record(store)
        record(store, name="TheirOwnAlert", ago=3)
        assert "cannot reach Prometheus" in await text_of(client, "/alerts/fRedisDown")
        assert "is not of this catalogue" in await text_of(client, "/alerts/fTheirOwnAlert")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/alerts/nobody", 404),
        ("/alerts/fRedisDown?starts_at=2026-01-01T00:00:00Z", 404),
        ("/alerts/fRedisDown?starts_at=yesterday", 400),
        ("/alerts/fRedisDown?range=9y", 200),
        ("/alerts/nobody/postmortem.md", 404),
        ("/api/v1/alerts/nobody", 404),
        ("/alerts/quality?period=forever", 400),
        ("/alerts/quality?period=0d", 400),
        ("/alerts/quality?period=99y", 400),
    ],
)
async def test_what_does_not_exist_is_said_not_to(tmp_path: Path, path: str, status: int) -> None:
    async with console(tmp_path) as (client, store):
        record(store)
        assert (await client.get(path)).status == status


async def test_quality_is_shown_to_people_and_programs(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        record(store, ago=600, lasted=2)
        record(store, ago=60, lasted=30)
        text = await text_of(client, "/alerts/quality?period=7d")
        report = await (await client.get("/api/v1/alerts/quality?period=7d")).json()
    (redis,) = report["alerts"]
    assert (redis["fired"], redis["flaps"], redis["acted_on"]) == (2, 1, 0)
    assert "MongoNoPrimary" in report["never_fired"]
    assert "Watchdog" not in report["never_fired"]
    assert "RedisDown" in text
