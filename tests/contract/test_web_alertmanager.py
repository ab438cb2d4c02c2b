"""A real Alertmanager delivers an alert, and its end, to the console."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Receiver
from monitor.sources.alertmanager import active_alerts
from monitor.store_alerts import Alerts
from telemetry.webconfig import WebConfig, hash_password
from tests.contract.notification_receivers import alertmanager as running
from tests.contract.web_server import alertmanager, console


async def test_an_alert_posted_to_alertmanager_is_in_the_console_within_seconds_and_resolves(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, _):
        with alertmanager(tmp_path, str(client.make_url("/hooks/alertmanager"))) as url:
            started = clock.now()
            await tell(url, starts=started)
            (firing,) = await eventually(lambda: fetch(client, "firing"))
            assert firing["labels"] == {"alertname": "DiskFull", "severity": "critical"}
            assert firing["annotations"]["summary"] == "The disk is full"
            assert clock.from_rfc3339(firing["received_at"]) - started < timedelta(seconds=10)
            (active,) = await asyncio.to_thread(active_alerts, url)
            assert (active.name, active.suppressed) == ("DiskFull", False)
            await tell(url, starts=started, ends=clock.now())
            (resolved,) = await eventually(lambda: fetch(client, "resolved"))
            assert resolved["starts_at"] == firing["starts_at"]
            assert resolved["received_at"] == firing["received_at"]
            assert resolved["ends_at"] is not None


async def test_an_alert_that_is_refused_is_not_sent_again_and_again(tmp_path: Path) -> None:
    """What Alertmanager takes for a failure it repeats at each ``group_interval``, and counts as its own failure."""
    async with console(tmp_path) as (client, _):
        with alertmanager(tmp_path, str(client.make_url("/hooks/alertmanager"))) as url:
            now = clock.now()
            await tell(url, starts=now, labels={"alertname": "DiskFull", "path": "x" * 5000})
            await eventually(lambda: samples(client, 'monitor_alerts_received_total{status="refused"} 1.0'))
            await tell(url, starts=now)
            (kept,) = await eventually(lambda: fetch(client, "firing"))
            assert "path" not in kept["labels"]
            async with ClientSession() as session, session.get(f"{url}/metrics") as answer:
                failed = [line for line in (await answer.text()).splitlines() if line.startswith(FAILED)]
            assert failed
            assert {float(line.split()[-1]) for line in failed} == {0.0}


async def test_a_console_that_has_users_is_told_by_the_one_that_contacts_yaml_names(tmp_path: Path) -> None:
    protection = WebConfig(users={"alertmanager": hash_password("right", cost=4)})
    (tmp_path / "password").write_text("right\n")
    async with console(tmp_path, protection=protection) as (client, store):
        environment = {"webhook_url": str(client.make_url("/")), "group_wait": "0s"}
        catalogue = load(None, "local", environment_overrides=environment)
        login = {"username": "alertmanager", "password_file": str(tmp_path / "password")}
        own = (Receiver(name="console", kind="webhook", settings=login),)
        known = replace(catalogue, contacts=replace(catalogue.contacts, receivers=own))
        async with running(tmp_path, known) as url:
            labels = {"severity": "critical", "team": "sre"}
            now = clock.now()
            await tell(url, starts=now, labels=labels | {"alertname": "DiskFull"})
            await tell(url, starts=now, labels={"alertname": "Watchdog"})
            deadline = time.monotonic() + 60
            while not (Alerts(store).firing() and store.get("watchdog", "latest")):
                assert time.monotonic() < deadline, (tmp_path / "alertmanager.log").read_text()
                await asyncio.sleep(0.1)


async def samples(client: Any, line: str) -> list[dict[str, Any]]:
    page = await (await client.get("/metrics")).text()
    return [{"line": line}] if line in page else []


FAILED = 'alertmanager_notifications_failed_total{integration="webhook"'
DISK_FULL = {"alertname": "DiskFull", "severity": "critical"}


async def tell(url: str, *, starts: Any, ends: Any = None, labels: Mapping[str, str] = DISK_FULL) -> None:
    alert = {
        "labels": dict(labels),
        "annotations": {"summary": "The disk is full"},
        "startsAt": clock.to_rfc3339(starts),
    }
    if ends is not None:
        alert["endsAt"] = clock.to_rfc3339(ends)
    async with ClientSession() as session, session.post(f"{url}/api/v2/alerts", json=[alert]) as answer:
        assert answer.status == 200, await answer.text()


async def fetch(client: Any, state: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await (await client.get(f"/api/v1/alerts?state={state}")).json()
    return rows


async def eventually(look: Callable[[], Awaitable[list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while not (found := await look()):
        assert time.monotonic() < deadline, "it did not arrive"
        await asyncio.sleep(0.1)
    return found
