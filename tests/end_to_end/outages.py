"""What the outage tests share: waiting with a deadline, reading alerts, holding the report against the ledger."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from monitor import clock

T = TypeVar("T")

SCRAPE_S = 5
OUTAGE_S = 60
PAGE_WITHIN_S = 60
RESOLVE_WITHIN_S = 9 * 60
"""A page about the budget stays until the 5-minute window has passed the outage, and its ``keep_firing_for`` of 2."""
QUIET_FOR_S = 60
"""Two group intervals: an alert that was inhibited until now would have been sent within them."""
APPS = ("app-1", "app-2")
CALM_S = 30
"""No request failed for so long before a fault: the report may begin anywhere within, however slowly it is started."""


def an_outage_is_paged_and_counted(stack: Any, *, how: str) -> None:
    """Kill or freeze both apps for a minute; a critical alert arrives in time, and each failed request is counted."""
    eventually(lambda: is_calm(stack), within_s=90, what=f"no failed request for {CALM_S} s")
    started = clock.now() - timedelta(seconds=CALM_S - 2 * SCRAPE_S)
    with apps_down(stack.client, how=how) as down_at:
        pages = eventually(
            lambda: alerts(stack.layout.url("web"), severity="critical", since=down_at),
            within_s=PAGE_WITHIN_S,
            what="a critical alert received by web",
        )
        time.sleep(max(0.0, OUTAGE_S - (clock.now() - down_at).total_seconds()))
    assert datetime.fromisoformat(pages[-1]["received_at"]) - down_at <= timedelta(seconds=PAGE_WITHIN_S)
    for name in ("summary", "impact", "runbook_url", "dashboard_url"):
        assert pages[-1]["annotations"].get(name), name
    eventually(lambda: are_healthy(stack, *APPS), within_s=60, what="both apps healthy again")
    time.sleep(15)  # two scrapes and an evaluation: what has happened is now in Prometheus
    the_report_equals_the_ledger(stack, since=started)


def is_calm(stack: Any) -> bool:
    """Whether patients are served without a failure: what failed since the scrape before a report's start is its."""
    now = clock.now()
    entries = ledger_lines(stack.layout.ledger, since=now - timedelta(seconds=CALM_S), until=now)
    outcomes = {entry["outcome"] for entry in entries}
    return "ok" in outcomes and "fail" not in outcomes


def every_critical_alert_resolves(stack: Any) -> None:
    """Wait until neither Prometheus nor web has a critical alert, and hold both to that for a while.

    Both are asked: an alert inhibited by another one is firing in Prometheus before web hears of it.
    """
    eventually(
        lambda: not critical_alerts(stack),
        within_s=RESOLVE_WITHIN_S,
        every_s=2,
        what="every critical alert resolved",
    )
    quiet_until = time.monotonic() + QUIET_FOR_S
    while time.monotonic() < quiet_until:
        assert not (back := critical_alerts(stack)), f"resolved, and then critical again: {back}"
        time.sleep(2)


def critical_alerts(stack: Any) -> set[str]:
    """Names of the critical alerts that are pending or firing in Prometheus, or that web holds for firing."""
    query = urlencode({"query": 'ALERTS{severity="critical"}'})
    answer = get_json(f"{stack.layout.url('prometheus')}/api/v1/query?{query}")
    in_prometheus = {series["metric"]["alertname"] for series in answer["data"]["result"]}
    at_web = {
        alert["labels"]["alertname"]
        for alert in alerts(stack.layout.url("web"), severity="critical")
        if alert["state"] == "firing"
    }
    return in_prometheus | at_web


def the_report_equals_the_ledger(stack: Any, *, since: datetime) -> None:
    """Hold the report's failed requests, read from Prometheus alone, against what the clients wrote down."""
    seconds = round((clock.now() - since).total_seconds())
    done = monitor(stack.layout.run_dir, "report", "--period", f"{seconds}s", "--format", "json", "--out", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (availability,) = (slo for slo in report["slos"] if slo["name"] == "availability")
    entries = ledger_lines(
        stack.layout.ledger,
        since=clock.from_rfc3339(report["period"]["start"]),
        until=clock.from_rfc3339(report["period"]["end"]),
    )
    counted = Counter(entry["outcome"] for entry in entries)
    assert counted["fail"] > 300, counted
    assert availability["failed_events"] == pytest.approx(counted["fail"], rel=0.01), (
        f"{availability['failed_events']} reported, {counted} in the ledger, {report['period']}"
    )


def eventually(ask: Callable[[], T], *, within_s: float, every_s: float = 0.5, what: str) -> T:
    """Ask until the answer is truthy, and return it; fail with ``what`` after the deadline."""
    deadline = time.monotonic() + within_s
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within_s:.0f} s: {what}; last answer: {answer!r}")
        time.sleep(every_s)


def monitor(run_dir: Path, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the real ``monitor`` command against a stack."""
    command = [sys.executable, "-m", "monitor", "--run-dir", str(run_dir), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def get_json(url: str) -> Any:
    """Fetch a JSON document."""
    with urlopen(url, timeout=10) as answer:  # noqa: S310  # always a local http address
        return json.load(answer)


def alerts(web_url: str, *, severity: str | None = None, since: datetime | None = None) -> list[dict[str, Any]]:
    """Alert episodes that ``web`` has received, newest first."""
    return [
        alert
        for alert in get_json(f"{web_url}/api/v1/alerts")
        if (severity is None or alert["labels"]["severity"] == severity)
        and (since is None or datetime.fromisoformat(alert["received_at"]) >= since)
    ]


def ledger_lines(directory: Path, *, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """The ledger's entries that were answered in a period."""
    for file in sorted(directory.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if since <= datetime.fromisoformat(entry["at"]) < until:
                yield entry


def are_healthy(stack: Any, *names: str) -> bool:
    """Whether these components are all healthy."""
    return all(component.state == "healthy" for component in stack.client.status() if component.name in names)


@contextmanager
def apps_down(client: Any, *, how: str) -> Iterator[datetime]:
    """Keep both apps dead (``kill``) or frozen (``pause``) while the block runs, for an outage's length at most."""
    started = clock.now()
    for app in APPS:
        client.hold(app, OUTAGE_S)
        getattr(client, how)(app)
    try:
        yield started
    finally:
        for app in APPS:
            if how == "pause":
                client.resume(app)
            client.release(app)
