"""``python -m app.traffic``: simulated patients at a steady mean rate through the edge, open loop.

Arrivals are a Poisson process that does not wait for answers: a slow service meets as many patients as a fast one, so
that measured latencies do not flatter it (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import click

from app.clock import now
from app.ledger import Writer
from app.traffic.behaviour import Behaviour
from app.traffic.client import DEADLINE, Client
from telemetry import logs

log = logs.get_logger()

_GRACE = 5.0
"""Seconds that requests in flight get after SIGTERM; then they are written down as unknown."""
_REPORT_EACH = 60.0
_LATE = 0.1
_DIRECTORY_RETRY = 1.0
_DIRECTORY_TIMEOUT = 5.0


class Traffic:
    """One run: arrivals, the tasks that they started, and what came of them."""

    def __init__(self, client: Client, rng: random.Random, rate: float) -> None:
        self._client = client
        self._rng = rng
        self._rate = rate
        self._behaviour = Behaviour(client, rng)
        self._tasks: set[asyncio.Task[None]] = set()
        self._late = 0

    async def arrive(self, stop: asyncio.Event, duration: float | None) -> None:
        """Start requests at their times until told to stop."""
        started = due = time.monotonic()
        reported = started
        while not stop.is_set() and (duration is None or due - started < duration):
            due += self._rng.expovariate(self._rate)
            await _sleep_until(due, stop)
            if stop.is_set():
                break
            self._late += time.monotonic() - due > _LATE
            task = asyncio.create_task(self._behaviour.act(due))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            if due - reported > _REPORT_EACH:
                reported = due
                self._report_progress()

    async def learn_practitioners(self, session: aiohttp.ClientSession, edge: str) -> None:
        """Ask once who can be booked, as a probe: it is nobody's request, so neither edge nor ledger counts it."""
        url = edge.rstrip("/") + "/api/v1/practitioners"
        while not self._behaviour.practitioners:
            with suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError):
                timeout = aiohttp.ClientTimeout(_DIRECTORY_TIMEOUT)
                async with session.get(url, headers={"X-Probe": "1"}, timeout=timeout) as response:
                    body = await response.json(content_type=None)
                self._behaviour.practitioners = [entry["resource"]["id"] for entry in body["entry"]]
                return
            await asyncio.sleep(_DIRECTORY_RETRY)

    async def finish(self, seconds: float) -> None:
        """Wait for requests in flight; what takes longer is cut off and becomes unknown."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def report_end(self, seconds: float) -> None:
        """Say what was done."""
        outcomes = self._client.outcomes
        log.info(
            "traffic.stopped",
            requests=outcomes.total(),
            failed=outcomes["fail"],
            unknown=outcomes["unknown"],
            seconds=round(seconds, 3),
        )

    def _report_progress(self) -> None:
        outcomes = self._client.outcomes
        log.info(
            "traffic.progress",
            requests=outcomes.total(),
            failed=outcomes["fail"],
            unknown=outcomes["unknown"],
            late=self._late,
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("traffic.failed", error=error)


async def run(*, rate: float, edge: str, ledger: Path, seed: int, duration: float | None) -> None:
    """Simulate patients until SIGTERM, SIGINT or the duration's end.

    Raises:
        OSError: the ledger cannot be written.
    """
    rng = random.Random(seed)  # noqa: S311  # made-up people, repeatable on purpose
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    writer = Writer(ledger, now())
    started = time.monotonic()
    log.info("traffic.started", rate=rate, seed=seed)
    # Idle connections are closed here before the edge does it (15 s): a POST never meets a closing one.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=10)
    timeout = aiohttp.ClientTimeout(total=DEADLINE)
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            traffic = Traffic(Client(session, edge, writer), rng, rate)
            helpers = [
                asyncio.create_task(writer.keep_synced()),
                asyncio.create_task(traffic.learn_practitioners(session, edge)),
            ]
            await traffic.arrive(stop, duration)
            await traffic.finish(_GRACE if stop.is_set() else 2 * DEADLINE)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            traffic.report_end(time.monotonic() - started)
    finally:
        writer.close()


async def _sleep_until(due: float, stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(0.0, due - time.monotonic()))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), required=True, help="Requests a second, on average."
)
@click.option("--edge", required=True, help="URL of the edge, http://127.0.0.1:8000.")
@click.option(
    "--ledger", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where the ledger goes."
)
@click.option("--seed", type=click.IntRange(min=0), help="Makes the same people again; random when not given.")
@click.option("--duration", type=click.FloatRange(min=0, min_open=True), help="Stop by itself after this many seconds.")
def main(*, rate: float, edge: str, ledger: Path, seed: int | None, duration: float | None) -> None:
    """Simulate patients who search, book and cancel through the edge, and write down what they were told."""
    logs.configure("traffic")
    seed = secrets.randbits(32) if seed is None else seed
    try:
        asyncio.run(run(rate=rate, edge=edge, ledger=ledger, seed=seed, duration=duration))
    except OSError as error:
        click.echo(f"cannot keep the ledger in {ledger}: {error.strerror}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
