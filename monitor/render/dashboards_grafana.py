"""Writes boards as Grafana's classic dashboard JSON through the pinned grafana-foundation-sdk. Pure.

Classic, because Grafana 10 to 13 load it by file provisioning. What the SDK gets wrong or leaves out is put right in
one place, ``_finish``: it moves links into the controls menu, gives panels no id, lays them out beyond the 24 columns.
The layout is therefore our own. The SDK takes 0.3 s to import and is needed here only, so it is imported when called.
"""

from __future__ import annotations

import json
import string
import zlib
from collections.abc import Iterator
from typing import Any

from monitor.catalogue.model import Catalogue
from monitor.errors import InputError
from monitor.render.dashboards_model import Board, Panel, Section
from monitor.render.yaml_text import GENERATED_BY
from monitor.slo import names

COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "appointment-sre"
GENERATED = f"{GENERATED_BY}; edits here are lost."

DRILLS = "dr_drill_running == 1"
PAGES = 'ALERTS{alertstate="firing",severity="critical"}'
DEPLOYS = "count by (version) (app_build_info) unless count by (version) (app_build_info offset 5m)"


def grafana_json(board: Board, catalogue: Catalogue) -> str:
    """Write a board as byte-stable JSON: keys sorted, ids derived from titles.

    Raises:
        InputError: grafana-foundation-sdk is not installed.
    """
    try:
        from monitor.render import dashboards_sdk as sdk  # noqa: PLC0415  # costs 0.3 s, and only generation needs it
    except ImportError as error:
        raise InputError(
            "writing dashboards needs grafana-foundation-sdk: install it with pip install 'appointment-sre[dashboards]'"
        ) from error
    panels = [json.loads(sdk.encode(built)) for built in _panels(board, catalogue, sdk)]
    shell = json.loads(sdk.encode(sdk.shell(board, catalogue)))
    return json.dumps(_finish(shell, panels, board), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _panels(board: Board, catalogue: Catalogue, sdk: Any) -> Iterator[Any]:
    for section in board.sections:
        for panel in section.panels:
            yield sdk.panel(panel, link(panel, catalogue))


def link(panel: Panel, catalogue: Catalogue) -> tuple[str, str]:
    """Where a panel leads (title, address): the runbook of its alert, or else the console."""
    environment = catalogue.environment
    if panel.alert:
        return f"Runbook: {panel.alert}", f"{environment.runbook_url.rstrip('/')}/{panel.alert}"
    return "Console", environment.console_url.rstrip("/") + "/"


def _finish(shell: dict[str, Any], built: list[dict[str, Any]], board: Board) -> dict[str, Any]:
    panels = iter(built)
    top, placed = 0, []
    for section in board.sections:
        row = _row(board, section, top)
        top += 1
        inside = [_number(next(panels), panel, board) for panel in section.panels]
        top = _lay_out(inside, section, top)
        row["panels"] = inside if section.collapsed else []
        placed += [row] if section.collapsed else [row, *inside]
    shell["panels"] = placed
    for query in shell["annotations"]["list"]:
        query.pop("placement", None)
    for each in [*shell["links"], *(each for panel in built for each in panel.get("links", []))]:
        each.pop("placement", None)
    return shell


def _row(board: Board, section: Section, top: int) -> dict[str, Any]:
    return {
        "type": "row",
        "id": _id(board.uid, section.title),
        "title": section.title,
        "collapsed": section.collapsed,
        "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        "panels": [],
    }


def _number(built: dict[str, Any], panel: Panel, board: Board) -> dict[str, Any]:
    built["id"] = _id(board.uid, panel.title)
    built.pop("repeatDirection", None)
    for letter, target in zip(string.ascii_uppercase, built["targets"], strict=False):
        target["refId"] = letter
    if panel.empty_until:
        built["empty_until"] = panel.empty_until  # Grafana ignores keys that it does not know; our tests read it
    return built


def _lay_out(built: list[dict[str, Any]], section: Section, top: int) -> int:
    """Place panels from left to right, wrapping before the 25th column; returns the first free line."""
    left = tallest = 0
    for json_panel, panel in zip(built, section.panels, strict=True):
        if left + panel.width > COLUMNS:
            left, top, tallest = 0, top + tallest, 0
        json_panel["gridPos"] = {"x": left, "y": top, "w": panel.width, "h": panel.height}
        left, tallest = left + panel.width, max(tallest, panel.height)
    return top + tallest


def _id(uid: str, title: str) -> int:
    """An id that stays when other panels come and go, so that links to a panel keep working."""
    return zlib.crc32(f"{uid}/{title}".encode()) % 1_000_000 + 1


SLO_VARIABLE = f"label_values({names.OBJECTIVE}, {names.SLO_LABEL})"
