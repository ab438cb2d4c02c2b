"""Thirty days that are hard to count, with the truth about them: written event by event, so that nothing is estimated.

Day has a hundred times the traffic of night. One night hour fails altogether, half an hour of one day at 2 %. An
instance restarts twice, one is not scraped for a while, one is renamed, and Prometheus itself is away for an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

DAY, HOUR = 86_400, 3_600
INSTANCES, ROUTES = 5, 10
"""50 good and 50 bad series, as in research section 2."""

UNSCRAPED, RESTARTED, RENAMED = 1, 2, 4
"""Which instances have their troubles."""

RATE = {True: 40, False: 0.4}
"""Requests per second by day and by night."""


@dataclass
class Truth:
    """What happened: while somebody looked, and altogether."""

    bad: int = 0
    total: int = 0
    bad_all: int = 0
    total_all: int = 0
    looked: int = 0
    """Seconds."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """When everything happens, in seconds since the first sample; scaled to the days that there are."""

    start: int
    days: int
    step: int
    adversarial: bool = True

    @property
    def samples(self) -> int:
        """Samples per series."""
        return self.days * DAY // self.step + 1

    def at(self, share: float, hour: int) -> int:
        """An hour of the day that lies at a share of the whole time."""
        midnight = -self.start % DAY
        return midnight + int(share * (self.days - 1)) * DAY + hour * HOUR

    def is_day(self, second: int) -> bool:
        """Whether patients are awake."""
        return 7 <= (self.start + second) % DAY // HOUR < 22

    def away(self, second: int) -> bool:
        """Whether Prometheus scraped nothing."""
        begin = self.at(0.6, 10)
        return self.adversarial and begin < second <= begin + HOUR

    def unscraped(self, instance: int, second: int) -> bool:
        """Whether one instance alone was not scraped."""
        begin = self.at(0.3, 15)
        return self.adversarial and instance == UNSCRAPED and begin < second <= begin + 1200

    def failing(self, second: int) -> float:
        """The share of the requests that fail."""
        night, afternoon = self.at(0.45, 2), self.at(0.7, 14)
        return 1.0 if night < second <= night + HOUR else 0.02 if afternoon < second <= afternoon + 1800 else 0.0


def write(plan: Plan, file: Path) -> Truth:
    """Write every sample as OpenMetrics and return the truth."""
    gained = [_events(plan, number * plan.step) if number else (0, 0) for number in range(plan.samples)]
    with file.open("w", encoding="utf-8") as out:
        out.write("# TYPE shop unknown\n")
        for code, which in (("200", 0), ("500", 1)):
            for series in range(INSTANCES * ROUTES):
                _series(plan, out, series, code, [both[which] for both in gained])
        for instance in range(INSTANCES):
            for name, numbers in _lives(plan, instance):
                out.writelines(
                    f'up{{job="shop",instance="{name}"}} {int(not plan.unscraped(instance, number * plan.step))} '
                    f"{plan.start + number * plan.step}\n"
                    for number in numbers
                    if not plan.away(number * plan.step)
                )
        out.write("# EOF\n")
    return _truth(plan, gained)


def _events(plan: Plan, second: int) -> tuple[int, int]:
    """Good and bad requests of the step that ends here."""
    events = int(RATE[plan.is_day(second - plan.step)] * plan.step)
    bad = round(events * plan.failing(second))
    return events - bad, bad


def _share(events: int, series: int, number: int) -> int:
    """What one series of fifty gets of a step's events, so that together they get all."""
    whole, rest = divmod(events, INSTANCES * ROUTES)
    return whole + ((series + number) % (INSTANCES * ROUTES) < rest)


def _lives(plan: Plan, instance: int) -> Iterator[tuple[str, range]]:
    """An instance's names, and over which samples it bears each."""
    renamed = plan.at(0.8, 12) // plan.step
    if plan.adversarial and instance == RENAMED:
        yield "i4", range(renamed + 1)  # its last requests are scraped once more
        yield "i4b", range(renamed, plan.samples)
    else:
        yield f"i{instance}", range(plan.samples)


def _series(plan: Plan, out: TextIO, series: int, code: str, gained: list[int]) -> None:
    instance, route = series % INSTANCES, series // INSTANCES
    restarts = (
        {plan.at(0.2, 3) // plan.step, plan.at(0.5, 13) // plan.step} if plan.adversarial and instance == 2 else set()
    )
    for name, numbers in _lives(plan, instance):
        head = f'shop_total{{job="shop",instance="{name}",route="r{route}",code="{code}"}}'
        value = 0
        for number in numbers:
            second = number * plan.step
            value = 0 if number in restarts else value
            if number > numbers.start:
                value += _share(gained[number], series, number)
            if not plan.away(second) and not plan.unscraped(instance, second):
                out.write(f"{head} {value} {plan.start + second}\n")


def _truth(plan: Plan, gained: list[tuple[int, int]]) -> Truth:
    truth = Truth()
    for number, (good, bad) in enumerate(gained):
        second = number * plan.step
        truth.bad_all += bad
        truth.total_all += good + bad
        # The step in which somebody looks again is as dark as those before it.
        if not plan.away(second) and not (number and plan.away(second - plan.step)):
            truth.bad += bad
            truth.total += good + bad
            truth.looked += plan.step if number else 0
    return truth
