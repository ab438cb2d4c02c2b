"""A killed MongoDB primary heals itself: writes are back in seconds, nothing acknowledged is lost, nobody is woken."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from monitor import clock
from tests.end_to_end.outages import alerts, ledger_lines, monitor

WRITES_BACK_WITHIN = timedelta(seconds=5)


@pytest.mark.stack
@pytest.mark.timeout(400)
def test_a_killed_primary_loses_no_booking_and_wakes_nobody(stack: Any) -> None:
    started = clock.now()
    done = monitor(stack.layout.run_dir, "drill", "run", "primary-killed", "--json", timeout_s=300)
    assert done.returncode == 0, done.stdout + done.stderr
    measured = json.loads(done.stdout)["measurements"]
    assert measured["failover_seconds"] <= WRITES_BACK_WITHIN.total_seconds()
    assert measured["acknowledged_lost"] == 0
    assert measured["doubled"] == 0
    assert longest_gap_between_bookings(stack, since=started) <= WRITES_BACK_WITHIN

    heard = alerts(stack.layout.url("web"), since=started)
    assert [alert for alert in heard if alert["labels"]["severity"] == "critical"] == []
    warnings = [alert["labels"]["alertname"] for alert in heard if alert["labels"]["severity"] == "warning"]
    assert warnings == ["MongoRedundancyLost"]


def longest_gap_between_bookings(stack: Any, *, since: datetime) -> timedelta:
    entries = ledger_lines(stack.layout.ledger, since=since, until=clock.now())
    booked = sorted(
        datetime.fromisoformat(entry["at"]) for entry in entries if entry["op"] == "book" and entry["outcome"] == "ok"
    )
    assert len(booked) > 50
    return max(later - earlier for earlier, later in pairwise(booked))
