"""What an SLO's rules cost over thirty adverse days, and how far off what they say is, beside two others' shapes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.slo import data, shapes
from benchmarks.slo.bars import Bar
from benchmarks.slo.data import Plan, Truth
from benchmarks.slo.recording import Past, record
from benchmarks.slo.server import Server
from benchmarks.slo.shapes import Shape
from monitor import clock
from monitor.catalogue.model import Environment
from monitor.compliance.replay import replay
from monitor.slo import names, promql
from monitor.slo.verdict import bounds
from monitor.sources.prometheus import Prometheus

MOST_SAMPLES = 1_000_000
MOST_ERROR = 0.005
MOST_REPLAY_S = 10.0
"""The bars of issue 4."""


def measure(place: Path, environment: Environment, plan: Plan) -> tuple[list[dict[str, Any]], Truth]:
    """Make the data set, record the rules of each shape over it, and see what one evaluation of each reads."""
    with Server(place) as server:
        file = place / "samples.om"
        truth = data.write(plan, file)
        server.load(file)
        file.unlink()
        ours = shapes.ours(environment, shapes.slo(plan.days))
        figures = [
            _measured(server, shape, plan, truth) for shape in (ours, shapes.sloth(plan.days), shapes.pyrra(plan.days))
        ]
        figures[0] |= _coverage(server, plan, truth) | {"replay_seconds": _replay(server, environment, plan)}
    return figures, truth


def _measured(server: Server, shape: Shape, plan: Plan, truth: Truth) -> dict[str, Any]:
    """Record what the rules would have recorded by now, then evaluate each once and see what it touches."""
    end = plan.start + plan.days * data.DAY
    past = Past(shape=shape, start=plan.start, end=end, away=lambda at: plan.away(at - plan.start))
    record(server, [past])
    cost = sum(server.ask(rule.expr, end).samples * 3600 / rule.every for rule in shape.rules)
    spent = server.ask(shape.spent, end).value
    right = truth.bad / truth.total / float(1 - shapes.TARGET)
    return {
        "name": shape.name,
        "rules": len(shape.rules),
        "samples_per_hour": round(cost),
        "spent": spent,
        "truth": right,
        "error": None if spent is None else spent / right - 1,
    }


def _coverage(server: Server, plan: Plan, truth: Truth) -> dict[str, Any]:
    """Whether the whole truth, gaps included, lies within what may be said of the period."""
    end, promise = plan.start + plan.days * data.DAY, shapes.slo(plan.days)
    own = promise.window.text
    achieved, coverage, peak = (
        server.ask(promql.series(name, promise, own), end).value
        for name in (names.SLI, names.COVERAGE, names.TRAFFIC_PEAK)
    )
    within = bounds(achieved, coverage, peak or 1.0)
    right = 1 - truth.bad_all / truth.total_all
    room = MOST_ERROR * (1 - right)  # what one target did while it alone was not scraped is no gap to the rules
    return {
        "coverage": coverage,
        "coverage_truth": truth.looked / (plan.days * data.DAY),
        "bounds": (within.low, within.high),
        "truth_with_gaps": right,
        "truth_within_bounds": within.low - room <= right <= within.high + room,
    }


def _replay(server: Server, environment: Environment, plan: Plan) -> float:
    """How long a replay of the whole time takes."""
    start = clock.from_epoch(plan.start)
    began = time.monotonic()
    with Prometheus(server.url, 120) as prometheus:
        replay(prometheus, shapes.slo(plan.days), environment, (start, start + timedelta(days=plan.days)))
    return time.monotonic() - began


def told(figures: list[dict[str, Any]], truth: Truth) -> Iterator[str]:
    """The table."""
    yield f"{truth.total:,} requests while somebody looked, {truth.bad:,} of them bad"
    yield ""
    yield "| rules | number | samples an hour | budget spent | error against the events |"
    yield "|---|---:|---:|---:|---:|"
    for row in figures:
        shown = f"{row['samples_per_hour']:,} | {row['spent']:.2%} | {row['error']:+.2%}"
        yield f"| {row['name']} | {row['rules']} | {shown} |"
    first = figures[0]
    low, high = first["bounds"]
    yield ""
    yield f"Ours: coverage {first['coverage']:.3%} (truly {first['coverage_truth']:.3%}); with the gaps"
    yield f"{first['truth_with_gaps']:.5%} were good, and {low:.5%} to {high:.5%} is what may be said."
    yield f"Replayed in {first['replay_seconds']:.1f} s."


def bars(figures: list[dict[str, Any]]) -> Iterator[Bar]:
    """Which bars were kept."""
    row = figures[0]
    yield Bar(f"at most {MOST_SAMPLES:,} samples an SLO-hour", row["samples_per_hour"] <= MOST_SAMPLES)
    yield Bar(f"budget of 30 days wrong by at most {MOST_ERROR:.1%}", abs(row["error"]) <= MOST_ERROR)
    yield Bar("the truth about 30 days within the bounds", row["truth_within_bounds"])
    yield Bar(f"30 days replayed in {MOST_REPLAY_S:g} s", row["replay_seconds"] <= MOST_REPLAY_S)
