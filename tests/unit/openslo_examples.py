"""A valid object of each of OpenSLO's seven kinds, and ways to spoil them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Example = Callable[[], dict[str, Any]]
GONE = object()

_METRIC = {"metricSource": {"type": "Prometheus", "spec": {"query": "sum(requests_total)"}}}
_BURN = {
    "severity": "page",
    "condition": {"kind": "burnrate", "op": "gt", "threshold": 2, "lookbackWindow": "1h", "alertAfter": "5m"},
}
_RATIO = {"ratioMetric": {"counter": True, "good": _METRIC, "total": _METRIC}}
_THRESHOLD = {"thresholdMetric": _METRIC}


def _copied(value: Any) -> Any:
    """A copy that shares nothing, not even within itself."""
    return json.loads(json.dumps(value))


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _copied(
        {"apiVersion": "openslo/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    )
    return found


def service() -> dict[str, Any]:
    return _object("Service", "shop", {"description": "Sells."})


def data_source() -> dict[str, Any]:
    return _object("DataSource", "prometheus", {"type": "Prometheus", "connectionDetails": [{"url": "http://p"}]})


def sli() -> dict[str, Any]:
    return _object("SLI", "answered", _RATIO)


def raw_sli() -> dict[str, Any]:
    return _object("SLI", "satisfied", {"ratioMetric": {"raw": _METRIC, "rawType": "success"}})


def condition() -> dict[str, Any]:
    return _object("AlertCondition", "burns", _BURN)


def target() -> dict[str, Any]:
    return _object("AlertNotificationTarget", "pager", {"target": "pagerduty"})


def policy() -> dict[str, Any]:
    inside = {"kind": "AlertCondition", "metadata": {"name": "burns-inside"}, "spec": _BURN}
    spec = {"alertWhenBreaching": True, "conditions": [inside], "notificationTargets": [{"targetRef": "pager"}]}
    return _object("AlertPolicy", "wake", spec)


def slo() -> dict[str, Any]:
    """A ratio in a rolling window, with everything beside it written inside."""
    alert = {
        "kind": "AlertPolicy",
        "metadata": {"name": "wake-inside"},
        "spec": {"conditions": [{"conditionRef": "burns"}], "notificationTargets": [{"targetRef": "pager"}]},
    }
    spec = {
        "description": "People can  pay.",
        "service": "shop",
        "indicator": {"metadata": {"name": "answered"}, "spec": _RATIO},
        "budgetingMethod": "Occurrences",
        "timeWindow": [{"duration": "28d", "isRolling": True}],
        "objectives": [{"displayName": "Good", "target": 0.99}],
        "alertPolicies": [{"alertPolicyRef": "wake"}, alert],
    }
    found = _object("SLO", "checkout", spec)
    found["metadata"] |= {"displayName": "Checkout", "labels": {"team": "sre"}, "annotations": {"impact": "No sales."}}
    return found


def threshold_slo() -> dict[str, Any]:
    """A gauge in slices of time, in a window of the calendar."""
    found = slo()
    calendar = {"startTime": "2026-01-01 00:00:00", "timeZone": "Europe/Berlin"}
    found["metadata"]["name"] = "lag"
    found["spec"] |= {
        "indicator": {"metadata": {"name": "lag"}, "spec": _copied(_THRESHOLD)},
        "budgetingMethod": "Timeslices",
        "timeWindow": [{"duration": "1M", "isRolling": False, "calendar": calendar}],
        "objectives": [
            {"op": "lt", "value": 5, "targetPercent": 99.5, "timeSliceTarget": 0.95, "timeSliceWindow": "1m"}
        ],
    }
    return found


def composite_slo() -> dict[str, Any]:
    """Two indicators, each with its weight."""
    found = slo()
    found["metadata"]["name"] = "journey"
    inside = {"metadata": {"name": "inside"}, "spec": _copied(_RATIO)}
    del found["spec"]["indicator"]
    found["spec"]["objectives"] = [
        {"target": 0.9, "indicatorRef": "answered", "compositeWeight": 1.5},
        {"target": 0.9, "indicator": inside, "compositeWeight": 1},
    ]
    return found


def sliced_slo() -> dict[str, Any]:
    """A ratio by slices of time, whose indicator stands elsewhere."""
    found = slo()
    found["metadata"]["name"] = "sliced"
    del found["spec"]["indicator"]
    found["spec"] |= {
        "indicatorRef": "answered",
        "budgetingMethod": "RatioTimeslices",
        "objectives": [{"op": "gt", "value": 1, "target": 0.99, "timeSliceWindow": "1m"}],
    }
    return found


EVERY = (
    service,
    data_source,
    sli,
    raw_sli,
    condition,
    target,
    policy,
    slo,
    threshold_slo,
    composite_slo,
    sliced_slo,
)


def spoilt(example: Example, path: str, value: Any) -> dict[str, Any]:
    """The example with another value at a path; ``GONE`` removes what stands there."""
    found = example()
    *steps, last = [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]
    place: Any = found
    for step in steps:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = copy.deepcopy(value)
    return found


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(data: Any, path: str = "") -> list[str]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    below = [
        (f"{path}[{key}]" if isinstance(data, list) else f"{path}.{key}".removeprefix("."), one) for key, one in items
    ]
    return [place for here, one in below for place in (here, *places(one, here))]
