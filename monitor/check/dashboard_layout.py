"""Where panels stand, by which ids they are found, and where their links lead. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from monitor.check.dashboard_files import DashboardFile, targets
from monitor.check.problem import Problem
from monitor.check.series import Declared
from monitor.render import carried
from monitor.render.dashboards_model import COLUMNS
from monitor.render.runbooks import FOLDER

HIGHEST = 1000
"""Lines of the grid that a panel may take: nobody scrolls through more."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a dashboard may refer to."""

    declared: Declared
    metrics: carried.Metrics
    uids: frozenset[str]
    runbooks: frozenset[str] | None
    runbook_url: str


def numbers(board: DashboardFile, _: Known) -> Iterator[Problem]:
    """Ids, letters and titles that are not one's own."""
    ids = Counter(panel.get("id") for panel in [*board.panels(), *board.rows()])
    for number, count in ids.items():
        if not number or count > 1:
            message = f"{count} panels have the id {number}: links to a panel open another one"
            yield "bad-id", message, "give each an id of its own that stays"
    for panel in board.panels():
        letters = [target.get("refId") for target in targets(panel)]
        if len(set(letters)) < len(letters) or not all(letters):
            yield "bad-letters", f"queries of {named(panel)} lack a refId of their own", "letter them A, B, C"
    titles = Counter(named(panel) for panel in board.panels())
    for title, count in titles.items():
        if count > 1:
            yield "same-title", f"{count} panels are called {title}", "ask a different question in each"


def grid(board: DashboardFile, _: Known) -> Iterator[Problem]:
    """Panels beyond the grid, upon each other, or in a row that hides or loses them."""
    for row in board.rows():
        if bool(row.get("panels")) != bool(row.get("collapsed")):
            message = f"the row {named(row)} is open and holds panels, or closed and holds none"
            yield "row-swallows", message, "panels of an open row stand behind it, those of a closed one within"
    taken: set[tuple[int, int]] = set()
    shown = [panel for panel in board.body["panels"] if isinstance(panel, dict)]
    for group in (shown, *((row.get("panels") or []) for row in board.rows())):
        taken = set()
        for panel in group:
            cells = _cells(panel)
            if cells is None:
                message = f"{named(panel)} reaches beyond the {COLUMNS} columns, or has no place"
                yield "off-grid", message, "give it a gridPos with x + w <= 24"
            elif taken & cells:
                yield "overlap", f"{named(panel)} lies upon another panel", "move one of them"
            taken |= cells or set()


def _cells(panel: dict[str, Any]) -> set[tuple[int, int]] | None:
    place = panel.get("gridPos") or {}
    numbers = [place[name] for name in ("x", "y", "w", "h") if isinstance(place.get(name), int)]
    if len(numbers) < len("xywh"):
        return None
    x, y, width, height = numbers
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > COLUMNS or height > HIGHEST:
        return None
    return {(x + across, y + down) for across in range(width) for down in range(height)}


def links(board: DashboardFile, known: Known) -> Iterator[Problem]:
    """Links to dashboards and runbooks that there are not."""
    places = [("the dashboard", board.body), *((named(panel), panel) for panel in board.panels())]
    for name, place in places:
        for link in all_links(place):
            if link.get("type") != "dashboards" and (why := _leads_nowhere(str(link.get("url") or ""), known)):
                yield "dead-link", f"a link of {name} leads nowhere: {why}", "correct it, or write what it leads to"


def all_links(place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The links of a panel or a dashboard, and those that hang on a panel's values."""
    yield from place.get("links") or []
    fields = place.get("fieldConfig") or {}
    yield from (fields.get("defaults") or {}).get("links") or []
    for override in fields.get("overrides") or []:
        for one in override.get("properties") or []:
            if one.get("id") == "links" and isinstance(one.get("value"), list):
                yield from (link for link in one["value"] if isinstance(link, dict))


def _leads_nowhere(url: str, known: Known) -> str:
    parts = urlsplit(url)
    if not parts.scheme and parts.path.startswith("/d/"):
        uid = parts.path.split("/")[2]
        return "" if uid in known.uids or "$" in uid else f"there is no dashboard {uid}"
    if url.startswith("$"):  # all of it is a variable's value
        return ""
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return f"{url!r} is no address"
    if known.runbooks is None or not url.startswith(f"{known.runbook_url}/"):
        return ""
    page = urlsplit(url.removeprefix(f"{known.runbook_url}/")).path
    return "" if f"{FOLDER}/{page}.md" in known.runbooks or "$" in page else f"there is no runbook {page}"


def named(panel: dict[str, Any]) -> str:
    """What a panel is called in messages."""
    return f'"{panel.get("title") or panel.get("id")}"'
