"""Indicators as values: what is counted, or which gauge is watched. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monitor.catalogue import promql
from monitor.catalogue.model import Budgeting, RatioSli, Sli, Slo, ThresholdSli, Window
from monitor.catalogue.openslo.objects import Name
from monitor.catalogue.openslo.refusal import Refused, refuse, together
from monitor.catalogue.openslo.window import slice_of
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.terms import terms


@dataclass(frozen=True, slots=True)
class Gauge:
    """A threshold indicator before an objective says what it is compared with."""

    query: str


def indicator(document: Document, path: str, spec: Mapping[str, Any], known: Mapping[Name, object]) -> RatioSli | Gauge:
    """The indicator whose ``spec`` stands at a path of a document, and breaks no rule of OpenSLO.

    Raises:
        Refused: it cannot be counted from Prometheus's counters, or be asked of it.
    """
    if spec.get("thresholdMetric") is not None:
        return Gauge(_query(document, f"{path}.thresholdMetric", spec["thresholdMetric"], known))
    ratio, place = spec["ratioMetric"], f"{path}.ratioMetric"
    if ratio.get("raw") is not None:
        message = "is a ratio that somebody else has made, and ratios do not add up: count good or bad, and total"
        raise refuse(document, f"{place}.raw", message)

    def counted() -> None:
        if ratio.get("counter", True) is not True:
            raise refuse(document, f"{place}.counter", "must be true: the rules count events from counters")

    good, bad, total, probe, _ = together(
        lambda: _counters(document, f"{place}.good", ratio.get("good"), known),
        lambda: _counters(document, f"{place}.bad", ratio.get("bad"), known),
        lambda: _counters(document, f"{place}.total", ratio["total"], known),
        lambda: _probe(document, f"{place}.total", ratio["total"]),
        counted,
    )
    return RatioSli(good=good, bad=bad, total=total, probe=probe)


def judged(document: Document, path: str, objective: Mapping[str, Any], found: RatioSli | Gauge, slo: Slo) -> Sli:
    """An indicator as the objective at a path judges it; ``slo`` is what all objectives share.

    Raises:
        Refused: the objective cannot be held against this indicator.
    """
    if isinstance(found, RatioSli):
        if slo.budgeting is Budgeting.OCCURRENCES:
            return found
        target = objective.get("timeSliceTarget")
        size = _slice(document, f"{path}.timeSliceWindow", objective["timeSliceWindow"], slo.window)
        return replace(found, slice=size, slice_target=None if target is None else Decimal(str(target)))
    if slo.budgeting is not Budgeting.TIMESLICES:
        raise refuse(document, "spec.budgetingMethod", "a threshold indicator is budgeted by Timeslices")
    # Where the indicator is only referred to, OpenSLO itself does not ask for these.
    missing = [name for name in ("op", "value") if objective.get(name) in (None, "")]
    if missing:
        raise Refused(*(document.fault("missing-field", "is missing", f"{path}.{name}") for name in missing))
    return ThresholdSli(query=found.query, op=objective["op"], value=Decimal(str(objective["value"])))


def _slice(document: Document, path: str, written: Any, window: Window) -> timedelta:
    size = slice_of(written)
    if size is None or not timedelta(0) < size <= window.duration:
        raise refuse(document, path, f"{str(written)[:40]} is no slice of {window.text}: make it shorter, such as 1m")
    return size


def _counters(document: Document, path: str, metric: Mapping[str, Any] | None, known: Mapping[Name, object]) -> str:
    if metric is None:
        return ""
    query = _query(document, path, metric, known)
    try:
        return " + ".join(f"sum({term.text})" for term in terms(query))
    except ValueError as error:
        raise refuse(document, f"{path}.metricSource.spec.query", str(error)) from error


def _probe(document: Document, path: str, metric: Mapping[str, Any]) -> str:
    return _promql(document, f"{path}.metricSource.spec.probe", (metric["metricSource"]["spec"] or {}).get("probe", ""))


def _query(document: Document, path: str, metric: Mapping[str, Any], known: Mapping[Name, object]) -> str:
    source, place = metric["metricSource"], f"{path}.metricSource"
    reference = source.get("metricSourceRef")
    if reference and ("DataSource", reference) not in known:
        raise refuse(document, f"{place}.metricSourceRef", f"DataSource {reference} does not exist")
    spec = source["spec"] or {}
    if unknown := sorted(set(spec) - {"query", "probe"}):
        message = "is not a known field: remove it or correct its name"
        raise refuse(document, f"{place}.spec.{unknown[0]}", message)
    if "query" not in spec:
        raise refuse(document, f"{place}.spec.query", "is missing")
    return _promql(document, f"{place}.spec.query", spec["query"])


def _promql(document: Document, path: str, query: Any) -> str:
    if not isinstance(query, str):
        raise refuse(document, path, "must be text: PromQL")
    if not query and path.endswith(".probe"):
        return ""
    try:
        promql.parse(query)
    except ValueError as error:
        raise refuse(document, path, str(error)) from error
    return promql.one_line(query)
