"""Whether each alert has all that a person needs: owner, people who hear, runbook, tests, a panel. One row each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from monitor.catalogue import promql
from monitor.catalogue.model import AlertRule, Attention, Catalogue
from monitor.check import alerts, inhibitions, routes
from monitor.check.finding import Finding, finding
from monitor.render.alertmanager import people
from monitor.render.dashboards import boards
from monitor.render.dashboards_model import Board
from monitor.render.links import DASHBOARD_ANNOTATION, SERVICE_DASHBOARD, SLO_DASHBOARD
from monitor.render.rules import all_alerts
from monitor.render.runbooks import runbook_path
from monitor.routing.walk import deliveries
from monitor.slo import names


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """One alert; of those that every SLO brings, one row for all SLOs of the same urgency and team."""

    alert: str
    attention: Attention
    team: str
    slos: tuple[str, ...]
    heard_by: tuple[str, ...]
    """Receivers of ``contacts.yaml``; the console alone hears of it too where this is empty."""
    runbook: str
    tested: bool
    dashboard: str
    panel: str
    """The title of the panel that shows it; empty where there is none."""
    holes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The fields, for programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Every alert with what it has, and every hole, sorted."""

    rows: tuple[Covered, ...]
    holes: tuple[Finding, ...]


def coverage(catalogue: Catalogue, runbooks: Mapping[str, str]) -> Coverage:
    """Judge every alert; ``runbooks`` are the pages by path."""
    found = {
        *routes.unrouted(catalogue),
        *routes.unreachable(catalogue),
        *routes.unsupported(catalogue),
        *routes.always_muted(catalogue),
        *inhibitions.unfit_inhibitions(catalogue),
        *alerts.untested(catalogue),
        *alerts.without_runbook(catalogue, runbooks),
        *without_owner(catalogue),
        *without_panel(catalogue),
    }
    return Coverage(rows=tuple(_rows(catalogue, found)), holes=tuple(sorted(found)))


def without_owner(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts of a team that contacts.yaml does not know."""
    teams = {team.name for team in catalogue.contacts.teams}
    told = set()
    for rule in all_alerts(catalogue):
        team = rule.labels["team"]
        if rule.attention in routes.NOTIFYING and team not in teams and (rule.name, team) not in told:
            told.add((rule.name, team))
            message = f"{rule.name} belongs to team {team}, which contacts.yaml does not know"
            yield finding(rule.place, "no-owner", message, "add the team, or give the alert one that is there")


def without_panel(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts whose dashboard does not exist, or shows nothing of what they judge."""
    shown = {board.uid: board for board in boards(catalogue)}
    told = set()
    for rule, uid in _with_dashboards(catalogue):
        if rule.name in told or not _reads(rule.expr):
            continue
        if uid not in shown:
            told.add(rule.name)
            message = f"{rule.name} names the dashboard {uid}, which does not exist"
            yield finding(rule.place, "no-panel", message, f"use one of {', '.join(sorted(shown))}")
        elif not panel_of(shown[uid], rule):
            told.add(rule.name)
            message = f"{rule.name} is on no panel of the dashboard {uid}: none reads what it judges"
            yield finding(rule.place, "no-panel", message, "name the dashboard that shows it, or add a panel")


def panel_of(board: Board, rule: AlertRule) -> str:
    """The title of the panel that names an alert, or else reads what it judges; empty where there is none."""
    panels = [panel for section in board.sections for panel in section.panels]
    if named := [panel.title for panel in panels if panel.alert == rule.name]:
        return named[0]
    judged = _reads(rule.expr)
    # What is missing is seen where it is said how much of the time is known.
    for wanted in (judged, frozenset({names.COVERAGE}) if judged <= names.RECORDED.keys() else frozenset()):
        for panel in panels:
            if wanted & {name for query in panel.queries for name in _reads_of_panel(query.expr)}:
                return panel.title
    return ""


def _with_dashboards(catalogue: Catalogue) -> Iterator[tuple[AlertRule, str]]:
    """Each alert as it is evaluated, with the uid that its author gave it, or the one it is given."""
    named = {
        (rule.name, rule.labels.get("severity", "")): rule.annotations[DASHBOARD_ANNOTATION]
        for group in catalogue.alerts
        for rule in group.rules
        if DASHBOARD_ANNOTATION in rule.annotations
    }
    for rule in all_alerts(catalogue):
        default = SLO_DASHBOARD if names.SLO_LABEL in rule.labels else SERVICE_DASHBOARD
        yield rule, named.get((rule.name, rule.labels["severity"]), default)


def _reads(query: str) -> frozenset[str]:
    return frozenset(str(one.name) for one in promql.selectors(promql.parse(query)) if one.name) - {"ALERTS"}


def _reads_of_panel(query: str) -> frozenset[str]:
    """As far as Grafana's variables let it be read."""
    filled = query.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$__interval", "15s")
    try:
        return _reads(filled)
    except ValueError:
        return frozenset()


def _rows(catalogue: Catalogue, found: Iterable[Finding]) -> Iterator[Covered]:
    shown = {board.uid: board for board in boards(catalogue)}
    told, config = people(catalogue), routes.rendered(catalogue)
    at = routes.A_MONDAY_MORNING
    rows: dict[tuple[str, Attention, str, tuple[str, ...], str], list[AlertRule]] = {}
    for rule, uid in _with_dashboards(catalogue):
        heard = {name for each in deliveries(config, rule.labels, at) for name in told[each.route.receiver]}
        rows.setdefault((rule.name, rule.attention, rule.labels["team"], tuple(sorted(heard)), uid), []).append(rule)
    codes: dict[str, set[str]] = {}
    for hole in found:
        for word in {key[0] for key in rows}:
            if hole.message.startswith(f"{word} ") or hole.file == runbook_path(word):
                codes.setdefault(word, set()).add(hole.code)
    for (name, attention, team, heard_by, uid), rules in sorted(rows.items()):
        holes = codes.get(name, set())
        yield Covered(
            alert=name,
            attention=attention,
            team=team,
            slos=tuple(sorted({rule.labels[names.SLO_LABEL] for rule in rules if names.SLO_LABEL in rule.labels})),
            heard_by=heard_by,
            runbook=runbook_path(name),
            tested="no-test" not in holes,
            dashboard=uid,
            panel=panel_of(shown[uid], rules[0]) if uid in shown else "",
            holes=tuple(sorted(holes)),
        )
