"""The console in a real browser: nothing is blocked, nothing overflows on a phone, and it says when it is stale."""

from __future__ import annotations

from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from monitor import clock
from monitor.store import ComponentChange, Store
from monitor.store_alerts import AlertRecord, Alerts
from tests.browser.chromium import chromium
from tests.contract.web_server import NOBODY, alertmanager, console

AXE = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
FOUND = "axe.run().then(found => found.violations.map(one => `${one.id}: ${one.nodes[0].html}`))"
PAGES = ("/", "/alerts", "/alerts/f", "/alerts/quality", "/silences", "/slos/availability", "/drills/d", "/runbooks")
NO_OVERFLOW = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def fill(store: Store) -> None:
    now = clock.now()
    at = clock.to_rfc3339(now)
    labels = {"alertname": "ErrorBudgetBurnFast", "severity": "critical"}
    summary = "Patients get an error page. " + "https://a-very-long-word-without-any-place-to-break-a-line/" * 3
    alert = AlertRecord(
        fingerprint="f",
        labels=labels,
        annotations={"summary": summary, "runbook_url": "http://127.0.0.1:9500/runbooks/ErrorBudgetBurnFast"},
        state="firing",
        starts_at=now - timedelta(minutes=5),
        received_at=now,
    )
    Alerts(store).record(alert)
    for name, state in (("alertmanager", "unhealthy"), ("mongo-1", "healthy")):
        store.record_component(ComponentChange(name=name, at=now, state=state, reason="", address="127.0.0.1:1"))
    body = {"id": "d", "drill": "primary-killed", "title": "The primary dies", "outcome": "failed", "reason": "x" * 200}
    body |= {"started_at": at, "finished_at": at}
    step = {"at": at, "what": "killed mongo-1", "ok": False}
    store.put("drill", "d", body | {"measurements": {"failover_seconds": None}, "steps": [step], "verdicts": []})
    store.put("job", "j", {"job": "monthly-report", "outcome": "failed", "started_at": at, "finished_at": at})
    forced = {"id": "o", "slo": "availability", "reason": "x" * 300, "by": "y" * 100, "state": "frozen", "at": at}
    until = clock.to_rfc3339(now + timedelta(hours=1))
    store.put("override", "o", forced | {"until": until, "error_budget_remaining": -0.5})
    store.put("watchdog", "latest", {"at": at, "latency_seconds": None})


async def test_every_page_fits_from_phone_to_desk_and_nothing_is_blocked(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "RedisDown.md").write_text(
        "# RedisDown\n\n```sh\n"
        + "monitor status " * 30
        + "\n```\n\n| a | b |\n|---|---|\n| "
        + "x" * 200
        + " | 1 |\n",
        encoding="utf-8",
    )
    async with console(tmp_path) as (client, store), chromium(tmp_path) as page:
        fill(store)
        for path in (*(page for page in PAGES if page != "/silences"), "/runbooks/RedisDown"):
            await page.open(str(client.make_url(path)))
            for width in (320, 390, 768, 1280):
                await page.resize(width)
                assert await page.evaluate(NO_OVERFLOW), f"{path} overflows at {width} px"
            assert await page.evaluate("document.querySelectorAll('h1').length") == 1, path
        assert page.complaints == []


async def test_the_page_follows_the_readers_colour_scheme(tmp_path: Path) -> None:
    grounds = []
    async with console(tmp_path) as (client, _), chromium(tmp_path) as page:
        await page.open(str(client.make_url("/")))
        for scheme in ("light", "dark"):
            await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            grounds.append(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(245, 247, 248)", "rgb(15, 22, 28)"]


async def test_a_new_alert_appears_by_itself_and_a_dead_console_is_said_to_be_dead(tmp_path: Path) -> None:
    async with chromium(tmp_path) as page:
        async with console(tmp_path) as (client, store):
            await page.open(str(client.make_url("/")))
            assert await page.evaluate("document.getElementById('stale').hidden")
            fill(store)
            await page.until("document.querySelector('h1').textContent === '1 critical alert firing.'")
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when it is looked at again
        await page.until("!document.getElementById('stale').hidden")
        assert "the console does not answer" in await page.evaluate("document.getElementById('stale').textContent")


async def test_a_page_that_is_being_used_keeps_what_was_filled_in_and_says_how_old_it_is(tmp_path: Path) -> None:
    """At night, on a phone: the keyboard is put away, and the reason that was typed must not go with it."""
    async with console(tmp_path) as (client, store), chromium(tmp_path) as page:
        fill(store)
        await page.open(str(client.make_url("/alerts/f")))
        why = "document.querySelector('#silence input[name=why]')"
        renew = "document.dispatchEvent(new Event('visibilitychange'))"
        said = "document.getElementById('stale')"
        await page.evaluate(f"{why}.closest('details').open = true; {why}.value = 'known since noon'")
        await page.evaluate(f"const before = Date.now; Date.now = () => before() + 90_000; {renew}")
        assert "90 s old: it is not renewed while you are using it" in await page.evaluate(f"{said}.textContent")
        assert await page.evaluate(f"{why}.value") == "known since noon"
        await page.evaluate(f"window.old = {why}; {why}.value = ''; {renew}")
        await page.until(f"{said}.hidden && {why} !== window.old")
        assert await page.evaluate(f"{why}.closest('details').open")


async def test_the_page_is_usable_by_keyboard(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, store), chromium(tmp_path) as page:
        fill(store)
        await page.open(str(client.make_url("/")))
        key = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        for kind in ("keyDown", "keyUp"):
            await page.call("Input.dispatchKeyEvent", type=kind, **key)
        assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
        assert await page.evaluate(
            "[...document.querySelectorAll('a, svg[role=img]')].every(e => e.textContent.trim() || e.ariaLabel)"
        )


async def test_no_page_shuts_anybody_out(tmp_path: Path) -> None:
    """As far as axe-core can tell: names, roles, contrast in both schemes, keyboard."""
    with alertmanager(tmp_path, f"{NOBODY}/hook") as url:
        async with console(tmp_path, alertmanager_url=url) as (client, store), chromium(tmp_path) as page:
            fill(store)
            for path in PAGES:
                await page.open(str(client.make_url(path)))
                await page.evaluate(f"{AXE};document.querySelectorAll('details').forEach(one => one.open = true)")
                for scheme in ("light", "dark"):
                    feature = {"name": "prefers-color-scheme", "value": scheme}
                    await page.call("Emulation.setEmulatedMedia", features=[feature])
                    assert await page.evaluate(FOUND) == [], f"{path}, {scheme}"
            assert page.complaints == []
