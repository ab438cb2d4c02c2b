"""``python -m benchmarks.slo_scale``: a thousand SLOs of every kind, from files to rules, on one processor.

Measures load, check and generate within a process (processor seconds, nothing read before), and the commands
``monitor check`` and ``monitor generate`` from start to end, less what ``monitor --help`` takes. Holds every generated
byte against a second run with another hash seed, has promtool read the rules, and with ``--serve SECONDS`` has a real
Prometheus evaluate them for so long. Exit code 1 when a bar is missed, else 0.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from benchmarks.slo_scale import catalogue, served
from benchmarks.slo_scale.catalogue import Made
from benchmarks.slo_scale.commands import ENVIRONMENT, Took, command, digest, quickest, within
from benchmarks.slo_scale.served import Evaluated
from monitor.catalogue.load import load

MOST_SECONDS = 2.0
"""The bar of issue 4, for a thousand SLOs on one processor beyond start-up."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Something measured, and whether it is as it should be."""

    name: str
    shown: str
    kept: bool = True


def main() -> int:
    """Write the catalogue, measure, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slo_scale", description=__doc__)
    parser.add_argument("--slos", type=int, default=1000)
    parser.add_argument("--one-file", action="store_true", help="Write all SLOs into one file.")
    parser.add_argument("--serve", type=int, metavar="SECONDS", default=0, help="Have Prometheus evaluate for so long.")
    parser.add_argument("--profile", action="store_true", help="Show where the time goes instead.")
    chosen = parser.parse_args()
    made = catalogue.slos(chosen.slos)
    with tempfile.TemporaryDirectory(prefix="slo-scale-") as folder:
        place = Path(folder)
        root = place / "catalogue"
        catalogue.write(root, made, one_file=chosen.one_file)
        load(None, ENVIRONMENT)  # what is read and imported once belongs to the start-up
        if chosen.profile:
            _profile(root)
            return 0
        bars = chain(_in_process(root), _as_commands(root, place), _served(place, made, chosen.serve))
        kept = [_show(bar) for bar in bars]
    return 0 if all(kept) else 1


def _show(bar: Bar) -> bool:
    print(f"{bar.name:44}{bar.shown}{'' if bar.kept else '  MISSED'}", flush=True)
    return bar.kept


def _in_process(root: Path) -> Iterator[Bar]:
    seconds, first = within(root)
    whole = sum(seconds.values())
    for step, spent in seconds.items():
        yield Bar(f"within the process: {step}", f"{spent:6.2f} s CPU")
    yield Bar("within the process: all three", f"{whole:6.2f} s CPU of {MOST_SECONDS:g} s", whole <= MOST_SECONDS)
    yield Bar("the same again", f"{len(first)} files", first == within(root)[1])


def _as_commands(root: Path, place: Path) -> Iterator[Bar]:
    common = ("--catalogue", root, "--env", ENVIRONMENT)
    outs = (place / f"out-{number}" for number in count())

    def run(*arguments: str | Path) -> Took:
        return quickest(lambda: command(*common, *arguments, place=place))

    start, checked = run("--help"), run("check")
    made = quickest(lambda: command(*common, "generate", "--out", next(outs), place=place))
    again = run("generate", "--check", "--out", place / "out-0")
    yield Bar("start-up (monitor --help)", _seconds(start))
    for name, took in (("check", checked), ("generate", made), ("generate --check", again)):
        beyond = took.beyond(start)
        yield Bar(f"monitor {name}", f"{_seconds(beyond)} of {MOST_SECONDS:g} s", beyond.wall <= MOST_SECONDS)
    command(*common, "generate", "--out", next(outs), place=place, hash_seed=1)
    found = {digest(out) for out in place.glob("out-*")}
    yield Bar("the same bytes, with another hash seed too", f"{min(found)[:16]}...", len(found) == 1)


def _served(place: Path, made: Sequence[Made], seconds: int) -> Iterator[Bar]:
    rules = place / "out-0" / "rules" / "prometheus"
    said = served.accepted(sorted(rules.glob("*.yml")))
    yield Bar(f"promtool {served.version('promtool')} check rules", said or "accepts them", not said)
    if seconds:
        yield from _evaluated(served.evaluated(rules, made, place, seconds))


def _evaluated(found: Evaluated) -> Iterator[Bar]:
    name = f"Prometheus {found.version}"
    yield Bar(name, f"{found.groups} groups, {found.rules} rules, {found.waiting} groups not due yet")
    yield Bar(f"{name}: rules with an error", "; ".join(found.broken[:3]) or "none", not found.broken)
    yield Bar(f"{name}: failed evaluations", str(found.failures), not found.failures)
    yield Bar(f"{name}: missed iterations", str(found.missed), not found.missed)
    yield Bar(f"{name}: evaluating keeps busy", f"{found.busy:.1%} of one processor", found.busy < 1)
    yield Bar(f"{name}: the server took", f"{found.cpu:.1%} of one processor")


def _seconds(took: Took) -> str:
    return f"{took.wall:6.2f} s, {took.cpu:.2f} s CPU"


def _profile(root: Path) -> None:
    profiler = cProfile.Profile()
    profiler.runcall(within, root)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    sys.exit(main())
