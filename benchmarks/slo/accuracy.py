"""How far off budgets are on days that are hard to count: the recorded one, the sealed one, and what bounds say."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from benchmarks.slo import adversity, shapes
from benchmarks.slo.adversity import DAY, DAYS, Story, Truth
from benchmarks.slo.bars import Bar
from benchmarks.slo.recording import Past, record
from benchmarks.slo.server import Server
from monitor import clock
from monitor.catalogue.model import Environment, Slo
from monitor.compliance.days import Span
from monitor.compliance.sealing import reader_over, sealed_day
from monitor.compliance.tally import Tally
from monitor.slo import names, promql
from monitor.slo.verdict import Bounds, bounds
from monitor.sources.prometheus import Prometheus
from monitor.store_history import SealedDay

MOST_ERROR = 0.005
"""Of the budget that is spent, relative to the truth (issue 4)."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """One story: what was recorded and sealed, against the truth."""

    story: Story
    truth: Truth
    spent: float
    sealed: Tally
    within: Bounds

    @property
    def error(self) -> float:
        """Of the share of the budget that is spent, over time that was covered."""
        right = self.truth.bad / self.truth.total / float(1 - shapes.TARGET)
        return self.spent / right - 1

    @property
    def sealed_error(self) -> float:
        """Of the share of bad events in sealed days, over all time."""
        return (self.sealed.bad / self.sealed.total) / (1 - self.truth.good_share) - 1

    @property
    def bounded(self) -> bool:
        """Whether the whole truth lies within what may be said, to the precision that is promised."""
        room = MOST_ERROR * (1 - self.truth.good_share)
        return self.within.low - room <= self.truth.good_share <= self.within.high + room


def promise(story: Story) -> Slo:
    """The SLO about one story."""
    total = f'shop_total{{job="{story.job}"}}'
    return shapes.slo(DAYS, story.job, bad=f'shop_total{{code=~"5..",job="{story.job}"}}', total=total)


def measure(place: Path, environment: Environment, start: int, seeds: int) -> list[Found]:
    """Write the stories, record our rules over them, seal their days, and compare."""
    told = list(adversity.stories(start, seeds))
    with Server(place) as server:
        truths = write(told, place / "stories.om")
        server.load(place / "stories.om")
        (place / "stories.om").unlink()
        end = start + DAYS * DAY
        record(server, [_past(story, environment, end) for story in told])
        with Prometheus(server.url, 120) as prometheus:
            return [
                _found(server, prometheus, environment, story, truth)
                for story, truth in zip(told, truths, strict=True)
            ]


def write(told: Sequence[Story], file: Path) -> list[Truth]:
    """Write all stories as one OpenMetrics file, metric by metric."""
    truths = [Truth() for _ in told]
    with ExitStack() as stack:
        parts: dict[str, TextIO] = {}

        def out(metric: str) -> TextIO:
            if metric not in parts:
                parts[metric] = stack.enter_context(file.with_suffix(f".{metric}").open("w+", encoding="utf-8"))
            return parts[metric]

        for story, truth in zip(told, truths, strict=True):
            adversity.write(story, out, truth)
        with file.open("w", encoding="utf-8") as whole:
            for metric, part in parts.items():
                part.seek(0)
                whole.write(f"# TYPE {metric} unknown\n")
                whole.writelines(part)
                Path(part.name).unlink()
            whole.write("# EOF\n")
    return truths


def _past(story: Story, environment: Environment, end: int) -> Past:
    away = adversity.course(story).away
    shape = shapes.ours(environment, promise(story))
    recordings = replace(shape, rules=tuple(rule for rule in shape.rules if rule.record))
    return Past(
        shape=recordings,
        start=story.start,
        end=end,
        away=lambda at: any(at - story.start in span for span in away),
    )


def _found(server: Server, prometheus: Prometheus, environment: Environment, story: Story, truth: Truth) -> Found:
    end, slo = story.start + DAYS * DAY, promise(story)
    own = slo.window.text

    def value(name: str) -> float:
        answer = server.ask(promql.series(name, slo, own), end).value
        assert answer is not None, f"{name} of {story} was not recorded"
        return answer

    within = bounds(value(names.SLI), value(names.COVERAGE), value(names.TRAFFIC_PEAK))
    sealed = sum((Tally.of_day(day) for day in _days(prometheus, environment, slo, story)), Tally())
    return Found(story=story, truth=truth, spent=value(names.BURN_RATE), sealed=sealed, within=within)


def _days(prometheus: Prometheus, environment: Environment, slo: Slo, story: Story) -> Iterator[SealedDay]:
    now = clock.now()
    for number in range(DAYS):
        start = clock.from_epoch(story.start + number * DAY)
        span = Span(start=start, end=start + timedelta(days=1))
        reader = reader_over(prometheus, environment, span)
        yield sealed_day(reader, slo, start.date().isoformat(), span, reason="benchmark", now=now)
