"""OpenSLO v1's objects as its files write them; every field that is not listed is a fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

API_VERSION = "openslo/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """``metadata`` of any object. ``labels.team`` names who owns an SLO."""

    name: str
    display_name: str = ""
    labels: dict[str, object] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSource:
    """Where a figure comes from; ``spec.query`` is PromQL, ``spec.probe`` a 0/1 gauge seen from outside."""

    metric_source_ref: str = ""
    type: str = ""
    spec: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure of an indicator."""

    metric_source: MetricSource


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioMetric:
    """Good or bad over total. ``counter`` must be true: the rules difference counters themselves."""

    counter: bool = True
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSpec:
    """Exactly one of both metrics."""

    description: str = ""
    ratio_metric: RatioMetric | None = None
    threshold_metric: Metric | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """An indicator written inside its SLO."""

    metadata: Metadata
    spec: IndicatorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When calendar windows begin."""

    start_time: str
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """The span an SLO is judged over."""

    duration: str
    is_rolling: bool = False
    calendar: Calendar | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One target. ``op`` and ``value`` belong to threshold indicators."""

    display_name: str = ""
    target: Decimal | None = None
    target_percent: Decimal | None = None
    op: str = ""
    value: Decimal | None = None
    time_slice_target: Decimal | None = None
    time_slice_window: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SloSpec:
    """``spec`` of kind SLO."""

    description: str = ""
    service: str
    indicator: Indicator | None = None
    indicator_ref: str = ""
    time_window: list[TimeWindow]
    budgeting_method: str
    objectives: list[Objective]
    alert_policies: list[object] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class SloDocument:
    """Kind SLO."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: SloSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorDocument:
    """Kind SLI."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: IndicatorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherDocument:
    """Any other kind: its frame is checked, its ``spec`` is taken as it is."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: dict[str, object] = field(default_factory=dict)


KINDS: dict[str, type[SloDocument | IndicatorDocument | OtherDocument]] = {
    "SLO": SloDocument,
    "SLI": IndicatorDocument,
    **dict.fromkeys(
        ("Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"), OtherDocument
    ),
}
