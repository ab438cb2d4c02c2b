"""200,000 appointments cost the database little: every query is read from its index, in time that grows with them."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient

from app.mongodb import ensure_indexes
from app.schedule import make_clinic
from exporters.business.collector import BusinessCollector
from exporters.business.query import SHARE
from exporters.business.reader import Reader
from exporters.collector import Deadline
from exporters.mongodb.source import Mongodb
from exporters.readings import Readings
from exporters.settings import Settings
from monitor.stack import programs
from tests.contract.business_documents import many
from tests.contract.business_plans import explained

pytestmark = [pytest.mark.stack, pytest.mark.proof]

SMALL, LARGE = 50_000, 200_000
NOW = datetime(2026, 6, 17, 9, 40, tzinfo=UTC)
ROUNDS = 5


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Run one mongod alone: what is measured is its work, not that of three on one machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--dbpath", str(tmp_path), "--port", str(port), "--bind_ip", "127.0.0.1")
    process = subprocess.Popen(
        (programs.locate_mongod(), *options, "--wiredTigerCacheSizeGB", "0.5"), stdout=subprocess.DEVNULL
    )
    try:
        yield f"mongodb://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


async def test_two_hundred_thousand_appointments(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic = make_clinic(200, "Europe/Berlin", 90)
    async with AsyncMongoClient[dict[str, Any]](address) as client:
        await ensure_indexes(client["appointments"])
    with pymongo.MongoClient[dict[str, Any]](address) as client_of_test:
        data = client_of_test["appointments"]
        data["clinic"].insert_one({"_id": "schedule", **clinic.hours()})
        data["practitioners"].insert_many([{"_id": one.id, "specialty": one.specialty} for one in clinic.practitioners])
        held = many(LARGE, clinic, NOW)
        fill(data, held, SMALL)
        small, _ = await turns(address, monkeypatch)
        fill(data, held, LARGE - SMALL)
        large, asked = await turns(address, monkeypatch)
        plans = [explained(data, command) for command in asked if "hint" in command]
    with capsys.disabled():
        print("\nbusiness figures, ms and entries read by query:", *table(small, large), sep="\n")  # noqa: T201  # the result
    assert [one for one in plans if "COLLSCAN" in one.stages] == []
    assert sum(one.documents for one in plans) < LARGE / 50
    assert sum(seconds for seconds, _ in large.values()) < 2.5
    assert max(seconds for seconds, _ in large.values()) * SHARE < 60, "even the longest is asked each minute or five"
    # Four times the appointments: four times the entries; and no query's time grows faster (a tick for the noise).
    for name, (seconds, examined) in large.items():
        before, examined_before = small[name]
        assert examined <= 4.5 * examined_before + 100, name
        assert seconds <= 8 * before + 0.05, name


def fill(data: Any, held: Iterator[dict[str, Any]], count: int) -> None:
    left = count
    while left:
        left -= len(data["appointments"].insert_many(list(islice(held, min(10_000, left))), ordered=False).inserted_ids)


async def turns(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, tuple[float, int]], list[dict[str, Any]]]:
    """Ask everything several times: each query's median seconds and what it examined, and the last turn's commands."""
    asked: list[dict[str, Any]] = []
    ask = Reader._run

    async def noting(reader: Reader, command: Any) -> Any:
        asked.append(dict(command))
        return await ask(reader, command)

    source = Mongodb.open(Settings(mongodb_uri=address))
    services = ("General practice", "Paediatrics", "Cardiology", "Dermatology", "Physiotherapy")
    took: dict[str, list[float]] = {}
    examined: dict[str, int] = {}
    with monkeypatch.context() as patched:
        patched.setattr(Reader, "_run", noting)
        for _ in range(ROUNDS):
            asked.clear()
            collector = BusinessCollector(
                source, database="appointments", interval=30, smallest_cell=5, services=services, clock=lambda: NOW
            )
            await collector.read(Readings(collector.metrics), Deadline(10))
            for turn in collector._turns:
                took.setdefault(turn.query.name, []).append(turn._seconds)
                examined[turn.query.name] = turn._examined
    await source.close()
    return {name: (median(seconds), examined[name]) for name, seconds in took.items()}, asked


def table(small: dict[str, tuple[float, int]], large: dict[str, tuple[float, int]]) -> Iterator[str]:
    yield f"{'query':14} {SMALL:>16,} {LARGE:>20,}"
    for name, (seconds, examined) in large.items():
        before, examined_before = small[name]
        yield f"{name:14} {1000 * before:7.1f} {examined_before:8} {1000 * seconds:11.1f} {examined:8}"
    totals = [1000 * sum(seconds for seconds, _ in one.values()) for one in (small, large)]
    yield f"{'whole turn':14} {totals[0]:7.1f} {totals[1]:20.1f}"
