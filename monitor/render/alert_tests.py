"""promtool tests of the alerts written by hand: what the catalogue says, completed by what rendering adds. Pure.

In the catalogue a test names the rules' labels and the annotations that are templates; links, the query and every
annotation that is plain text are filled in here, so that they are tested too and need not be written twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from monitor.catalogue import durations
from monitor.catalogue.model import AlertGroup, AlertRule, Catalogue, Environment
from monitor.render.rules import complete, group_file
from monitor.render.slo_tests import FOLDER, at_time
from monitor.render.yaml_text import document

SUFFIX = ".test.yaml"


def alert_tests(catalogue: Catalogue) -> dict[str, str]:
    """One test file beside each ``alerts/NAME.test.yaml``, testing the groups of ``alerts/NAME.yaml``."""
    files = {}
    for name, text in sorted(catalogue.alert_tests.items()):
        stem = name.removesuffix(SUFFIX)
        groups = [group for group in catalogue.alerts if written_in(group) == stem]
        files[f"{FOLDER}/alerts-{stem}.yml"] = _file(text, groups, catalogue.environment)
    return files


def written_in(group: AlertGroup) -> str:
    """The stem of the file that a group was written in."""
    return group.rules[0].place.file.rpartition("/")[2].removesuffix(".yaml") if group.rules else group.name


def _file(text: str, groups: list[AlertGroup], environment: Environment) -> str:
    data = yaml.load(text, Loader=yaml.CSafeLoader)  # the safe loader; the loader of the catalogue read it too
    alerts = [complete(rule, environment) for group in groups for rule in group.rules]
    return document(
        {
            "rule_files": [f"../{group_file(group).removeprefix('rules/')}" for group in groups],
            "evaluation_interval": durations.text(environment.evaluation_interval),
            "tests": [_test(test, alerts) for test in data["tests"]],
        }
    )


def _test(test: Mapping[str, Any], alerts: list[AlertRule]) -> dict[str, Any]:
    completed = dict(test)
    if "alert_rule_test" in test:
        completed["alert_rule_test"] = [_rule_test(entry, alerts) for entry in test["alert_rule_test"]]
    return completed


def _rule_test(entry: Mapping[str, Any], alerts: list[AlertRule]) -> dict[str, Any]:
    expected = [_expected(entry, alert, alerts) for alert in entry.get("exp_alerts", [])]
    return {"eval_time": entry["eval_time"], "alertname": entry["alertname"], "exp_alerts": expected}


def _expected(entry: Mapping[str, Any], expected: Mapping[str, Any], alerts: list[AlertRule]) -> dict[str, Any]:
    labels = expected.get("exp_labels", {})
    given = expected.get("exp_annotations", {})
    annotations = dict(given)
    for rule in _candidates(entry["alertname"], labels, alerts):
        at = durations.parse(entry["eval_time"])
        filled = rule.annotations | {"dashboard_url": at_time(rule.annotations["dashboard_url"], at)}
        annotations = {name: text for name, text in filled.items() if "{{" not in text} | dict(given)
    return {"exp_labels": dict(sorted(labels.items())), "exp_annotations": dict(sorted(annotations.items()))}


def _candidates(name: str, labels: Mapping[str, str], alerts: list[AlertRule]) -> Iterator[AlertRule]:
    for rule in alerts:
        if rule.name == name and labels.get("severity") == rule.labels["severity"]:
            yield rule
            return
