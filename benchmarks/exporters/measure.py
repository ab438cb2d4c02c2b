"""Scrapes several exporters in turn, one page each, so that whatever disturbs the machine disturbs all of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.exporters import pages
from benchmarks.exporters.client import HEADERS, Answer, Client
from benchmarks.exporters.figures import Row, percentile, quietest
from benchmarks.exporters.processes import cpu_seconds, rss_mb
from benchmarks.exporters.subjects import Running

WARM_UP = 20
_BILL_SCRAPES = 20
_CONCURRENT = 8


class Target(Protocol):
    """The server that the exporters read."""

    @property
    def pid(self) -> int: ...

    @property
    def own_commands(self) -> int: ...

    def bill(self) -> tuple[float, float]: ...


@dataclass(slots=True)
class _Tally:
    seconds: list[float] = field(default_factory=list)
    target_cpu: float = 0.0
    cpu_before: float = 0.0
    answer: Answer | None = None


def alternate(
    arm: str, running: Sequence[Running], target: Target | None, *, scrapes: int, headers: str = "plain"
) -> list[Row]:
    """Measure all exporters of an arm, scrape by scrape."""
    wanted = HEADERS[headers]
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(one.port)) for one in running]
        for client in clients:
            for _ in range(WARM_UP):
                client.get(wanted)
        bills = [_bill(client, target, wanted) for client in clients]
        tallies = [_Tally(cpu_before=cpu_seconds(one.pid)) for one in running]
        for turn in range(scrapes):
            # Nobody always comes right after the same other.
            shift = turn % len(running)
            for number in (*range(shift, len(running)), *range(shift)):
                _scrape(clients[number], tallies[number], target, wanted)
        return [_row(arm, one, tally, bill, headers) for one, tally, bill in zip(running, tallies, bills, strict=True)]


def together(arm: str, running: Sequence[Running], *, scrapes: int, headers: str = "plain") -> list[Row]:
    """Measure each exporter in its turn, with several clients that ask as fast as they are answered."""
    rows = []
    for one in running:
        before = cpu_seconds(one.pid)
        with ThreadPoolExecutor(_CONCURRENT) as pool:
            parts = list(
                pool.map(_many, *zip(*[(one.port, scrapes // _CONCURRENT, headers)] * _CONCURRENT, strict=True))
            )
        seconds = [answer.seconds for part in parts for answer in part]
        tally = _Tally(seconds=seconds, cpu_before=before, answer=parts[0][-1])
        rows.append(_row(arm, one, tally, (None, None), headers))
    return rows


def _many(port: int, count: int, headers: str) -> list[Answer]:
    with Client(port) as client:
        return [client.get(HEADERS[headers]) for _ in range(max(1, count))]


def _scrape(client: Client, tally: _Tally, target: Target | None, headers: dict[str, str]) -> None:
    before = cpu_seconds(target.pid) if target else 0.0
    tally.answer = client.get(headers)
    tally.target_cpu += (cpu_seconds(target.pid) if target else 0.0) - before
    tally.seconds.append(tally.answer.seconds)


def _bill(client: Client, target: Target | None, headers: dict[str, str]) -> tuple[float | None, float | None]:
    """Return connections and commands per scrape, while nobody else asks."""
    if target is None:
        return None, None
    connections, commands = target.bill()
    for _ in range(_BILL_SCRAPES):
        client.get(headers)
    later_connections, later_commands = target.bill()
    return (
        (later_connections - connections) / _BILL_SCRAPES,
        (later_commands - commands - target.own_commands) / _BILL_SCRAPES,
    )


def _row(arm: str, one: Running, tally: _Tally, bill: tuple[float | None, float | None], headers: str) -> Row:
    assert tally.answer is not None, "nothing was scraped"
    page = tally.answer.text
    if missing := pages.faults(page):
        raise RuntimeError(f"{arm}: the page of {one.name} says {', '.join(missing)}")
    scrapes = len(tally.seconds)
    return Row(
        arm=arm,
        exporter=one.name,
        headers=headers,
        scrapes=scrapes,
        quiet_ms=quietest(tally.seconds) * 1e3,
        p50_ms=percentile(tally.seconds, 0.5) * 1e3,
        p99_ms=percentile(tally.seconds, 0.99) * 1e3,
        cpu_ms=(cpu_seconds(one.pid) - tally.cpu_before) / scrapes * 1e3,
        target_cpu_ms=tally.target_cpu / scrapes * 1e3 if bill[0] is not None else None,
        rss_mb=rss_mb(one.pid),
        series=pages.series(page),
        bytes=len(tally.answer.body),
        connections=bill[0],
        commands=bill[1],
    )
