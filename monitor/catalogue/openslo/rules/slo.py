"""The rules of kind SLO. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.catalogue.openslo.rules.alerts import alert_policy, referred_or_inside
from monitor.catalogue.openslo.rules.containers import Field, at_most_one, each, exactly_one, mapping
from monitor.catalogue.openslo.rules.fields import (
    OPERATORS,
    Mode,
    description,
    duration,
    name,
    operator,
    start_time,
    time_zone,
)
from monitor.catalogue.openslo.rules.indicators import indicator_inside
from monitor.catalogue.openslo.rules.scalars import number, one_of, text, true_or_false
from monitor.catalogue.openslo.rules.violation import Rule, Violation, below, given

METHODS = ("Occurrences", "Timeslices", "RatioTimeslices")


def slo(mode: Mode) -> Rule:
    """``spec`` of kind SLO."""
    policy = referred_or_inside("alertPolicyRef", "AlertPolicy", alert_policy(mode), mode)
    strict = mode is Mode.STRICT
    return mapping(
        {
            "description": description(),
            "service": Field(text(), required=True),
            "indicator": Field(indicator_inside(mode)),
            "indicatorRef": Field(name(mode)),
            "budgetingMethod": Field(text(one_of(*METHODS)), required=True),
            "timeWindow": Field(each(_time_window(mode), least=1, most=1), assumed=[] if strict else None),
            "objectives": Field(each(_objective(mode), least=1), required=True),
            "alertPolicies": Field(each(policy)),
        },
        _indicator_on_one_level,
        at_most_one("indicator", "indicatorRef"),
        _compared_in_mode(mode),
        _sliced,
        _composite,
    )


def _time_window(mode: Mode) -> Rule:
    calendar = mapping({"startTime": Field(start_time, required=True), "timeZone": Field(time_zone, required=True)})

    def rolling_or_calendar(value: Any, path: str) -> Iterator[Violation]:
        rolling, has_calendar = value.get("isRolling"), value.get("calendar") is not None
        if rolling is True and has_calendar:
            yield Violation(path, "mutually_exclusive", "is either rolling (isRolling: true) or has a calendar")
        # By the specification a window without a calendar is a rolling one unless it says that it is not.
        if not has_calendar and (rolling is False or (rolling is None and mode is Mode.STRICT)):
            yield Violation(path, "mutually_exclusive", "needs a calendar, or else isRolling: true")

    fields = {
        "duration": Field(duration, required=True),
        "isRolling": Field(true_or_false),
        "calendar": Field(calendar),
    }
    return mapping(fields, rolling_or_calendar)


def _objective(mode: Mode) -> Rule:
    lenient = mode is Mode.LENIENT
    return mapping(
        {
            "displayName": Field(text()),
            # Compared below, where the indicator is known; of one that is only referred to go-sdk says nothing.
            "op": Field(operator if lenient else text(), omit_empty=True),
            "value": Field(number()),
            "target": Field(number(least=0, below=1, why="an objective of 1 has no budget")),
            "targetPercent": Field(number(least=0, below=100, why="an objective of 100 has no budget")),
            "timeSliceTarget": Field(number()),
            "timeSliceWindow": Field(_minutes_or_duration if lenient else duration, omit_empty=True),
            "indicator": Field(indicator_inside(mode)),
            "indicatorRef": Field(name(mode)),
            "compositeWeight": Field(number()),
        },
        exactly_one("target", "targetPercent"),
    )


def _minutes_or_duration(value: Any, path: str) -> Iterator[Violation]:
    if type(value) in {int, float}:
        yield from number(above=0)(value, path)
    else:
        yield from duration(value, path)


def _indicator_on_one_level(value: Any, path: str) -> Iterator[Violation]:
    above, within = bool(given(value, "indicator", "indicatorRef")), is_composite(value)
    if above == within:
        has = "has both" if above else "has neither"
        message = f"needs indicator or indicatorRef either itself or in its objectives (a composite SLO), and {has}"
        yield Violation(path, "mutually_exclusive", message)


def is_composite(spec: Any) -> bool:
    """Whether the objectives of an SLO have indicators of their own."""
    return any(given(objective, "indicator", "indicatorRef") for _, objective in _objectives(spec, ""))


def _compared_in_mode(mode: Mode) -> Rule:
    def check(value: Any, path: str) -> Iterator[Violation]:
        inside = value.get("indicator")
        spec = inside.get("spec") if isinstance(inside, dict) else None
        if not isinstance(spec, dict):
            return
        for place, objective in _objectives(value, path):
            if given(spec, "thresholdMetric"):
                yield from _compared(objective, place)
            if given(spec, "ratioMetric") and mode is Mode.STRICT:
                for field in given(objective, "op", "value"):
                    if objective[field] != "":
                        message = "belongs to threshold indicators: a ratio is held against the target alone"
                        yield Violation(below(place, field), "forbidden", message)

    return check


def _compared(objective: Any, path: str) -> Iterator[Violation]:
    if objective.get("value") is None:
        yield Violation(below(path, "value"), "required", "is missing: what a threshold indicator is compared with")
    if objective.get("op") in (None, ""):
        yield Violation(below(path, "op"), "required", "is missing: how a threshold indicator is compared")
    elif isinstance(objective["op"], str) and objective["op"] not in OPERATORS:
        yield from one_of(*OPERATORS)(objective["op"], below(path, "op"))


def _sliced(value: Any, path: str) -> Iterator[Violation]:
    method = value.get("budgetingMethod")
    if method not in ("Timeslices", "RatioTimeslices"):
        return
    for place, objective in _objectives(value, path):
        if objective.get("timeSliceWindow") in (None, ""):
            yield Violation(below(place, "timeSliceWindow"), "required", f"is missing: {method} need it")
        if method == "Timeslices":
            target, where = objective.get("timeSliceTarget"), below(place, "timeSliceTarget")
            if target is None:
                yield Violation(where, "required", "is missing: Timeslices need it")
            elif type(target) in {int, float}:
                yield from number(above=0, most=1)(target, where)


def _composite(value: Any, path: str) -> Iterator[Violation]:
    if not is_composite(value):
        return
    for place, objective in _objectives(value, path):
        yield from exactly_one("indicator", "indicatorRef")(objective, place)
        weight = objective.get("compositeWeight")
        if type(weight) in {int, float}:
            yield from number(above=0)(weight, below(place, "compositeWeight"))


def _objectives(spec: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Those objectives that can be looked into, with their paths."""
    objectives = spec.get("objectives")
    for index, objective in enumerate(objectives if isinstance(objectives, list) else ()):
        if isinstance(objective, dict):
            yield below(path, f"objectives[{index}]"), objective
