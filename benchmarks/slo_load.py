"""How long a thousand SLOs take: loaded, checked, and everything generated from them, on one core beyond start-up.

``python benchmarks/slo_load.py [--slos 1000] [--profile]`` writes a catalogue of its own to a temporary directory and
does each step twice, the second time from the files anew. It prints processor seconds by step (of the first run, when
no query has been read before), and ends with 1 where all three together take more than two seconds, or where the two
runs differ in a single byte. Two of three SLOs are ratios of counters, some by latency; the others watch
a gauge. Every metric is declared, as in a catalogue that ``monitor check`` finds nothing in.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue
from monitor.check import findings
from monitor.cli.generate import everything

T = TypeVar("T")

BAR = 2.0
ENVIRONMENT = "compose"

SOURCE = """\
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prometheus}
spec: {type: Prometheus, connectionDetails: {note: none}}
"""

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: service-%(number)04d
  displayName: Service %(number)d
  labels: {team: sre}
  annotations: {impact: Users of service %(number)d see errors.}
spec:
  description: Service %(number)d answers.
  service: service-%(number)04d
  budgetingMethod: %(method)s
  timeWindow: [{duration: %(days)dd, isRolling: true}]
  objectives:
    - targetPercent: %(target)s%(compared)s
  indicator:
    metadata: {name: indicator-%(number)04d}
    spec:
%(indicator)s
"""

METRIC = """\
%(field)s:
  metricSource:
    metricSourceRef: prometheus
    type: Prometheus
    spec:
      query: %(query)s
"""

COMPARED = """
      op: lt
      value: 30
      timeSliceTarget: 1
      timeSliceWindow: 1m"""

METRICS = {
    "producer": "services",
    "metrics": [
        {"name": "requests_total", "type": "counter", "help": "Requests.", "labels": ["service", "code"]},
        {
            "name": "request_seconds",
            "type": "histogram",
            "help": "Their time.",
            "labels": ["service"],
            "buckets": [0.1, 0.3, 1],
        },
        {"name": "queue_age_seconds", "type": "gauge", "help": "Of the oldest message.", "labels": ["service"]},
    ],
}


def slo(number: int) -> str:
    """One document; its kind of indicator depends on the number."""
    labels = f'service="service-{number:04}"'
    queries = (
        {"bad": f'sum(requests_total{{{labels},code=~"5.."}})', "total": f"sum(requests_total{{{labels}}})"},
        {
            "good": f'sum(request_seconds_bucket{{{labels},le="0.3"}})',
            "total": f"sum(request_seconds_count{{{labels}}})",
        },
        {"thresholdMetric": f"max(queue_age_seconds{{{labels}}})"},
    )[number % 3]
    sliced = "thresholdMetric" in queries
    metrics = "".join(METRIC % {"field": field, "query": query} for field, query in queries.items())
    ratio = metrics if sliced else "ratioMetric:\n  counter: true\n" + indent(metrics, 2)
    return SLO % {
        "number": number,
        "method": "Timeslices" if sliced else "Occurrences",
        "days": (28, 30)[number % 2],
        "target": ("99.9", "99.5", "99")[number % 3],
        "compared": COMPARED if sliced else "",
        "indicator": indent(ratio, 6).rstrip(),
    }


def indent(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in text.splitlines())


def write(root: Path, slos: int) -> None:
    (root / "slos").mkdir()
    (root / "metrics").mkdir()
    (root / "slos" / "sources.yaml").write_text(SOURCE)
    (root / "metrics" / "services.json").write_text(json.dumps(METRICS))
    for number in range(slos):
        (root / "slos" / f"service-{number:04}.yaml").write_text(slo(number))


def timed(step: str, do: Callable[[], T], seconds: dict[str, float]) -> T:
    before = time.process_time()
    done = do()
    seconds[step] = time.process_time() - before
    return done


def once(root: Path, seconds: dict[str, float]) -> tuple[Catalogue, dict[str, str]]:
    catalogue = timed("load", lambda: load(root, ENVIRONMENT), seconds)
    timed("check", lambda: findings(catalogue), seconds)
    return catalogue, timed("generate", lambda: everything(catalogue, root / "nothing"), seconds)


def profile(root: Path) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    once(root, {})
    profiler.disable()
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(40)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slos", type=int, default=1000)
    parser.add_argument("--profile", action="store_true", help="Show where the time goes instead.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, chosen.slos)
        load(None, ENVIRONMENT)  # what is read and imported once belongs to the start-up
        if chosen.profile:
            profile(root)
            return 0
        seconds: dict[str, float] = {}
        catalogue, first = once(root, seconds)
        _, second = once(root, {})
    whole, same = sum(seconds.values()), first == second
    for step, spent in seconds.items():
        print(f"{step:10}{spent:6.2f} s")
    print(f"{'together':10}{whole:6.2f} s of {BAR:g} s for {len(catalogue.slos)} SLOs, {len(first)} files")
    print("both runs are byte-identical" if same else "the two runs DIFFER")
    return 0 if whole <= BAR and same else 1


if __name__ == "__main__":
    sys.exit(main())
