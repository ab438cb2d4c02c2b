"""Every kind of SLI and of window that OpenSLO can say, through the rules and their own tests, on the real promtool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from monitor.catalogue.load import load
from monitor.render import outputs

ROLLING = "duration: 30d, isRolling: true"
CALENDAR = "duration: 1M, calendar: {startTime: '2026-01-01 00:00:00', timeZone: Europe/Berlin}"

COUNTERS = """
      ratioMetric:
        counter: true
        bad: {metricSource: {spec: {query: 'sum(made_responses_total{job="edge",code="5xx"})'}}}
        total: {metricSource: {spec: {query: 'sum(made_responses_total{job="edge"})'%s}}}
"""
PROBED = COUNTERS % """, probe: 'probe_success{probe="edge"}'"""
BLIND = COUNTERS % ""
GAUGE = """
      thresholdMetric: {metricSource: {spec: {query: '%s'}}}
"""
MEAN = (
    'sum(rate(made_seconds_sum{job="app"}[1m])) / (sum(rate(made_seconds_count{job="app"}[1m])) > 0)'
    ' or 0 * sum(rate(made_seconds_count{job="app"}[1m]))'
)
OCCURRENCES = "Occurrences", "targetPercent: 99"
SLICES = "Timeslices", "targetPercent: 99, timeSliceTarget: 0.95, timeSliceWindow: 1m"
LONG_SLICES = "Timeslices", "targetPercent: 99.5, timeSliceTarget: 0.9, timeSliceWindow: 5m"
RATIOS = "RatioTimeslices", "targetPercent: 99, timeSliceWindow: 1m"
BELOW = "Timeslices", "targetPercent: 99, op: lt, value: 0.2, timeSliceTarget: 1, timeSliceWindow: 1m"
ALIVE = "Timeslices", "targetPercent: 99.9, op: gte, value: 1, timeSliceTarget: 1, timeSliceWindow: 1m"
YOUNG = "Timeslices", "targetPercent: 99, op: lt, value: 21600, timeSliceTarget: 1, timeSliceWindow: 1m"

KINDS = {
    "calendar": (CALENDAR, PROBED, OCCURRENCES),
    "slices": (ROLLING, PROBED, SLICES),
    "slices-blind": (ROLLING, BLIND, SLICES),
    "slices-of-5m": (ROLLING, PROBED, LONG_SLICES),
    "ratios": (ROLLING, PROBED, RATIOS),
    "mean": (ROLLING, GAUGE % MEAN, BELOW),
    "mean-calendar": (CALENDAR, GAUGE % MEAN, BELOW),
    "probe": (ROLLING, GAUGE % 'min(probe_success{probe="page"})', ALIVE),
    "age": (ROLLING, GAUGE % 'time() - max(made_timestamp_seconds{type="full"})', YOUNG),
    "year": ("duration: 1Y, isRolling: true", BLIND, OCCURRENCES),
}


def document(name: str) -> str:
    window, indicator, (budgeting, objective) = KINDS[name]
    return f"""
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}, annotations: {{pages: 'false'}}}}
spec:
  description: Whatever is promised here.
  service: made
  budgetingMethod: {budgeting}
  timeWindow: [{{{window}}}]
  objectives: [{{{objective}}}]
  indicator:
    metadata: {{name: {name}-indicator}}
    spec:{indicator}"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kinds")
    (root / "mine" / "slos").mkdir(parents=True)
    for name in KINDS:
        (root / "mine" / "slos" / f"{name}.yaml").write_text(document(name))
    for path, text in outputs(load(root / "mine", "compose")).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root / "rules"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rules_of_each_kind_do_what_their_tests_say(rules: Path, kind: str) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed: make install"
    tests = [rules / "tests" / f"slo-{kind}{part}.yml" for part in ("", "-alerts", "-days", "-window")]
    commands: tuple[tuple[str | Path, ...], ...] = (
        (promtool, "check", "rules", *sorted((rules / "prometheus").glob(f"slo-{kind}*.yml"))),
        (promtool, "test", "rules", *tests),
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_kind_is_seen_to_fire_and_to_be_silent(rules: Path) -> None:
    for kind in KINDS:
        text = (rules / "tests" / f"slo-{kind}.yml").read_text()
        for case in ("everything fails", "at the pace that the budget allows", "nothing comes and nothing fails"):
            assert case in text, (kind, case)
