"""``python -m benchmarks.exporters``: ours and its peers, side by side, on the same servers, in one run.

Peers are Debian's ``prometheus-redis-exporter`` and ``prometheus-node-exporter``, where they are installed
(``deploy/install-packages.sh --peers``), and any binary given by path. All of an arm run at the same time and are
scraped in turn. Exit code: 0 when every bar was kept, 1 when one was missed, 2 for wrong use.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.exporters import arms, bars, machine, plot, tables
from benchmarks.exporters.arms import ARMS, Frozen, Plan
from benchmarks.exporters.figures import Row
from benchmarks.exporters.growth import GROWTHS, Curve
from benchmarks.exporters.subjects import Peers, found

FROZEN, GROWTH = "frozen", "growth"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the arms, print the tables, and judge."""
    given = _parser().parse_args(arguments)
    chosen = tuple(given.arms.split(",")) if given.arms else (*ARMS, FROZEN, GROWTH)
    if unknown := sorted(set(chosen) - {*ARMS, FROZEN, GROWTH}):
        sys.stderr.write(f"no such arm: {', '.join(unknown)}; there are {', '.join((*ARMS, FROZEN, GROWTH))}\n")
        return 2
    peers = Peers(
        redis=found(given.redis_exporter, "prometheus-redis-exporter"),
        mongodb=found(given.mongodb_exporter, "mongodb_exporter"),
        node=found(given.node_exporter, "prometheus-node-exporter"),
    )
    _allow_many_connections()
    facts = machine.describe(peers)
    print(tables.machine(facts), flush=True)
    with tempfile.TemporaryDirectory(prefix="exporters-benchmark-") as place:
        plan = Plan(Path(place), peers, given.scrapes)
        rows = _rows(plan, [name for name in ARMS if name in chosen])
        frozen = arms.frozen(plan) if FROZEN in chosen else []
        if frozen:
            _print(f"Server frozen (SIGSTOP), the scraper waits {arms.PATIENCE:g} s", tables.frozen(frozen))
        curves = _curves(plan, given.plot) if GROWTH in chosen else []
    verdicts = bars.judge(rows)
    if verdicts:
        _print("Bars", tables.bars(verdicts))
    if given.json:
        _write_json(given.json, facts, rows, frozen, curves, verdicts)
    kept = all(verdict.is_kept for verdict in verdicts) and all(curve.fit.is_linear_or_better for curve in curves)
    return 0 if kept else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.exporters", description=__doc__, allow_abbrev=False)
    for name in ("redis", "mongodb", "node"):
        parser.add_argument(
            f"--{name}-exporter", metavar="PATH", type=Path, action="append", default=[], help="a peer's binary"
        )
    parser.add_argument("--arms", metavar="NAME,...", help=f"only these of {', '.join((*ARMS, FROZEN, GROWTH))}")
    parser.add_argument("--scrapes", metavar="N", type=int, default=400, help="of each exporter in each arm (400)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures there as well")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw the growth there, as SVG")
    return parser


def _rows(plan: Plan, names: Iterable[str]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        for arm, found_rows in itertools.groupby(ARMS[name](plan), key=lambda row: row.arm):
            part = list(found_rows)
            _print(arm, tables.arm(part))
            rows += part
    return rows


def _curves(plan: Plan, file: Path | None) -> list[Curve]:
    fewer = Plan(plan.place, plan.peers, max(20, plan.scrapes // 4))
    curves = [curve for grow in GROWTHS.values() for curve in grow(fewer)]
    _print("Growth", tables.growth(curves))
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(plot.svg(curves), encoding="utf-8")
    return curves


def _write_json(
    file: Path,
    facts: dict[str, str],
    rows: Sequence[Row],
    frozen: Sequence[Frozen],
    curves: Sequence[Curve],
    verdicts: Sequence[bars.Verdict],
) -> None:
    document = {
        "machine": facts,
        "arms": [{**asdict(row), "us_per_series": row.us_per_series} for row in rows],
        "frozen": [asdict(one) for one in frozen],
        "growth": [{**asdict(curve), "exponent": curve.fit.exponent, "slope_ms": curve.fit.slope} for curve in curves],
        "bars": [{**asdict(verdict), "kept": verdict.is_kept, "margin": verdict.margin} for verdict in verdicts],
    }
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _allow_many_connections() -> None:
    """Take as many file descriptors as this user may have; the servers inherit the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _print(title: str, text: str) -> None:
    print(f"\n## {title}\n\n{text}", flush=True)


if __name__ == "__main__":
    # Where the package is run as a directory, its siblings must not be found instead of the packages of the project.
    sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != Path(__file__).parent.resolve()]
    sys.exit(main())
