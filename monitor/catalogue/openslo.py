"""OpenSLO v1 as its files write it, and how it becomes our SLOs.

Structure is held as strictly as OpenSLO's own go-sdk holds it where it matters here. What Prometheus rules cannot say
(composite SLOs, several objectives) is a fault with a way out, never silently dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

from monitor.catalogue import durations, promql
from monitor.catalogue.model import Budgeting, Place, RatioSli, Slo, ThresholdSli, Window
from monitor.catalogue.openslo_kinds import (
    API_VERSION,
    KINDS,
    IndicatorSpec,
    Metadata,
    Metric,
    Objective,
    SloDocument,
    SloSpec,
    TimeWindow,
)
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import camel, parts, structure
from monitor.errors import Fault

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME_RULE = "must be lower-case letters, digits and dashes, at most 63"
_SHORTHAND = re.compile(r"([0-9]{1,5})([mhdwMQY])")
_SHORTEST = timedelta(hours=1)
"""How far back the fastest burn alert looks: a budget that is given for less is gone before it."""

_A_MONTH = "2026-10"
_SPANS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "M": timedelta(days=30),
    "Q": timedelta(days=90),
    "Y": timedelta(days=365),
}
Operator = Literal["lt", "lte", "gt", "gte"]


class _Refused(Exception):  # noqa: N818  # a fault on its way up, never leaves this module
    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.faults = [(path, message)]


def _together(*builds: Callable[[], Any]) -> list[Any]:
    """Build all of these, or refuse with everything that is wrong with any of them."""
    values, refusals = [], []
    for build in builds:
        try:
            values.append(build())
        except _Refused as refusal:
            refusals.append(refusal)
    if refusals:
        refusals[0].faults = list(dict.fromkeys(fault for refusal in refusals for fault in refusal.faults))
        raise refusals[0]
    return values


def read(documents: tuple[Document, ...]) -> tuple[tuple[Slo, ...], tuple[Fault, ...]]:
    """Turn the documents of ``slos/`` into SLOs, sorted by name, with everything that is wrong with them."""
    faults: list[Fault] = []
    objects: dict[tuple[str, str], tuple[Document, Any]] = {}
    for document in _objects(documents):
        found, wrong = _object(document)
        faults += wrong
        if found is None:
            continue
        if (key := (found.kind, found.metadata.name)) in objects:
            other = objects[key][0]
            where = f"{other.file}:{other.line('')}"
            faults.append(
                document.fault("duplicate", f"{key[0]} {key[1]} is already given in {where}", "metadata.name")
            )
        else:
            objects[key] = (document, found)
    slos = []
    for (kind, _), (document, found) in sorted(objects.items(), key=lambda item: item[0]):
        if kind == "SLO":
            try:
                slos.append(_slo(found, document, objects))
            except _Refused as refusal:
                faults += [document.fault("wrong-value", message, path) for path, message in refusal.faults]
            faults += _taken(document, found.metadata.name, objects)
    return tuple(slos), tuple(faults)


def _taken(document: Document, name: str, objects: Mapping[tuple[str, str], tuple[Document, Any]]) -> Iterator[Fault]:
    """The alerts of SLO ``x`` go to ``slo-x-alerts.yml``, where the rules of an SLO ``x-alerts`` would go as well."""
    for suffix in ("alerts", "long", "days", "window"):
        other = name.removesuffix(f"-{suffix}")
        if other != name and ("SLO", other) in objects:
            message = f"is what a file of SLO {other} is called: choose another name"
            yield document.fault("duplicate", message, "metadata.name")


def _objects(documents: tuple[Document, ...]) -> Iterator[Document]:
    for document in documents:
        if not isinstance(document.data, list):
            yield document
            continue
        for index, item in enumerate(document.data):
            head = f"[{index}]"
            lines = {
                path.removeprefix(head).removeprefix("."): line
                for path, line in document.lines.items()
                if path.startswith(head)
            }
            yield Document(file=document.file, data=item, lines=lines)


def _object(document: Document) -> tuple[Any, list[Fault]]:
    data = document.data
    if not isinstance(data, dict):
        return None, [document.fault("wrong-type", "must be an OpenSLO object (a mapping)")]
    faults = []
    if data.get("apiVersion") != API_VERSION:
        faults.append(document.fault("wrong-value", f"must be {API_VERSION}", "apiVersion"))
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        faults.append(document.fault("wrong-value", f"must be one of {', '.join(KINDS)}", "kind"))
        return None, faults
    found, wrong = structure(document, KINDS[kind], camel)
    faults += wrong
    if found is None:
        return None, faults + (_faults_of_parts(document) if kind == "SLO" else [])
    if not _NAME.fullmatch(found.metadata.name):
        faults.append(document.fault("wrong-value", _NAME_RULE, "metadata.name"))
    return found, faults


def _faults_of_parts(document: Document) -> list[Fault]:
    """What is wrong with those parts of an SLO that can be read, where others cannot."""
    known, _ = parts(document, SloSpec, camel, path="spec", data=document.data.get("spec"))
    checks: list[Callable[[], Any]] = []
    if "budgeting_method" in known:
        checks.append(lambda: _budgeting(known["budgeting_method"]))
    if "time_window" in known:
        checks.append(lambda: _window(known["time_window"]))
    if "service" in known:
        checks.append(lambda: _service(known["service"]))
    if len(known.get("objectives", ())) == 1:
        checks.append(lambda: _target(known["objectives"][0]))
    try:
        _together(*checks)
    except _Refused as refusal:
        return [document.fault("wrong-value", message, path) for path, message in refusal.faults]
    return []


def _slo(found: SloDocument, document: Document, objects: Mapping[tuple[str, str], tuple[Document, Any]]) -> Slo:
    spec, metadata = found.spec, found.metadata
    if len(spec.objectives) != 1:
        raise _Refused("spec.objectives", "must hold one objective: write a second SLO for a second one")
    objective = spec.objectives[0]

    def judged() -> tuple[Budgeting, RatioSli | ThresholdSli]:
        (indicator, place), budgeting = _together(
            lambda: _indicator(spec, objects), lambda: _budgeting(spec.budgeting_method)
        )
        return budgeting, _sli(indicator, place, objective, budgeting, objects)

    window, target, (budgeting, sli), _, team = _together(
        lambda: _window(spec.time_window),
        lambda: _target(objective),
        judged,
        lambda: _service(spec.service),
        lambda: _team(metadata),
    )
    return Slo(
        name=metadata.name,
        service=spec.service,
        display_name=metadata.display_name or metadata.name,
        description=" ".join(spec.description.split()),
        budgeting=budgeting,
        window=window,
        target=target,
        sli=sli,
        team=team,
        events=metadata.annotations.get("events", "minutes" if budgeting is Budgeting.TIMESLICES else "requests"),
        impact=metadata.annotations.get("impact", ""),
        pages=_pages(metadata),
        place=Place(file=document.file, line=document.line("metadata.name")),
    )


def _service(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise _Refused("spec.service", f"{_NAME_RULE}, as the Service that it names")


def _team(metadata: Metadata) -> str:
    team = metadata.labels.get("team", "sre")
    if not isinstance(team, str) or not team.strip() or "{{" in team:
        raise _Refused("metadata.labels.team", "must be the name of one team in contacts.yaml")
    return team


def _pages(metadata: Metadata) -> bool:
    said = metadata.annotations.get("pages", "true")
    if said not in {"true", "false"}:
        raise _Refused("metadata.annotations.pages", 'must be "true" or "false", in quotes')
    return said == "true"


def _budgeting(method: str) -> Budgeting:
    if method not in set(Budgeting):
        raise _Refused("spec.budgetingMethod", f"must be one of {', '.join(Budgeting)}")
    return Budgeting(method)


def _indicator(spec: SloSpec, objects: Mapping[tuple[str, str], tuple[Document, Any]]) -> tuple[IndicatorSpec, str]:
    if (spec.indicator is None) == (not spec.indicator_ref):
        raise _Refused("spec", "needs exactly one of indicator and indicatorRef")
    if spec.indicator is not None:
        return spec.indicator.spec, "spec.indicator.spec"
    if ("SLI", spec.indicator_ref) not in objects:
        raise _Refused("spec.indicatorRef", f"SLI {spec.indicator_ref} does not exist")
    found: IndicatorSpec = objects["SLI", spec.indicator_ref][1].spec
    return found, "spec.indicatorRef"


def _window(windows: list[TimeWindow]) -> Window:
    if len(windows) != 1:
        raise _Refused("spec.timeWindow", "must hold exactly one window")
    window = windows[0]
    match = _SHORTHAND.fullmatch(window.duration)
    if match is None:
        raise _Refused("spec.timeWindow[0].duration", f"{window.duration[:40]!r} is not a span such as 30d, 4w or 1M")
    duration = int(match[1]) * _SPANS[match[2]]
    if not _SHORTEST <= duration <= durations.LONGEST:
        limits = f"{durations.text(_SHORTEST)} to {durations.text(durations.LONGEST)}"
        raise _Refused(
            "spec.timeWindow[0].duration", f"{window.duration} is no span to give a budget for: {limits} are"
        )
    if window.is_rolling == (window.calendar is not None):
        raise _Refused("spec.timeWindow[0]", "is either rolling (isRolling: true) or has a calendar")
    if window.calendar is not None:
        message = (
            "calendar windows are not kept yet, and judged as rolling ones they would say something else: write "
            f"isRolling: true without it; `monitor report --period {_A_MONTH}` tells of a calendar month"
        )
        raise _Refused("spec.timeWindow[0].calendar", message)
    return Window(duration=duration)


def _target(objective: Objective) -> Decimal:
    place = "spec.objectives[0]"
    if (objective.target is None) == (objective.target_percent is None):
        raise _Refused(place, "needs exactly one of target and targetPercent")
    if objective.target is not None:
        target, name, limit = objective.target, "target", "1"
    else:
        target, name, limit = Decimal(str(objective.target_percent)) / 100, "targetPercent", "100"
    if not 0 <= target < 1:
        raise _Refused(
            f"{place}.{name}", f"must be at least 0 and below {limit}: an objective of {limit} has no budget"
        )
    return target


def _sli(
    indicator: IndicatorSpec,
    place: str,
    objective: Objective,
    budgeting: Budgeting,
    objects: Mapping[tuple[str, str], tuple[Document, Any]],
) -> RatioSli | ThresholdSli:
    if (indicator.ratio_metric is None) == (indicator.threshold_metric is None):
        raise _Refused(place, "needs exactly one of ratioMetric and thresholdMetric")
    if indicator.threshold_metric is not None:
        return _threshold(indicator.threshold_metric, f"{place}.thresholdMetric", objective, budgeting, objects)
    if budgeting is not Budgeting.OCCURRENCES:
        raise _Refused("spec.budgetingMethod", "a ratio indicator is budgeted by Occurrences")
    ratio, place = indicator.ratio_metric, f"{place}.ratioMetric"
    assert ratio is not None  # exactly one of both, see above
    if not ratio.counter:
        raise _Refused(f"{place}.counter", "must be true: the rules count events from counters")
    if (ratio.good is None) == (ratio.bad is None):
        raise _Refused(place, "needs exactly one of good and bad")
    good, bad, total, probe = _together(
        lambda: _counters(ratio.good, f"{place}.good", objects),
        lambda: _counters(ratio.bad, f"{place}.bad", objects),
        lambda: _counters(ratio.total, f"{place}.total", objects),
        lambda: _probe(ratio.total, f"{place}.total"),
    )
    return RatioSli(good=good, bad=bad, total=total, probe=probe)


def _threshold(
    metric: Metric,
    place: str,
    objective: Objective,
    budgeting: Budgeting,
    objects: Mapping[tuple[str, str], tuple[Document, Any]],
) -> ThresholdSli:
    if budgeting is not Budgeting.TIMESLICES:
        raise _Refused("spec.budgetingMethod", "a threshold indicator is budgeted by Timeslices")
    if objective.op not in get_args(Operator):
        raise _Refused("spec.objectives[0].op", f"must be one of {', '.join(get_args(Operator))}")
    if objective.value is None:
        raise _Refused("spec.objectives[0].value", "is missing")
    if objective.time_slice_target is None or not objective.time_slice_window:
        raise _Refused("spec.objectives[0]", "Timeslices need timeSliceTarget and timeSliceWindow")
    query = _query(metric, place, objects)
    return ThresholdSli(query=query, op=objective.op, value=objective.value)  # type: ignore[arg-type]  # checked above


def _counters(metric: Metric | None, place: str, objects: Mapping[tuple[str, str], tuple[Document, Any]]) -> str:
    if metric is None:
        return ""
    query = _query(metric, place, objects)
    try:
        return " + ".join(f"sum({selector})" for selector in promql.counters(query))
    except ValueError as error:
        raise _Refused(f"{place}.metricSource.spec.query", str(error)) from error


def _probe(metric: Metric, place: str) -> str:
    probe = metric.metric_source.spec.get("probe", "")
    if probe:
        try:
            promql.parse(probe)
        except ValueError as error:
            raise _Refused(f"{place}.metricSource.spec.probe", str(error)) from error
    return probe


def _query(metric: Metric, place: str, objects: Mapping[tuple[str, str], tuple[Document, Any]]) -> str:
    source = metric.metric_source
    if source.metric_source_ref and ("DataSource", source.metric_source_ref) not in objects:
        raise _Refused(f"{place}.metricSource.metricSourceRef", f"DataSource {source.metric_source_ref} does not exist")
    unknown = sorted(set(source.spec) - {"query", "probe"})
    if unknown or "query" not in source.spec:
        field_name = unknown[0] if unknown else "query"
        message = "is not a known field: remove it or correct its name" if unknown else "is missing"
        raise _Refused(f"{place}.metricSource.spec.{field_name}", message)
    query = source.spec["query"]
    try:
        promql.parse(query)
    except ValueError as error:
        raise _Refused(f"{place}.metricSource.spec.query", str(error)) from error
    return promql.one_line(query)
