"""Every query of every dashboard, asked of the running stack's Prometheus as Grafana would ask it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from monitor.catalogue.load import load as load_catalogue
from monitor.cli.dashboards_live import heard
from monitor.sources.prometheus import Prometheus
from tests.dashboard_data import BY_A_DRILL, answered, asked, marks, without_data
from tests.dashboard_files import FILES, load, queries, runbooks, texts

WITHIN_S = 180
"""From `up` to every panel showing data."""

BY_ITSELF = ("", "first_backup", "first_erasure", "first_verification", "first_job", "first_journey", "calendar_window")
"""What needs no event, and the events that the stack causes by itself right after `up`."""

ELSEWHERE = (
    "alertmanager_cluster",
    "connection_tracking",
    "eighth_backup",
    "first_appointment_due",
    "first_certificate",
    "first_container",
    "first_docker_container",
    "first_second_channel_message",
    "first_limited_container",
    "first_redis_replica",
    "first_series_dropped",
    "first_trace_exporter",
    "offsite_copy",
    "pressure_stall_information",
)
"""What depends on the machine, or on something that this stack does not have; the exporters' own tests make them."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_a_panel_is_empty_only_until_an_event_that_is_known_of() -> None:
    named = {query.empty_until for file in FILES for query in queries(load(file))}
    assert named == {*BY_ITSELF, *BY_A_DRILL, *ELSEWHERE}
    assert len(asked(empty_until=ELSEWHERE)) < 0.08 * len(asked(empty_until=(*BY_ITSELF, *BY_A_DRILL, *ELSEWHERE)))


def test_every_query_and_variable_has_data_within_three_minutes_of_up(stack: Any) -> None:
    assert without_data(stack, asked(empty_until=BY_ITSELF), within_s=WITHIN_S) == []


def test_what_waits_for_an_event_is_understood_before_it_and_so_are_all_marks(stack: Any) -> None:
    with Prometheus(stack.layout.url("prometheus")) as prometheus:
        answered(prometheus, asked(empty_until=(*BY_A_DRILL, *ELSEWHERE)))
        happened = {
            mark.title for mark, answer in zip(marks(), answered(prometheus, marks()), strict=True) if answer.series
        }
    assert happened <= {"Backup", "Deploy", "Drill", "Page"}


def test_the_live_check_finds_nothing_and_every_dashboard_is_cheap(stack: Any) -> None:
    assert without_data(stack, asked(empty_until=BY_ITSELF), within_s=WITHIN_S) == []
    catalogue = load_catalogue(None, "local")
    with Prometheus(stack.layout.url("prometheus")) as prometheus:
        answer = heard(prometheus, catalogue, texts(), runbooks())
    # Other tests work the machine meanwhile: how fast a query is depends on them, how many samples it reads does not.
    assert [str(found) for found in answer.findings if found.code != "slow-dashboard"] == []
    assert len(answer.costs) == len(FILES)
    assert sum(cost.samples for cost in answer.costs) < 20_000_000


def test_planted_faults_are_told_by_the_live_check(stack: Any, tmp_path: Path) -> None:
    board = load(FILES[-1]).body
    nothing, nonsense = [one["targets"][0] for one in board["panels"] if one.get("targets")][:2]
    nothing["expr"] = 'max(up{job=~"nobody.*"})'
    nonsense["expr"] = "sum by (job (up)"
    (tmp_path / f"{board['uid']}.json").write_text(json.dumps(board), encoding="utf-8")
    url = stack.layout.url("prometheus")
    done = monitor("check", "--json", "--dashboards", tmp_path, "--prometheus", url)
    assert done.returncode == 1, done.stderr
    told = {(found["code"], found["message"].split(" asks ")[-1]) for found in json.loads(done.stdout)["findings"]}
    for code, expr in (("no-data", nothing["expr"]), ("refused-query", nonsense["expr"])):
        assert any(one == code and said.startswith(expr) for one, said in told), (code, told)


def test_every_dashboard_is_drawn_without_grafana(stack: Any, tmp_path: Path) -> None:
    url = stack.layout.url("prometheus")
    done = monitor("dashboard", "draw", "--prometheus", url, "--span", "10m", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    pages = {page.stem: page.read_text(encoding="utf-8") for page in tmp_path.glob("*.html")}
    assert set(pages) == {file.stem for file in FILES}
    for uid, page in pages.items():
        drawings = re.findall(r"<svg class=\"chart\".*?</svg>", page, re.DOTALL)
        assert drawings or uid == "drills"
        for drawing in drawings:
            assert not re.search(r"nan|inf\b", re.sub(r"<title>.*?</title>", "", drawing)), drawing
            ET.fromstring(drawing)  # noqa: S314  # we wrote it ourselves


def monitor(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
