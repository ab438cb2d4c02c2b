"""Simulated patients against the real stack: what they wrote down is what the edge counted and the database kept."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from app import ledger
from tests.conftest import EmbeddedStack, running_stack
from tests.contract.app_api import appointments, database
from tests.contract.stack_process import eventually

pytestmark = pytest.mark.stack

FIELDS = {"at", "sent_at", "op", "outcome", "status", "latency_s", "backend", "appointment", "key", "class"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    yield from running_stack(tmp_path_factory.mktemp("traffic"), only=("edge",))


def test_the_edge_counted_exactly_what_the_patients_wrote_down(served: EmbeddedStack, tmp_path: Path) -> None:
    before = edge_counts(served)
    finished = traffic(served, tmp_path, "--rate", "15", "--duration", "15", "--seed", "3").wait(120)
    after = edge_counts(served)
    outcomes = written(tmp_path)
    assert finished == 0
    assert outcomes["bookings", "ok"] > 0
    for backend in ("api", "bookings"):
        total = sum(count for (where, outcome), count in outcomes.items() if where == backend and outcome != "unknown")
        counted = tuple(now - then for now, then in zip(after[backend], before[backend], strict=True))
        assert counted == (total, outcomes[backend, "fail"])


def test_every_acknowledged_booking_is_in_the_database_and_nobody_in_the_ledger(
    served: EmbeddedStack, tmp_path: Path
) -> None:
    assert traffic(served, tmp_path, "--rate", "20", "--duration", "12", "--seed", "4").wait(120) == 0
    confirmed = ledger.acknowledged(tmp_path)
    with database(served.layout) as client:
        kept = {row["_id"] for row in appointments(client).find({"_id": {"$in": list(confirmed)}}, {"_id": 1})}
    assert confirmed
    assert kept == confirmed
    text = "".join(file.read_text() for file in tmp_path.glob("*.jsonl"))
    rows = [json.loads(line) for line in text.splitlines()]
    assert all(row.keys() <= FIELDS for row in rows)
    assert not re.search(r"@|example|synthetic-|practitioner-|Bearer", text)


def test_a_rolling_restart_of_the_apps_fails_no_request(served: EmbeddedStack, tmp_path: Path) -> None:
    process = traffic(served, tmp_path, "--rate", "20", "--seed", "5")
    time.sleep(5)
    for app in ("app-1", "app-2"):
        served.client.restart(app)
        served.client.wait_for(app, "healthy")
        time.sleep(2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0
    outcomes = Counter(entry.outcome for entry in ledger.entries(tmp_path))
    assert outcomes["ok"] > 100
    assert (outcomes["fail"], outcomes["unknown"]) == (0, 0)


def test_patients_start_before_the_edge_and_outlive_it(served: EmbeddedStack, tmp_path: Path) -> None:
    served.client.stop("edge")
    try:
        process = traffic(served, tmp_path, "--rate", "20", "--seed", "6")
        eventually(lambda: list(ledger.entries(tmp_path)))
        assert process.poll() is None
    finally:
        served.client.start("edge")
        served.client.wait_for("edge", "healthy")
    eventually(lambda: [row for row in ledger.entries(tmp_path) if row.op == "slots" and row.outcome == "ok"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0
    rows = list(ledger.entries(tmp_path))
    refused = [row for row in rows if row.outcome == "unknown"]
    assert refused
    assert {(row.status, row.error) for row in refused} <= {(None, "refused"), (None, "reset")}
    assert sum(row.op == "slots" and row.outcome == "ok" for row in rows) > 0


def test_more_logins_at_once_than_can_wait_are_told_429_and_counted_bad(served: EmbeddedStack) -> None:
    command = [
        sys.executable,
        "-c",
        FLOOD,
        served.layout.url("edge"),
    ]
    before = edge_counts(served)["api"]
    statuses = Counter(json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout))
    total, bad = (now - then for now, then in zip(edge_counts(served)["api"], before, strict=True))
    assert statuses.keys() == {"401", "429"}
    assert (total, bad) == (statuses.total(), statuses["429"])


FLOOD = """
import asyncio, collections, json, sys, aiohttp

async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        async def login(number):
            body = {"email": f"{number}@example.org", "password": "not anybody's password"}
            async with session.post(sys.argv[1] + "/api/v1/auth/login", json=body) as response:
                await response.read()
                return response.status
        print(json.dumps(collections.Counter(await asyncio.gather(*map(login, range(200))))))

asyncio.run(main())
"""


def traffic(served: EmbeddedStack, directory: Path, *flags: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "app.traffic", "--edge", served.layout.url("edge"), "--ledger", str(directory)]
    return subprocess.Popen([*command, *flags], stdout=subprocess.DEVNULL)


def written(directory: Path) -> Counter[tuple[str, str]]:
    return Counter((entry.backend, entry.outcome) for entry in ledger.entries(directory))


def edge_counts(served: EmbeddedStack) -> dict[str, tuple[int, int]]:
    """Total and bad answers of each backend, as docs/ledger.md defines them."""
    with urlopen(served.layout.url("edge-metrics") + "/metrics", timeout=5) as page:  # noqa: S310  # our own HAProxy
        text = page.read().decode()
    found = {}
    for backend in ("api", "bookings"):
        codes = dict(re.findall(rf'haproxy_backend_http_responses_total{{proxy="{backend}",code="(\w+)"}} (\d+)', text))
        denied = re.search(rf'haproxy_backend_responses_denied_total{{proxy="{backend}"}} (\d+)', text)
        assert denied is not None
        found[backend] = sum(map(int, codes.values())), int(codes["5xx"]) + int(denied[1])
    return found
