"""Receivers as Alertmanager's configurations: the console first, then whoever else hears. Pure.

What ``contacts.yaml`` does not say about a message is taken from the templates of ``monitor.render.notifications``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.catalogue.model import Catalogue, Receiver
from monitor.catalogue.receivers import CONSOLE, FLAGS, HTTP, is_flag
from monitor.render.yaml_text import Value

_CONFIG_KEYS = {
    "webhook": "webhook_configs",
    "email": "email_configs",
    "slack": "slack_configs",
    "pagerduty": "pagerduty_configs",
    # Its connectors, Alertmanager's msteams_configs, are retired: what takes messages now is a workflow.
    "msteams": "msteamsv2_configs",
}


def console(catalogue: Catalogue, name: str) -> Value:
    """The way to the console: where it is, and as whom Alertmanager is known there."""
    address = f"{catalogue.environment.webhook_url.rstrip('/')}/hooks/{name}"
    own = (receiver.settings for receiver in catalogue.contacts.receivers if receiver.name == CONSOLE)
    return {"url": address, **_with_http_config(next(own, {}))}


def configs(catalogue: Catalogue, heard_by: Sequence[str]) -> dict[str, Value]:
    """The integrations of one receiver, by Alertmanager's keys."""
    found: dict[str, list[Value]] = {}
    found["webhook_configs"] = [console(catalogue, "alertmanager")]
    known = {receiver.name: receiver for receiver in catalogue.contacts.receivers}
    for name in heard_by:
        if name != CONSOLE:
            receiver = known[name]
            found.setdefault(_CONFIG_KEYS[receiver.kind], []).append(_config(receiver))
    return dict(sorted(found.items(), key=lambda item: item[0] != "webhook_configs"))


def _config(receiver: Receiver) -> Value:
    own = _with_http_config(receiver.settings) if receiver.kind == "webhook" else _values(receiver)
    settings: dict[str, Value] = {"send_resolved": True, **_MESSAGES.get(receiver.kind, {}), **own}
    return dict(sorted(settings.items(), key=lambda item: (item[0] != "send_resolved", item[0])))


def _values(receiver: Receiver) -> dict[str, Value]:
    return {name: FLAGS[value] if is_flag(receiver.kind, name) else value for name, value in receiver.settings.items()}


def _with_http_config(settings: Mapping[str, str]) -> dict[str, Value]:
    """Settings of a webhook, those of ``HTTP`` where Alertmanager has them."""
    plain: dict[str, Value] = {name: value for name, value in settings.items() if name not in HTTP}
    http: dict[str, dict[str, Value]] = {}
    for name, (part, key) in HTTP.items():
        if name in settings:
            http.setdefault(part, {})[key] = settings[name]
    return plain | ({"http_config": http} if http else {})


def _template(name: str) -> str:
    return f'{{{{ template "sre.{name}" . }}}}'


_MESSAGES: dict[str, dict[str, Value]] = {
    "slack": {
        "title": _template("slack.title"),
        "title_link": _template("link"),
        "text": _template("slack.text"),
        "fallback": _template("slack.title"),
        "color": _template("slack.color"),
    },
    "email": {
        "headers": {"Subject": _template("title")},
        "html": _template("email.html"),
        "text": _template("email.text"),
    },
    "pagerduty": {
        "description": _template("title"),
        "severity": _template("pagerduty.severity"),
        "client": "the alert's page",
        "client_url": _template("link"),
        "component": "{{ .CommonLabels.component }}",
        "group": "{{ .CommonLabels.team }}",
        "class": "{{ .CommonLabels.alertname }}",
        "links": [
            {"href": _template("runbook"), "text": "Runbook"},
            {"href": _template("dashboard"), "text": "Dashboard"},
        ],
        # These replace Alertmanager's own, which are lists of every label and annotation.
        "details": {
            "firing": _template("plain.text"),
            "resolved": "{{ .Alerts.Resolved | len }}",
            "num_firing": "{{ .Alerts.Firing | len }}",
            "num_resolved": "{{ .Alerts.Resolved | len }}",
        },
    },
    "msteams": {"title": _template("markdown.title"), "text": _template("markdown.text")},
}
"""Alertmanager's settings of a message, by kind of receiver."""
