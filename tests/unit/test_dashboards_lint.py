"""The lint of dashboards finds what is planted, what the SDK lets through among it, and nothing that Grafana takes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from monitor.catalogue.load import load as load_catalogue
from monitor.catalogue.model import Catalogue
from monitor.check.dashboards import dashboard_findings
from tests.dashboard_files import FILES, load, runbooks, texts

Plant = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(None, "compose")


def first(board: dict[str, Any], kind: str = "timeseries") -> dict[str, Any]:
    panels = [*board["panels"], *(inner for row in board["panels"] for inner in row.get("panels", []))]
    return next(panel for panel in panels if panel["type"] == kind)


def ask(expr: str, kind: str = "timeseries") -> Plant:
    return lambda board: first(board, kind)["targets"][0].update(expr=expr)


def row(board: dict[str, Any], *, collapsed: bool) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in board["panels"] if one.get("collapsed") is collapsed)
    return found


def variable(board: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in board["templating"]["list"] if one["type"] == "query")
    return found


PLANTED: dict[str, Plant] = {
    "no-dashboard": lambda board: board.pop("panels"),
    "no-uid": lambda board: board.pop("uid"),
    "editable": lambda board: board.update(editable=True),
    "old-schema": lambda board: board.update(schemaVersion=12),
    "no-way-on": lambda board: board["links"].pop(),
    "sdk-placement": lambda board: board["links"][0].update(placement="inControlsMenu"),
    "template-datasource": lambda board: board["templating"]["list"].pop(0),
    "fixed-datasource": lambda board: first(board)["targets"][0].update(datasource={"uid": "prometheus"}),
    "unused-variable": lambda board: variable(board).update(name="nobody"),
    "unnamed-variable": lambda board: variable(board).update(label=""),
    "template-all": lambda board: variable(board).pop("allValue"),
    "template-refresh": lambda board: variable(board).update(refresh=1),
    "template-query": lambda board: variable(board).update(query="label_values(instance)"),
    "no-title": lambda board: first(board).update(title=""),
    "no-description": lambda board: first(board).update(description="The rate."),
    "no-unit": lambda board: first(board)["fieldConfig"]["defaults"].pop("unit"),
    "no-link": lambda board: first(board).update(links=[]),
    "no-query": lambda board: first(board).update(targets=[]),
    "gone-panel": lambda board: first(board).update(type="graph"),
    "bad-thresholds": lambda board: first(board)["fieldConfig"]["defaults"]["thresholds"]["steps"][0].update(value=1),
    "no-reduction": lambda board: first(board, "stat")["options"]["reduceOptions"].update(calcs=[]),
    "says-nothing": lambda board: first(board).update(empty_until="some_day"),
    "bad-id": lambda board: first(board).update(id=first(board, "stat")["id"]),
    "bad-letters": lambda board: first(board)["targets"].append(dict(first(board)["targets"][0])),
    "same-title": lambda board: first(board).update(title=first(board, "stat")["title"]),
    "row-swallows": lambda board: row(board, collapsed=False)["panels"].append(first(board)),
    "off-grid": lambda board: first(board)["gridPos"].update(x=20),
    "overlap": lambda board: first(board).update(gridPos=first(board, "stat")["gridPos"]),
    "dead-link": lambda board: first(board)["links"].append({"type": "link", "url": "/d/nowhere"}),
    "too-many-queries": lambda board: first(board)["targets"].extend(
        dict(first(board)["targets"][0], refId=f"X{number}") for number in range(12)
    ),
    "same-legend": lambda board: first(board)["targets"][0].update(
        legendFormat="{{cmd}}", expr="sort(1 - sum by (cmd, instance) (rate(redis_commands_total[$__rate_interval])))"
    ),
    "too-many-points": lambda board: (
        board["annotations"]["list"][0].update(step="30s"),
        board["time"].update({"from": "now-30d"}),
    ),
    "no-promql": ask("sum(rate(redis_evicted_keys_total[$__rate_interval])"),
    "unknown-metric": ask("max(redis_hit_ratio)"),
    "unknown-label": ask('max(redis_up{pod="a"})'),
    "unknown-bucket": ask('sum(rate(redis_command_latency_seconds_bucket{le="0.3"}[$__rate_interval]))'),
    "reads-everything": ask('count({__name__=~".+"})'),
    "fixed-rate": ask("sum(rate(redis_evicted_keys_total[5m]))"),
    "made-up": ask("max(redis_up) or vector(0)"),
    "bare-counter": ask("sum(redis_evicted_keys_total)"),
    "rate-of-gauge": ask("max(rate(redis_memory_used_bytes[$__rate_interval]))"),
    "rate-of-aggregate": ask("rate(sum(redis_evicted_keys_total)[5m:15s])"),
    "not-instant": lambda board: first(board, "table")["targets"][0].pop("instant"),
    "not-a-number": ask("sum(rate(redis_evicted_keys_total[1h])) / sum(rate(redis_commands_total[1h]))", "stat"),
    "now-of-hours": lambda board: (
        ask("sum(rate(redis_evicted_keys_total[$__rate_interval]))", "stat")(board),
        first(board, "stat").pop("maxDataPoints"),
    ),
    "two-meanings": lambda board: variable(board).update(label="Server"),
    "no-heatmap": lambda board: first(board, "heatmap")["targets"][0].update(format="time_series"),
    "gauge-function": ask("max(delta(redis_evicted_keys_total[$__rate_interval]))"),
    "contradiction": ask('max(redis_up{instance="a",instance="b"})'),
    "never-matches": ask("redis_memory_used_bytes / sum(redis_memory_max_bytes)"),
    "no-le": ask("histogram_quantile(0.9, sum(rate(redis_command_latency_seconds_bucket[$__rate_interval])))"),
    "unknown-variable": ask('max(redis_up{instance=~"${instnce:regex}"})'),
    "same-variable": lambda board: board["templating"]["list"].append(dict(variable(board))),
    "unknown-unit": lambda board: first(board)["fieldConfig"]["defaults"].update(unit="percentunits"),
    "bad-time": lambda board: board.update(time={"from": "now-6x", "to": "now"}),
    "empty-legend": lambda board: first(board)["targets"][0].update(legendFormat="{{nobody}}", expr="max(redis_up)"),
}

HOLDS = {"not-instant": "alerting", "no-heatmap": "redis"}
"""Which dashboard has a panel of the kind; the others are planted into one that has all other kinds."""


@pytest.mark.parametrize("code", PLANTED)
def test_a_planted_fault_is_found(code: str, catalogue: Catalogue) -> None:
    [file] = [file for file in FILES if file.stem == HOLDS.get(code, "redis")]
    board = copy.deepcopy(load(file).body)
    PLANTED[code](board)
    others = {path: text for path, text in texts().items() if not path.endswith(file.name)}
    found = dashboard_findings(catalogue, others | {f"dashboards/{file.name}": json.dumps(board)}, runbooks())
    assert code in {one.code for one in found}
    # What it planted may cost others a link to lead to, and an alert its panel.
    elsewhere = {"dead-link", "no-panel", "alert-without-dashboard"}
    assert all(one.file == f"dashboards/{file.name}" for one in found if one.code not in elsewhere)


ELSEWHERE: dict[str, tuple[str, Plant]] = {
    "a link on a panel's values": (
        "dead-link",
        lambda board: first(board)["fieldConfig"]["defaults"].update(links=[{"url": "/d/nowhere"}]),
    ),
    "a link of an override": (
        "dead-link",
        lambda board: first(board)["fieldConfig"].update(
            overrides=[{"matcher": {}, "properties": [{"id": "links", "value": [{"url": "/d/nowhere"}]}]}]
        ),
    ),
    "a title": ("unknown-variable", lambda board: first(board).update(title="What of $shard?")),
    "a repeated panel": ("unknown-variable", lambda board: first(board).update(repeat="shard")),
    "thresholds that fall": (
        "bad-thresholds",
        lambda board: first(board)["fieldConfig"]["defaults"].update(
            thresholds={"steps": [{"value": None}, {"value": 80}, {"value": 50}]}
        ),
    ),
    "a threshold in words": (
        "bad-thresholds",
        lambda board: first(board)["fieldConfig"]["defaults"].update(
            thresholds={"steps": [{"value": None}, {"value": "80"}]}
        ),
    ),
    "a unit's other name": (
        "unknown-unit",
        lambda board: first(board)["fieldConfig"]["defaults"].update(unit="seconds"),
    ),
    "a panel without height": ("off-grid", lambda board: first(board)["gridPos"].update(h=0)),
    "a panel above the grid": ("off-grid", lambda board: first(board)["gridPos"].update(y=-3)),
    "a refresh": ("bad-time", lambda board: board.update(refresh="30 sec")),
    "a legend of a plain series": (
        "empty-legend",
        lambda board: first(board)["targets"][0].update(legendFormat="{{shard}}", expr="redis_up"),
    ),
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_it_is_found_wherever_it_stands(where: str, catalogue: Catalogue) -> None:
    code, plant = ELSEWHERE[where]
    board = json.loads(texts()["dashboards/redis.json"])
    plant(board)

    found = dashboard_findings(catalogue, texts() | {"dashboards/redis.json": json.dumps(board)}, runbooks())

    assert [one.code for one in found if one.code != "no-panel"] == [code]


SOUND: dict[str, Plant] = {
    "labels, spans and numbers by variables": lambda board: first(board)["targets"][0].update(
        expr='topk($instance, sum by ($instance, job) (max_over_time(redis_up{instance=~"$instance"}[$instance]'
        " offset $instance))) > ${instance:raw}",
        legendFormat="__auto",
    ),
    "a runbook's section": lambda board: first(board)["links"].append(
        {"type": "link", "url": "http://127.0.0.1:9500/runbooks/RedisDown#meaning"}
    ),
    "a dashboard of a variable": lambda board: first(board)["links"].append({"type": "link", "url": "/d/${instance}"}),
    "a unit of one's own": lambda board: first(board)["fieldConfig"]["defaults"].update(unit="suffix: bookings"),
    "a word for a unit": lambda board: first(board)["fieldConfig"]["defaults"].update(unit="bookings"),
    "logs beside metrics": lambda board: (
        board["templating"]["list"].append({"name": "logs", "type": "datasource", "query": "loki", "label": "Logs"}),
        first(board)["targets"].append(
            {"refId": "L", "expr": '{job="app"} |= "error"', "datasource": {"type": "loki", "uid": "${logs}"}}
        ),
    ),
    "Grafana's own variables": lambda board: first(board)["links"].append(
        {"type": "link", "url": "/d/hosts?${__url_time_range}&var-instance=${__field.labels.instance}"}
    ),
    "a day's times": lambda board: board.update(time={"from": "now/d", "to": "now/d"}, refresh=""),
}


@pytest.mark.parametrize("what", SOUND)
def test_what_grafana_understands_is_no_finding(what: str, catalogue: Catalogue) -> None:
    board = json.loads(texts()["dashboards/redis.json"])
    SOUND[what](board)

    found = dashboard_findings(catalogue, texts() | {"dashboards/redis.json": json.dumps(board)}, runbooks())

    assert [one for one in found if one.code != "no-panel"] == []


def test_somebody_elses_dashboards_need_not_show_our_alerts(catalogue: Catalogue) -> None:
    own = json.loads(texts()["dashboards/redis.json"]) | {"uid": "mine", "links": []}

    found = dashboard_findings(catalogue, {"mine/mine.json": json.dumps(own)})

    assert {one.file for one in found} == {"mine/mine.json"}


def test_a_file_that_cannot_be_read_is_said_once(catalogue: Catalogue) -> None:
    found = dashboard_findings(catalogue, texts() | {"dashboards/redis.json": "{"}, runbooks())

    assert {one.code for one in found if "redis" in one.file} == {"no-dashboard"}


def test_an_alert_that_no_panel_shows_is_found(catalogue: Catalogue) -> None:
    others = {path: text for path, text in texts().items() if not path.endswith("redis.json")}
    found = dashboard_findings(catalogue, others, runbooks())
    assert ("alerts/redis.yaml", "alert-without-dashboard") in {(one.file, one.code) for one in found}
    gone = {path: text.replace("/RedisDown", "/Other") for path, text in texts().items()}
    told = {(one.file, one.code) for one in dashboard_findings(catalogue, gone, None)}
    assert ("alerts/redis.yaml", "no-panel") in told


def test_two_with_one_uid_are_found_and_so_is_what_is_no_json(catalogue: Catalogue) -> None:
    one = texts()["dashboards/redis.json"]
    found = dashboard_findings(catalogue, {"a.json": one, "b.json": one, "c.json": "{"}, None)
    assert {each.code for each in found} >= {"duplicate-uid", "no-dashboard"}


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("gridPos", True, "panels[1].gridPos must be an object"),
        ("id", [1], "panels[1].id must be a whole number"),
        ("links", 7, "panels[1].links must be a list"),
        ("links", [None], "panels[1].links[0] must be an object"),
        ("datasource", {"uid": []}, "panels[1].datasource.uid must be a text"),
        ("options", {"reduceOptions": "last"}, "panels[1].options.reduceOptions must be an object"),
        ("targets", [{"expr": ["up"]}], "panels[1].targets[0].expr must be a text"),
        ("panels", None, ""),
        ("gridPos", {"x": 0, "y": 0, "w": 1, "h": 10**12}, "reaches beyond"),
    ],
)
def test_what_is_of_another_kind_is_told_with_its_place(
    catalogue: Catalogue, place: str, value: object, said: str
) -> None:
    board = json.loads(texts()["dashboards/redis.json"])
    board["panels"][1][place] = value
    found = dashboard_findings(catalogue, {"mine.json": json.dumps(board)})
    assert said in " ".join(each.message for each in found if each.file == "mine.json")


def test_json_without_end_is_no_dashboard(catalogue: Catalogue) -> None:
    found = dashboard_findings(catalogue, {"mine.json": '{"panels":' * 100_000})
    assert "no-dashboard" in {each.code for each in found}


def test_what_grafanas_own_editor_writes_is_read_and_not_tripped_over(catalogue: Catalogue) -> None:
    written = {
        "uid": "mine",
        "panels": [{"type": "timeseries", "title": "T", "targets": [{"expr": "sum(rate(up[5m]))"}], "links": None}],
        "templating": {"list": [{"type": "query", "name": "job", "query": {"query": "label_values(up, job)"}}]},
        "annotations": {"list": [{"builtIn": 1, "name": "Annotations & Alerts"}]},
        "links": None,
    }
    found = dashboard_findings(catalogue, {"mine.json": json.dumps(written)})
    assert {each.code for each in found} >= {"fixed-rate", "rate-of-gauge", "unused-variable", "no-description"}
    assert "template-query" not in {each.code for each in found}


@pytest.mark.parametrize(
    ("divisor", "told"),
    [
        ("sum(rate(http_requests_total[$__rate_interval]))", {"not-a-number"}),
        ("(sum(rate(http_requests_total[$__rate_interval])) > 0)", set()),
        ("clamp_min(sum(rate(http_requests_total[$__rate_interval])), 1)", set()),
        ("sum(node_memory_MemTotal_bytes)", set()),
    ],
)
def test_a_figure_that_divides_by_what_may_be_zero_is_told(divisor: str, told: set[str], catalogue: Catalogue) -> None:
    board = copy.deepcopy(load(FILES[0]).body)
    ask(f"sum(node_load1) / {divisor}", "stat")(board)
    found = dashboard_findings(catalogue, {"mine.json": json.dumps(board)})
    assert {one.code for one in found} & {"not-a-number"} == told


def test_a_variable_that_another_one_or_a_repeated_row_depends_on_is_used(catalogue: Catalogue) -> None:
    board = copy.deepcopy(load(FILES[0]).body)
    chosen = variable(board)
    board["templating"]["list"] += [
        chosen | {"name": "cluster", "query": "label_values(up, job)"},
        chosen | {"name": "pod", "query": 'label_values(up{job="$cluster"}, instance)'},
        chosen | {"name": "nobody", "query": "label_values(up, job)"},
    ]
    row(board, collapsed=False)["repeat"] = "pod"
    found = dashboard_findings(catalogue, {"mine.json": json.dumps(board)})
    unused = [one.message for one in found if one.code == "unused-variable"]
    assert unused == ["nothing depends on $nobody"]
