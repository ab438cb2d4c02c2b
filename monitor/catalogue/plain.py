"""The catalogue's smaller files: recovery, drills, an environment, declared metrics."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Literal, TypeVar

from monitor.catalogue import crontab, naming, strict_json
from monitor.catalogue.model import DeclaredMetric, DrillPlan, Environment, Recovery
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import keep, parts, structure
from monitor.errors import Fault

T = TypeVar("T")

_NAMESPACE = re.compile(r"[^.$\s/\\]+\.[^$\s]+")
LEAST_CAPTURE, MOST_CAPTURE = timedelta(seconds=1), timedelta(seconds=60)
"""How often the oplog may be captured: below, each slice holds next to nothing; above, the RPO's gauge says minutes."""

_FIELD = re.compile(r"[^.$\s/\\]+\.[^$\s]+\.[^.$\s]+")
_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?([-+~].*)?")
"""With what a distribution adds: ``2.42.0+ds``."""
_ADDRESS = re.compile(r"https?://[^\s{}\"'`\\]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drills:
    drills: list[object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    name: str
    type: Literal["counter", "gauge", "histogram", "summary", "unknown"]
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    source: str = ""
    cost: Literal["fast", "slow"] = "fast"
    compatible_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Producer:
    producer: str
    metrics: tuple[_Metric, ...]


def recovery(document: Document) -> tuple[Recovery | None, list[Fault]]:
    """``recovery.yaml``: what is promised when data is lost."""
    found, faults = parts(document, Recovery, keep)
    faults += _not_longer_than_nothing(document, found, ("rpo", "rto", "full_backup_every", "verify_every"))
    if not LEAST_CAPTURE <= found.get("capture_every", LEAST_CAPTURE) <= MOST_CAPTURE:
        faults.append(document.fault("wrong-value", "must be from 1s to 60s", "capture_every"))
    if found.get("keep_full", 1) < 1:
        faults.append(document.fault("wrong-value", "must be at least 1", "keep_full"))
    for name in ("keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly"):
        if found.get(name, 0) < 0:
            faults.append(document.fault("wrong-value", "must not be negative", name))
    if not naming.is_time_zone(found.get("time_zone", "UTC")):
        faults.append(document.fault("wrong-value", "is not a time zone such as Europe/Berlin", "time_zone"))
    faults += [
        document.fault("wrong-value", "must be database.collection, such as appointments.patients", name)
        for name in ("erasure_subjects", "erasure_notes")
        if found.get(name) and not _NAMESPACE.fullmatch(found[name])
    ]
    faults += [
        document.fault("wrong-value", "must be database.collection.field, such as shop.orders.created", "newest_write")
        for name in found.get("newest_write", ())
        if not _FIELD.fullmatch(name)
    ]
    return whole(Recovery, found), faults


def drills(document: Document, alerts: Collection[str] | None) -> tuple[tuple[DrillPlan, ...], list[Fault]]:
    """``drills.yaml``: what is rehearsed, and what each rehearsal must achieve.

    ``alerts`` are the names in ``alerts/``, one of which a drill may expect; ``None`` where they are not all known.
    """
    found, faults = parts(document, _Drills, keep)
    plans = items(document, "drills", found, DrillPlan, faults)
    faults += twice(document, "drills", plans)
    for index, plan in enumerate(plans):
        faults += _badly_planned(document, plan, f"drills[{index}]")
        expected = plan.get("expect_alert", "")
        if expected and alerts is not None and expected not in alerts:
            message = f"alert {expected} does not exist: name one of alerts/"
            faults.append(document.fault("reference", message, f"drills[{index}].expect_alert"))
    planned = [plan for plan in (whole(DrillPlan, plan) for plan in plans) if plan is not None]
    return tuple(sorted(planned, key=lambda plan: plan.name)), faults


def _badly_planned(document: Document, plan: Mapping[str, Any], here: str) -> Iterator[Fault]:
    if "name" in plan and not naming.fits_a_file_name(plan["name"]):
        yield document.fault("wrong-name", naming.FILE_NAME_RULE, f"{here}.name")
    if plan.get("schedule"):
        try:
            crontab.check(plan["schedule"])
        except ValueError as error:
            yield document.fault("crontab", str(error), f"{here}.schedule")


def environment(document: Document, overrides: Mapping[str, Any]) -> tuple[Environment | None, list[Fault]]:
    """``environments/NAME.yaml``, with the fields that a running stack knows better laid over it."""
    if not isinstance(document.data, dict):
        return None, [document.fault("wrong-type", "must be a mapping")]
    laid = Document(file=document.file, data={**document.data, **overrides}, lines=document.lines)
    found, faults = parts(laid, Environment, keep)
    spans = ("scrape_interval", "evaluation_interval", "rollup_interval", "retention")
    faults += _not_longer_than_nothing(document, found, spans)
    faults += [
        document.fault("wrong-value", "must be an address such as https://monitor.example:9500", name)
        for name in ("console_url", "runbook_url", "webhook_url", "grafana_url", "prometheus_url")
        if (value := found.get(name)) and not _ADDRESS.fullmatch(value)
    ]
    faults += [
        document.fault("wrong-value", "must be a version such as 2.55 or 3.5.3", name)
        for name in ("prometheus_version", "alertmanager_version")
        if name in found and not _VERSION.fullmatch(found[name])
    ]
    faults += [
        document.fault("wrong-name", naming.LABEL_RULE, f"target_labels[{index}]")
        for index, name in enumerate(found.get("target_labels", ()))
        if not naming.is_label(name)
    ]
    return whole(Environment, found), faults


def metrics(text: str, name: str) -> tuple[tuple[DeclaredMetric, ...], list[Fault]]:
    """``metrics/*.json``: what one producer says it exposes."""
    documents, broken = strict_json.parse(text, name)
    if broken:
        return (), list(broken)
    (document,) = documents
    found, wrong = structure(document, _Producer, keep)
    if found is None:
        return (), wrong
    declared = tuple(
        DeclaredMetric(
            name=metric.name,
            type=metric.type,
            help=metric.help,
            producer=found.producer,
            unit=metric.unit,
            labels=metric.labels,
            buckets=metric.buckets,
            source=metric.source,
            cost=metric.cost,
            compatible_with=metric.compatible_with,
        )
        for metric in found.metrics
    )
    wrong += [
        document.fault("wrong-name", "must be a metric's name: letters, digits, _ and :", f"metrics[{index}].name")
        for index, metric in enumerate(declared)
        if not _METRIC.fullmatch(metric.name)
    ]
    return declared, [*wrong, *twice(document, "metrics", [{"name": metric.name} for metric in declared])]


def items(
    document: Document, place: str, found: Mapping[str, Any], kind: type, faults: list[Fault]
) -> list[dict[str, Any]]:
    """Read the items of a list, each by itself; what is wrong with them is added to ``faults``."""
    read = []
    for index, data in enumerate(found.get(place, ())):
        item, wrong = parts(document, kind, keep, path=f"{place}[{index}]", data=data)
        faults += wrong
        read.append(item)
    return read


def whole(kind: type[T], found: Mapping[str, Any]) -> T | None:
    """Build the value, unless one of its fields could not be read."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every kind here is a dataclass
    return kind(**found) if names <= found.keys() else None


def _not_longer_than_nothing(document: Document, found: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[Fault]:
    for name in names:
        if name in found and not found[name]:
            yield document.fault("wrong-value", "must be longer than 0s", name)


def twice(document: Document, place: str, named: list[dict[str, Any]]) -> Iterator[Fault]:
    """Say which names in a list are given twice."""
    seen: set[str] = set()
    for index, item in enumerate(named):
        name = item.get("name")
        if name in seen:
            yield document.fault("duplicate", f"{name} is given twice", f"{place}[{index}].name")
        seen |= {name} if name is not None else set()
