"""Whether several stores say the same of the same raw samples: recorded figures, statuses and the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path

from benchmarks.slo import accuracy, adversity
from benchmarks.slo.adversity import DAY, DAYS, Story
from benchmarks.slo.bars import Bar
from benchmarks.slo.recording import record
from benchmarks.slo.server import Server
from monitor import clock
from monitor.catalogue.model import Catalogue
from monitor.compliance.period import Period
from monitor.compliance.replay import replay
from monitor.compliance.report import make_report
from monitor.compliance.status import slo_statuses
from monitor.slo import names
from monitor.sources.prometheus import Prometheus

MOST_APART = 0.005
"""Relative difference between two stores (issue 4)."""

REPLAYED = {adversity.GAPS, adversity.RELABELLED, adversity.EVERYTHING}
"""The stories whose alerts are replayed as well."""

FIGURES = (
    names.SLI,
    names.BURN_RATE,
    names.BUDGET_REMAINING,
    names.COVERAGE,
    names.BAD_SUM,
    names.TOTAL_SUM,
    names.TRAFFIC_PEAK,
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one store says: figures by what they are of."""

    store: str
    figures: dict[str, float]

    def apart(self, other: Said) -> tuple[float, str]:
        """The largest relative difference to another, and of what; one that only one of both knows is 1."""
        known = self.figures.keys() | other.figures.keys()
        return max((_apart(self.figures.get(one), other.figures.get(one)), one) for one in known)


def _apart(one: float | None, other: float | None) -> float:
    if one is None or other is None:
        return 1.0
    return abs(one - other) / max(abs(one), abs(other), 1e-9)


def measure(place: Path, catalogue: Catalogue, start: int, servers: Sequence[tuple[str, Server]]) -> list[Said]:
    """Give all stores the same samples, let each evaluate the rules, and ask each."""
    stories = list(adversity.stories(start, seeds=1))
    accuracy.write(stories, place / "stories.om")
    whole = replace(catalogue, slos=tuple(accuracy.promise(story) for story in stories))
    found = []
    for name, server in servers:
        with server:
            server.load(place / "stories.om")
            record(server, [accuracy.past(story, whole.environment, start + DAYS * DAY) for story in stories])
            with Prometheus(server.url, 120) as prometheus:
                told = dict(_figures(prometheus, whole, start)) | dict(_replayed(prometheus, whole, stories))
                found.append(Said(store=name, figures=told))
    return found


def _replayed(prometheus: Prometheus, catalogue: Catalogue, stories: Sequence[Story]) -> Iterator[tuple[str, float]]:
    for story, slo in zip(stories, catalogue.slos, strict=True):
        if story.name in REPLAYED:
            begin = clock.from_epoch(story.start)
            done = replay(prometheus, slo, catalogue.environment, (begin, begin + timedelta(days=DAYS)))
            yield f"replay {slo.name} events", done.events
            yield f"replay {slo.name} coverage", done.coverage
            yield f"replay {slo.name} alerts", len(done.outcomes[0].episodes)
            if (spent := done.outcomes[0].error_budget_spent) is not None:
                yield f"replay {slo.name} spent", spent


def _figures(prometheus: Prometheus, catalogue: Catalogue, start: int) -> Iterator[tuple[str, float]]:
    end = clock.from_epoch(start + DAYS * DAY)
    for name in FIGURES:
        for sample in prometheus.instant(name, end):
            of = " ".join(f"{key}={value}" for key, value in sorted(sample.labels.items()) if key != "__name__")
            # What is left may be next to nothing: what is spent is compared.
            yield f"{name} {of}", 1 - sample.value if name == names.BUDGET_REMAINING else sample.value
    for status in slo_statuses(prometheus, catalogue, end):
        for field in ("sli", "coverage", "burn_rate"):
            if (value := getattr(status, field)) is not None:
                yield f"status {status.name} {field}", value
    # Ends that lie on no whole cell, as those of a report about the last so many days do.
    until = end - timedelta(seconds=77)
    begin = until - timedelta(days=3, seconds=11)
    period = Period(text="3d", start=begin, end=until, until=until)
    for result in make_report(prometheus, None, catalogue, period).slos:
        for field in ("achieved", "coverage", "low", "high", "failed_events", "total_events"):
            if (value := getattr(result, field)) is not None:
                yield f"report {result.name} {field}", value


def told(found: Sequence[Said]) -> Iterator[str]:
    """The table: every store against the first."""
    yield "| stores | figures | furthest apart | of |"
    yield "|---|---:|---:|---|"
    for other in found[1:]:
        apart, of = found[0].apart(other)
        yield f"| {found[0].store}, {other.store} | {len(other.figures)} | {apart:.3%} | {of} |"


def bars(found: Sequence[Said]) -> Iterator[Bar]:
    """Which bars were kept: every store against every other."""
    for one, other in combinations(found, 2):
        apart, _ = one.apart(other)
        yield Bar(f"{one.store} and {other.store} within {MOST_APART:.1%}: {apart:.3%}", apart <= MOST_APART)
