"""Every kind of SLI and of window that OpenSLO can say, through the rules and their own tests, on the real promtool."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from monitor.catalogue.load import load
from monitor.render import outputs
from monitor.slo import native

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

AGE = 'time() - max(made_timestamp_seconds{type="%s"})'
PARTS = """
      ratioMetric:
        counter: true
        good: {metricSource: {spec: {query: '%s'}}}
        total: {metricSource: {spec: {query: '%s'}}}
"""
NATIVE = 'made_seconds{job="app"}'
LATE = f"histogram_fraction(0.2, +Inf, {NATIVE}) * histogram_count({NATIVE})"

KINDS = {
    "calendar": (CALENDAR, PROBED, OCCURRENCES),
    "slices": (ROLLING, PROBED, SLICES),
    "slices-blind": (ROLLING, BLIND, SLICES),
    "slices-of-5m": (ROLLING, PROBED, LONG_SLICES),
    "ratios": (ROLLING, PROBED, RATIOS),
    "mean": (ROLLING, GAUGE % MEAN, BELOW),
    "mean-calendar": (CALENDAR, GAUGE % MEAN, BELOW),
    "probe": (ROLLING, GAUGE % 'min(probe_success{probe="page"})', ALIVE),
    "age": (ROLLING, GAUGE % f"{AGE % 'full'} or {AGE % 'other'}", YOUNG),
    "year": ("duration: 1Y, isRolling: true", BLIND, OCCURRENCES),
}

CHOSEN = r'made_total{path=~`/(v\d+)/"x"`,method!="GET",'
EVENTS = {
    "good-of-all": (ROLLING, PARTS % (f'sum({CHOSEN}code!~"(5[0-9]{{2}}|429)"}})', f"sum({CHOSEN}}})"), OCCURRENCES),
    "good-and-bad": (ROLLING, PARTS % ("sum(made_good_total)", "made_good_total + made_bad_total"), OCCURRENCES),
}
"""Other ways to say which counters count what; only what is counted depends on it."""

NATIVES = {
    "native": (
        ROLLING,
        PARTS % (f"histogram_fraction(0, 0.2, {NATIVE})", f"histogram_count(sum({NATIVE}))"),
        OCCURRENCES,
    ),
    "native-edge": (ROLLING, PARTS % (f"histogram_fraction(0, 1, {NATIVE})", "sum(made_total)"), SLICES),
    "native-late": (
        ROLLING,
        PARTS.replace("good:", "bad:") % (LATE, f"histogram_count({NATIVE})"),
        OCCURRENCES,
    ),
    "native-by-code": (
        ROLLING,
        PARTS.replace("good:", "bad:")
        % ('histogram_count(made_seconds{job="app",code="5xx"})', f"histogram_count({NATIVE})"),
        OCCURRENCES,
    ),
}


def document(name: str) -> str:
    window, indicator, (budgeting, objective) = (KINDS | EVENTS | NATIVES)[name]
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
    return generated(tmp_path_factory.mktemp("kinds"), KINDS)


def generated(root: Path, names: Iterable[str], **overrides: str) -> Path:
    """The rules of some kinds, in an environment that is that of compose but for this."""
    (root / "mine" / "slos").mkdir(parents=True)
    for name in names:
        (root / "mine" / "slos" / f"{name}.yaml").write_text(document(name))
    catalogue = load(root / "mine", "compose", environment_overrides=overrides)
    for path, text in outputs(catalogue).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root / "rules"


def accepted(*command: str | Path) -> str:
    """What promtool says, when it is content."""
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed: make install"
    done = subprocess.run((promtool, *command), capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rules_of_each_kind_do_what_their_tests_say(rules: Path, kind: str) -> None:
    tests = [rules / "tests" / f"slo-{kind}{part}.yml" for part in ("", "-alerts", "-days", "-window")]
    accepted("check", "rules", *sorted((rules / "prometheus").glob(f"slo-{kind}*.yml")))
    accepted("test", "rules", *tests)


RARELY = {"evaluation_interval": "1m", "scrape_interval": "1m"}
"""Where it is all the same, for promtool takes its time by the evaluation."""


def test_however_counters_are_chosen_the_rules_count_them(tmp_path: Path) -> None:
    rules = generated(tmp_path, EVENTS, **RARELY)
    accepted("test", "rules", *(rules / "tests" / f"slo-{kind}.yml" for kind in EVENTS))


def test_an_older_promtool_accepts_rules_of_native_histograms_and_is_not_asked_to_make_them_up(tmp_path: Path) -> None:
    rules = generated(tmp_path, NATIVES, prometheus_version="2.42", **RARELY)
    accepted("check", "rules", *sorted((rules / "prometheus").glob("*.yml")))
    assert not any((rules / "tests" / f"slo-{kind}.yml").exists() for kind in NATIVES)
    accepted("test", "rules", *(rules / "tests" / f"slo-{kind}-alerts.yml" for kind in NATIVES))


def test_a_newer_promtool_makes_up_native_histograms_and_the_rules_count_them(tmp_path: Path) -> None:
    version = accepted("--version").split()[2]
    if not native.is_supported(version):
        pytest.skip(f"promtool {version} is on PATH: native histograms can be made up from 3.0 on")
    rules = generated(tmp_path, NATIVES, prometheus_version=version, **RARELY)
    accepted("test", "rules", *(rules / "tests" / f"slo-{kind}.yml" for kind in NATIVES))


def test_each_kind_is_seen_to_fire_and_to_be_silent(rules: Path) -> None:
    for kind in KINDS:
        text = (rules / "tests" / f"slo-{kind}.yml").read_text()
        for case in ("everything fails", "at the pace that the budget allows", "nothing comes and nothing fails"):
            assert case in text, (kind, case)
