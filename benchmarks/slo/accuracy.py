"""How far off budgets are on days that are hard to count: the recorded one, the sealed one, and what bounds say."""

from __future__ import annotations

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
from monitor.catalogue.model import Catalogue, Environment, Slo
from monitor.compliance.days import Span
from monitor.compliance.period import Period
from monitor.compliance.report import make_report
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
    """By what is recorded."""
    reported: Bounds

    @property
    def error(self) -> float:
        """Of the share of the budget that is spent, over time that was covered."""
        return self.spent * float(1 - shapes.TARGET) / self.truth.bad_share - 1

    @property
    def sealed_error(self) -> float:
        """Of the share of bad events in sealed days, of all that the counters tell.

        0 where a process restarted in a gap: a counter that has outgrown its old value by the time it is read again
        looks as if it had gone on, so that nobody can count it, and only the bounds are held to the truth.
        """
        if self.truth.lost_in_gap.total():
            return 0.0
        return (self.sealed.bad / self.sealed.total) / self.truth.readable_bad_share - 1

    @property
    def bounded(self) -> bool:
        """Whether the whole truth lies within what rules and report say of it, to the precision that is promised."""
        right = self.truth.good_share
        room = MOST_ERROR * (1 - right)
        return all(one.low - room <= right <= one.high + room for one in (self.within, self.reported))


def promise(story: Story) -> Slo:
    """The SLO about one story."""
    total = f'shop_total{{job="{story.job}"}}'
    return shapes.slo(DAYS, story.job, bad=f'shop_total{{code=~"5..",job="{story.job}"}}', total=total)


def measure(place: Path, catalogue: Catalogue, start: int, seeds: int) -> list[Found]:
    """Write the stories, record our rules over them, seal their days, and compare."""
    stories = list(adversity.stories(start, seeds))
    with Server(place) as server:
        truths = write(stories, place / "stories.om")
        server.load(place / "stories.om")
        (place / "stories.om").unlink()
        end = start + DAYS * DAY
        record(server, [past(story, catalogue.environment, end) for story in stories])
        with Prometheus(server.url, 120) as prometheus:
            whole = replace(catalogue, slos=tuple(map(promise, stories)))
            reported = _reported(prometheus, whole, start)
            return [
                _found(server, prometheus, catalogue.environment, story, truth, bounded)
                for story, truth, bounded in zip(stories, truths, reported, strict=True)
            ]


def _reported(prometheus: Prometheus, catalogue: Catalogue, start: int) -> list[Bounds]:
    begin = clock.from_epoch(start)
    period = Period(text=f"{DAYS}d", start=begin, end=begin + timedelta(days=DAYS), until=begin + timedelta(days=DAYS))
    results = make_report(prometheus, None, catalogue, period).slos
    return [Bounds(low=result.low, high=result.high) for result in results]


def write(stories: Sequence[Story], file: Path) -> list[Truth]:
    """Write all stories as one OpenMetrics file, metric by metric."""
    truths = [Truth() for _ in stories]
    with ExitStack() as stack:
        parts: dict[str, TextIO] = {}

        def out(metric: str) -> TextIO:
            if metric not in parts:
                parts[metric] = stack.enter_context(file.with_suffix(f".{metric}").open("w+", encoding="utf-8"))
            return parts[metric]

        for story, truth in zip(stories, truths, strict=True):
            adversity.write(story, out, truth)
        with file.open("w", encoding="utf-8") as whole:
            for metric, part in parts.items():
                part.seek(0)
                whole.write(f"# TYPE {metric} unknown\n")
                whole.writelines(part)
                Path(part.name).unlink()
            whole.write("# EOF\n")
    return truths


def past(story: Story, environment: Environment, end: int) -> Past:
    """A story as our rules would have recorded it; nobody did while Prometheus was away."""
    away = adversity.course(story).away
    shape = shapes.ours(environment, promise(story))
    recordings = replace(shape, rules=tuple(rule for rule in shape.rules if rule.record))
    return Past(
        shape=recordings,
        start=story.start,
        end=end,
        away=lambda at: any(at - story.start in span for span in away),
    )


def _found(
    server: Server, prometheus: Prometheus, environment: Environment, story: Story, truth: Truth, reported: Bounds
) -> Found:
    end, slo = story.start + DAYS * DAY, promise(story)
    own = slo.window.text

    def value(name: str) -> float:
        answer = server.ask(promql.series(name, slo, own), end).value
        assert answer is not None, f"{name} of {story} was not recorded"
        return answer

    within = bounds(value(names.SLI), value(names.COVERAGE), value(names.TRAFFIC_PEAK))
    sealed = sum((Tally.of_day(day) for day in _days(prometheus, environment, slo, story)), Tally())
    return Found(
        story=story, truth=truth, spent=value(names.BURN_RATE), sealed=sealed, within=within, reported=reported
    )


def _days(prometheus: Prometheus, environment: Environment, slo: Slo, story: Story) -> Iterator[SealedDay]:
    now = clock.now()
    for number in range(DAYS):
        start = clock.from_epoch(story.start + number * DAY)
        span = Span(start=start, end=start + timedelta(days=1))
        reader = reader_over(prometheus, environment, span)
        yield sealed_day(reader, slo, start.date().isoformat(), span, reason="benchmark", now=now)


def told(found: Sequence[Found]) -> Iterator[str]:
    """The table: of each kind of trouble the seed that is told worst."""
    yield "| trouble | seeds | bad events | budget | sealed days | bad, died unread | bad, in gaps | bounded |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    for name in dict.fromkeys(one.story.name for one in found):
        some = [one for one in found if one.story.name == name]
        worst, sealed = (max((f(one) for one in some), key=abs) for f in (_error, _sealed_error))
        bad, lost, gaps = (sum(column) for column in zip(*map(_counts, some), strict=True))
        held = "yes" if all(one.bounded for one in some) else "NO"
        yield f"| {name} | {len(some)} | {bad:,} | {worst:+.3%} | {sealed:+.3%} | {lost:,} | {gaps:,} | {held} |"


def bars(found: Sequence[Found]) -> Iterator[Bar]:
    """Which bars were kept."""
    worst = max(abs(one.error) for one in found)
    sealed = max(abs(one.sealed_error) for one in found)
    yield Bar(f"adverse days: budget wrong by at most {MOST_ERROR:.1%}: {worst:.3%}", worst <= MOST_ERROR)
    yield Bar(f"adverse days: sealed days wrong by at most {MOST_ERROR:.1%}: {sealed:.3%}", sealed <= MOST_ERROR)
    outside = [f"{one.story.name} {one.story.seed}" for one in found if not one.bounded]
    which = f": not of {', '.join(outside)}" if outside else ""
    yield Bar(f"adverse days: the truth within the bounds{which}", not outside)


def _error(found: Found) -> float:
    return found.error


def _sealed_error(found: Found) -> float:
    return found.sealed_error


def _counts(found: Found) -> tuple[int, int, int]:
    truth = found.truth
    return truth.seen["bad"] + truth.gap["bad"] + truth.lost["bad"], truth.lost["bad"], truth.gap["bad"]
