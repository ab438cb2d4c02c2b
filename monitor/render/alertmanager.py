"""alertmanager.yml: who hears of what, when, and what is not worth hearing twice. Pure.

Every receiver delivers to the console too, so that the record of alerts is complete whoever is paged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from monitor.catalogue import durations
from monitor.catalogue.model import REPEAT_LABEL, AlertRule, Catalogue, Contacts, Environment
from monitor.catalogue.receivers import CONSOLE
from monitor.render import inhibitions, notifications, receivers, time_intervals
from monitor.render.alert_routes import Leaf, When, leaves, matcher, told
from monitor.render.rules import all_alerts, complete
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


def people(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Whom each receiver of the configuration tells, by the names of ``contacts.yaml``; nobody: the record alone."""
    nobody: dict[str, tuple[str, ...]] = {CONSOLE: (), WATCHDOG: (), DRILLS: catalogue.contacts.drills}
    return nobody | told(leaves(catalogue))


def _pattern(text: str) -> str:
    """A text as a regular expression that stands between the quotes of a matcher."""
    special = "\\.+*?()|[]{}^$"
    plain = "".join(f"\\{char}" if char in special else char for char in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _receivers(catalogue: Catalogue) -> Iterator[Value]:
    yield {"name": CONSOLE, **receivers.configs(catalogue, ())}
    yield {"name": WATCHDOG, "webhook_configs": [receivers.console(catalogue, "watchdog")]}
    yield {"name": DRILLS, **receivers.configs(catalogue, catalogue.contacts.drills)}
    for name, heard_by in told(leaves(catalogue)).items():
        yield {"name": name, **receivers.configs(catalogue, heard_by)}
