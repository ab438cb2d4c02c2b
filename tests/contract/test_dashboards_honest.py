"""What panels and marks say of several machines, of no traffic, and of months: evaluated by Prometheus's own engine."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.render.dashboards_marks import MARKS
from monitor.render.dashboards_promql import replaced, within_an_hour
from monitor.render.dashboards_window import built_in
from tests.dashboard_files import FILES, load

SCRAPE = timedelta(seconds=15)
Samples = dict[str, float]
"""Values by their labels."""


@dataclass(frozen=True)
class Case:
    """The answer that a panel owes when these series were scraped each 15 s."""

    board: str
    title: str
    series: dict[str, str]
    owed: Samples


CASES = (
    Case(
        board="hosts",
        title="Which file system fills?",
        series={
            'node_filesystem_avail_bytes{instance="small",mountpoint="/"}': "10x20",
            'node_filesystem_size_bytes{instance="small",mountpoint="/"}': "20x20",
            'node_filesystem_readonly{instance="small",mountpoint="/"}': "0x20",
            'node_filesystem_avail_bytes{instance="large",mountpoint="/"}': "750x20",
            'node_filesystem_size_bytes{instance="large",mountpoint="/"}': "1000x20",
            'node_filesystem_readonly{instance="large",mountpoint="/"}': "0x20",
        },
        owed={'{instance="small", mountpoint="/"}': 0.5, '{instance="large", mountpoint="/"}': 0.25},
    ),
    Case(
        board="hosts",
        title="Is a disk full?",
        series={
            'node_filesystem_avail_bytes{instance="a",mountpoint="/"}': "15x20",
            'node_filesystem_size_bytes{instance="a",mountpoint="/"}': "20x20",
            'node_filesystem_readonly{instance="a",mountpoint="/"}': "0x20",
            'node_filesystem_avail_bytes{instance="a",mountpoint="/snap"}': "0x20",
            'node_filesystem_size_bytes{instance="a",mountpoint="/snap"}': "20x20",
            'node_filesystem_readonly{instance="a",mountpoint="/snap"}': "1x20",
        },
        owed={"{}": 0.25},
    ),
    Case(
        board="hosts",
        title="How much goes over the network?",
        series={
            f'node_network_{way}_bytes_total{{instance="{machine}",device="eth0"}}': f"0+{15 * rate}x20"
            for way in ("receive", "transmit")
            for machine, rate in (("a", 1), ("b", 3))
        },
        owed={'{instance="a", device="eth0"}': 2, '{instance="b", device="eth0"}': 6},
    ),
    Case(
        board="hosts",
        title="How many threads does a container run?",
        series={
            f'container_threads{{instance="{on}",name="app"}}': f"{count}x20" for on, count in (("a", 4), ("b", 9))
        },
        owed={'{instance="a", name="app"}': 4, '{instance="b", name="app"}': 9},
    ),
    Case(
        board="service",
        title="How fast are answers on average?",
        series={
            f'http_server_request_duration_seconds_{part}{{job="app",instance="a",http_route="/api/slots"}}': "7x20"
            for part in ("sum", "count")
        },
        owed={},
    ),
    Case(
        board="service",
        title="What share of requests fails?",
        series={
            'haproxy_backend_http_responses_total{proxy="api",code="5xx"}': "3x20",
            'haproxy_backend_http_responses_total{proxy="api",code="2xx"}': "9x20",
            'haproxy_backend_responses_denied_total{proxy="api"}': "0x20",
        },
        owed={},
    ),
    Case(
        board="service",
        title="Which app does the edge take for down?",
        series={
            f'haproxy_server_status{{proxy="api",server="{server}",state="{state}"}}': f"{int(state == now)}x20"
            for server, now in (("app-1", "UP"), ("app-2", "DOWN"))
            for state in ("UP", "DOWN", "DRAIN")
        },
        owed={'{server="app-1"}': 1, '{server="app-2"}': 0},
    ),
    Case(
        board="redis",
        title="How old is the last snapshot?",
        series={
            f'redis_rdb_last_save_timestamp_seconds{{instance="{instance}"}}': f"{at}x20"
            for instance, at in (("a", 100), ("b", 250))
        },
        owed={'{instance="a"}': 200, '{instance="b"}': 50},
    ),
    Case(
        board="redis",
        title="Which errors does Redis answer?",
        series={
            'redis_error_replies_total{instance="a"}': "0+15x20",
            'redis_errors_total{instance="a",err="OOM"}': "0+15x20",
        },
        owed={'{err="all"}': 1, '{err="OOM"}': 1},
    ),
    Case(
        board="redis",
        title="What stands in the slow log?",
        series={'redis_slowlog_entries_total{instance="a"}': "0x20"},
        owed={'{cmd="all"}': 0},
    ),
    Case(
        board="hosts",
        title="Is the clock right?",
        series={'node_timex_offset_seconds{instance="a"}': "-0.6x20"},
        owed={'{instance="a"}': 0.6},
    ),
    Case(
        board="alerting",
        title="How often was someone woken this week?",
        series={
            f'ALERTS{{alertname="MongoMemberDown",instance="{on}",alertstate="firing",severity="critical"}}': "_x4 1x20"
            for on in ("a", "b", "c")
        },
        owed={"{}": 1},
    ),
    Case(
        board="alerting",
        title="Which alerts flap?",
        series={
            f'ALERTS{{alertname="TargetMissing",instance="{on}",alertstate="firing",severity="warning"}}': "_x4 1x20"
            for on in ("a", "b", "c")
        },
        owed={'{alertname="TargetMissing"}': 1},
    ),
    Case(
        board="alerting",
        title="How many alerts are held back?",
        series={f'alertmanager_alerts{{instance="am-{number}",state="suppressed"}}': "3x20" for number in (1, 2)},
        owed={'{state="suppressed"}': 3},
    ),
    Case(
        board="business",
        title="How many appointments were made?",
        series={
            f'appointments_made_last_day{{instance="{exporter}",service="{service}"}}': f"{count}x20"
            for exporter in ("exporters-1", "exporters-2")
            for service, count in (("dermatology", 4), ("surgery", 1))
        },
        owed={"{}": 5},
    ),
    Case(
        board="business",
        title="Who does not come?",
        series={
            f'appointments_due_last_day{{instance="exporters",status="{status}"}}': f"{count}x20"
            for status, count in (("noshow", 0), ("fulfilled", 0), ("cancelled", 3))
        },
        owed={},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.board}: {case.title}")
def test_a_panel_says_what_is(case: Case, tmp_path: Path) -> None:
    [expr] = [
        target["expr"]
        for file in FILES
        if file.stem == case.board
        for panel in load(file).panels()
        if panel["title"] == case.title
        for target in panel["targets"]
    ]
    # Rounded: releases of Prometheus differ in the last digit.
    evaluated(case.series, {(300, f"round({replaced(expr)}, 0.01)"): case.owed}, tmp_path)


@pytest.mark.parametrize(("step_s", "most_s"), [(15, 4000), (7200, 7200)])
def test_what_is_rare_is_seen_however_far_one_looks(step_s: int, most_s: int, tmp_path: Path) -> None:
    # An election 45 minutes after the beginning, as a graph of hours and one of months ask for it.
    series = {'mongodb_replset_elections_total{member="a",reason="timeout"}': "0x180 1x720"}
    expr = within_an_hour("mongodb_replset_elections_total", "reason")
    step = timedelta(seconds=step_s)
    asked = f"round({replaced(expr, built_in(step * 300, step, SCRAPE))})"
    seen = f"count_over_time(({asked} == 1)[4h:{step_s}s]) * {step_s} <= bool {most_s}"
    evaluated(series, {(4 * 3600, seen): {'{reason="timeout"}': 1}}, tmp_path)


EVENTS = {
    'app_build_info{instance="app-1",version="1"}': "1x60 _x140",  # until 15 min
    'app_build_info{instance="app-1",version="2"}': "_x62 1x400",  # deployed at 15.5 min
    'dr_backup_last_success_timestamp_seconds{type="full"}': "-10000x119 1795x400",  # at 29 min 55 s
    'dr_drill_running{drill="primary-killed"}': "0x180 1x3 0x400",  # for a minute from 45 min on
    'ALERTS{alertname="MongoNoPrimary",slo="",alertstate="firing",severity="critical"}': "_x184 1x5 stale",  # too
}
"""An hour and a half: each happens between two whole multiples of twenty minutes."""

MARKED = {
    "Deploy": '{version="2"}',
    "Backup": '{type="full"}',
    "Drill": '{drill="primary-killed"}',
    "Page": '{alertname="MongoNoPrimary"}',
}


@pytest.mark.parametrize(("step_s", "most"), [(15, 9), (60, 3), (300, 2), (1200, 1)])
@pytest.mark.parametrize("name", MARKED)
def test_an_event_is_marked_once_however_far_one_looks(name: str, step_s: int, most: int, tmp_path: Path) -> None:
    [mark] = [mark for mark in MARKS if mark.name == name]
    step = timedelta(seconds=step_s)
    expr = replaced(mark.expr, built_in(step * 300, step, SCRAPE))
    moments = f"(timestamp({expr}))[70m:{step_s}s]"
    end, labels = 80 * 60, MARKED[name]
    # As many steps as lie between the first and the last: no gap is between them, so that it is one event.
    gaps = f"(max_over_time({moments}) - min_over_time({moments})) / {step_s} + 1 - count_over_time({moments})"
    few = f"count_over_time({moments}) <= bool {most}"
    evaluated(EVENTS, {(end, gaps): {labels: 0}, (end, few): {labels: 1}}, tmp_path)


def evaluated(series: dict[str, str], owed: dict[tuple[int, str], Samples], folder: Path) -> None:
    """Hold answers, at (seconds after the first scrape, query), against what is owed: by promtool."""
    asked = [
        {
            "expr": expr,
            "eval_time": f"{at}s",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
        }
        for (at, expr), samples in owed.items()
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    tests = {"tests": [{"interval": "15s", "input_series": inputs, "promql_expr_test": asked}]}
    file = folder / "panels.yml"
    file.write_text(json.dumps(tests), encoding="utf-8")
    command: list[str | Path] = ["promtool", "test", "rules", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
