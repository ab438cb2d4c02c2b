"""Every alert that should reach somebody does, and every route is reached by some alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitor.catalogue.model import AlertRule, Catalogue, Place, Severity
from monitor.catalogue.receivers import CONSOLE
from monitor.check.finding import Finding, finding

_NOTIFYING = (Severity.CRITICAL, Severity.WARNING)
_CONTACTS = Place(file="contacts.yaml")

_SINCE = (("msteams", "", "0.28"), ("webhook", "url_file", "0.26"))
"""Kinds of receivers, or settings of them, by the first Alertmanager that accepts them (tried with amtool; msteams with
its address in a file, which 0.26 and 0.27 refuse although they know the kind)."""


def unrouted(catalogue: Catalogue, rules: Iterable[AlertRule]) -> Iterator[Finding]:
    """Alerts whose team nobody is, so that only the console hears of them."""
    teams = {team.name: team for team in catalogue.contacts.teams}
    seen = set()
    for rule in rules:
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


def unsupported(catalogue: Catalogue) -> Iterator[Finding]:
    """Receivers that this environment's Alertmanager does not know, so that it would not start."""
    version = catalogue.environment.alertmanager_version
    for receiver in catalogue.contacts.receivers:
        for kind, setting, since in _SINCE:
            if (
                receiver.kind == kind
                and (not setting or setting in receiver.settings)
                and _number(version) < _number(since)
            ):
                what = f"receivers of kind {kind}" if not setting else f"{setting} in receivers of kind {kind}"
                message = f"receiver {receiver.name}: Alertmanager knows {what} since {since}, and {version} runs here"
                yield finding(_CONTACTS, "unsupported-receiver", message, "use another kind, or a newer Alertmanager")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def unreachable(catalogue: Catalogue, rules: Iterable[AlertRule]) -> Iterator[Finding]:
    """Teams and receivers that no alert leads to."""
    used = {(rule.labels["team"], rule.severity) for rule in rules}
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
