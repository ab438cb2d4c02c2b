"""``python -m benchmarks.slo``: what an SLO's rules cost, and how far off what they say is, beside two others' shapes.

One data set, one Prometheus, one run. Samples are counted by Prometheus itself (``stats=all``), so the figures do not
depend on the machine. Exit code 1 when a bar is missed, else 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.slo import data, shapes
from benchmarks.slo.data import Plan, Truth
from benchmarks.slo.server import Server
from benchmarks.slo.shapes import Rule, Shape
from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Environment
from monitor.compliance.replay import replay
from monitor.slo import names, promql
from monitor.slo.verdict import bounds
from monitor.sources.prometheus import Prometheus

STEP = 30
"""Seconds between two scrapes, as others scrape (research section 2)."""

MOST_SAMPLES = 1_000_000
MOST_ERROR = 0.005
MOST_REPLAY_S = 10.0
"""The bars of issue 4."""

RECENT = 1200
"""Seconds for which series that are only read as they are now get a past."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the data set, load it, run the rules of each shape, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slo", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--smooth", action="store_true", help="leave out restarts, gaps, renaming and new series")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    given = parser.parse_args(arguments)
    overrides = {"scrape_interval": f"{STEP}s", "evaluation_interval": f"{STEP}s"}
    environment = load(None, "compose", environment_overrides=overrides).environment
    now = int(clock.now().timestamp()) // 3600 * 3600
    plan = Plan(start=now - given.days * data.DAY, days=given.days, step=STEP, adversarial=not given.smooth)
    with tempfile.TemporaryDirectory(prefix="slo-benchmark-") as place, Server(Path(place)) as server:
        file = Path(place) / "samples.om"
        truth = data.write(plan, file)
        server.load(file)
        file.unlink()
        figures = [
            _measure(server, shape, plan, truth)
            for shape in (shapes.ours(environment, given.days), shapes.sloth(given.days), shapes.pyrra(given.days))
        ]
        figures[0] |= _coverage(server, plan, truth) | {"replay_seconds": _replay(server, environment, plan)}
    _print(figures, truth)
    if given.json:
        given.json.write_text(json.dumps({"truth": vars(truth), "shapes": figures}, indent=2) + "\n", encoding="utf-8")
    return 0 if _kept(figures[0]) else 1


def _measure(server: Server, shape: Shape, plan: Plan, truth: Truth) -> dict[str, Any]:
    """Record what the rules would have recorded by now, then evaluate each once and see what it touches."""
    end = plan.start + plan.days * data.DAY
    for ready in shapes.rounds(shape):
        _record(server, shape, ready, plan)
    cost = 0.0
    for rule in shape.rules:
        cost += server.ask(rule.expr, end).samples * 3600 / rule.every
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


def _record(server: Server, shape: Shape, ready: list[Rule], plan: Plan) -> None:
    """Evaluate rules over the past as Prometheus would have, and give it what they recorded."""
    end = plan.start + plan.days * data.DAY
    whole = shapes.lasting(shape)
    file = server.place / "recorded.om"
    with file.open("w", encoding="utf-8") as out:
        for number, rule in enumerate(ready):
            start = plan.start if rule.record in whole else end - RECENT
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(rule.labels.items()))
            out.write(f"# TYPE {rule.record} unknown\n" if number == 0 else "")
            for at, value in server.over(rule.expr, start // rule.every * rule.every, end, rule.every):
                if not plan.away(at - plan.start):  # nobody was there to record it
                    out.write(f"{rule.record}{{{labels}}} {value} {at}\n")
        out.write("# EOF\n")
    server.load(file)


def _coverage(server: Server, plan: Plan, truth: Truth) -> dict[str, Any]:
    """Whether the whole truth, gaps included, lies within what may be said of the period."""
    end, promise = plan.start + plan.days * data.DAY, shapes.slo(plan.days)
    own = promise.window.text
    achieved, coverage = (
        server.ask(promql.series(name, promise, own), end).value for name in (names.SLI, names.COVERAGE)
    )
    within = bounds(achieved, coverage)
    right = 1 - truth.bad_all / truth.total_all
    # Bounds take it that unmeasured time had the traffic of the rest; the hour away was a busy one.
    room = MOST_ERROR * (1 - right)
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


def _print(figures: list[dict[str, Any]], truth: Truth) -> None:
    print(f"{truth.total:,} requests while somebody looked, {truth.bad:,} of them bad\n")
    print("| rules | number | samples an hour | budget spent | error against the events |")
    print("|---|---:|---:|---:|---:|")
    for row in figures:
        told = f"{row['samples_per_hour']:,} | {row['spent']:.2%} | {row['error']:+.2%}"
        print(f"| {row['name']} | {row['rules']} | {told} |")
    first = figures[0]
    low, high = first["bounds"]
    print(f"\nOurs: coverage {first['coverage']:.3%} (truly {first['coverage_truth']:.3%}); with the gaps")
    print(f"{first['truth_with_gaps']:.5%} were good, and {low:.5%} to {high:.5%} is what may be said.")
    print(f"Replayed in {first['replay_seconds']:.1f} s.\n")


def _kept(row: dict[str, Any]) -> bool:
    """Say which bars were missed."""
    samples, error, seconds = row["samples_per_hour"], row["error"], row["replay_seconds"]
    assert isinstance(samples, int)
    assert isinstance(error, float)
    assert isinstance(seconds, float)
    verdicts = {
        f"at most {MOST_SAMPLES:,} samples an hour": samples <= MOST_SAMPLES,
        f"error at most {MOST_ERROR:.1%}": abs(error) <= MOST_ERROR,
        "the truth within the bounds": bool(row["truth_within_bounds"]),
        f"replayed in {MOST_REPLAY_S:g} s": seconds <= MOST_REPLAY_S,
    }
    for text, good in verdicts.items():
        print(f"{'kept  ' if good else 'MISSED'}  {text}")
    return all(verdicts.values())


if __name__ == "__main__":
    sys.exit(main())
