"""Alerts written by hand, and SLOs, hold at each interval promised: ``for`` follows it, what is tested stays true.

60 s is what Prometheus has where nothing is set; 15 s, the committed rules' own, is what ``make check-rules`` runs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.rules_at import alert_tests_at, slo_tests_at


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seconds", [5, 30, 60])
def test_alerts_pass_their_tests_at_other_intervals(tmp_path: Path, seconds: int) -> None:
    assert_pass(alert_tests_at(seconds, tmp_path))


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_slos_pass_their_tests_where_each_minute_is_scraped(tmp_path: Path) -> None:
    assert_pass(slo_tests_at(60, tmp_path))


def assert_pass(tests: Sequence[Path]) -> None:
    assert tests
    # Two at a time: each keeps one processor busy.
    command = ["xargs", "-P", "2", "-n", "1", "promtool", "test", "rules"]
    done = subprocess.run(command, input="\n".join(map(str, tests)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
