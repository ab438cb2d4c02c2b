"""Which alerts belong to which panel, and where a panel leads. Pure.

A panel that shows what an alert reads leads to that alert's runbook, whoever added the alert: nobody keeps a list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from monitor.catalogue.model import AlertRule, Catalogue
from monitor.render.dashboards_model import Board, Panel
from monitor.render.dashboards_promql import series_of
from monitor.render.links import dashboard_of
from monitor.render.rules import all_alerts

EVERYWHERE = frozenset({"up", "ALERTS"})
"""Read as a guard by alerts that are about something else."""

MOST_RUNBOOKS = 5
"""A longer list is not read at night."""

_PART_OF_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")


@dataclass(frozen=True, slots=True)
class Link:
    """A title and where it leads; ``same_window`` for what keeps time and variables."""

    title: str
    url: str
    same_window: bool = False


def rules_by_name(catalogue: Catalogue) -> dict[str, AlertRule]:
    """Every alert once, as it was written: in the rendered form its dashboard is an address already.

    All SLOs bring the same alerts, so those of one are enough.
    """
    written = {rule.name: rule for group in catalogue.alerts for rule in group.rules}
    return {rule.name: rule for rule in all_alerts(replace(catalogue, slos=catalogue.slos[-1:]))} | written


def alerts_by_panel(board: Board, catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """The names of the alerts that belong to each panel, by its title: those that it names, then those it shows.

    An alert is shown by the panels that have most of what it reads, and by those that have nothing else, unless they
    name theirs.
    """
    rules = rules_by_name(catalogue)
    named = {panel.title: [name for name in panel.alerts if name in rules] for panel in board.panels}
    placed = {name for found in named.values() for name in found}
    shown = {panel.title: _read_by(panel) for panel in board.panels}
    for name, rule in sorted(rules.items()):
        if dashboard_of(rule) != board.uid:
            continue
        read = _subject(rule)
        best = [] if name in placed else _best(read, shown)
        for panel in board.panels:
            there = shown[panel.title]
            if panel.title in best or (there and there <= read and not panel.alerts):
                named[panel.title].append(name)
    return {title: tuple(found[:MOST_RUNBOOKS]) for title, found in named.items()}


def links(panel: Panel, alerts: tuple[str, ...], catalogue: Catalogue) -> tuple[Link, ...]:
    """Where a panel leads: the runbooks of its alerts, the next dashboard, or else the index of runbooks."""
    base = catalogue.environment.runbook_url.rstrip("/")
    found = [Link(f"Runbook: {name}", f"{base}/{name}") for name in alerts]
    if panel.leads_to:
        address = f"/d/{panel.leads_to}?${{__url_time_range}}&${{__all_variables}}"
        found.append(Link(f"Dashboard: {panel.leads_to}", address, same_window=True))
    return tuple(found) or (Link("Runbooks", base),)


def _subject(rule: AlertRule) -> frozenset[str]:
    read = _families(rule.expr)
    return read - EVERYWHERE or read


def _read_by(panel: Panel) -> frozenset[str]:
    return frozenset().union(*(_families(query.expr) for query in panel.queries))


def _families(expr: str) -> frozenset[str]:
    """What a query reads; of a histogram its name, whichever of its series it is."""
    return frozenset(_PART_OF_HISTOGRAM.sub("", name) for name in series_of(expr))


def _best(read: frozenset[str], shown: dict[str, frozenset[str]]) -> list[str]:
    """The panels that show most of what is read."""
    most = max((len(read & there) for there in shown.values()), default=0)
    return [title for title, there in shown.items() if most and len(read & there) == most]
