"""Every alert is seen somewhere: a panel of its dashboard names it, or shows what it reads. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.catalogue import promql
from monitor.catalogue.model import AlertRule, Catalogue
from monitor.check.alert_dashboards import dashboards_of
from monitor.check.finding import Finding, finding
from monitor.render.dashboards import boards
from monitor.render.dashboards_model import Board
from monitor.slo import names


def panels_of(catalogue: Catalogue) -> dict[str, tuple[tuple[str, str], ...]]:
    """The panels that belong to each alert, as (uid of the dashboard, title), by the alert's name."""
    found: dict[str, list[tuple[str, str]]] = {}
    shown = boards(catalogue)
    for rule, uid in dashboards_of(catalogue):
        places = found.setdefault(rule.name, [])
        places += [place for board in shown for place in _panels(board, rule, own=board.uid == uid)]
    return {name: tuple(dict.fromkeys(places)) for name, places in found.items()}


def without_panel(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts whose dashboard is not there, or shows nothing of what they read."""
    uids = {board.uid for board in boards(catalogue)}
    places = panels_of(catalogue)
    for rule, uid in {rule.name: (rule, uid) for rule, uid in dashboards_of(catalogue)}.values():
        if uid not in uids:
            message = f"{rule.name} refers to the dashboard {uid}, which there is not"
            yield finding(rule.place, "no-dashboard", message, f"name one of {', '.join(sorted(uids))}")
        elif not places[rule.name] and _reads(rule.expr):
            message = f"{rule.name} is on no panel of the dashboard {uid}: none shows what it reads"
            yield finding(rule.place, "no-panel", message, "name the dashboard that shows it, or add a panel")


def _panels(board: Board, rule: AlertRule, *, own: bool) -> Iterator[tuple[str, str]]:
    """Panels that name the alert; on its own dashboard, else, the first that reads what it reads."""
    panels = [panel for section in board.sections for panel in section.panels]
    named = [panel.title for panel in panels if panel.alert == rule.name]
    yield from ((board.uid, title) for title in named)
    if named or not own:
        return
    read = _reads(rule.expr)
    # What is missing is seen where it is said how much of the time is known.
    for wanted in (read, frozenset({names.COVERAGE}) if read <= names.RECORDED.keys() else frozenset()):
        for panel in panels:
            if wanted & {name for query in panel.queries for name in _reads_of_panel(query.expr)}:
                yield board.uid, panel.title
                return


def _reads(query: str) -> frozenset[str]:
    return frozenset(str(one.name) for one in promql.selectors(promql.parse(query)) if one.name) - {"ALERTS"}


def _reads_of_panel(query: str) -> frozenset[str]:
    """As far as Grafana's variables let it be read."""
    filled = query.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$__interval", "15s")
    try:
        return _reads(filled)
    except ValueError:
        return frozenset()
