"""Episodes whose end was never told are closed by comparing with a real Alertmanager."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession

from monitor import clock
from monitor.sources.alertmanager import active_alerts
from monitor.store import Store
from monitor.store_alerts import AlertRecord, Alerts
from monitor.store_suppressed import Suppressions
from monitor.web.reconcile import Reconciler
from monitor.web.state import StoreThread
from tests.contract.test_web_alertmanager import tell
from tests.contract.web_server import NOBODY, alertmanager, console

LATER = 301.0
"""Seconds after the first look: an episode that was missing at both is closed."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.migrate(tmp_path / "monitor.db") as store:
        store.put("watchdog", "latest", {})
        yield store


def firing(name: str) -> AlertRecord:
    now = clock.now()
    labels = {"alertname": name, "severity": "critical"}
    return AlertRecord(fingerprint=name, labels=labels, state="firing", starts_at=now, received_at=now)


@contextlib.contextmanager
def reconciler(store: Store, url: str) -> Iterator[Reconciler]:
    thread = StoreThread(store)
    try:
        yield Reconciler(url, thread, group_interval=timedelta(seconds=5), login=lambda: None)
    finally:
        thread.close()


def states(store: Store) -> dict[str, str]:
    return {alert.fingerprint: alert.state for alert in Alerts(store).newest()}


async def test_an_episode_that_alertmanager_does_not_know_is_closed_and_others_stay(
    tmp_path: Path, store: Store
) -> None:
    for name in ("DiskFull", "Forgotten"):
        Alerts(store).record(firing(name))
    with alertmanager(tmp_path, NOBODY) as url, reconciler(store, url) as ours:
        await tell(url, starts=clock.now())
        await ours.look(0)
        await ours.look(LATER - 2)
        assert states(store) == {"DiskFull": "firing", "Forgotten": "firing"}
        await ours.look(LATER)
    assert states(store) == {"DiskFull": "firing", "Forgotten": "resolved"}
    (closed,) = Alerts(store).newest(state="resolved")
    assert closed.ends_at is not None
    assert clock.now() - closed.ends_at < timedelta(minutes=1)
    events = Alerts(store).events("Forgotten", closed.starts_at)
    assert [event.state for event in events] == ["firing", "forgotten"]


async def test_what_is_active_was_not_over_whatever_was_told(tmp_path: Path, store: Store) -> None:
    """Else the console shows as resolved what fires and wakes people."""
    start, end = (clock.now() - timedelta(minutes=minutes) for minutes in (9, 4))
    with alertmanager(tmp_path, NOBODY) as url, reconciler(store, url) as ours:
        await tell(url, starts=start)
        (active,) = active_alerts(url)
        ended = replace(firing("DiskFull"), fingerprint=active.fingerprint, state="resolved", ends_at=end)
        Alerts(store).record(replace(ended, starts_at=start))
        Alerts(store).record(replace(ended, starts_at=start - timedelta(hours=1)))
        await ours.look(0)
    assert [(alert.starts_at, alert.state) for alert in Alerts(store).episodes(active.fingerprint)] == [
        (active.starts_at, "firing"),
        (active.starts_at - timedelta(hours=1), "resolved"),
    ]


async def test_nothing_is_closed_while_nobody_knows_what_fires(tmp_path: Path, store: Store) -> None:
    Alerts(store).record(firing("DiskFull"))
    with reconciler(store, NOBODY) as ours:
        for elapsed in (0, LATER):
            await ours.look(elapsed)
    store.put("watchdog", "latest", {}, at=clock.now() - timedelta(minutes=4))
    with alertmanager(tmp_path, NOBODY) as url, reconciler(store, url) as ours:
        for elapsed in (0, LATER):
            await ours.look(elapsed)
    assert states(store) == {"DiskFull": "firing"}


async def test_what_alertmanager_keeps_back_from_the_first_second_is_remembered(tmp_path: Path, store: Store) -> None:
    start, end = clock.now() - timedelta(minutes=1), clock.now() + timedelta(minutes=1)
    silence = {
        "matchers": [{"name": "alertname", "value": "DiskFull", "isRegex": False, "isEqual": True}],
        "startsAt": clock.to_rfc3339(clock.now()),
        "endsAt": clock.to_rfc3339(clock.now() + timedelta(hours=1)),
        "createdBy": "A",
        "comment": "known",
    }
    with alertmanager(tmp_path, NOBODY) as url, reconciler(store, url) as ours:
        async with ClientSession() as session, session.post(f"{url}/api/v2/silences", json=silence) as answer:
            assert answer.status == 200, await answer.text()
        await tell(url, starts=clock.now())
        await ours.look(0)
        await ours.look(60)
    (kept_back,) = Suppressions(store).between(start, end)
    assert (kept_back.labels["alertname"], kept_back.silenced, kept_back.inhibited) == ("DiskFull", True, False)
    assert kept_back.first_at < kept_back.last_at
    assert Alerts(store).newest() == ()


async def test_the_console_compares_while_it_runs(tmp_path: Path) -> None:
    def comparing() -> bool:
        return any(task.get_name() == "reconcile" for task in asyncio.all_tasks())

    async with console(tmp_path):
        assert comparing()
    assert not comparing()


async def test_the_alerts_page_shows_what_became_known_when(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store):
        episode = firing("DiskFull")
        Alerts(store).record(episode)
        page = await (await client.get("/alerts")).text()
        assert "first seen" in page
        assert "Alertmanager no longer knew it" not in page
        Alerts(store).record(
            AlertRecord(fingerprint="DiskFull", state="resolved", starts_at=episode.starts_at, received_at=clock.now()),
            event="forgotten",
        )
        assert "closed: Alertmanager no longer knew it" in await (await client.get("/alerts")).text()
