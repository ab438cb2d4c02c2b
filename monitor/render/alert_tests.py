"""promtool tests of the alerts written by hand: what the catalogue says, completed by what rendering adds. Pure.

In the catalogue a test names the rules' labels and the annotations that are templates; links, the query and every
annotation that is plain text are filled in here, so that they are tested too and need not be written twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from monitor.catalogue import durations
from monitor.catalogue.alert_tests import SUFFIX
from monitor.catalogue.model import (
    AlertCase,
    AlertGroup,
    AlertRule,
    AlertTest,
    Catalogue,
    Environment,
    ExpectedAlert,
    ExpectedSample,
    QueryCase,
)
from monitor.catalogue.templates import shown
from monitor.render import links
from monitor.render.rules import complete, group_file
from monitor.render.slo_checks import FOLDER, at_time
from monitor.render.yaml_text import Value, document

LONG = timedelta(minutes=5)
"""Tests whose series are all given this rarely are about days; each 15 s, a week would be 40,000 evaluations."""


def alert_tests(catalogue: Catalogue) -> dict[str, str]:
    """One test file beside each ``alerts/NAME.test.yaml``, testing the groups of ``alerts/NAME.yaml``."""
    files = {}
    for name, tests in sorted(catalogue.alert_tests.items()):
        stem = name.removesuffix(SUFFIX)
        groups = [group for group in catalogue.alerts if written_in(group) == stem]
        files[f"{FOLDER}/alerts-{stem}.yml"] = _file(tests, groups, catalogue.environment)
    return files


def written_in(group: AlertGroup) -> str:
    """The stem of the file that a group was written in."""
    return group.rules[0].place.file.rpartition("/")[2].removesuffix(".yaml") if group.rules else group.name


def _file(tests: tuple[AlertTest, ...], groups: list[AlertGroup], environment: Environment) -> str:
    alerts = [complete(rule, environment) for group in groups for rule in group.rules]
    return document(
        {
            "rule_files": [f"../{group_file(group).removeprefix('rules/')}" for group in groups],
            "evaluation_interval": durations.text(_evaluation_interval(tests, environment)),
            "tests": [_test(test, alerts) for test in tests],
        }
    )


def _evaluation_interval(tests: tuple[AlertTest, ...], environment: Environment) -> timedelta:
    """The environment's, or that of the series where those are long."""
    finest = min((test.interval for test in tests), default=timedelta(0))
    return max(finest, environment.evaluation_interval) if finest >= LONG else environment.evaluation_interval


def _test(test: AlertTest, alerts: list[AlertRule]) -> Value:
    written: dict[str, Value] = {
        "name": test.name,
        "interval": durations.text(test.interval),
        "input_series": [{"series": given.series, "values": given.values} for given in test.input_series],
        "alert_rule_test": [_alert_case(case, alerts) for case in test.alert_rule_test],
        "promql_expr_test": [_query_case(case) for case in test.promql_expr_test],
    }
    return {key: value for key, value in written.items() if value}


def _alert_case(case: AlertCase, alerts: list[AlertRule]) -> Value:
    expected = [_expected(case, alert, alerts) for alert in case.exp_alerts]
    return {"eval_time": durations.text(case.eval_time), "alertname": case.alertname, "exp_alerts": expected}


def _query_case(case: QueryCase) -> Value:
    samples = [_sample(sample) for sample in case.exp_samples]
    return {"expr": case.expr, "eval_time": durations.text(case.eval_time), "exp_samples": samples}


def _sample(sample: ExpectedSample) -> Value:
    return ({"labels": sample.labels} if sample.labels else {}) | {"value": sample.value}


def _expected(case: AlertCase, expected: ExpectedAlert, alerts: list[AlertRule]) -> Value:
    annotations = dict(expected.exp_annotations)
    for rule in _candidates(case.alertname, expected.exp_labels, alerts):
        address = links.with_labels(rule.annotations["dashboard_url"], expected.exp_labels)
        filled = rule.annotations | {"dashboard_url": at_time(address, case.eval_time)}
        annotations = {name: text for name, made in filled.items() if (text := shown(made)) is not None} | annotations
    labels = dict(sorted(expected.exp_labels.items()))
    return {"exp_labels": labels, "exp_annotations": dict(sorted(annotations.items()))}


def _fixed(rule: AlertRule) -> dict[str, str]:
    """The labels of a rule that are not made of what it finds."""
    return {name: text for name, made in rule.labels.items() if (text := shown(made)) is not None}


def _candidates(name: str, labels: Mapping[str, str], alerts: list[AlertRule]) -> Iterator[AlertRule]:
    for rule in alerts:
        if rule.name == name and _fixed(rule).items() <= labels.items():
            yield rule
            return
