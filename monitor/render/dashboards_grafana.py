"""Writes boards as Grafana's classic dashboard JSON through the pinned grafana-foundation-sdk. Pure.

Classic, because Grafana 10 to 13 load it by file provisioning. What the SDK gets wrong or leaves out is put right in
one place, ``_finish``: it moves links into the controls menu, gives panels no id, lays them out beyond the 24 columns,
and writes what Grafana's types do not have (``make proof-grafana-types``).
The layout is therefore our own. The SDK takes 0.3 s to import and is needed here only, so it is imported when called.
"""

from __future__ import annotations

import json
import string
import zlib
from typing import Any

from monitor.catalogue.model import Catalogue
from monitor.errors import InputError
from monitor.render.dashboards_links import alerts_by_panel, links
from monitor.render.dashboards_model import COLUMNS, Board, Panel, Section, Spot, places
from monitor.render.yaml_text import GENERATED_BY

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "appointment-sre"
GENERATED = f"{GENERATED_BY}; edits here are lost."

EMPTY_UNTIL = "empty_until"
"""Which event must come before there is anything to show: read by our checks; Grafana ignores keys it does not know."""

OF_INTERVALS = ("auto", "auto_count", "auto_min")
"""What the SDK gives to every variable, and Grafana has for those of intervals only."""

HEAD_HEIGHT = 3
"""Lines of the grid that the text at the top takes."""


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
    alerts = alerts_by_panel(board, catalogue)
    built = [
        json.loads(sdk.encode(sdk.panel(panel, links(panel, alerts[panel.title], catalogue), catalogue)))
        for panel in board.panels
    ]
    head = json.loads(sdk.encode(sdk.head(heading(board, catalogue), catalogue)))
    shell = json.loads(sdk.encode(sdk.shell(board, catalogue)))
    return json.dumps(_finish(shell, head, built, board), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def heading(board: Board, catalogue: Catalogue) -> str:
    """What stands at the top of a board: what it answers, who owns it, where to go from here (Markdown)."""
    environment = catalogue.environment
    owners = ", ".join(team.name for team in catalogue.contacts.teams) or "nobody yet: name a team in contacts.yaml"
    return (
        f"**{board.text}**\n\n"
        f"Owner: {owners}. What to do: [runbooks]({environment.runbook_url.rstrip('/')}); "
        f"who is told: [console]({environment.console_url.rstrip('/')}/)."
    )


def _finish(shell: dict[str, Any], head: dict[str, Any], built: list[dict[str, Any]], board: Board) -> dict[str, Any]:
    panels = iter(built)
    placed = [_number(head, "What does this page answer?", board, Spot(0, 0, COLUMNS, HEAD_HEIGHT))]
    top = HEAD_HEIGHT
    for section in board.sections:
        row = _row(board, section, top)
        spots = list(places(section, top + 1))
        inside = [_panel(next(panels), panel, board, spot) for panel, spot in zip(section.panels, spots, strict=True)]
        row["panels"] = inside if section.collapsed else []
        placed += [row] if section.collapsed else [row, *inside]
        # A closed row's panels have places of their own too: Grafana moves up what follows, and back when it is opened.
        top = max(spot.y + spot.height for spot in spots)
    shell["panels"] = placed
    waiting = {variable.name: variable.empty_until for variable in board.variables if variable.empty_until}
    for variable in shell["templating"]["list"]:
        for name in OF_INTERVALS:
            variable.pop(name, None)
        if variable["name"] in waiting:
            variable[EMPTY_UNTIL] = waiting[variable["name"]]
    for each in [*shell["annotations"]["list"], *shell["links"], *(each for one in placed for each in _links(one))]:
        each.pop("placement", None)
    return shell


def _links(panel: dict[str, Any]) -> list[dict[str, Any]]:
    """The links of a panel, and of those inside a row."""
    found = list(panel.get("links", []))
    for inner in panel.get("panels", []):
        found += _links(inner)
    return found


def _row(board: Board, section: Section, top: int) -> dict[str, Any]:
    return {
        "type": "row",
        "id": _id(board.uid, f"row/{section.title}"),
        "title": section.title,
        "collapsed": section.collapsed,
        "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        "panels": [],
    }


def _panel(built: dict[str, Any], panel: Panel, board: Board, spot: Spot) -> dict[str, Any]:
    for letter, target in zip(string.ascii_uppercase, built["targets"], strict=False):
        target["refId"] = letter
    if panel.empty_until:
        built[EMPTY_UNTIL] = panel.empty_until
    return _number(built, panel.title, board, spot)


def _number(built: dict[str, Any], title: str, board: Board, spot: Spot) -> dict[str, Any]:
    built["id"] = _id(board.uid, title)
    built["gridPos"] = {"x": spot.x, "y": spot.y, "w": spot.width, "h": spot.height}
    built.pop("repeatDirection", None)
    built.get("options", {}).pop("footer", None)
    return built


def _id(uid: str, title: str) -> int:
    """An id that stays when other panels come and go, so that links to a panel keep working."""
    return zlib.crc32(f"{uid}/{title}".encode()) % 1_000_000 + 1
