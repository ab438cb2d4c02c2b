"""The first drill on the real stack: it passes, and whoever stops or kills it leaves nothing broken."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor import clock
from monitor.store import Store
from monitor.store_alerts import Alerts
from tests.dashboard_data import BY_A_DRILL, asked, without_data
from tests.end_to_end.outages import alerts, ledger_lines

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

OF_OTHER_DRILLS = {"MongoElections"}
"""The stack is shared: what other drills elected within the hour is told as well, as a warning."""


def acknowledge(stack: Any, fingerprint: str) -> None:
    body = json.dumps({"who": "on-call", "why": "it is a drill"}).encode()
    address = f"{stack.layout.url('web')}/api/v1/alerts/{fingerprint}/acknowledge"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310  # our own server
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  # same


def start(stack: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "monitor", "--run-dir", str(stack.layout.run_dir), "drill", "run"]
    return subprocess.Popen(
        [*command, "primary-killed", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def a_drill_that_holds_someone(stack: Any) -> Iterator[subprocess.Popen[str]]:
    """Give a drill that has taken a member down. One that is refused is begun anew: the last one's dust must settle."""
    deadline = time.monotonic() + 120
    while True:
        process = start(stack)
        try:
            while process.poll() is None and not someone_is_held(stack):
                time.sleep(0.2)
            if process.poll() is None:
                yield process
                return
        finally:
            if process.poll() is None:
                process.kill()
            _, steps = process.communicate() if process.stdout and not process.stdout.closed else ("", "")
        assert process.returncode == 2, steps
        assert "is refused" in steps
        assert time.monotonic() < deadline, steps


def until(look: Callable[[], Any], *, within_s: float) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
    return found


def someone_is_held(stack: Any) -> bool:
    return any(component.state == "held" for component in stack.client.status())


def is_quiet(stack: Any) -> bool:
    """Whether all is healthy and no alert for people fires: what a drill needs, and should leave to the next."""
    with Store.open(stack.settings.state) as store:
        firing = [
            a for a in Alerts(store).newest(state="firing") if a.labels.get("severity") in {"critical", "warning"}
        ]
    return bool(stack.client.describe().healthy) and not firing


def longest_gap_between_bookings(stack: Any, *, since: datetime) -> timedelta:
    """What the clients themselves wrote down, whatever the drill says it measured."""
    entries = ledger_lines(stack.layout.ledger, since=since, until=clock.now())
    booked = sorted(datetime.fromisoformat(e["at"]) for e in entries if e["op"] == "book" and e["outcome"] == "ok")
    assert len(booked) > 50
    return max(later - earlier for earlier, later in pairwise(booked))


def test_a_killed_primary_is_replaced_in_seconds_and_no_booking_is_lost(stack: Any) -> None:
    until(lambda: is_quiet(stack), within_s=120)
    time.sleep(10)  # so that bookings before the fault are among those that are checked
    process = start(stack)
    output, steps = process.communicate(timeout=300)
    assert process.returncode == 0, steps
    journal = json.loads(output)
    measured = journal["measurements"]
    assert 0 < measured["failover_seconds"] < 5
    assert 0 < measured["writes_back_seconds"] <= 5
    # Without a primary nothing is written; it is asked every 50 ms, so a booking may be heard of a little earlier.
    assert measured["writes_back_seconds"] > measured["failover_seconds"] - 0.5
    assert measured["acknowledged"] > 20
    assert (measured["acknowledged_lost"], measured["doubled"]) == (0, 0)
    assert 0 < measured["detection_seconds"] < 60
    assert measured["critical_alerts"] == 0
    assert set(journal["alerts"]) - OF_OTHER_DRILLS == {"MongoRedundancyLost"}
    assert (journal["outcome"], journal["status"], journal["deviated"]) == ("passed", "completed", False)
    assert journal["steady_states"]["after"]["steady_state_met"] is True
    assert {verdict["measurement"] for verdict in journal["verdicts"]} >= {"writes_back_seconds", "detection_seconds"}
    assert stack.client.describe().healthy
    with Store.open(stack.settings.state) as store:
        kept = store.get("drill", journal["id"])
    assert kept is not None
    assert kept.body == journal
    assert longest_gap_between_bookings(stack, since=clock.from_rfc3339(journal["started_at"])) < timedelta(seconds=5)
    heard = alerts(stack.layout.url("web"), since=clock.from_rfc3339(journal["started_at"]))
    told = [(alert["labels"]["alertname"], alert["labels"]["severity"]) for alert in heard]
    assert [one for one in told if one[0] not in OF_OTHER_DRILLS] == [("MongoRedundancyLost", "warning")]
    assert {severity for _, severity in told} == {"warning"}
    for alert in heard:
        acknowledge(stack, alert["fingerprint"])
    assert without_data(stack, asked(empty_until=BY_A_DRILL), within_s=60) == []


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_drill_that_is_stopped_puts_everything_right_first(stack: Any, signum: signal.Signals) -> None:
    until(lambda: is_quiet(stack), within_s=120)
    with a_drill_that_holds_someone(stack) as process:
        process.send_signal(signum)
        output, steps = process.communicate(timeout=120)
    journal = json.loads(output)
    assert (process.returncode, journal["outcome"]) == (3, "aborted"), steps
    assert not someone_is_held(stack)
    assert not (Path(stack.settings.state).parent / "drill-undo.json").exists()
    stack.client.wait_until_healthy(within_s=60)


def test_what_a_drill_killed_with_9_left_is_put_right_by_the_next(stack: Any) -> None:
    until(lambda: is_quiet(stack), within_s=120)
    with a_drill_that_holds_someone(stack) as process:
        process.kill()
    # The next one first releases what was left; then it refuses, for not every component is healthy yet.
    follower = start(stack)
    _, steps = follower.communicate(timeout=60)
    assert follower.returncode == 2, steps
    assert "an earlier drill was killed: released mongo-" in steps
    assert "is refused: not every component is healthy" in steps
    with Store.open(stack.settings.state) as store:
        journal = store.records("drill")[0].body
    assert (journal["outcome"], journal["reason"]) == ("aborted", "the drill was killed")
    assert (journal["status"], journal["end"]) == ("interrupted", journal["finished_at"])
    assert not someone_is_held(stack)
    stack.client.wait_until_healthy(within_s=60)
