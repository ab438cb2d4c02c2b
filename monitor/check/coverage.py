"""Whether each alert has all that a person needs: owner, people who hear, runbook, tests, a panel. One row each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from monitor.catalogue.model import AlertRule, Attention, Catalogue
from monitor.check import alert_panels, alerts, inhibitions, routes
from monitor.check.alert_dashboards import dashboards_of
from monitor.check.finding import Finding, finding
from monitor.render.alertmanager import people
from monitor.render.dashboards import boards
from monitor.render.rules import all_alerts
from monitor.render.runbooks import elsewhere, runbook_path
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
    rules = tuple(all_alerts(catalogue))
    found = {
        *routes.unrouted(catalogue, rules),
        *routes.unreachable(catalogue, rules),
        *routes.unsupported(catalogue),
        *routes.unsendable(catalogue),
        *routes.always_muted(catalogue),
        *inhibitions.unfit_inhibitions(catalogue, rules),
        *alerts.untested(catalogue),
        *alerts.unsaid(catalogue),
        *alerts.without_runbook(rules, runbooks, elsewhere(catalogue)),
        *without_owner(catalogue),
        *unseen(catalogue),
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


def unseen(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts whose dashboard is not there, or does not show them."""
    places, there_are = alert_panels.panels_of(catalogue), sorted(board.uid for board in boards(catalogue))
    for rule, uid in {rule.name: (rule, uid) for rule, uid in dashboards_of(catalogue)}.values():
        if rule.attention not in routes.NOTIFYING:
            continue
        found = dict(places.get(rule.name, ()))
        if uid not in there_are:
            message = f"{rule.name} refers to the dashboard {uid}, which there is not"
            yield finding(rule.place, "no-dashboard", message, f"name one of {', '.join(there_are)}")
        elif found and uid not in found:
            other = min(found)
            message = f"{rule.name} sends people to the dashboard {uid}, and is on a panel of {other} alone"
            yield finding(rule.place, "no-panel", message, f"let it name {other}, or add a panel to {uid}")
        elif not found:
            message = f"{rule.name} is on no panel of the dashboard {uid}: none shows what it reads"
            yield finding(rule.place, "no-panel", message, "name the dashboard that shows it, or add a panel")


def _rows(catalogue: Catalogue, found: Iterable[Finding]) -> Iterator[Covered]:
    places, others = alert_panels.panels_of(catalogue), elsewhere(catalogue)
    told, config = people(catalogue), routes.rendered(catalogue)
    at = routes.A_MONDAY_MORNING
    rows: dict[tuple[str, Attention, str, tuple[str, ...], str], list[AlertRule]] = {}
    for rule, uid in dashboards_of(catalogue):
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
            runbook=others.get(name) or runbook_path(name),
            tested="no-test" not in holes,
            dashboard=uid,
            panel=next((title for there, title in places.get(name, ()) if there == uid), ""),
            holes=tuple(sorted(holes)),
        )
