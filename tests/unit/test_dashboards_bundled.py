"""The ten dashboards hold what a reader, Grafana and Prometheus need of them."""

from __future__ import annotations

import copy
import importlib
import json
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitor.catalogue.load import load as load_catalogue
from monitor.catalogue.model import Catalogue
from monitor.check.alert_panels import panels_of
from monitor.check.dashboard_files import DashboardFile, asked
from monitor.check.dashboards import dashboard_findings
from monitor.check.grafana_units import KNOWN, meant
from monitor.render.dashboards import boards, dashboards
from monitor.render.dashboards_model import Board
from monitor.render.dashboards_promql import series_of
from monitor.render.links import DASHBOARDS
from tests.dashboard_files import FILES, ROOT, load, queries, runbooks, texts
from tests.sdk_types import schema_deviations

UNITS = {value for name, value in vars(units).items() if name[0].isupper() and isinstance(value, str)}

TARGETED = {
    "http_server_request_duration_seconds_sum": "api-latency",
    "db_client_operation_duration_seconds_sum": "database-latency",
    "probe_duration_seconds": "page-load",
    "dr_rpo_seconds": "recovery-point-age",
    "dr_recovery_point_timestamp_seconds": "recovery-point-age",
    "dr_restore_seconds": "restore-time",
    "dr_failover_seconds": "failover",
    "dr_detection_seconds": "a drill's target",
    "slo:error_budget_remaining:ratio": "every SLO",
    "slo:burn_rate:ratio": "every SLO",
}
"""What somebody promised a figure for: whoever shows it shows the figure too."""

SHOWN_AS_IT_IS = {"How fast does the console answer?", "Where does each SLO stand?", "How did the newest drills end?"}
"""The console has no promise of patients; a table colours its columns instead."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(None, "compose")


@pytest.fixture(scope="module")
def made(catalogue: Catalogue) -> tuple[Board, ...]:
    return boards(catalogue)


each_board = pytest.mark.parametrize("board", [pytest.param(load(file), id=file.stem) for file in FILES])


def test_there_are_ten_and_the_first_is_the_home(made: tuple[Board, ...]) -> None:
    assert tuple(board.uid for board in made) == DASHBOARDS
    assert [file.stem for file in FILES] == sorted(DASHBOARDS)


def test_committed_files_are_what_the_catalogue_says_now(catalogue: Catalogue) -> None:
    assert dashboards(catalogue) == texts()


def test_the_lint_finds_nothing(catalogue: Catalogue) -> None:
    assert dashboard_findings(catalogue, texts(), runbooks()) == ()


@each_board
def test_units_are_ones_that_grafana_has(board: DashboardFile) -> None:
    for panel in board.panels():
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        for override in panel["fieldConfig"]["overrides"]:
            chosen = {each["value"] for each in override["properties"] if each["id"] == "unit"}
            assert chosen <= UNITS, panel["title"]


@each_board
def test_times_are_not_rounded_to_whole_units(board: DashboardFile) -> None:
    for panel in board.panels():
        # Grafana writes 119 s as "2 mins", and 91 minutes as "2 hours".
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] != "s" or defaults.get("decimals") != 0, panel["title"]


@each_board
def test_every_panel_asks_a_question_and_says_what_is_good(board: DashboardFile) -> None:
    for panel in board.panels():
        assert panel["title"].endswith("?"), panel["title"]
        assert re.search(r"\b[Gg]ood\b", panel["description"]), panel["title"]


@each_board
def test_the_page_says_what_it_answers_and_whose_it_is_and_marks_what_happened(board: DashboardFile) -> None:
    head = board.body["panels"][0]
    assert head["type"] == "text"
    assert "Owner: sre" in head["options"]["content"]
    assert "/runbooks" in head["options"]["content"]
    assert {mark["name"] for mark in board.annotations()} == {"Backup", "Deploy", "Drill", "Page"}
    shown = {mark["name"] for mark in board.annotations() if mark["enable"]}
    assert shown >= {"Deploy", "Drill", "Page"}
    assert ("Backup" in shown) == (board.uid in {"mongodb", "recovery"})


def test_what_is_promised_is_shown_with_the_promise(made: tuple[Board, ...]) -> None:
    for board in made:
        for panel in board.panels:
            read = frozenset().union(*(series_of(query.expr) for query in panel.queries))
            promised = read & set(TARGETED) and panel.unit in {"s", "percentunit", "none"}
            if promised and panel.title not in SHOWN_AS_IT_IS:
                assert len(panel.steps) > 1, f"{board.uid} / {panel.title}"


def test_bars_and_tables_have_an_order() -> None:
    for file in FILES:
        for panel in load(file).panels():
            if panel["type"] == "table":
                assert panel["options"]["sortBy"], panel["title"]
            elif panel["type"] == "bargauge" and "transformations" not in panel:
                [target] = panel["targets"]
                assert target["expr"].startswith(("sort(", "sort_desc(")), panel["title"]
    [hours] = [panel for panel in load(FILES[1]).panels() if panel["title"] == "At which hour do patients book?"]
    assert [each["id"] for each in hours["transformations"]] == ["filterFieldsByName", "sortBy"]
    assert hours["targets"][0]["format"] == "table"
    assert hours["options"]["reduceOptions"]["values"]


def test_what_a_table_shows_of_its_columns_is_there(made: tuple[Board, ...]) -> None:
    for panel in (panel for board in made for panel in board.panels if panel.kind == "table"):
        headings = set(panel.columns.values())
        assert {*panel.column_units, *panel.column_steps, panel.sorted_by} <= headings
        assert panel.runbook_column in {*headings, ""}


def test_slo_panels_read_recorded_series_only(made: tuple[Board, ...]) -> None:
    [home] = [board for board in made if board.uid == "slo"]
    read = frozenset().union(*(series_of(query.expr) for panel in home.panels for query in panel.queries))
    others = {name for name in read if not name.startswith(("slo:", "slo_calendar_"))}
    assert others == {"ALERTS", "monitor_watchdog_last_seen_timestamp_seconds"}


def test_every_alert_is_seen_on_its_dashboard(catalogue: Catalogue) -> None:
    places = panels_of(catalogue)
    assert places["MongoRedundancyLost"]
    asked = "Do two patients hold the same appointment?"
    assert places["DoubleBooking"] == (("service", asked), ("business", asked))
    assert all(places.values()), {name for name, found in places.items() if not found}


def test_a_figure_leads_to_the_runbook_of_the_alert_that_reads_it() -> None:
    leads = {(file.stem, panel["title"]): panel["links"] for file in FILES for panel in load(file).panels()}
    for place, alert in {
        ("hosts", "Is a machine busy?"): "CPUSaturation",
        ("redis", "Are keys evicted?"): "RedisEvictions",
        ("redis", "Did the last snapshot succeed?"): "RedisPersistenceFailed",
        ("service", "How many apps serve?"): "EdgeHasNoBackend",
        ("alerting", "Which receiver fails?"): "AlertmanagerNotificationsFailing",
    }.items():
        assert f"Runbook: {alert}" in {link["title"] for link in leads[place]}


@each_board
def test_the_sdk_loses_nothing_of_it(board: DashboardFile) -> None:
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(copy.deepcopy(board.body))))
    lost = set(keys(board.body)) - set(keys(again))
    # Grafana ignores what it does not know; our checks read this one.
    assert {name for name in lost if not name.endswith(".empty_until")} == set()


@each_board
def test_every_field_is_of_the_type_that_grafanas_schema_gives_it(board: DashboardFile) -> None:
    assert schema_deviations(board.body) == []


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (lambda body: body.update(graphTooltip="all"), ".graph_tooltip: 'all'"),
        (lambda body: body["panels"][2].update(id="one"), ".id_val: 'one'"),
        (lambda body: body["panels"][2]["gridPos"].update(w="4"), ".w: '4'"),
        (lambda body: body["panels"][2]["options"].update(colorMode="loud"), ".color_mode: 'loud'"),
        (lambda body: body["panels"][2]["targets"][0].update(instant="yes"), ".instant: 'yes'"),
        (lambda body: body["panels"][2]["fieldConfig"]["defaults"].update(min="0"), ".min_val: '0'"),
    ],
)
def test_a_field_of_another_type_is_found(plant: Callable[[dict[str, Any]], object], found: str) -> None:
    body = copy.deepcopy(load(FILES[0]).body)
    plant(body)
    (told,) = schema_deviations(body)
    assert found in told


def test_no_query_is_asked_by_two_panels_at_once() -> None:
    for file in FILES:
        board = load(file)
        shown = [panel["targets"][0]["expr"] for panel in board.panels(shown_only=True) if panel["type"] == "stat"]
        assert len(set(shown)) == len(shown), board.uid


# --- what the SDK gets wrong, and our guard against each (research: grafana-foundation-sdk 0.0.21)


@each_board
def test_pitfalls_of_the_sdk_are_guarded_against(board: DashboardFile) -> None:
    body, text = board.body, json.dumps(board.body)
    rows = list(board.rows())
    links = [*body["links"], *(link for panel in board.panels() for link in panel["links"])]
    assert not any("placement" in one for one in [*links, *board.annotations()])  # 1: would go to the controls menu
    ids = [panel["id"] for panel in [*board.panels(), *rows]]
    assert all(ids)  # 2: none, and 0 for every row
    assert len(set(ids)) == len(ids)
    for panel in board.panels():
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24  # 3: wraps only when it is too late
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == list("ABCDEFGH")[: len(letters)]  # 4: none
        if panel["type"] in {"stat", "bargauge"}:
            assert panel["options"]["reduceOptions"]["calcs"] == ["lastNotNull"]  # 8: none, so null is shown
    titles = [panel["title"] for panel in board.panels()]
    assert len(set(titles)) == len(titles)  # 5: builders are shared, and the last title would be everybody's
    for row in rows:
        assert bool(row["panels"]) == row["collapsed"]  # 6: a row that holds panels is collapsed, asked or not
    for variable in board.variables():
        if variable["type"] == "query":
            assert variable["allValue"] == ".+"  # 10: no default
    assert "repeatDirection" not in text  # 11: on every panel


def test_the_sdk_warns_on_import_and_we_know_it(recwarn: pytest.WarningsRecorder) -> None:  # 7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
        importlib.reload(importlib.import_module("monitor.render.dashboards_sdk"))
    assert not recwarn.list


def test_grafanas_units_are_those_of_its_sdk() -> None:
    assert KNOWN == UNITS
    assert [meant(unit) for unit in ("bytess", "seconds", "short", "GiB", "suffix: bytess")] == [
        "bytes",
        "s",
        "",
        "",
        "",
    ]


def test_the_documentation_counts_queries_as_they_are() -> None:
    page = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
    told = {
        uid: (int(shown), int(every)) for uid, shown, every in re.findall(r"\| `(\w+)`.*?\| (\d+) / (\d+) \|", page)
    }
    for file in FILES:
        panels = [one for one in asked(load(file)) if one.kind == "panel"]
        assert told[file.stem] == (sum(one.shown for one in panels), len(panels))


def test_all_queries_of_all_dashboards_are_counted() -> None:
    every = [query for file in FILES for query in queries(load(file))]
    assert sum(query.kind == "panel" for query in every) > 250
    assert sum(query.kind == "annotation" for query in every) == 4 * len(FILES)
    assert sum(query.kind == "variable" for query in every) == len(FILES)


def keys(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in (f"{path}.{name}", *keys(inner, f"{path}.{name}"))]
    if isinstance(value, list):
        return [found for inner in value for found in keys(inner, f"{path}[]")]
    return []
