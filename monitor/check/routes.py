"""Every alert that should reach somebody does, and every route is reached by some alert."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.catalogue.model import Catalogue, Place, Severity
from monitor.check.finding import Finding, finding
from monitor.render.alertmanager import CONSOLE
from monitor.render.rules import all_alerts

_NOTIFYING = (Severity.CRITICAL, Severity.WARNING)
_CONTACTS = Place(file="contacts.yaml")


def unrouted(catalogue: Catalogue) -> Iterator[Finding]:
    """Alerts whose team nobody is, so that only the console hears of them."""
    teams = {team.name: team for team in catalogue.contacts.teams}
    seen = set()
    for rule in all_alerts(catalogue):
        key = (rule.labels["team"], rule.severity)
        if rule.severity not in _NOTIFYING or key in seen:
            continue
        seen.add(key)
        team = teams.get(key[0])
        heard = () if team is None else team.critical if rule.severity is Severity.CRITICAL else team.warning
        if not heard:
            message = (
                f"{rule.name} is {rule.severity} for team {key[0]}, and contacts.yaml names nobody who hears of it"
            )
            yield finding(rule.place, "no-route", message, f"give team {key[0]} receivers for {rule.severity}")


def unreachable(catalogue: Catalogue) -> Iterator[Finding]:
    """Teams and receivers that no alert leads to."""
    used = {(rule.labels["team"], rule.severity) for rule in all_alerts(catalogue)}
    listed: set[str] = set()
    for team in catalogue.contacts.teams:
        for severity, receivers in ((Severity.CRITICAL, team.critical), (Severity.WARNING, team.warning)):
            listed.update(receivers)
            if receivers and (team.name, severity) not in used:
                message = f"no alert is {severity} for team {team.name}"
                yield finding(_CONTACTS, "dead-route", message, "remove the route, or give an alert this team")
    for receiver in catalogue.contacts.receivers:
        if receiver.name not in listed and receiver.name != CONSOLE:
            yield finding(_CONTACTS, "dead-route", f"no team lists receiver {receiver.name}", "list it, or remove it")
