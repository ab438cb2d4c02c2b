"""``python -m benchmarks.slo``: what an SLO's rules cost, how right they are, how soon they page, and who else agrees.

Samples are counted by Prometheus itself (``stats=all``), delays are those of the rules' own evaluations and truth is
counted as it is written, so no figure but the time of a replay depends on the machine. Exit code 1 when a bar is
missed, else 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.slo import accuracy, cost, data, detection, growth, parity, victoria
from benchmarks.slo.bars import Bar
from benchmarks.slo.data import DAY, Plan
from benchmarks.slo.detection import Outcome
from benchmarks.slo.server import Server
from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue

STEPS = (30, 15)
"""Seconds between two scrapes, and between two evaluations: as others scrape, and as the compose file does. Pages are
measured at both, everything else at the first, where it is harder."""

INCIDENTS = 20


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the benchmark, measured: its table, and its bars."""

    lines: list[str]
    bars: list[Bar]
    figures: Any = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts that are asked for, print each, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slo", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--days", type=int, default=30, help="of the data set whose rules are priced")
    parser.add_argument("--smooth", action="store_true", help="leave out its restarts, gaps, renaming and new series")
    parser.add_argument("--seeds", type=int, default=3, help="of the adverse days")
    parser.add_argument(
        "--prometheus", type=Path, help="directory of another release, to be held against the installed"
    )
    parser.add_argument("--victoria", type=Path, help="directory of victoria-metrics, where it is not installed")
    parser.add_argument("--json", type=Path, help="write the price of the rules there, too")
    given = parser.parse_args(arguments)
    if unknown := set(given.only.split(",")) - set(PARTS):
        parser.error(f"no part is called {min(unknown)!r}: choose of {', '.join(PARTS)}")
    kept = True
    for name in given.only.split(","):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="slo-benchmark-") as place:
            part = PARTS[name](given, Path(place))
        print(f"## {name} ({time.monotonic() - began:.0f} s)\n")
        print(*part.lines, "", *part.bars, "", sep="\n", flush=True)
        kept = kept and all(bar.kept for bar in part.bars)
        if given.json and part.figures:
            given.json.write_text(json.dumps(part.figures, indent=2) + "\n", encoding="utf-8")
    return 0 if kept else 1


def _catalogue(step: int = STEPS[0]) -> Catalogue:
    return load(
        None, "compose", environment_overrides={"scrape_interval": f"{step}s", "evaluation_interval": f"{step}s"}
    )


def _midnight(days_ago: int) -> int:
    return (int(clock.now().timestamp()) // DAY - days_ago) * DAY


def _cost(given: argparse.Namespace, place: Path) -> Part:
    now = int(clock.now().timestamp()) // 3600 * 3600
    plan = Plan(start=now - given.days * data.DAY, days=given.days, step=STEPS[0], adversarial=not given.smooth)
    figures, truth = cost.measure(place, _catalogue().environment, plan)
    whole = {"truth": vars(truth), "shapes": figures}
    return Part(lines=list(cost.told(figures, truth)), bars=list(cost.bars(figures)), figures=whole)


def _growth(_: argparse.Namespace, place: Path) -> Part:
    prices = growth.measure(place, _catalogue().environment, _midnight(0))
    return Part(lines=list(growth.told(prices)), bars=list(growth.bars(prices)))


def _accuracy(given: argparse.Namespace, place: Path) -> Part:
    found = accuracy.measure(place, _catalogue(), _midnight(6), given.seeds)
    return Part(lines=list(accuracy.told(found)), bars=list(accuracy.bars(found)))


def _detection(_: argparse.Namespace, place: Path) -> Part:
    lines, bars = list[str](), list[Bar]()
    for step in STEPS:
        environment = _catalogue(step).environment
        outcomes: list[list[Outcome]] = []
        for brief in (False, True):
            here = place / f"{step}-{brief}"
            here.mkdir()
            outcomes.append(detection.measure(here, environment, _midnight(3), INCIDENTS, brief=brief))
        lines += [f"Samples and evaluations {step} s apart:", "", *detection.told([*outcomes[0], *outcomes[1]]), ""]
        bars += detection.bars(outcomes[0], outcomes[1], step)
    return Part(lines=lines, bars=bars)


def _parity(given: argparse.Namespace, place: Path) -> Part:
    servers, left_out = list[tuple[str, Server]](), list[str]()
    for name, wanted, make in _stores(given):
        (place / name).mkdir()
        if wanted:
            servers.append((name, make(place / name)))
        else:
            left_out.append(f"Left out, because it is not there: {name}.")
    found = parity.measure(place, _catalogue(), _midnight(6), servers)
    return Part(lines=[*parity.told(found), *left_out], bars=list(parity.bars(found)))


def _stores(given: argparse.Namespace) -> Iterator[tuple[str, bool, Callable[[Path], Server]]]:
    yield "Prometheus", True, Server
    yield "another Prometheus", given.prometheus is not None, lambda place: Server(place, given.prometheus)
    there = victoria.installed(given.victoria)
    yield "VictoriaMetrics", there, lambda place: victoria.Victoria(place, given.victoria)


PARTS: dict[str, Callable[[argparse.Namespace, Path], Part]] = {
    "cost": _cost,
    "growth": _growth,
    "accuracy": _accuracy,
    "detection": _detection,
    "parity": _parity,
}

if __name__ == "__main__":
    sys.exit(main())
