"""Alerts and their tests as they are written: every fault at its field, and what Prometheus takes is taken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.catalogue.load import load
from monitor.catalogue.model import Severity
from monitor.errors import CatalogueError
from tests.catalogue_files import ALERTS, SLO, codes, lay_out


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return lay_out(tmp_path)


@pytest.mark.parametrize(
    "query",
    [
        " + ".join(["shop_failures_total"] * 1200),
        "(" * 1000 + "shop_failures_total" + ")" * 1000,
        # These two take the whole process with them once the parser has them.
        "(" * 10_000 + "shop_failures_total" + ")" * 10_000,
        "+".join(["1"] * 5000),
        "-" * 5000 + "shop_failures_total",
        "shop{}or " * 5000 + "shop",
    ],
)
def test_a_query_that_is_too_deep_for_its_readers_is_a_fault_at_its_field(root: Path, query: str) -> None:
    (root / "slos" / "checkout.yaml").write_text(SLO.replace("sum(shop_failures_total)", query))
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(ALERTS.replace("up == 0", query))

    assert [(file, path) for file, _, path in codes(root)] == [
        ("alerts/a.yaml", "groups[0].rules[0].expr"),
        ("slos/checkout.yaml", "spec.indicator.spec.ratioMetric.bad.metricSource.spec.query"),
    ]


def test_a_query_as_long_as_people_write_them_is_taken(root: Path) -> None:
    terms = " + ".join(f'sum(shop_failures_total{{code="5{number:02}",path=~"a|b+-*"}})' for number in range(100))
    (root / "slos" / "checkout.yaml").write_text(SLO.replace("sum(shop_failures_total)", terms))

    assert load(root, "local").slos[0].sli.bad.count("shop_failures_total") == 100  # type: ignore[union-attr]  # a ratio


def test_a_query_is_one_line_in_the_end_and_means_what_it_meant(root: Path) -> None:
    (root / "alerts").mkdir()
    block = '|-\n          up{job="two  blanks # and a sign"}\n            == 0'
    (root / "alerts" / "a.yaml").write_text(ALERTS.replace("up == 0", block))
    assert load(root, "local").alerts[0].rules[0].expr == 'up{job="two  blanks # and a sign"} == 0'

    # On one line the comment would swallow the comparison, and the alert fire for ever.
    block = '|-\n          # each\n          up # of "all\n          == 0 # or more'
    (root / "alerts" / "a.yaml").write_text(ALERTS.replace("up == 0", block))
    assert load(root, "local").alerts[0].rules[0].expr == "up == 0"


@pytest.mark.parametrize("query", ["time() - shop_seen > 5m", "5m", "a > -1h30m"])
def test_a_span_for_a_number_is_refused_as_servers_do(root: Path, query: str) -> None:
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(ALERTS.replace("up == 0", query))

    assert [path for _, _, path in codes(root)] == ["groups[0].rules[0].expr"]


@pytest.mark.parametrize(
    "query", ["rate(a[5m:1m] offset -1h30m) > 5", "a:5m > 0x1d", 'a{w="5m"}', "max_over_time(a5m[1d]) > 1e5", "a @ 5"]
)
def test_spans_where_they_belong_are_taken(root: Path, query: str) -> None:
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(ALERTS.replace("up == 0", query))

    assert load(root, "local").alerts[0].rules[0].expr == query


def test_every_bundled_alert_says_what_to_do_and_how_urgent_it_is() -> None:
    catalogue = load(None, "compose")

    rules = [rule for group in catalogue.alerts for rule in group.rules]
    critical = [rule for rule in rules if rule.severity is Severity.CRITICAL]
    assert {rule.name for rule in critical if "urgency" not in rule.labels} == {
        "AlertmanagerNotificationsFailing",
        "BookingJourneyFailed",
        "CertificateExpired",
        "CertificateExpiresIn3Days",
        "CertificateNotTrusted",
        "DiskAlmostFull",
        "DoubleBooking",
        "EdgeHasNoBackend",
        "EdgeProbeFailed",
        "MongoDiskAlmostFull",
        "MongoNoPrimary",
        "MonitoringBlind",
        "NoBookings",
        "MongoWritesNotReplicated",
        "RecoveryPointTooOld",
        "RestoreVerificationFailed",
    }
    assert {rule.name for rule in critical if rule.labels.get("urgency") == "working-hours"} == {
        "DrillLostBookings",
        "PrometheusRuleFailures",
        "RestoreTestOverdue",
        "ScheduleEmpty",
        "MongoOplogWindowShort",
        "MongoQuorumAtRisk",
    }
    assert {rule.name for rule in rules if rule.severity is Severity.NONE} == {"Watchdog"}


def test_a_fault_in_one_alert_does_not_hide_those_of_the_others(root: Path) -> None:
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(
        "groups:\n"
        "  - name: 7\n"
        "    rules:\n"
        "      - alert: First\n"
        "        expr: 1\n"
        "        for: soon\n"
        "        labels: {severity: loud}\n"
        "        annotations: {summary: s, impact: i, action: a}\n"
        "      - alert: second\n"
        "        expr: sum(\n"
        "        labels: {severity: warning}\n"
        "        annotations: {summary: s, impact: i, action: a}\n"
        "  - rules: none\n"
    )

    assert codes(root) == [
        ("alerts/a.yaml", 2, "groups[0].name"),
        ("alerts/a.yaml", 5, "groups[0].rules[0].expr"),
        ("alerts/a.yaml", 6, "groups[0].rules[0].for"),
        ("alerts/a.yaml", 7, "groups[0].rules[0].labels.severity"),
        ("alerts/a.yaml", 9, "groups[0].rules[1].alert"),
        ("alerts/a.yaml", 10, "groups[0].rules[1].expr"),
        ("alerts/a.yaml", 13, "groups[1].name"),
        ("alerts/a.yaml", 13, "groups[1].rules"),
    ]


@pytest.mark.parametrize("name", ["x/../../../../evil", "team/redis", "g" * 300, "..", "", "a b", "a\\nb", ".hidden"])
def test_a_group_whose_name_would_lead_its_file_elsewhere_is_refused(root: Path, name: str) -> None:
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(ALERTS.replace("name: shop", f'name: "{name}"'))

    assert codes(root) == [("alerts/a.yaml", 2, "groups[0].name")]


def test_an_alert_given_twice_is_told_at_its_field_with_the_other_place(root: Path) -> None:
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(ALERTS)
    (root / "alerts" / "b.yaml").write_text(ALERTS.replace("name: shop", "name: store"))

    with pytest.raises(CatalogueError, match=r"already given in alerts/a\.yaml:4") as caught:
        load(root, "local")

    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.path) == ("alerts/b.yaml", 4, "groups[0].rules[0].alert")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("tests: 5", "tests"),
        ("- 1", ""),
        ("tests: [5]", "tests[0]"),
        ("tests: {foo: bar}", "tests"),
        ("tests:", "tests"),
        ("tests: [{name: x}]", "tests[0].interval"),
        ("tests: [{interval: 1m, alert_rule_test: [{eval_time: 1m}]}]", "tests[0].alert_rule_test[0].alertname"),
        ("tests: [{interval: 1m, alert_rule_test: [{alertname: A}]}]", "tests[0].alert_rule_test[0].eval_time"),
        (
            "tests: [{interval: 1m, alert_rule_test: [{alertname: A, eval_time: 1m, exp_alerts: [{labels: {}}]}]}]",
            "tests[0].alert_rule_test[0].exp_alerts[0].labels",
        ),
        (
            'tests: [{interval: 1m, promql_expr_test: [{expr: "(((", eval_time: 1m}]}]',
            "tests[0].promql_expr_test[0].expr",
        ),
        ('tests: [{interval: 1m, input_series: [{series: "1 +", values: "1"}]}]', "tests[0].input_series[0].series"),
        ('tests: [{interval: 1m, input_series: [{series: a, values: "1x 2y"}]}]', "tests[0].input_series[0].values"),
        ('tests: [{interval: 1m, input_series: [{series: a, values: "1+2"}]}]', "tests[0].input_series[0].values"),
        ("tests: []\n---\ntests: []", ""),
    ],
)
def test_a_test_file_is_held_to_its_form_when_it_is_read(root: Path, text: str, path: str) -> None:
    (root / "alerts").mkdir()
    (root / "alerts" / "a.test.yaml").write_text(f"{text}\n")

    ((file, _, where),) = codes(root)

    assert (file, where) == ("alerts/a.test.yaml", path)


def test_values_that_promtool_reads_are_taken(root: Path) -> None:
    (root / "alerts").mkdir()
    values = "1 -1.5e3 .5 Inf -inf NaN _ _x3 stale 1x3 0+10x60 -1-2x3 0x10"
    for number, text in enumerate((values, "{{schema:1 sum:-0.3 count:3.1}} _x2")):
        series = f'{{series: up, values: "{text}"}}'
        file = root / "alerts" / f"a{number}.test.yaml"
        file.write_text(f"tests: [{{interval: 1m, input_series: [{series}]}}]\n")

    assert set(load(root, "local").alert_tests) == {"a0.test.yaml", "a1.test.yaml"}


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("labels: {severity: warning, bad-label: x}", "labels.bad-label"),
        ("labels: {severity: warning, __name__: x}", "labels.__name__"),
        ("labels: {severity: warning, alertname: x}", "labels.alertname"),
        ('labels: {severity: warning, place: "{{ $labels.instance"}', "labels.place"),
        ('annotations: {summary: "{{ $value", impact: i, action: a}', "annotations.summary"),
        ('annotations: {summary: "{{ if $value }}s", impact: i, action: a}', "annotations.summary"),
        ('annotations: {summary: "{{ end }}", impact: i, action: a}', "annotations.summary"),
        ('annotations: {summary: "{{ humanise $value }}", impact: i, action: a}', "annotations.summary"),
        ('annotations: {summary: "{{ $instance }}", impact: i, action: a}', "annotations.summary"),
        ("annotations: {summary: s, impact: i, action: a, 1st: x}", "annotations.1st"),
    ],
)
def test_labels_and_texts_that_prometheus_refuses_are_faults_at_their_field(
    root: Path, written: str, path: str
) -> None:
    kind = written.partition(":")[0]
    (root / "alerts").mkdir()
    (root / "alerts" / "a.yaml").write_text(re.sub(rf"{kind}: .*", lambda _: written, ALERTS))

    assert [where for _, _, where in codes(root)] == [f"groups[0].rules[0].{path}"]


def test_what_else_prometheus_reads_as_rules_is_told_in_one_sentence(root: Path) -> None:
    (root / "alerts").mkdir()
    recorded = "      - record: job:up:avg\n        expr: avg by (job) (up)\n"
    (root / "alerts" / "a.yaml").write_text(ALERTS + recorded)
    indented = "".join(f"  {line}\n" for line in ALERTS.splitlines())
    operators = f"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n{indented}"
    (root / "alerts" / "b.yaml").write_text(operators)

    with pytest.raises(CatalogueError) as caught:
        load(root, "local")

    first, second = sorted(caught.value.faults)
    assert (first.file, first.path) == ("alerts/a.yaml", "groups[0].rules[1].record")
    assert "declare what it records in metrics/*.json" in first.message
    assert (second.file, second.code) == ("alerts/b.yaml", "kubernetes")
    assert "PrometheusRule" in second.message
