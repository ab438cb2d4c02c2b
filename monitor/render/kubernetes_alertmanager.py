"""Alertmanager's configuration as an object of the Prometheus Operator (``AlertmanagerConfig``, v1alpha1). Pure.

Field names: the Operator's API reference (https://prometheus-operator.dev/docs/api-reference/api/). Secrets are never
written: what ``contacts.yaml`` reads from a file is taken from a key of one Secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from monitor.catalogue.model import Catalogue
from monitor.catalogue.receivers import HTTP
from monitor.render.alertmanager import alertmanager_tree
from monitor.render.yaml_text import GENERATED, Value, document

NAME = "monitor"
SECRET = "monitor-receivers"  # noqa: S105  # the name of an object
"""The Secret that has to be made by hand, in the same namespace: one key for each file of ``contacts.yaml``."""

TEMPLATES, KEY = "monitor-notifications", "notifications.tmpl"
"""The ConfigMap that holds the texts of messages, and its key."""

_SECRETS = {
    "api_url_file": "apiURL",
    "auth_password_file": "authPassword",
    "routing_key_file": "routingKey",
    "service_key_file": "serviceKey",
    "url_file": "urlSecret",
    "webhook_url_file": "webhookURL",
}
_FIELDS = {
    "links": "pagerDutyLinkConfigs",
    "icon_url": "iconURL",
    "image_url": "imageURL",
    "thumb_url": "thumbURL",
    "client_url": "clientURL",
    "require_tls": "requireTLS",
}
"""Settings whose field is not simply written in camel case."""

_USER = ".username"
"""What the key of a user's name ends with, after that of the password."""

_MATCHER = re.compile(r'(?P<name>\w+)(?P<type>=~|!~|!=|=)(?P<value>".*")', re.DOTALL)

_GLOBAL = f"{{name: {NAME}, templates: [{{configMap: {{name: {TEMPLATES}, key: {KEY}}}}}]}}"
_SAYS = (
    "# An AlertmanagerConfig is namespaced: unless told otherwise, the Operator adds a matcher, so that it sees only\n"
    "# alerts whose label `namespace` is where it lives, which most alerts here do not have. So name it as the global\n"
    "# one in the Alertmanager object, with the texts of its messages, which are in a ConfigMap beside it:\n"
    f"# spec.alertmanagerConfiguration: {_GLOBAL}\n"
)
_SAYS_ZONE = "# Its time intervals know no time zone: hours and holidays are taken for UTC. Move them by hand.\n"
_SAYS_SECRET = f"# Receivers read the Secret {SECRET} of the same namespace, which has to be made by hand:\n"


def config(catalogue: Catalogue, head: Callable[[str, str, str], dict[str, Value]]) -> str:
    """The whole file; ``head`` gives what every object begins with, from version, kind and name."""
    tree, keys = alertmanager_tree(catalogue), _secret_keys(catalogue)
    spec: dict[str, Value] = {
        "route": _route(tree["route"]),
        "inhibitRules": [_inhibition(rule) for rule in tree["inhibit_rules"]],
        "receivers": [_receiver(receiver, keys) for receiver in tree["receivers"]],
    }
    if intervals := tree.get("time_intervals"):
        spec["muteTimeIntervals"] = [_interval(one) for one in intervals]
    text = document(head("monitoring.coreos.com/v1alpha1", "AlertmanagerConfig", NAME) | {"spec": spec})
    wanted = [f"#   {key}: what the file {file} holds elsewhere\n" for file, key in sorted(keys.items())]
    wanted += [f"#   {key}: {user}\n" for key, user in sorted(_users(catalogue, keys).items())]
    says = [GENERATED, _SAYS, *([_SAYS_ZONE] if intervals else ()), *([_SAYS_SECRET, *wanted] if wanted else ())]
    return text.replace(GENERATED, "".join(says))


def _secret_keys(catalogue: Catalogue) -> dict[str, str]:
    """The key of the Secret that stands for each file: its name, or all of its path where two have the same name."""
    settings = (item for receiver in catalogue.contacts.receivers for item in receiver.settings.items())
    files = sorted({value for name, value in settings if name in {*_SECRETS, *HTTP} and name.endswith("_file")})
    names = [_key(PurePosixPath(file).name) for file in files]
    return {
        file: name if name and names.count(name) == 1 else _key(file) for file, name in zip(files, names, strict=True)
    }


def _users(catalogue: Catalogue, keys: Mapping[str, str]) -> dict[str, str]:
    """The key of the Secret for the name of each user that Alertmanager is to webhooks."""
    asked = (receiver.settings for receiver in catalogue.contacts.receivers if "username" in receiver.settings)
    return {f"{keys[one['password_file']]}{_USER}": one["username"] for one in asked if "password_file" in one}


def _key(text: str) -> str:
    """A text as a key of a Secret, which knows letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^-._a-zA-Z0-9]+", ".", text).strip(".")


def _route(route: Mapping[str, Any]) -> dict[str, Value]:
    made: dict[str, Value] = {_field(key): value for key, value in route.items() if key not in {"routes", "matchers"}}
    if matchers := route.get("matchers"):
        made["matchers"] = _matchers(matchers)
    if routes := route.get("routes"):
        made["routes"] = [_route(one) for one in routes]
    return made


def _inhibition(rule: Mapping[str, Any]) -> Value:
    made = {f"{side}Match": _matchers(rule[f"{side}_matchers"]) for side in ("source", "target")}
    return made | ({"equal": rule["equal"]} if "equal" in rule else {})


def _matchers(texts: list[str]) -> list[Value]:
    return [_matcher(text) for text in texts]


def _matcher(text: str) -> Value:
    found = _MATCHER.fullmatch(text)
    assert found  # what alertmanager_tree() writes
    return {"name": found["name"], "matchType": found["type"], "value": json.loads(found["value"], strict=False)}


def _receiver(receiver: Mapping[str, Any], keys: Mapping[str, str]) -> Value:
    made: dict[str, Value] = {}
    for name, value in receiver.items():
        made[_field(name)] = value if name == "name" else [_settings(one, keys) for one in value]
    return made


def _settings(settings: Mapping[str, Any], keys: Mapping[str, str]) -> Value:
    """The fields of one way to notify; what is empty is left out, for the Operator refuses it."""
    made: dict[str, Value] = {}
    for name, value in settings.items():
        if name == "http_config":
            made["httpConfig"] = _http(value, keys)
        elif value != "":
            made[_field(name)] = _secret(keys[value]) if name in _SECRETS else _listed(value)
    return made


def _secret(key: str) -> Value:
    return {"name": SECRET, "key": key}


def _http(settings: Mapping[str, Mapping[str, str]], keys: Mapping[str, str]) -> Value:
    """As whom a webhook knows Alertmanager: the Operator wants the user's name from a Secret too."""
    made: dict[str, Value] = {}
    if basic := settings.get("basic_auth"):
        key = keys[basic["password_file"]]
        made["basicAuth"] = {"username": _secret(f"{key}{_USER}"), "password": _secret(key)}
    if token := settings.get("authorization"):
        made["authorization"] = {"credentials": _secret(keys[token["credentials_file"]])}
    if tls := settings.get("tls_config"):
        made["tlsConfig"] = {"ca": {"secret": _secret(keys[tls["ca_file"]])}}
    return made


def _listed(value: Any) -> Value:
    """A mapping as the Operator writes it: a list of keys and values."""
    if isinstance(value, dict):
        return [{"key": key, "value": text} for key, text in value.items()]
    # Only PagerDuty's links are lists of mappings; what they are called is their text elsewhere.
    return [{"href": one["href"], "alt": one["text"]} for one in value] if isinstance(value, list) else value


def _interval(interval: Mapping[str, Any]) -> Value:
    return {"name": interval["name"], "timeIntervals": [_times(one) for one in interval["time_intervals"]]}


def _times(span: Mapping[str, Any]) -> Value:
    apart = {"location", "times", "days_of_month"}
    made: dict[str, Value] = {_field(key): value for key, value in span.items() if key not in apart}
    if days := span.get("days_of_month"):
        ends = (text.partition(":") for text in days)
        made["daysOfMonth"] = [{"start": int(first), "end": int(last or first)} for first, _, last in ends]
    if times := span.get("times"):
        made["times"] = [{_field(key): value for key, value in one.items()} for one in times]
    return made


def _field(setting: str) -> str:
    """The field of a setting: in camel case, but for a few."""
    head, *rest = setting.split("_")
    return (_SECRETS | _FIELDS).get(setting) or head + "".join(map(str.capitalize, rest))
