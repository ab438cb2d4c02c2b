"""Alerts whose expression is not the condition that was meant, each fault planted by itself; and what is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.catalogue.load import load
from monitor.catalogue.model import AlertGroup, AlertRule, Catalogue, DeclaredMetric, Place
from monitor.catalogue.promql import MAX_OPERATORS
from monitor.check import Finding, findings, unknown_series
from monitor.check.alert_queries import unfit_conditions
from monitor.check.alert_texts import queries, unfit_texts
from monitor.check.alerts import beyond_retention

PLACE = Place(file="alerts/mine.yaml", line=7)
COUNTER, GAUGE = "redis_commands_processed_total", "redis_memory_used_bytes"
BUCKETS = "http_server_request_duration_seconds_bucket"
HELD = timedelta(minutes=5)
LOOKS: tuple[Callable[[Catalogue], Iterable[Finding]], ...] = (
    unfit_conditions,
    unfit_texts,
    beyond_retention,
    unknown_series,
)
"""Those of all findings that are about an expression."""


@pytest.fixture(scope="module")
def bundled() -> Catalogue:
    return load(None, "compose")


def found(catalogue: Catalogue, expr: str, texts: Mapping[str, str] = {}, hold: timedelta = HELD) -> dict[str, str]:
    """What is found about an alert's expression and texts, by code."""
    labels = {"severity": "warning"} | {name: text for name, text in texts.items() if name == "size"}
    annotations = {name: text for name, text in texts.items() if name != "size"}
    rule = AlertRule(name="Mine", expr=expr, hold=hold, labels=labels, annotations=annotations, place=PLACE)
    group = AlertGroup(name="mine", rules=(rule,))
    with_mine = replace(catalogue, alerts=(*(one for one in catalogue.alerts if one.name == "redis"), group))
    mine = [one for look in LOOKS for one in look(with_mine)]
    assert all((one.file, one.line) == ("alerts/mine.yaml", 7) and one.remedy for one in mine)
    return {one.code: one.message for one in mine}


@pytest.mark.parametrize(
    ("expr", "code", "message"),
    [
        (f"rate({GAUGE}[5m]) > 1", "rate-of-gauge", f"rate is taken of {GAUGE}, which is a gauge"),
        (f"delta({COUNTER}[5m]) > 1", "gauge-function", f"delta is taken of {COUNTER}, which is a counter"),
        (f"predict_linear({COUNTER}[1h], 60) > 1", "gauge-function", "its restart looks like a fall"),
        (f"{COUNTER} > 1000", "bare-counter", f"{COUNTER} is a counter, and is read as it is"),
        (f"rate(sum({COUNTER})[5m:]) > 1", "rate-of-aggregate", "a counter's restart looks like a jump"),
        ("redis_up", "always-fires", "no comparison decides when it fires"),
        ("redis_up == bool 0", "always-fires", "no comparison decides when it fires"),
        ("redis_up == 0 or redis_up", "always-fires", "no comparison decides when it fires"),
        (f"rate({COUNTER}[5m]) >= 0", "always-fires", f"`rate({COUNTER}[5m]) >= 0` is always true"),
        (f"sum(rate({COUNTER}[5m])) < 0", "never-true", "can never be true"),
        ("redis_up > 1", "never-true", "`redis_up > 1` can never be true"),
        ("2 <= up", "never-true", "can never be true"),
        ("sum(redis_up == 0) > 1", "never-true", "`sum(redis_up == 0) > 1` can never be true"),
        ("count(redis_up == 1) == 0", "never-true", "can never be true"),
        ('absent(redis_up{job="exporters"}) == 0', "never-true", "can never be true"),
        ("hour() > 23", "never-true", "can never be true"),
        ('redis_up{instance="a",instance="b"} == 0', "contradiction", "instance cannot be 'a'"),
        ('redis_up{instance="a",instance!~"a|b"} == 0', "contradiction", "selects nothing"),
        ("max by (instnace) (redis_up) == 0", "unknown-label", "nothing that it is taken of has the label instnace"),
        (f"redis_up == 0 and on (shard) {GAUGE} > 1", "unknown-label", "neither side has the label shard"),
        (f"redis_up == 0 and sum by (job) ({GAUGE}) > 1", "never-matches", "by instance, which only its left side has"),
        (f"sum({GAUGE}) / redis_memory_max_bytes > 0.9", "never-matches", "which only its right side has"),
        (f"redis_up == 0 unless sum({GAUGE}) > 1", "never-matches", "and so nothing is left out"),
        (
            f"histogram_quantile(0.9, sum by (job) (rate({BUCKETS}[5m]))) > 1",
            "no-le",
            "buckets whose label le was dropped",
        ),
        (f"histogram_quantile(95, sum by (le) (rate({BUCKETS}[5m]))) > 1", "bad-quantile", "is asked for 95"),
        (f"quantile(99, {GAUGE}) > 1", "bad-quantile", "quantiles are from 0 to 1"),
        (f"topk(5, {GAUGE}) > 1", "changing-series", "topk keeps other series each time the order changes"),
        (
            f"avg(rate({COUNTER}[5m]) / rate(redis_keyspace_hits_total[5m])) > 1",
            "adds-up-nan",
            "where one divides by zero",
        ),
        (
            f"double_exponential_smoothing({GAUGE}[5m], 0.5, 0.5) > 1",
            "unknown-function",
            "since 3.0, with --enable-feature=promql-experimental-functions, and 2.55 runs here",
        ),
        (f"{GAUGE} offset 500d > 1", "beyond-retention", "looks further back than samples are kept"),
    ],
)
def test_what_is_no_condition_is_found(bundled: Catalogue, expr: str, code: str, message: str) -> None:
    mine = found(bundled, expr)

    assert list(mine) == [code]
    assert message in mine[code]


@pytest.mark.parametrize(
    "expr",
    [
        "vector(1)",
        'absent(up{job="exporters"})',
        "absent_over_time(redis_up[10m])",
        "max by (instance) (last_over_time(redis_up[2m])) == 0",
        "redis_up == 0 or absent(redis_up)",
        "count by (job) (redis_up == 0) > 1",
        "(count(redis_up == 1) or vector(0)) == 0",
        "count(redis_up == 0) / count(redis_up) > 0.5",
        "sum by (job) (redis_up == bool 0) > 1",
        "avg(up) < 1",
        "redis_up != 1",
        f"{COUNTER} > 0",
        f"max_over_time({COUNTER}[10m]) == 0",
        f"{COUNTER} - {COUNTER} offset 1h > 10",
        f"redis_up == 0 and on (instance) {COUNTER}",
        f"changes({COUNTER}[15m]) > 2",
        f"increase({COUNTER}[1h]) == 0",
        f"rate({COUNTER}[5m]) > 0 unless on (instance) redis_up == 0",
        f"-{GAUGE} < -100",
        f"delta({GAUGE}[5m]) < 0 and {GAUGE} >= 0",
        f"{GAUGE} / (redis_memory_max_bytes > 0) > 0.9",
        f"sum({GAUGE}) / sum(redis_memory_max_bytes) > 0.9",
        f"avg({GAUGE} / (redis_memory_max_bytes > 0)) > 0.9",
        f"avg({GAUGE} / clamp_min(redis_memory_max_bytes, 1)) > 0.9",
        f"{GAUGE} / on (instance) group_left () sum by (instance) (redis_memory_max_bytes) > 0.9",
        f"sum(topk(3, {GAUGE})) > 1",
        f"{GAUGE} and topk(3, {GAUGE}) > 1",
        f"histogram_quantile(0.9, sum by (le, job) (rate({BUCKETS}[5m]))) > 1",
        f"quantile_over_time(0.9, {GAUGE}[1h]) > 1",
        'ALERTS{alertstate="firing",severity="critical"} unless on (job) up == 0',
        'count(process_start_time_seconds{job="exporters"}) > 0',
        f"{GAUGE} * on (instance) group_left () topk by (instance) (1, max by (instance) (redis_up)) > 1",
        'count by (namespace) (ALERTS{alertstate="firing",namespace!=""}) > 3',
        "scrape_samples_post_metric_relabeling > 50000",
        'redis_up{instance="a",instance=~"a|b"} == 0',
        "time() - process_start_time_seconds < 300",
        "day_of_week() > 5 and on () up == 0",
    ],
)
def test_what_people_write_is_a_condition(bundled: Catalogue, expr: str) -> None:
    assert found(bundled, expr) == {}


def test_metrics_that_nobody_declares_are_no_reason_to_guess(bundled: Catalogue) -> None:
    """Labels of a metric that is unknown may be any; that it is unknown is said once, and nothing else."""
    for expr in (
        "max by (namespace, pod) (kube_pod_info) > 1",
        "kube_pod_status_ready == 0 and on (namespace, pod) kube_pod_info",
        "kube_deployment_spec_replicas != kube_deployment_status_replicas_available",
    ):
        assert set(found(bundled, expr, {"value": "{{ $labels.pod }} of {{ $labels.namespace }}"})) == {
            "unknown-metric"
        }


def test_a_teams_own_metrics_and_conditions_are_no_finding_once_they_are_declared(bundled: Catalogue) -> None:
    restarts = DeclaredMetric(
        name="kube_pod_container_status_restarts_total",
        type="counter",
        help="h",
        producer="kube-state-metrics",
        labels=("namespace", "pod", "container"),
    )
    owner = replace(restarts, name="kube_pod_owner", type="gauge", labels=("namespace", "pod", "owner"))
    expr = (
        "sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total[10m])) > 3 "
        'and on (namespace, pod) kube_pod_owner{owner=~".+"} == 1'
    )
    declared = replace(bundled, metrics=(*bundled.metrics, restarts, owner))

    assert (
        found(declared, expr, {"value": "{{ $labels.pod }} in {{ $labels.namespace }}: {{ $value | humanize }}"}) == {}
    )


def test_labels_that_prometheus_adds_to_targets_may_be_named_where_the_environment_lists_them(
    bundled: Catalogue,
) -> None:
    expr = 'max by (namespace, pod) (redis_up{cluster="eu"}) == 0'
    text = {"value": "{{ $labels.pod }}"}
    environment = replace(bundled.environment, target_labels=("cluster", "namespace", "pod"))

    assert set(found(bundled, expr, text)) == {"unknown-label", "empty-label"}
    assert found(replace(bundled, environment=environment), expr, text) == {}
    assert set(found(replace(bundled, environment=environment), expr, {"value": "{{ $labels.instance }}"})) == {
        "empty-label"
    }


def test_an_absent_that_waits_for_nothing_is_found_and_one_that_is_held_is_not(bundled: Catalogue) -> None:
    expr = 'absent(redis_up{job="exporters"})'

    assert list(found(bundled, expr, hold=timedelta(0))) == ["hasty-absent"]
    assert found(bundled, expr) == {}


@pytest.mark.parametrize(
    ("texts", "code", "message"),
    [
        ({"value": "{{ $labels.instance }} is down"}, "empty-label", "annotation value names the label instance"),
        ({"value": '{{ index $labels "severity" }}'}, "empty-label", "names the label severity"),
        ({"value": "{{ .Labels.instance }} is down"}, "empty-label", "annotation value names the label instance"),
        ({"value": "{{ .instance }} is down"}, "unknown-field", "asks for {{ .instance }}, which Prometheus does not"),
        ({"value": "{{ if eq .Foo 1.0 }}x{{ end }}"}, "unknown-field", "asks for {{ .Foo }}"),
        ({"size": "{{ $labels.instance }}"}, "empty-label", "label size names the label instance"),
        ({"size": "{{ $value }}"}, "moving-label", "its label size holds the value"),
        ({"value": '{{ with query "sum(redis_up" }}{{ . }}{{ end }}'}, "no-promql", "the query sum(redis_up in"),
        (
            {"value": """{{ with printf "redis_upp{instance='%s'}" $labels.job | query }}{{ end }}"""},
            "unknown-metric",
            "annotation value: nobody declares the metric redis_upp",
        ),
        ({"value": "{{ query `redis_up{shard=%q}` }}"}, "no-promql", "is not PromQL"),
        ({"value": "{{ query `redis_up{shard='a'}` }}"}, "unknown-label", "redis_up has no label shard"),
    ],
)
def test_a_text_that_comes_out_empty_or_not_at_all_is_found(
    bundled: Catalogue, texts: dict[str, str], code: str, message: str
) -> None:
    mine = found(bundled, "max by (job) (redis_up) == 0", texts)

    assert list(mine) == [code]
    assert message in mine[code]


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Labels.job }}: {{ .Value | humanize }} of {{ .ExternalLabels.environment }}, {{ .ExternalURL }}",
        "{{ with query `redis_up` }}{{ range . }}{{ .Labels.instance }} {{ .Value }} {{ .Foo }}{{ end }}{{ end }}",
        "{{ (query `redis_up` | first).Labels.instance }}{{ $x := $labels }}{{ $x.job }}",
        "{{ if $labels.job }}{{ $labels.job }}{{ else }}{{ .Value }}{{ end }}",
    ],
)
def test_what_prometheus_hands_to_a_text_is_no_finding(bundled: Catalogue, text: str) -> None:
    assert found(bundled, "max by (job) (redis_up) == 0", {"value": text}) == {}


def test_queries_in_texts_are_read_with_what_is_put_in_later() -> None:
    asked = """printf "max by (r) (x{i=%q, j='%s'} > %d)" $labels.i $labels.j 3 | query | sortByLabel "r\""""
    text = f"{{{{ range {asked} }}}}{{{{ end }}}}"

    assert list(queries(text)) == ["max by (r) (x{i=\"x\", j='x'} > 1)"]
    assert list(queries("no {{ $value | humanize }} query")) == []


def test_a_copy_whose_expression_was_forgotten_is_found(bundled: Catalogue) -> None:
    (rule,) = (rule for group in bundled.alerts for rule in group.rules if rule.name == "RedisReplicaLinkDown")

    mine = found(bundled, rule.expr.replace(" == ", "  ==  "), hold=rule.hold)

    assert "Mine asks what RedisReplicaLinkDown asks (alerts/redis.yaml:" in mine["same-condition"]
    assert found(bundled, rule.expr, hold=2 * rule.hold) == {}


def test_they_are_findings_of_check(bundled: Catalogue) -> None:
    rule = AlertRule(name="Mine", expr="redis_up > 1", labels={"severity": "info", "size": "{{ $value }}"}, place=PLACE)

    mine = findings(replace(bundled, alerts=(*bundled.alerts, AlertGroup(name="mine", rules=(rule,)))))

    assert [one.code for one in mine] == ["moving-label", "never-true", "no-test"]


def test_an_expression_as_long_as_it_may_be_is_judged(bundled: Catalogue) -> None:
    assert found(bundled, " or ".join([f"{GAUGE} > 1"] * (MAX_OPERATORS // 2))) == {}
