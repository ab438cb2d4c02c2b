"""What becomes of the counts when labels change: those of the counters, and those of the SLO itself; by promtool."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.catalogue.load import load
from monitor.slo import names, promql, rules
from tests.contract.history import _binary
from tests.contract.slo_past import promised

STEP = timedelta(seconds=30)
SLO = promised(bad='e_total{code="5xx"}', total="e_total")
TARGET = 'job="app",instance="app-1"'


def evaluated(
    directory: Path, recorded: list[dict[str, Any]], series: Mapping[str, str], expected: Mapping[str, float], at: str
) -> None:
    """Have promtool evaluate rules over made-up series, and compare."""
    (directory / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "grid", "rules": recorded}]}))
    checks = [
        {"expr": expr, "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}
        for expr, value in expected.items()
    ]
    test = {
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": checks,
    }
    (directory / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [test]})
    )
    command = [_binary("promtool"), "test", "rules", str(directory / "test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def counted(directory: Path, series: Mapping[str, str], *, bad: float, total: float) -> None:
    environment = replace(load(None, "compose").environment, scrape_interval=STEP, evaluation_interval=STEP)
    grid = [
        {"record": one.record, "expr": one.expr, "labels": one.labels}
        for one in rules.grid(SLO, environment)
        if one.record in {names.OBSERVED_BAD_DELTA, names.OBSERVED_TOTAL_DELTA}
    ]
    span = timedelta(hours=1)
    expected = {
        promql.tile(names.OBSERVED_BAD_DELTA, SLO, span): bad,
        promql.tile(names.OBSERVED_TOTAL_DELTA, SLO, span): total,
    }
    evaluated(directory, grid, {f"up{{{TARGET}}}": "1x40", **series}, expected, "20m")


@pytest.mark.parametrize("end", [" stale", ""], ids=["old series are marked stale", "old series just end"])
def test_counters_that_go_on_under_other_labels_are_not_counted_anew(tmp_path: Path, end: str) -> None:
    series = {
        f'e_total{{{TARGET},code="2xx"}}': f"1000000+90x19{end}",
        f'e_total{{{TARGET},code="5xx"}}': f"5000+10x19{end}",
        f'e_total{{{TARGET},code="2xx",region="eu"}}': "_x20 1001800+90x20",
        f'e_total{{{TARGET},code="5xx",region="eu"}}': "_x20 5200+10x20",
    }
    counted(tmp_path, series, bad=10 * 40, total=100 * 40)


def test_a_process_that_starts_anew_under_other_labels_counts_from_zero(tmp_path: Path) -> None:
    series = {
        f'e_total{{{TARGET},code="2xx",version="1"}}': "1000000+90x19 stale",
        f'e_total{{{TARGET},code="5xx",version="1"}}': "5000+10x19 stale",
        f'e_total{{{TARGET},code="2xx",version="2"}}': "_x20 90+90x20",
        f'e_total{{{TARGET},code="5xx",version="2"}}': "_x20 10+10x20",
    }
    counted(tmp_path, series, bad=10 * 40, total=100 * 40)


def test_a_label_set_that_is_born_beside_others_counts_from_zero(tmp_path: Path) -> None:
    series = {
        f'e_total{{{TARGET},code="2xx"}}': "1000+90x40",
        f'e_total{{{TARGET},code="5xx"}}': "_x20 7+10x20",
    }
    counted(tmp_path, series, bad=7 + 10 * 20, total=90 * 40 + 7 + 10 * 20)


def test_an_slo_that_moves_to_another_service_keeps_its_past_and_its_rules_go_on(tmp_path: Path) -> None:
    """Two series of one SLO in a window would stop the rule for as long as the older one is in it."""
    environment = load(None, "compose").environment
    summed = {names.BAD_WINDOW, names.TOTAL_WINDOW, names.COVERED_WINDOW}
    recorded = [
        {"record": one.record, "expr": one.expr, "labels": one.labels}
        for group in rules.groups(SLO, environment)
        for one in group.rules
        if group.name.endswith("-windows") or one.record in summed
    ]
    former, now = (f'slo="{SLO.name}",slo_service="{service}"' for service in ("former", SLO.service))
    series = {f'{names.BAD_WINDOW}{{{former},window="30d"}}': "50x2 _x40"}
    for name, before, since in (
        (names.BAD_ROLLUP_5X, 50, 7),
        (names.TOTAL_ROLLUP_5X, 1000, 100),
        (names.COVERED_ROLLUP_5X, 300, 300),
    ):
        series |= {f"{name}{{{former}}}": f"{before} _x40", f"{name}{{{now}}}": f"_ {since} _x39"}
    expected = {
        f"sum({promql.series(names.BAD_SUM, SLO, '30d')})": 57.0,
        f"sum({promql.series(names.TOTAL_SUM, SLO, '30d')})": 1100.0,
        f"sum({promql.series(names.COVERAGE, SLO, '30d')}) * 2592000": 600.0,
    }
    evaluated(tmp_path, recorded, series, expected, "4m")
