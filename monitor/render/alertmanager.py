"""alertmanager.yml: who hears of what, and what is not worth hearing twice. Pure.

Every receiver delivers to the console too, so that the record of alerts is complete whoever is paged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.model import Catalogue, Contacts, Environment, Receiver, Severity, Team
from monitor.catalogue.receivers import CONSOLE
from monitor.render.yaml_text import Value, document
from monitor.slo import names, windows

PATH = "rules/alertmanager.yml"
WATCHDOG = "watchdog"
WATCHDOG_ALERT = "Watchdog"
WATCHDOG_REPEAT = timedelta(minutes=1)
WATCHDOG_INTERVAL = timedelta(seconds=10)
"""Alertmanager repeats at the first of these after ``WATCHDOG_REPEAT``: the Watchdog comes each 60 to 70 s."""

_CONFIG_KEYS = {
    "webhook": "webhook_configs",
    "email": "email_configs",
    "slack": "slack_configs",
    "pagerduty": "pagerduty_configs",
    "msteams": "msteams_configs",
}

INHIBITIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    *(
        (pair.alert, "|".join(slower.alert for slower in windows.BURN_PAIRS[index + 1 :]), (names.SLO_LABEL,))
        for index, pair in enumerate(windows.BURN_PAIRS[:-1])
    ),
    ("EdgeHasNoBackend|EdgeProbeFailed", "|".join(pair.alert for pair in windows.BURN_PAIRS), ()),
    ("EdgeHasNoBackend", "EdgeProbeFailed", ()),
    ("MongoNoPrimary", "MongoRedundancyLost", ()),
)
"""Source, target, and the labels that must be equal.

Both sides are pinned by name and every label in ``equal`` is on both: a label that is missing on both sides would count
as equal and mute strangers. What mutes is never milder than what it mutes, and reaches the console itself.
"""


def alertmanager_config(catalogue: Catalogue) -> str:
    """The whole file."""
    environment, contacts = catalogue.environment, catalogue.contacts
    return document(
        {
            "route": _root(environment, contacts),
            "inhibit_rules": list(_inhibitions()),
            "receivers": list(_receivers(environment, contacts)),
        }
    )


def _root(environment: Environment, contacts: Contacts) -> Value:
    watchdog = {
        "receiver": WATCHDOG,
        "matchers": [f'alertname="{WATCHDOG_ALERT}"'],
        "group_by": ["alertname"],
        "group_wait": "0s",
        "group_interval": durations.text(WATCHDOG_INTERVAL),
        "repeat_interval": durations.text(WATCHDOG_REPEAT),
    }
    return {
        "receiver": CONSOLE,
        "group_by": ["alertname", names.SLO_LABEL, "severity"],
        "group_wait": durations.text(environment.group_wait),
        "group_interval": durations.text(environment.group_interval),
        "repeat_interval": durations.text(environment.repeat_interval),
        "routes": [watchdog, *(_route(team, severity) for team, severity in _routes(contacts))],
    }


def _routes(contacts: Contacts) -> Iterator[tuple[Team, Severity]]:
    for team in sorted(contacts.teams, key=lambda team: team.name):
        for severity in (Severity.CRITICAL, Severity.WARNING):
            if _heard_by(team, severity):
                yield team, severity


def _route(team: Team, severity: Severity) -> Value:
    return {
        "receiver": receiver_name(team, severity),
        "matchers": [f'team="{_quoted(team.name)}"', f'severity="{severity.value}"'],
    }


def _quoted(text: str) -> str:
    """A text as it stands between the quotes of a matcher."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def receiver_name(team: Team, severity: Severity) -> str:
    """The receiver that a team's alerts of a severity go to."""
    return f"{team.name}-{severity.value}"


def _heard_by(team: Team, severity: Severity) -> tuple[str, ...]:
    return team.critical if severity is Severity.CRITICAL else team.warning


def _inhibitions() -> Iterator[Value]:
    for source, target, equal in INHIBITIONS:
        rule: dict[str, Value] = {"source_matchers": [_named(source)], "target_matchers": [_named(target)]}
        yield rule | ({"equal": list(equal)} if equal else {})


def _named(alerts: str) -> str:
    return f'alertname=~"{alerts}"' if "|" in alerts else f'alertname="{alerts}"'


def _receivers(environment: Environment, contacts: Contacts) -> Iterator[Value]:
    console = {"webhook_configs": [{"url": f"{environment.webhook_url.rstrip('/')}/hooks/alertmanager"}]}
    yield {"name": CONSOLE, **console}
    yield {"name": WATCHDOG, "webhook_configs": [{"url": f"{environment.webhook_url.rstrip('/')}/hooks/watchdog"}]}
    known = {receiver.name: receiver for receiver in contacts.receivers}
    for team, severity in _routes(contacts):
        chosen = [known[name] for name in _heard_by(team, severity) if name != CONSOLE]
        yield {"name": receiver_name(team, severity), **_merged(console, chosen)}


def _merged(console: Mapping[str, list[dict[str, str]]], receivers: list[Receiver]) -> dict[str, Value]:
    merged: dict[str, list[Value]] = {key: list(value) for key, value in console.items()}
    for receiver in receivers:
        config: dict[str, Value] = {"send_resolved": True}
        merged.setdefault(_CONFIG_KEYS[receiver.kind], []).append(config | dict(sorted(receiver.settings.items())))
    return dict(sorted(merged.items(), key=lambda item: item[0] != "webhook_configs"))
