"""Every alert is seen somewhere: a panel of its dashboard leads to its runbook. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from urllib.parse import urlsplit

from monitor.catalogue.model import Catalogue
from monitor.check.dashboard_files import DashboardFile
from monitor.check.finding import Finding, finding
from monitor.render.dashboards import boards
from monitor.render.dashboards_links import alerts_by_panel, rules_by_name
from monitor.render.links import DASHBOARD_ANNOTATION


def panels_of(catalogue: Catalogue) -> dict[str, tuple[tuple[str, str], ...]]:
    """The panels that belong to each alert, as (uid of the dashboard, title), by the alert's name."""
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in rules_by_name(catalogue)}
    for board in boards(catalogue):
        for title, names in alerts_by_panel(board, catalogue).items():
            for name in names:
                found[name].append((board.uid, title))
    return {name: tuple(places) for name, places in found.items()}


def without_panel(
    catalogue: Catalogue, files: Iterable[DashboardFile], unread: Collection[str] = ()
) -> Iterator[Finding]:
    """Alerts that name a dashboard which is not there, or which has no panel that leads to their runbook.

    Where none that any alert names is there, the files are somebody's own, and of ours nothing is said. Nor is it of
    those in ``unread``, which are there and cannot be read.
    """
    leads = {file.uid: set(_leads(file)) for file in files}
    named = {
        rule.name: (rule, uid)
        for rule in rules_by_name(catalogue).values()
        if (uid := rule.annotations.get(DASHBOARD_ANNOTATION)) is not None
    }
    if not leads.keys() & {uid for _, uid in named.values()}:
        return
    for rule, uid in named.values():
        if uid in unread:
            continue
        if uid not in leads:
            message = f"{rule.name} refers to the dashboard {uid}, which there is not"
            yield finding(rule.place, "alert-without-dashboard", message, f"name one of {', '.join(sorted(leads))}")
        elif rule.name not in leads[uid]:
            message = f"no panel of the dashboard {uid} shows what {rule.name} reads and leads to its runbook"
            yield finding(rule.place, "no-panel", message, "show it there, or name the dashboard that does")


def _leads(file: DashboardFile) -> Iterator[str]:
    """The last part of every address that panels lead to."""
    for panel in file.panels():
        for link in panel.get("links") or []:
            yield urlsplit(str(link.get("url") or "")).path.rstrip("/").rpartition("/")[2]
