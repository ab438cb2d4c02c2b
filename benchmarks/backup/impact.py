"""What the app's users notice of backups: the same requests, in turns with and without backups running all the time."""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from benchmarks.backup.bench import Bench

ROUNDS = 5
REQUESTS = 6000
"""In all rounds together, half of them with backups."""
PER_SECOND = 40
"""Requests begin at fixed times, whatever became of those before: a stalled app is not asked less."""
PATIENTS = 8
CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Round:
    """The 99th percentile in seconds, without and with backups, and how many backups there were."""

    quiet: float
    busy: float
    backups: int
    failed: int

    @property
    def ratio(self) -> float:
        return self.busy / self.quiet


def measure(bench: Bench, *limit: str, requests: int = REQUESTS) -> list[Round]:
    """``limit`` are options of ``monitor backup run``; none for its default pace."""
    return asyncio.run(_measure(bench, limit, requests // ROUNDS // 2))


async def _measure(bench: Bench, limit: tuple[str, ...], requests: int) -> list[Round]:
    async with aiohttp.ClientSession(f"http://{bench.layout.address('app-1')}") as session:
        people = _People(session)
        await people.prepare()
        await people.ask(requests)
        found = []
        for _ in range(ROUNDS):
            quiet, failed = await people.ask(requests)
            stop = asyncio.Event()
            backups = asyncio.create_task(_backups(bench, limit, stop))
            busy, more = await people.ask(requests)
            stop.set()
            found.append(Round(_p99(quiet), _p99(busy), await backups, failed + more))
        return found


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


async def _backups(bench: Bench, limit: tuple[str, ...], stop: asyncio.Event) -> int:
    """One after the other, each a process of its own; what is running at the end is ended."""
    store = bench.layout.run_dir / "impact-store"
    command = ["-m", "monitor", "--run-dir", str(bench.layout.run_dir), "backup", "run", "--store", str(store), *limit]
    count = 0
    while not stop.is_set():
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            process.terminate()
        elif await ended:
            raise RuntimeError(f"a backup ended with {process.returncode}")
        await ended
        count += 1
    return count


class _People:
    """Patients who look for slots, book, and look at their appointments."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._rng = random.Random(5)
        self._tokens: list[str] = []
        self._practitioners: list[str] = []
        self._slots: list[str] = []

    async def prepare(self) -> None:
        for number in range(PATIENTS):
            login = {"email": f"bench-{number}-{uuid.uuid4().hex}@example.org", "password": uuid.uuid4().hex}
            await self._send("POST", "/auth/register", body=login | {"name": "Bench Mark", "birthDate": "1980-01-01"})
            self._tokens.append((await self._send("POST", "/auth/login", body=login))["access_token"])
        self._practitioners = _ids(await self._send("GET", "/practitioners"))

    async def ask(self, count: int) -> tuple[list[float], int]:
        """Ask so often; returns each answer's seconds since it was due, and how many were errors of the server."""
        begun = time.monotonic() + 0.1
        answers = await asyncio.gather(*(self._one(begun + number / PER_SECOND) for number in range(count)))
        return [seconds for seconds, _ in answers], sum(not good for _, good in answers)

    async def _one(self, due: float) -> tuple[float, bool]:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        token, chance = self._rng.choice(self._tokens), self._rng.random()
        try:
            if chance < 0.6 or not self._slots:
                await self._search()
            elif chance < 0.8:
                slot = self._slots.pop(self._rng.randrange(len(self._slots)))
                await self._send("POST", "/appointments", body=_appointment(slot), token=token)
            else:
                await self._send("GET", "/appointments", token=token)
        except (aiohttp.ClientError, TimeoutError):
            return time.monotonic() - due, False
        return time.monotonic() - due, True

    async def _search(self) -> None:
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: TID251  # the app's days
        first = day + timedelta(days=self._rng.randrange(1, 40))
        last = first + timedelta(days=1)
        span = f"from={first:%Y-%m-%dT%H:%M:%SZ}&to={last:%Y-%m-%dT%H:%M:%SZ}"
        answer = await self._send("GET", f"/slots?practitioner={self._rng.choice(self._practitioners)}&{span}")
        self._slots = (self._slots + _ids(answer))[-500:]

    async def _send(self, method: str, path: str, *, body: Any = None, token: str = "") -> dict[str, Any]:
        headers = {"Idempotency-Key": uuid.uuid4().hex} | ({"Authorization": f"Bearer {token}"} if token else {})
        async with self._session.request(method, f"/api/v1{path}", json=body, headers=headers) as response:
            # Somebody else may have been faster with a slot.
            if response.status != CONFLICT:
                response.raise_for_status()
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer


def _ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", ())]


def _appointment(slot: str) -> dict[str, Any]:
    return {"resourceType": "Appointment", "status": "booked", "slot": [{"reference": f"Slot/{slot}"}]}
