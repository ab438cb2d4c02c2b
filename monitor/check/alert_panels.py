"""Every alert is seen somewhere: a panel of its dashboard leads to its runbook. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.catalogue.model import Catalogue
from monitor.check.finding import Finding, finding
from monitor.render.dashboards import boards
from monitor.render.dashboards_links import alerts_by_panel, rules_by_name
from monitor.render.links import dashboard_of


def panels_of(catalogue: Catalogue) -> dict[str, tuple[tuple[str, str], ...]]:
    """The panels that belong to each alert, as (uid of the dashboard, title), by the alert's name."""
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in rules_by_name(catalogue)}
    for board in boards(catalogue):
        for title, names in alerts_by_panel(board, catalogue).items():
            for name in names:
                found[name].append((board.uid, title))
    return {name: tuple(places) for name, places in found.items()}


def without_panel(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts whose dashboard is not there, or shows nothing of what they read."""
    uids = {board.uid for board in boards(catalogue)}
    places = panels_of(catalogue)
    for rule in rules_by_name(catalogue).values():
        uid = dashboard_of(rule)
        if uid not in uids:
            message = f"{rule.name} refers to the dashboard {uid}, which there is not"
            yield finding(rule.place, "no-dashboard", message, f"name one of {', '.join(sorted(uids))}")
        elif not places[rule.name]:
            message = f"no panel of any dashboard shows what {rule.name} reads"
            yield finding(rule.place, "no-panel", message, f"show it in monitor/render/dashboards_{uid}.py")
