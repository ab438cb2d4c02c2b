"""The dashboards hold what a reader, Grafana and Prometheus need of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitor.catalogue import promql
from monitor.catalogue.load import load as load_catalogue
from monitor.catalogue.model import Catalogue
from monitor.render.dashboards import dashboards
from monitor.slo import names
from tests.dashboard_files import FILES, ROOT, load, panels, queries

UNITS = {value for name, value in vars(units).items() if name[0].isupper() and isinstance(value, str)}
SUFFIXES = ("_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(None, "compose")


def boards() -> list[Any]:
    return [pytest.param(load(file), id=file.stem) for file in FILES]


each_board = pytest.mark.parametrize("board", boards())


def test_there_are_three() -> None:
    assert [file.stem for file in FILES] == ["recovery", "service", "slo"]


def test_committed_files_are_what_the_catalogue_says_now(catalogue: Catalogue) -> None:
    made = dashboards(catalogue)
    assert made == dashboards(catalogue)
    assert made == {f"dashboards/{file.name}": file.read_text(encoding="utf-8") for file in FILES}


@each_board
def test_panels_lie_side_by_side(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    rows = [panel for panel in board["panels"] if panel["type"] == "row"]
    for panel in [*board["panels"], *(inner for row in rows for inner in row["panels"])]:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24, panel["title"]
        if any(panel in row["panels"] for row in rows):
            continue  # what is collapsed takes no room
        cells = {(place["x"] + across, place["y"] + down) for across in range(place["w"]) for down in range(place["h"])}
        assert not taken & cells, panel["title"]
        taken |= cells


@each_board
def test_ids_and_letters_are_unique_and_titles_too(board: dict[str, Any]) -> None:
    every = [*board["panels"], *panels(board)]
    by_id = {panel["id"]: panel["title"] for panel in every}
    assert len(by_id) == len({(panel["id"], panel["title"]) for panel in every})
    assert all(by_id)
    for panel in panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
    titles = [panel["title"] for panel in panels(board)]
    assert len(set(titles)) == len(titles)


@each_board
def test_every_panel_says_what_it_answers_what_is_good_and_where_to_go(board: dict[str, Any]) -> None:
    for panel in panels(board):
        assert panel["title"].endswith("?"), panel["title"]
        assert len(panel["description"]) >= 40, panel["title"]
        assert re.search(r"\b[Gg]ood\b", panel["description"]), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["links"], panel["title"]
        if "empty_until" in panel:
            assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
        for override in panel["fieldConfig"]["overrides"]:
            assert {each["value"] for each in override["properties"]} <= UNITS


@each_board
def test_links_lead_somewhere(board: dict[str, Any], catalogue: Catalogue) -> None:
    runbooks = catalogue.environment.runbook_url
    for link in [*board["links"], *(link for panel in panels(board) for link in panel["links"])]:
        assert "placement" not in link
        if link["type"] == "dashboards":
            continue
        parts = urlsplit(link["url"])
        assert parts.scheme in {"http", "https"}
        assert parts.netloc
        if link["url"].startswith(f"{runbooks}/"):
            assert (ROOT / "runbooks" / f"{Path(parts.path).name}.md").exists(), link["url"]


@each_board
def test_there_is_a_data_source_to_choose_and_nothing_to_edit(board: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    assert not board["editable"]
    assert board["schemaVersion"] >= 39
    assert {annotation["name"] for annotation in board["annotations"]["list"]} == {"Drill", "Page", "Deploy"}
    for annotation in board["annotations"]["list"]:
        assert annotation["datasource"]["uid"] == "${datasource}"
        assert "placement" not in annotation
        promql_parser.parse(annotation["expr"])


@each_board
def test_queries_parse_and_ask_only_for_what_somebody_declares(board: dict[str, Any], catalogue: Catalogue) -> None:
    declared = {metric.name: set(metric.labels) for metric in catalogue.metrics}
    declared |= {name: set(labels) for name, labels in names.RECORDED.items()}
    for query in queries(board):
        for selector in promql.selectors(promql.parse(query.expr)):
            family = selector.name or ""
            if family not in declared:
                family = next((family.removesuffix(end) for end in SUFFIXES if family.endswith(end)), family)
            assert family in declared, str(query)
            asked = {matcher.name for matcher in selector.matchers.matchers}
            assert asked <= declared[family] | {"job", "instance", "le"}, str(query)


@each_board
def test_nothing_is_made_up_and_nothing_is_read_by_a_fixed_window(board: dict[str, Any]) -> None:
    for panel in panels(board):
        for target in panel["targets"]:
            assert "vector(" not in target["expr"], panel["title"]
            for function in ("rate(", "increase("):
                if function in target["expr"]:
                    assert "$__rate_interval" in target["expr"], panel["title"]
            if "_total" in target["expr"]:
                assert re.search(r"rate\(|increase\(|count by", target["expr"]), panel["title"]


@each_board
def test_few_queries_run_before_a_row_is_opened(board: dict[str, Any]) -> None:
    shown = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len(shown) <= 24


@each_board
def test_the_sdk_loses_nothing_of_it(board: dict[str, Any]) -> None:
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(json.loads(json.dumps(board)))))
    lost = set(keys(board)) - set(keys(again))
    # Grafana ignores what it does not know; a test reads this one.
    assert {name for name in lost if not name.endswith(".empty_until")} == set()


def keys(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in (f"{path}.{name}", *keys(inner, f"{path}.{name}"))]
    if isinstance(value, list):
        return [found for inner in value for found in keys(inner, f"{path}[]")]
    return []
