"""``monitor slo list`` on the running stack: real values, for every SLO, soon after `up`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest

WITHIN_S = 180

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def slo_list(stack: Any) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "monitor", "--run-dir", str(stack.layout.run_dir), "slo", "list", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_every_slo_has_real_values_within_three_minutes_of_up(stack: Any) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        rows = slo_list(stack)
        # Nobody has corrected anything.
        told = [(row["name"], key, value) for row in rows for key, value in row.items() if key != "before_corrections"]
        empty = [f"{name}.{key}" for name, key, value in told if value is None]
        if not empty or time.monotonic() > deadline:
            break
        time.sleep(5)
    assert empty == []
    assert rows
    for row in rows:
        assert 0 <= row["sli"] <= 1
        assert 0 < row["coverage"] <= 1
        assert row["error_budget_remaining"] <= 1
        assert row["burn_rate"] >= 0
        assert row["coverage"] > 0.01 or row["verdict"] != "met"  # minutes say nothing of thirty days
