"""What the Prometheus Operator is given: objects that its API server takes, with the very rules of rules/."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, Contacts, Receiver, Team
from monitor.errors import InputError
from monitor.render import kubernetes, outputs
from monitor.render.yaml_text import GENERATED

DURATION = re.compile(r"(0|((\d+)y)?((\d+)w)?((\d+)d)?((\d+)h)?((\d+)m)?((\d+)s)?((\d+)ms)?)")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
KEY = re.compile(r"[-._a-zA-Z0-9]+")
TEXTS = {str: str}
SELECTOR = {"name": str, "key": KEY}
MATCHER = {"name": str, "value": str, "matchType": {"=", "!=", "=~", "!~"}}
ROUTE: dict[str, Any] = {
    "receiver": str,
    "groupBy": [str],
    "groupWait": DURATION,
    "groupInterval": DURATION,
    "repeatInterval": DURATION,
    "matchers": [MATCHER],
    "continue": bool,
    "activeTimeIntervals": [str],
    "muteTimeIntervals": [str],
}
PAIR = {"key": str, "value": str}
ROUTE["routes"] = [ROUTE]
METADATA = {"name": NAME, "labels": TEXTS}

FIELDS: dict[str, Any] = {
    "PrometheusRule": {
        "spec": {
            "groups": [
                {
                    "name": str,
                    "interval": DURATION,
                    "rules": [
                        {
                            "record": str,
                            "alert": str,
                            "expr": str,
                            "for": DURATION,
                            "keep_firing_for": DURATION,
                            "labels": TEXTS,
                            "annotations": TEXTS,
                        }
                    ],
                }
            ]
        }
    },
    "ServiceMonitor": {
        "spec": {
            "jobLabel": str,
            "selector": {"matchLabels": TEXTS},
            "endpoints": [
                {
                    "port": str,
                    "interval": DURATION,
                    "scrapeTimeout": DURATION,
                    "relabelings": [
                        {"sourceLabels": [str], "regex": str, "targetLabel": str, "action": {"labeldrop", "replace"}}
                    ],
                }
            ],
        }
    },
    "AlertmanagerConfig": {
        "spec": {
            "route": ROUTE,
            "inhibitRules": [{"sourceMatch": [MATCHER], "targetMatch": [MATCHER], "equal": [str]}],
            "muteTimeIntervals": [
                {
                    "name": str,
                    "timeIntervals": [
                        {
                            **{key: [str] for key in ("weekdays", "daysOfMonth", "months", "years")},
                            "times": [{"startTime": str, "endTime": str}],
                        }
                    ],
                }
            ],
            "receivers": [
                {
                    "name": str,
                    "webhookConfigs": [
                        {
                            "sendResolved": bool,
                            "url": str,
                            "urlSecret": SELECTOR,
                            "httpConfig": {
                                "basicAuth": {"username": SELECTOR, "password": SELECTOR},
                                "authorization": {"credentials": SELECTOR},
                                "tlsConfig": {"ca": {"secret": SELECTOR}},
                            },
                        }
                    ],
                    "emailConfigs": [
                        {
                            **dict.fromkeys(("to", "from", "smarthost", "hello", "authUsername", "authIdentity"), str),
                            **dict.fromkeys(("html", "text"), str),
                            "headers": [PAIR],
                            **dict.fromkeys(("sendResolved", "requireTLS"), bool),
                            "authPassword": SELECTOR,
                        }
                    ],
                    "slackConfigs": [
                        {
                            **dict.fromkeys(("channel", "username", "color", "title", "titleLink", "pretext"), str),
                            **dict.fromkeys(("text", "footer", "fallback", "callbackId", "iconEmoji"), str),
                            **dict.fromkeys(("iconURL", "imageURL", "thumbURL"), str),
                            "sendResolved": bool,
                            "apiURL": SELECTOR,
                        }
                    ],
                    "pagerdutyConfigs": [
                        {
                            **dict.fromkeys(("url", "client", "clientURL", "description", "severity"), str),
                            **dict.fromkeys(("class", "component", "group"), str),
                            "details": [PAIR],
                            "pagerDutyLinkConfigs": [{"href": str, "alt": str}],
                            "sendResolved": bool,
                            "routingKey": SELECTOR,
                            "serviceKey": SELECTOR,
                        }
                    ],
                    "msteamsv2Configs": [
                        {
                            **dict.fromkeys(("title", "text"), str),
                            "sendResolved": bool,
                            "webhookURL": SELECTOR,
                        }
                    ],
                }
            ],
        }
    },
    "ConfigMap": {"data": TEXTS},
    "Kustomization": {"resources": [str]},
}
"""The fields that are written, with what may stand in them, by the custom resource definitions of the Operator 0.93
(monitoring.coreos.com_*.yaml in its example/prometheus-operator-crd/); what is not named here is refused."""
VERSIONS = {
    "PrometheusRule": "monitoring.coreos.com/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "AlertmanagerConfig": "monitoring.coreos.com/v1alpha1",
    "ConfigMap": "v1",
    "Kustomization": "kustomize.config.k8s.io/v1beta1",
}


def fits(value: Any, expected: Any, place: str) -> None:
    """Fail where a value is not what a field may hold."""
    if isinstance(expected, list):
        assert isinstance(value, list), place
        assert value, f"{place} is empty"
        for number, item in enumerate(value):
            fits(item, expected[0], f"{place}[{number}]")
    elif expected is TEXTS:
        assert isinstance(value, Mapping), place
        assert all(isinstance(text, str) for pair in value.items() for text in pair), place
    elif isinstance(expected, dict):
        assert isinstance(value, Mapping), place
        for key, item in value.items():
            assert key in expected, f"{place}.{key} is no field"
            fits(item, expected[key], f"{place}.{key}")
    elif isinstance(expected, re.Pattern):
        assert isinstance(value, str), place
        assert expected.fullmatch(value), f"{place}: {value}"
    elif isinstance(expected, set):
        assert value in expected, place
    else:
        assert isinstance(value, expected), place
        assert value != "", f"{place} is empty"


def read(text: str) -> Any:
    """Read YAML; these are many."""
    return yaml.load(text, yaml.CSafeLoader)


def checked(text: str) -> dict[str, Any]:
    """Read one object, and hold it against the fields of its kind."""
    found: dict[str, Any] = read(text)
    kind = found["kind"]
    fits(found, {"apiVersion": {VERSIONS[kind]}, "kind": str, "metadata": METADATA} | FIELDS[kind], kind)
    return found


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(None, "compose")


@pytest.fixture(scope="module")
def files(catalogue: Catalogue) -> dict[str, str]:
    return outputs(catalogue)


@pytest.fixture(scope="module")
def made(catalogue: Catalogue, files: dict[str, str]) -> dict[str, str]:
    return kubernetes.objects(catalogue, files)


def test_every_object_has_the_fields_of_its_kind_and_says_what_made_it(made: dict[str, str]) -> None:
    found = {path: checked(text) for path, text in made.items()}

    assert {item["kind"] for item in found.values()} == set(FIELDS)
    assert list(made) == sorted(made)
    assert all(len(text.encode()) < 262_144 for text in made.values())  # what kubectl apply can annotate
    assert all(text.startswith("# Generated by `monitor generate`") for text in made.values())
    named = [(item["kind"], item["metadata"]["name"]) for item in found.values() if "metadata" in item]
    assert len(named) == len(set(named)) == len(made) - 1
    listed = found[kubernetes.KUSTOMIZATION]["resources"]
    assert {f"operator/{path}" for path in listed} == set(made) - {kubernetes.KUSTOMIZATION}


def test_the_same_catalogue_gives_the_same_objects(catalogue: Catalogue, made: dict[str, str]) -> None:
    assert kubernetes.objects(catalogue, outputs(load(None, "compose"))) == made


def test_the_rules_are_those_of_the_rule_files_templates_included(files: dict[str, str], made: dict[str, str]) -> None:
    rules = {path: read(text)["groups"] for path, text in files.items() if "/prometheus/" in path}
    for path, groups in rules.items():
        stem = path.rpartition("/")[2].removesuffix(".yml")
        assert read(made[f"operator/prometheusrule-{stem}.yaml"])["spec"]["groups"] == groups
    assert sum(path.startswith("operator/prometheusrule-") for path in made) == len(rules)
    assert "{{ $value | printf" in made["operator/prometheusrule-slo-availability-alerts.yaml"]


def test_dashboards_are_config_maps_that_grafanas_sidecar_finds(files: dict[str, str], made: dict[str, str]) -> None:
    for path in (path for path in files if path.startswith("dashboards/")):
        name = path.removeprefix("dashboards/")
        found = read(made[f"operator/dashboard-{name.removesuffix('.json')}.yaml"])
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert json.loads(found["data"][name]) == json.loads(files[path])


def test_targets_keep_the_jobs_that_rules_ask_for_and_labels_that_metrics_have(made: dict[str, str]) -> None:
    monitor = read(made["operator/servicemonitor-exporters.yaml"])["spec"]
    (endpoint,) = monitor["endpoints"]

    assert monitor["selector"]["matchLabels"] == {monitor["jobLabel"]: "exporters"}
    assert (endpoint["port"], endpoint["interval"]) == ("metrics", "15s")
    assert {"action": "labeldrop", "regex": "service"} in endpoint["relabelings"]  # appointment_slots{service}
    assert read(made["operator/servicemonitor-prometheus.yaml"])["spec"]["endpoints"][0]["port"] == "web"


PAGER = Receiver(name="pager", kind="pagerduty", settings={"routing_key_file": "/run/secrets/pager", "client_url": "x"})
SLACK = Receiver(
    name="room",
    kind="slack",
    settings={"api_url_file": "/run/secrets/slack hook", "channel": "#sre", "icon_url": "http://i", "text": ""},
)
MAIL = Receiver(
    name="mail",
    kind="email",
    settings={
        "to": "sre@clinic.example",
        "from": "monitor@clinic.example",
        "smarthost": "mail:25",
        "auth_password_file": "/etc/mail/pager",
        "auth_username": "monitor",
        "require_tls": "false",
    },
)
TEAMS = Receiver(name="teams", kind="msteams", settings={"webhook_url_file": "/run/secrets/teams"})
HOOK = Receiver(
    name="hook",
    kind="webhook",
    settings={"url_file": "/run/secrets/hook", "credentials_file": "/run/secrets/token", "ca_file": "/etc/ssl/own.pem"},
)
LOGIN = Receiver(
    name="console", kind="webhook", settings={"username": "alertmanager", "password_file": "/run/secrets/console"}
)


def test_receivers_take_their_secrets_from_keys_of_one_secret(catalogue: Catalogue, files: dict[str, str]) -> None:
    everyone = (LOGIN, PAGER, SLACK, MAIL, TEAMS, HOOK)
    team = Team(name='s"r\\e', critical=("pager", "hook", "console"), warning=("room", "mail", "teams"))
    contacts = Contacts(teams=(team,), receivers=everyone)
    text = kubernetes.objects(replace(catalogue, contacts=contacts), files)["operator/alertmanagerconfig.yaml"]
    spec = checked(text)["spec"]
    receivers = {receiver["name"]: receiver for receiver in spec["receivers"]}
    secret = "monitor-receivers"

    critical, warning = receivers['s"r\\e-critical'], receivers['s"r\\e-warning']
    assert critical["pagerdutyConfigs"][0]["routingKey"] == {"name": secret, "key": "run.secrets.pager"}
    assert critical["webhookConfigs"][1]["urlSecret"] == {"name": secret, "key": "hook"}
    assert warning["emailConfigs"][0]["authPassword"] == {"name": secret, "key": "etc.mail.pager"}
    assert warning["slackConfigs"][0].items() >= {"channel": "#sre", "iconURL": "http://i"}.items()
    assert warning["slackConfigs"][0]["apiURL"] == {"name": secret, "key": "slack.hook"}
    assert warning["msteamsv2Configs"][0]["webhookURL"]["key"] == "teams"
    assert {"name": "team", "matchType": "=", "value": 's"r\\e'} in spec["route"]["routes"][2]["matchers"]
    assert critical["webhookConfigs"][1]["httpConfig"] == {
        "authorization": {"credentials": {"name": secret, "key": "token"}},
        "tlsConfig": {"ca": {"secret": {"name": secret, "key": "own.pem"}}},
    }
    login = {
        part: {"name": secret, "key": f"console{end}"} for part, end in (("username", ".username"), ("password", ""))
    }
    assert [receivers[name]["webhookConfigs"][0]["httpConfig"] for name in ("console", "watchdog", "drills")] == [
        {"basicAuth": login}
    ] * 3
    assert "#   console.username: alertmanager\n" in text
    assert "#   run.secrets.pager: what the file /run/secrets/pager holds elsewhere\n" in text
    assert (
        "spec.alertmanagerConfiguration: {name: monitor, templates: [{configMap: {name: monitor-notifications" in text
    )


def test_what_is_too_large_for_one_object_becomes_several(
    catalogue: Catalogue, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "rules/prometheus/slo-availability-long.yml"
    text = files[path]
    groups = read(text)["groups"]
    monkeypatch.setattr(kubernetes, "RULES_LIMIT", len(text) - 200)
    made = kubernetes.objects(catalogue, {path: text})
    parts = [checked(one)["spec"]["groups"] for name, one in made.items() if "prometheusrule-slo-availability" in name]

    assert len(parts) == 2
    assert sorted(group["name"] for part in parts for group in part) == sorted(group["name"] for group in groups)
    assert all(group in groups for part in parts for group in part)
    monkeypatch.setattr(kubernetes, "RULES_LIMIT", 100)
    with pytest.raises(InputError, match=r"a group of slo-availability-long\.yml has \d+ bytes"):
        kubernetes.objects(catalogue, {path: text})
    monkeypatch.setattr(kubernetes, "DATA_LIMIT", 100)
    with pytest.raises(InputError, match=r"dashboards/slo\.json has \d+ bytes, and a ConfigMap may have 100"):
        kubernetes.objects(catalogue, {"dashboards/slo.json": files["dashboards/slo.json"]})


def test_names_that_kubernetes_would_refuse_are_changed_and_stay_apart(catalogue: Catalogue) -> None:
    written = ("A.b", "a-b", "a_b", "ä" * 300)
    rules = {f"rules/prometheus/slo-{name}.yml": f"{GENERATED}groups:\n  - name: x\n" for name in written}
    names = [
        checked(made)["metadata"]["name"]
        for path, made in kubernetes.objects(catalogue, rules).items()
        if "prometheusrule" in path
    ]

    assert len(set(names)) == len(rules)
    assert "slo-a-b" in names
    assert all(NAME.fullmatch(name) and len(name) <= 253 for name in names)
