"""The rules of indicators: kind SLI, and those that are written inside an SLO. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.catalogue.openslo.rules.containers import Field, at_most_one, entries, exactly_one, mapping
from monitor.catalogue.openslo.rules.fields import Mode, description, metadata, name
from monitor.catalogue.openslo.rules.scalars import anything, one_of, text, true_or_false
from monitor.catalogue.openslo.rules.violation import Rule, Violation, below, given

RAW_TYPES = ("success", "failure")


def indicator(mode: Mode) -> Rule:
    """``spec`` of kind SLI."""
    metric = _metric(mode)
    ratio = mapping(
        {
            "counter": Field(true_or_false),
            "good": Field(metric),
            "bad": Field(metric),
            "total": Field(metric),
            "raw": Field(metric),
            "rawType": Field(text(), omit_empty=True),
        },
        exactly_one("total", "raw"),
        at_most_one("raw", "good", "bad"),
        _counted,
        _raw,
    )
    fields = {"description": description(), "thresholdMetric": Field(metric), "ratioMetric": Field(ratio)}
    return mapping(fields, exactly_one("thresholdMetric", "ratioMetric"))


def indicator_inside(mode: Mode) -> Rule:
    """``indicator`` of an SLO or of an objective."""
    return mapping({"metadata": metadata(mode), "spec": Field(indicator(mode), assumed={})})


def _metric(mode: Mode) -> Rule:
    strict = mode is Mode.STRICT

    def spec_given(value: Any, path: str) -> Iterator[Violation]:
        # By the specification the key is required, and anything may stand there: in its own examples nothing does.
        if value.get("spec") is None and (strict or "spec" not in value):
            yield Violation(below(path, "spec"), "required", "is missing")

    source = mapping(
        {
            "metricSourceRef": Field(name(mode), omit_empty=True),
            "type": Field(text()),
            "spec": Field(entries(anything, anything, least=1 if strict else 0)),
        },
        spec_given,
    )
    return mapping({"metricSource": Field(source, assumed={})})


def _counted(value: Any, path: str) -> Iterator[Violation]:
    if given(value, "total") and not given(value, "good", "bad"):
        yield Violation(path, "one_of_properties", "needs good or bad beside total")


def _raw(value: Any, path: str) -> Iterator[Violation]:
    place = below(path, "rawType")
    if not given(value, "raw"):
        return
    if value.get("rawType") in (None, ""):
        yield Violation(place, "required", "is missing")
    elif isinstance(value["rawType"], str):
        yield from one_of(*RAW_TYPES)(value["rawType"], place)
