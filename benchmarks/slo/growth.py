"""How the samples that an SLO's rules read grow: with its series, with its window, and with the number of SLOs.

Every rule is evaluated once, over raw samples of some hours and a made-up past of what is recorded (as much of it as
the rules look back on), and Prometheus counts what that touches (``stats=all``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.slo import shapes
from benchmarks.slo.adversity import DAY, HOUR, STEP
from benchmarks.slo.bars import Bar
from benchmarks.slo.recording import Lines
from benchmarks.slo.server import Server
from monitor.catalogue.model import Environment, Slo
from monitor.slo import rules

SERIES = (25, 50, 100, 200, 400)
DAYS = (7, 30, 90, 365)
SLOS = (1, 10, 50)
USUAL_SERIES, USUAL_DAYS = 100, 30

MOST_BY_WINDOW = 1.2
"""90 days against 30 (issue 4)."""

MOST_BY_SLOS = 1.001
"""What one of many SLOs costs, against the only one."""

INSTANCES = 4


@dataclass(frozen=True, kw_only=True)
class Price:
    """Samples an hour of ``slos`` SLOs, each of so many series and a window of so many days."""

    series: int
    days: int
    slos: int
    samples: int


def measure(place: Path, environment: Environment, end: int) -> list[Price]:
    """Price every size, the others being as usual."""
    sizes = sorted(
        {
            *((series, USUAL_DAYS, 1) for series in SERIES),
            *((USUAL_SERIES, days, 1) for days in DAYS),
            *((USUAL_SERIES, USUAL_DAYS, slos) for slos in SLOS),
        }
    )
    made = [(size, list(_slos(number, size))) for number, size in enumerate(sizes)]
    with Server(place) as server:
        server.take(_past(made, environment, end))
        return [
            Price(
                series=size[0],
                days=size[1],
                slos=size[2],
                samples=round(sum(_cost(server, slo, environment, end) for slo in slos)),
            )
            for size, slos in made
        ]


def told(prices: list[Price]) -> Iterator[str]:
    """The table."""
    yield "| series | window | SLOs | samples an hour | of each SLO |"
    yield "|---:|---:|---:|---:|---:|"
    for price in prices:
        each = round(price.samples / price.slos)
        yield f"| {price.series} | {price.days} d | {price.slos} | {price.samples:,} | {each:,} |"


def bars(prices: list[Price]) -> Iterator[Bar]:
    """Which bars were kept."""
    known = {(price.series, price.days, price.slos): price.samples for price in prices}
    usual = known[USUAL_SERIES, USUAL_DAYS, 1]
    longer = known[USUAL_SERIES, 90, 1] / usual
    many = max(known[USUAL_SERIES, USUAL_DAYS, slos] / slos / usual for slos in SLOS)
    wide = known[2 * USUAL_SERIES, USUAL_DAYS, 1] / usual
    yield Bar(f"90 d cost at most {MOST_BY_WINDOW} times what 30 d do: {longer:.2f}", longer <= MOST_BY_WINDOW)
    yield Bar(f"one of {max(SLOS)} SLOs costs what the only one does: {many:.3f}", many <= MOST_BY_SLOS)
    yield Bar(f"twice the series cost less than twice as much: {wide:.2f}", wide < 2)  # said in the text


def _slos(number: int, size: tuple[int, int, int]) -> Iterator[Slo]:
    for one in range(size[2]):
        job = f"size-{number}-{one}"
        total = f'shop_total{{job="{job}"}}'
        yield shapes.slo(size[1], job, bad=f'shop_total{{code="500",job="{job}"}}', total=total)


def _cost(server: Server, slo: Slo, environment: Environment, end: int) -> float:
    shape = shapes.ours(environment, slo)
    return sum(server.ask(rule.expr, end).samples * HOUR / rule.every for rule in shape.rules)


def _past(made: list[tuple[tuple[int, int, int], list[Slo]]], environment: Environment, end: int) -> Lines:
    """Raw samples of the last minutes, and recorded ones as far back as anything is added up from them."""
    every = [(size[0], slo) for size, slos in made for slo in slos]
    for series, slo in every:
        for number in range(series):
            code = "500" if number % 2 else "200"
            labels = f'job="{slo.name}",instance="t{number % INSTANCES}",route="r{number}",code="{code}"'
            for at in range(end - HOUR // 4, end + 1, STEP):
                yield "shop_total", labels, str(at - end + DAY), at
    for _, slo in every:
        for instance in range(INSTANCES):
            for at in range(end - HOUR // 4, end + 1, STEP):
                yield "up", f'job="{slo.name}",instance="t{instance}"', "1", at
    recorded = sorted({rule.record for _, slo in every for rule in shapes.ours(environment, slo).rules if rule.record})
    for record in recorded:
        for _, slo in every:
            yield from _recorded(record, slo, environment, end)


def _recorded(record: str, slo: Slo, environment: Environment, end: int) -> Lines:
    for group in rules.groups(slo, environment):
        interval = int(group.interval.total_seconds())
        for rule in group.rules:
            if rule.record == record:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(rule.labels.items()))
                for at in range((end - _reach(record, slo)) // interval * interval, end + 1, interval):
                    yield record, labels, "1", at


def _reach(record: str, slo: Slo) -> int:
    """How far back a recorded series is read, in seconds and a little more."""
    own = int(slo.window.duration.total_seconds())
    if record.endswith(":delta"):
        return 2 * HOUR
    if record.endswith(":rollup"):
        return 7 * HOUR
    if record.endswith(":rollup_5x"):
        return min(max(own, 4 * DAY), 36 * DAY)
    return own + DAY if record.endswith(":rollup_60x") else 2 * HOUR
