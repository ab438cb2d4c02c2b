"""The tests of alerts, in promtool's own terms. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSeries:
    """A made-up series of a test, in promtool's notation."""

    series: str
    values: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAlert:
    """One alert that fires. Annotations that are plain text need not be written: rendering adds them."""

    exp_labels: dict[str, str] = field(default_factory=dict)
    exp_annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCase:
    """Which alerts of a name fire at a time; none is a case as well."""

    alertname: str
    eval_time: timedelta
    exp_alerts: tuple[ExpectedAlert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSample:
    """One sample of a query's answer."""

    labels: str = ""
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCase:
    """What a query answers at a time."""

    expr: str
    eval_time: timedelta
    exp_samples: tuple[ExpectedSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTest:
    """One test of alerts written by hand, under the names of promtool's form."""

    name: str = ""
    interval: timedelta
    input_series: tuple[InputSeries, ...] = ()
    alert_rule_test: tuple[AlertCase, ...] = ()
    promql_expr_test: tuple[QueryCase, ...] = ()
