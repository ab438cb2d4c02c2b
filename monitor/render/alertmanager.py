"""alertmanager.yml: who hears of what, when, and what is not worth hearing twice. Pure.

Every receiver delivers to the console too, so that the record of alerts is complete whoever is paged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from monitor.catalogue import durations
from monitor.catalogue.model import (
    HOLIDAYS_LABEL,
    REPEAT_LABEL,
    URGENCY_LABEL,
    AlertRule,
    Attention,
    Catalogue,
    Contacts,
    Environment,
    Severity,
    Team,
    TeamPart,
    attention_of,
)
from monitor.catalogue.receivers import CONSOLE
from monitor.render import inhibitions, notifications, receivers, time_intervals
from monitor.render.rules import DEFAULT_TEAM, all_alerts, complete
from monitor.render.yaml_text import Value, document
from monitor.routing import matchers
from monitor.slo import names, windows

PATH = "rules/alertmanager.yml"
WATCHDOG = "watchdog"
WATCHDOG_ALERT = "Watchdog"
WATCHDOG_REPEAT = timedelta(minutes=1)
DRILLS = "drills"
DRILL_LABEL = inhibitions.DRILL_LABEL
ENVIRONMENT_LABEL = inhibitions.ENVIRONMENT_LABEL
WATCHDOG_INTERVAL = timedelta(seconds=10)
"""Alertmanager repeats at the first of these after ``WATCHDOG_REPEAT``: the Watchdog comes each 60 to 70 s."""

GROUP_BY = ("alertname", names.SLO_LABEL, "severity", ENVIRONMENT_LABEL)
"""One notification for one alert of one SLO, however many series it has; and none for two environments, or whoever has
acknowledged the one would not hear of the other."""


class When(Enum):
    """The hours in which a route notifies."""

    ALWAYS = "always"
    WORKING_HOURS = "working hours"
    NO_HOLIDAYS = "no holidays"
    HOLIDAYS = "holidays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One route that notifies people: what it takes, and whom it tells."""

    receiver: str
    heard_by: tuple[str, ...]
    matchers: tuple[str, ...]
    when: When = When.ALWAYS
    """In other hours it is silent; unless these are holidays alone, the next route takes the same alerts."""
    at_once: bool = False
    """What it takes wakes people."""


def alertmanager_config(catalogue: Catalogue) -> str:
    """The whole file."""
    return document(alertmanager_tree(catalogue))


def alertmanager_tree(catalogue: Catalogue) -> dict[str, Any]:
    """What the file says, as values."""
    root = {"receiver": CONSOLE, **_timing(catalogue.environment), "routes": _routes(catalogue)}
    return {"templates": [notifications.FILE], "route": root, **_rest(catalogue)}


def subtree(catalogue: Catalogue) -> dict[str, Value]:
    """What a team that has an Alertmanager adds to its own configuration: one route, and what that refers to.

    It is about the catalogue's alerts alone: those of its names that carry a team of ours, as all of ours do.
    """
    rules = list(all_alerts(catalogue))
    teams = sorted({rule.labels["team"] for rule in rules})
    ours = f'team=~"{"|".join(_pattern(team) for team in teams)}"'
    route = {
        "receiver": CONSOLE,
        "matchers": [inhibitions.named(sorted({rule.name for rule in rules})), ours],
        **_timing(catalogue.environment),
        "routes": _routes(catalogue),
    }
    return {"templates": [notifications.FILE], "route": {"routes": [route]}, **_rest(catalogue, among=ours)}


def _rest(catalogue: Catalogue, *, among: str = "") -> dict[str, Value]:
    used = {name for leaf in leaves(catalogue) for names in _times(leaf, catalogue.contacts).values() for name in names}
    intervals = time_intervals.rendered(catalogue, used)
    return {
        "inhibit_rules": inhibitions.rules(catalogue, among=among),
        **({"time_intervals": intervals} if intervals else {}),
        "receivers": list(_receivers(catalogue)),
    }


def _timing(environment: Environment) -> dict[str, Value]:
    return {
        "group_by": list(GROUP_BY),
        "group_wait": durations.text(environment.group_wait),
        "group_interval": durations.text(environment.group_interval),
        "repeat_interval": durations.text(environment.repeat_interval),
    }


def _routes(catalogue: Catalogue) -> list[Value]:
    """Rehearsals first, so that whatever they carry beside, nobody is woken by one."""
    drills: Value = {"receiver": DRILLS, "matchers": [f'{DRILL_LABEL}="true"']}
    watchdog: Value = {
        "receiver": WATCHDOG,
        "matchers": [f'alertname="{WATCHDOG_ALERT}"'],
        # Those of two environments apart: one that goes on would else speak for one that stopped.
        "group_by": ["alertname", ENVIRONMENT_LABEL],
        "group_wait": "0s",
        "group_interval": durations.text(WATCHDOG_INTERVAL),
        "repeat_interval": durations.text(WATCHDOG_REPEAT),
    }
    written = [rule for group in catalogue.alerts for rule in group.rules if REPEAT_LABEL in rule.labels]
    patient = [complete(rule, catalogue.environment) for rule in written]
    return [drills, watchdog, *(_route(leaf, catalogue.contacts, patient) for leaf in leaves(catalogue))]


def _route(leaf: Leaf, contacts: Contacts, patient: Sequence[AlertRule]) -> Value:
    """``patient`` are the alerts that say themselves how often they are repeated."""
    times: dict[str, Value] = {key: list(names) for key, names in _times(leaf, contacts).items()}
    # Alertmanager's routes do not take the times of the one above over.
    below = [{**route, **times} for route in (_SUFFERING if leaf.at_once else _BURNING, *_repeated(leaf, patient))]
    taken: dict[str, Value] = {"receiver": leaf.receiver, "matchers": list(leaf.matchers), "routes": below, **times}
    return {**taken, "continue": True} if leaf.when in {When.WORKING_HOURS, When.NO_HOLIDAYS} else taken


def _times(leaf: Leaf, contacts: Contacts) -> dict[str, tuple[str, ...]]:
    """The names of the time intervals in which a route is active alone, and in which it is mute."""
    found: dict[str, tuple[str, ...]] = {}
    if leaf.when is When.WORKING_HOURS:
        found["active_time_intervals"] = (time_intervals.WORKING_HOURS,)
    if leaf.when is When.HOLIDAYS:
        found["active_time_intervals"] = (time_intervals.HOLIDAYS,)
    elif leaf.when is not When.ALWAYS and contacts.holidays:
        found["mute_time_intervals"] = (time_intervals.HOLIDAYS,)
    return found


def _repeated(leaf: Leaf, patient: Sequence[AlertRule]) -> Iterator[dict[str, Value]]:
    """A route for each interval at which alerts that the leaf takes are repeated."""
    asked = [one for text in leaf.matchers for one in matchers.parse(text)]
    taken = [rule for rule in patient if all(one.matches(rule.labels) for one in asked)]
    for span in sorted({rule.labels[REPEAT_LABEL] for rule in taken}):
        yield {"matchers": [matcher(REPEAT_LABEL, span)], "repeat_interval": span}


_BURNING: dict[str, Value] = {
    "matchers": [inhibitions.named([pair.alert for pair in windows.BURN_PAIRS])],
    "group_by": [names.SLO_LABEL, "severity", ENVIRONMENT_LABEL],
}
"""How fast a budget burns does not make another incident: one ticket an SLO, to whomever its alerts go."""

_SUFFERING: dict[str, Value] = {
    "matchers": [f'{names.SERVICE_LABEL}=~".+"'],
    "group_by": [names.SERVICE_LABEL, "severity", ENVIRONMENT_LABEL],
}
"""Whatever says that a service's users suffer now is one incident, and one page that grows: which of its alerts comes
first depends on intervals, so muting cannot make it one."""


def leaves(catalogue: Catalogue) -> tuple[Leaf, ...]:
    """Every route to people, in order: parts of a team before the team, what is narrower before what is wider."""
    teams = sorted(catalogue.contacts.teams, key=lambda team: team.name)
    milder = _milder_on_holidays(catalogue)
    return tuple(leaf for team in teams for part in (*team.services, None) for leaf in _leaves(team, part, milder))


def _milder_on_holidays(catalogue: Catalogue) -> list[tuple[Severity, Severity]]:
    """How bad alerts are that the holidays of ``contacts.yaml`` make milder, and how bad they are then."""
    if not catalogue.contacts.holidays:
        return []
    rules = (rule for group in catalogue.alerts for rule in group.rules if HOLIDAYS_LABEL in rule.labels)
    return sorted({(rule.severity, Severity(rule.labels[HOLIDAYS_LABEL])) for rule in rules})


def _leaves(team: Team, part: TeamPart | None, milder: Sequence[tuple[Severity, Severity]]) -> Iterator[Leaf]:
    labels = part.labels if part else {}
    taken = (_owned(team), *(matcher(name, value) for name, value in labels.items()))
    critical, warning = (matcher("severity", one.value) for one in (Severity.CRITICAL, Severity.WARNING))
    yield from _waiting(team, part, (*taken, critical, matcher(URGENCY_LABEL, Attention.WORKING_HOURS.value)))
    for severities in milder:
        yield from _on_holidays(team, part, taken, severities)
    for attention, severity in ((Attention.NOW, critical), (Attention.TICKET, warning)):
        heard_by, wakes = team.hears(attention, part), attention is Attention.NOW
        own = bool(heard_by) if part is None else (part.critical if wakes else part.warning) is not None
        if own:
            name = receiver_name(team, attention, part) if heard_by else CONSOLE
            yield Leaf(receiver=name, heard_by=heard_by, matchers=(*taken, severity), at_once=wakes)


def _owned(team: Team) -> str:
    """A matcher of a team's alerts. Those of nobody, as others' rules make them, are the default team's: not lost."""
    return f'team=~"{team.name}|"' if team.name == DEFAULT_TEAM else matcher("team", team.name)


def _waiting(team: Team, part: TeamPart | None, taken: tuple[str, ...]) -> Iterator[Leaf]:
    """Critical, and no worse by the morning: a ticket at any time, and in working hours people are called as well.

    The ticket is there from the start, and hears of the end: Alertmanager drops what would be sent in muted times, so
    a ticket that were left to the night alone would stay open for ever.
    """
    if part is not None and part.critical is None and part.critical_working_hours is None and part.warning is None:
        return
    ticket = team.hears(Attention.TICKET, part)
    called = tuple(name for name in team.hears(Attention.WORKING_HOURS, part) if name not in ticket)
    if called:
        name = receiver_name(team, Attention.WORKING_HOURS, part)
        yield Leaf(receiver=name, heard_by=called, matchers=taken, when=When.WORKING_HOURS)
    owner = part if part is not None and part.warning is not None else None
    name = receiver_name(team, Attention.TICKET, owner) if ticket else CONSOLE
    # Where nobody hears, a wider route would take it, or that of what cannot wait.
    if called or ticket or team.critical or part is not None:
        yield Leaf(receiver=name, heard_by=ticket, matchers=taken)


def _on_holidays(
    team: Team, part: TeamPart | None, taken: tuple[str, ...], severities: tuple[Severity, Severity]
) -> Iterator[Leaf]:
    """What is milder on holidays: two routes to the same alerts, of which one is silent whenever the other is not."""
    asked = (*taken, *map(matcher, ("severity", HOLIDAYS_LABEL), severities))
    both = [attention_of(severity) for severity in severities]
    if part is not None and not any(_says(part, attention) for attention in both):
        return
    for attention, when in zip(both, (When.NO_HOLIDAYS, When.HOLIDAYS), strict=True):
        heard_by, owner = team.hears(attention, part), part if part and _says(part, attention) else None
        name = receiver_name(team, attention, owner) if heard_by else CONSOLE
        yield Leaf(
            receiver=name,
            heard_by=heard_by,
            matchers=asked,
            when=when,
            at_once=bool(heard_by) and attention is Attention.NOW,
        )


def _says(part: TeamPart, attention: Attention) -> bool:
    """Whether a part of a team says itself who hears."""
    return {Attention.NOW: part.critical, Attention.TICKET: part.warning}.get(attention) is not None


def people(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Whom each receiver of the configuration tells, by the names of ``contacts.yaml``; nobody: the record alone."""
    nobody: dict[str, tuple[str, ...]] = {CONSOLE: (), WATCHDOG: (), DRILLS: catalogue.contacts.drills}
    return nobody | _told(leaves(catalogue))


def receiver_name(team: Team, attention: Attention, part: TeamPart | None = None) -> str:
    """The receiver that a team's alerts go to: ``sre-critical``, and of a part ``sre/mongodb-critical``."""
    owner = f"{team.name}/{'-'.join(part.labels.values())}" if part else team.name
    kind = {Attention.NOW: "critical", Attention.WORKING_HOURS: "working-hours", Attention.TICKET: "warning"}
    return f"{owner}-{kind[attention]}"


def matcher(label: str, value: str) -> str:
    """A matcher of one value, with whatever a name may hold."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label}="{escaped}"'


def _pattern(text: str) -> str:
    """A text as a regular expression that stands between the quotes of a matcher."""
    special = "\\.+*?()|[]{}^$"
    plain = "".join(f"\\{char}" if char in special else char for char in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _receivers(catalogue: Catalogue) -> Iterator[Value]:
    yield {"name": CONSOLE, **receivers.configs(catalogue, ())}
    yield {"name": WATCHDOG, "webhook_configs": [receivers.console(catalogue, "watchdog")]}
    yield {"name": DRILLS, **receivers.configs(catalogue, catalogue.contacts.drills)}
    for name, heard_by in _told(leaves(catalogue)).items():
        yield {"name": name, **receivers.configs(catalogue, heard_by)}


def _told(found: Sequence[Leaf]) -> dict[str, tuple[str, ...]]:
    return {leaf.receiver: leaf.heard_by for leaf in found if leaf.receiver != CONSOLE}
