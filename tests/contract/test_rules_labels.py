"""What becomes of the counts when labels change: those of the counters, and those of the SLO itself; by promtool."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Scraped:
    """How often a target is scraped between evaluations that are 30 s apart, and before which scrape labels change."""

    seconds: int
    change: int

    @property
    def last(self) -> int:
        """The scrape after twenty minutes."""
        return 1200 // self.seconds

    def old(self, first: int, each: int, end: str = "") -> str:
        """Samples up to the change."""
        return f"{first}+{each}x{self.change - 1}{end}"

    def new(self, first: int, each: int) -> str:
        """Samples from the change on."""
        return f"_x{self.change} {first}+{each}x{self.last - self.change}"


ONCE, OFTEN = Scraped(30, 20), Scraped(5, 100)
"""``OFTEN``: labels change ten seconds before an evaluation, of five scrapes after the one before."""

both = pytest.mark.parametrize("scraped", [ONCE, OFTEN], ids=["a scrape a step", "six scrapes a step"])
ends = pytest.mark.parametrize("end", [" stale", ""], ids=["old series are marked stale", "old series just end"])


def evaluated(  # a whole test file of promtool
    directory: Path,
    recorded: list[dict[str, Any]],
    series: Mapping[str, str],
    expected: Mapping[str, float],
    at: str,
    scraped: Scraped = ONCE,
) -> None:
    """Have promtool evaluate rules over made-up series, and compare."""
    (directory / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "grid", "rules": recorded}]}))
    checks = [
        {"expr": expr, "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}
        for expr, value in expected.items()
    ]
    test = {
        "interval": f"{scraped.seconds}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": checks,
    }
    (directory / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [test]})
    )
    command = [_binary("promtool"), "test", "rules", str(directory / "test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def counted(directory: Path, scraped: Scraped, series: Mapping[str, str], *, bad: float, total: float) -> None:
    interval = timedelta(seconds=scraped.seconds)
    environment = replace(load(None, "compose").environment, scrape_interval=interval, evaluation_interval=STEP)
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
    watched = {f"up{{{TARGET}}}": f"1x{scraped.last}"}
    evaluated(directory, grid, {**watched, **series}, expected, "20m", scraped)


@both
@ends
def test_counters_that_go_on_under_other_labels_are_not_counted_anew(
    tmp_path: Path, scraped: Scraped, end: str
) -> None:
    series = {
        f'e_total{{{TARGET},code="2xx"}}': scraped.old(1_000_000, 90, end),
        f'e_total{{{TARGET},code="5xx"}}': scraped.old(5000, 10, end),
        f'e_total{{{TARGET},code="2xx",region="eu"}}': scraped.new(1_000_000 + 90 * scraped.change, 90),
        f'e_total{{{TARGET},code="5xx",region="eu"}}': scraped.new(5000 + 10 * scraped.change, 10),
    }
    counted(tmp_path, scraped, series, bad=10 * scraped.last, total=100 * scraped.last)


@both
@ends
def test_a_process_that_starts_anew_under_other_labels_counts_from_zero(
    tmp_path: Path, scraped: Scraped, end: str
) -> None:
    series = {
        f'e_total{{{TARGET},code="2xx",version="1"}}': scraped.old(1_000_000, 90, end),
        f'e_total{{{TARGET},code="5xx",version="1"}}': scraped.old(5000, 10, end),
        f'e_total{{{TARGET},code="2xx",version="2"}}': scraped.new(90, 90),
        f'e_total{{{TARGET},code="5xx",version="2"}}': scraped.new(10, 10),
    }
    counted(tmp_path, scraped, series, bad=10 * scraped.last, total=100 * scraped.last)


@both
def test_a_process_that_starts_anew_loses_nothing_that_was_read(tmp_path: Path, scraped: Scraped) -> None:
    after = scraped.last - scraped.change
    series = {
        f'e_total{{{TARGET},code="2xx"}}': f"{scraped.old(1_000_000, 90)} 90+90x{after}",
        f'e_total{{{TARGET},code="5xx"}}': f"{scraped.old(5000, 10)} 10+10x{after}",
    }
    counted(tmp_path, scraped, series, bad=10 * scraped.last, total=100 * scraped.last)


@both
def test_a_label_set_that_is_born_beside_others_counts_from_zero(tmp_path: Path, scraped: Scraped) -> None:
    after = scraped.last - scraped.change
    series = {
        f'e_total{{{TARGET},code="2xx"}}': f"1000+90x{scraped.last}",
        f'e_total{{{TARGET},code="5xx"}}': scraped.new(7, 10),
    }
    counted(tmp_path, scraped, series, bad=7 + 10 * after, total=90 * scraped.last + 7 + 10 * after)


@both
def test_what_a_scrape_that_failed_did_not_see_is_not_counted_anew(tmp_path: Path, scraped: Scraped) -> None:
    """The scrape at an evaluation fails, so that the next one sees no series where the step began."""
    failed = 480 // scraped.seconds
    series = {
        f'e_total{{{TARGET},code="{code}"}}': (
            f"{first}+{each}x{failed - 1} stale {first + each * (failed + 1)}+{each}x{scraped.last - failed - 1}"
        )
        for code, first, each in (("2xx", 1_000_000, 90), ("5xx", 5000, 10))
    }
    counted(tmp_path, scraped, series, bad=10 * scraped.last, total=100 * scraped.last)


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
