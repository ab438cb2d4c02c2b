"""Twenty minutes of ordinary life wake nobody: traffic, a backup, a verification, a rolling restart of the apps."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest

from monitor import clock
from tests.end_to_end.outages import alerts, are_healthy, eventually, monitor

MINUTES = 20


@pytest.mark.stack
@pytest.mark.proof
@pytest.mark.timeout((MINUTES + 10) * 60)
def test_twenty_quiet_minutes_have_no_critical_alert(fresh_stack: Any) -> None:
    started = clock.now()
    end = time.monotonic() + MINUTES * 60

    backup = monitor(fresh_stack.layout.run_dir, "backup", "run", "--json", timeout_s=300)
    assert backup.returncode == 0, backup.stderr
    time.sleep(120)
    for app in ("app-1", "app-2"):
        fresh_stack.client.restart(app)
        eventually(partial(are_healthy, fresh_stack, app), within_s=60, what=f"{app} healthy after its restart")
    time.sleep(120)
    verified = monitor(fresh_stack.layout.run_dir, "backup", "verify", "--json", timeout_s=300)
    assert verified.returncode == 0, verified.stderr
    time.sleep(max(0.0, end - time.monotonic()))

    assert alerts(fresh_stack.layout.url("web"), severity="critical", since=started) == []
    listed = monitor(fresh_stack.layout.run_dir, "slo", "list", "--json")
    statuses = {slo["name"]: slo for slo in json.loads(listed.stdout)}
    assert statuses["availability"]["sli"] == pytest.approx(1.0, abs=5e-4)
