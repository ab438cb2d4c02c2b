"""``monitor report`` and ``monitor slo`` as commands, against a real Prometheus with a known past."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor import clock
from monitor.slo import names
from monitor.store import Store
from tests.contract.history import History, serve

SCRAPE_S = 15
RATE = 20
OUTAGE_S = 60
BEGAN_AGO = timedelta(minutes=6)
RESPONSES = "haproxy_backend_http_responses_total"
NOWHERE = "http://127.0.0.1:1"


def monitor(run_dir: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environ = {**os.environ, "MONITOR_PROMETHEUS_URL": url, "MONITOR_RUN_DIR": str(run_dir)}
    command = [sys.executable, "-m", "monitor", *arguments]
    return subprocess.run(command, capture_output=True, env=environ, cwd=run_dir, timeout=120, check=False)


def past(now: datetime) -> History:
    """Seventy minutes of twenty requests a second; six minutes ago, all failed for one minute."""
    history, start = History(), now - timedelta(minutes=70)
    bad: list[tuple[datetime, float]] = []
    good: list[tuple[datetime, float]] = []
    for second in range(0, 70 * 60 - 5, SCRAPE_S):
        at = start + timedelta(seconds=second)
        down = min(max((at - (now - BEGAN_AGO)).total_seconds(), 0.0), OUTAGE_S)
        bad.append((at, round(RATE * down)))
        good.append((at, RATE * second - round(RATE * down)))
    history.add(RESPONSES, {"proxy": "api", "code": "5xx"}, bad)
    history.add(RESPONSES, {"proxy": "api", "code": "2xx"}, good)
    labels = {"slo": "availability", "slo_service": "appointments", "window": "30d"}
    # Until half an hour after: however long the tests that ask for it take.
    recorded = [now + timedelta(minutes=minute, seconds=-10) for minute in range(30)]
    for family, value in ((names.SLI, 0.75), (names.BUDGET_REMAINING, 0.5), (names.COVERAGE, 0.001)):
        history.add(family, labels, [(at, value) for at in recorded])
    history.add(names.BURN_RATE, labels | {"window": "1h"}, [(at, 14.5) for at in recorded])
    history.add(names.SLI, labels | {"slo": "api-latency"}, [(at, float("nan")) for at in recorded])
    return history


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(past(clock.now()), tmp_path_factory.mktemp("prometheus")) as prometheus:
        yield prometheus.url


def availability(body: Any) -> Any:
    return next(slo for slo in body["slos"] if slo["name"] == "availability")


def test_a_minutes_outage_is_counted_to_the_last_request(tmp_path: Path, prometheus_url: str) -> None:
    for period in ("30m", "1h"):
        done = monitor(tmp_path, prometheus_url, "report", "--period", period, "--format", "json", "--out", "-")
        assert done.returncode == 0, done.stderr
        slo = availability(json.loads(done.stdout))
        assert slo["failed_events"] == RATE * OUTAGE_S
        assert slo["verdict"] == "missed"
        assert slo["error_budget"]["remaining"] < 0


def test_an_outage_inside_an_hour_of_slowness_is_an_incident_of_its_own(tmp_path: Path, prometheus_url: str) -> None:
    done = monitor(tmp_path, prometheus_url, "report", "--period", "1h", "--format", "json", "--out", "-")
    incidents = json.loads(done.stdout)["incidents"]
    # No app told of fast answers in that hour: all of it was slow, which is another incident, and a worse one.
    slow, outage = incidents
    assert 1 <= outage["minutes"] <= 3
    assert {effect["slo"]: effect["failed_events"] for effect in outage["effects"]} == {
        "availability": RATE * OUTAGE_S,
        "availability-sla": RATE * OUTAGE_S,
    }
    assert [effect["slo"] for effect in slow["effects"]] == ["api-latency"]
    assert slow["minutes"] == 60


def test_an_hour_of_data_is_not_enough_for_thirty_days(tmp_path: Path, prometheus_url: str) -> None:
    done = monitor(tmp_path, prometheus_url, "report", "--period", "30d", "--format", "json", "--out", "-")
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert {slo["verdict"] for slo in body["slos"]} == {"insufficient data"}
    assert availability(body)["failed_events"] == RATE * OUTAGE_S
    assert availability(body)["coverage"] == pytest.approx(70 / (30 * 24 * 60), rel=0.1)
    assert b"drills are told as unknown: the store" in done.stderr


@pytest.mark.parametrize(("form", "start"), [("html", b"<!DOCTYPE html>"), ("csv", b"period,"), ("json", b"{")])
def test_the_files_name_is_the_periods(tmp_path: Path, prometheus_url: str, form: str, start: bytes) -> None:
    done = monitor(tmp_path, prometheus_url, "report", "--period", "1h", "--format", form)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"slo-report-1h.{form}").read_bytes().startswith(start)
    assert [file.name for file in tmp_path.iterdir()] == [f"slo-report-1h.{form}"]


def test_the_format_is_that_of_the_file_and_the_store_remembers(tmp_path: Path, prometheus_url: str) -> None:
    with Store.migrate(tmp_path / "state" / "monitor.db") as store:
        done = monitor(tmp_path, prometheus_url, "report", "--period", "1h", "--out", "august.csv")
        assert done.returncode == 0, done.stderr
        (record,) = store.records("report")
    assert record.body["files"] == [str(tmp_path / "august.csv")]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "august.csv").read_text())))
    assert "availability" in {row["name"] for row in rows}


def test_a_store_that_cannot_be_read_is_told_with_what_to_do(tmp_path: Path, prometheus_url: str) -> None:
    state = tmp_path / "state" / "monitor.db"
    state.parent.mkdir()
    state.write_bytes(b"garbage" * 1000)
    done = monitor(tmp_path, prometheus_url, "report", "--period", "1h", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert f"told as unknown: the store {state} is damaged or no database" in done.stderr.decode()


def test_an_unreachable_prometheus_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.html").write_text("old")
    done = monitor(tmp_path, NOWHERE, "report", "--period", "1h", "--out", "old.html")
    assert done.returncode == 3
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"monitor: cannot reach Prometheus at {NOWHERE}")
    assert [file.name for file in tmp_path.iterdir()] == ["old.html"]
    assert (tmp_path / "old.html").read_text() == "old"


@pytest.mark.parametrize("period", ["yesterday", "2026-13", "0d", "2999-01"])
def test_what_is_no_period_ends_with_two(tmp_path: Path, period: str) -> None:
    done = monitor(tmp_path, NOWHERE, "report", "--period", period)
    assert done.returncode == 2
    assert period in done.stderr.decode()


def test_a_file_that_cannot_be_written_ends_with_two(tmp_path: Path, prometheus_url: str) -> None:
    done = monitor(tmp_path, prometheus_url, "report", "--period", "1h", "--out", "nowhere/report.html")
    assert done.returncode == 2
    assert b"nowhere/report.html" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_slo_list_shows_what_is_recorded_and_null_for_what_is_not(tmp_path: Path, prometheus_url: str) -> None:
    done = monitor(tmp_path, prometheus_url, "slo", "list", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    wanted = {"name", "service", "objective", "window", "sli", "error_budget_remaining", "coverage", "burn_rate"}
    assert all(wanted <= set(row) for row in rows.values())
    row = rows["availability"]
    assert (row["sli"], row["error_budget_remaining"], row["coverage"], row["burn_rate"]) == (0.75, 0.5, 0.001, 14.5)
    assert row["objective"] == 0.9995
    assert rows["api-latency"]["sli"] is None  # NaN is how Prometheus says that there were no events


def test_slo_list_says_insufficient_data_in_words(tmp_path: Path, prometheus_url: str) -> None:
    done = monitor(tmp_path, prometheus_url, "slo", "list")
    text = done.stdout.decode().replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "insufficient data (0.1 % coverage)" in text
    assert "insufficient data (nothing measured)" in text


def test_slo_show_names_what_there_is_when_asked_for_something_else(tmp_path: Path, prometheus_url: str) -> None:
    assert monitor(tmp_path, prometheus_url, "slo", "show", "availability").returncode == 0
    done = monitor(tmp_path, prometheus_url, "slo", "show", "uptime")
    assert done.returncode == 2
    assert b"availability" in done.stderr


def test_slo_list_without_prometheus_ends_with_three(tmp_path: Path) -> None:
    done = monitor(tmp_path, NOWHERE, "slo", "list", "--json")
    assert done.returncode == 3
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1
