"""The catalogue's smaller files: recovery, drills, contacts, an environment, declared metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from monitor.catalogue.model import Contacts, DeclaredMetric, DrillPlan, Environment, Recovery
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import keep, structure
from monitor.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drills:
    drills: tuple[DrillPlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    name: str
    type: Literal["counter", "gauge", "histogram", "summary", "unknown"]
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Producer:
    producer: str
    metrics: tuple[_Metric, ...]


def recovery(document: Document) -> tuple[Recovery | None, list[Fault]]:
    """``recovery.yaml``: what is promised when data is lost."""
    found, wrong = structure(document, Recovery, keep)
    if found is None:
        return None, wrong
    faults = wrong + [
        document.fault("wrong-value", "must be longer than 0s", name)
        for name in ("rpo", "rto", "full_backup_every", "configuration_backup_every", "verify_every")
        if not getattr(found, name)
    ]
    if found.keep_full < 1:
        faults.append(document.fault("wrong-value", "must be at least 1", "keep_full"))
    try:
        ZoneInfo(found.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.append(document.fault("wrong-value", "is not a time zone such as Europe/Berlin", "time_zone"))
    return found, faults


def drills(document: Document) -> tuple[tuple[DrillPlan, ...], list[Fault]]:
    """``drills.yaml``: what is rehearsed, and what each rehearsal must achieve."""
    found, wrong = structure(document, _Drills, keep)
    if found is None:
        return (), wrong
    return tuple(sorted(found.drills, key=lambda plan: plan.name)), [*wrong, *_twice(document, "drills", found.drills)]


def contacts(document: Document) -> tuple[Contacts, list[Fault]]:
    """``contacts.yaml``: teams, receivers, and who hears of what."""
    found, wrong = structure(document, Contacts, keep)
    if found is None:
        return Contacts(), wrong
    faults = [*wrong, *_twice(document, "teams", found.teams), *_twice(document, "receivers", found.receivers)]
    known = {receiver.name for receiver in found.receivers}
    for index, team in enumerate(found.teams):
        for severity in ("critical", "warning"):
            faults += [
                document.fault("reference", f"receiver {name} does not exist", f"teams[{index}].{severity}[{number}]")
                for number, name in enumerate(getattr(team, severity))
                if name not in known
            ]
    return found, faults


def environment(document: Document, overrides: Mapping[str, Any]) -> tuple[Environment | None, list[Fault]]:
    """``environments/NAME.yaml``, with the fields that a running stack knows better laid over it."""
    if not isinstance(document.data, dict):
        return None, [document.fault("wrong-type", "must be a mapping")]
    laid = Document(file=document.file, data={**document.data, **overrides}, lines=document.lines)
    found, wrong = structure(laid, Environment, keep)
    if found is None:
        return None, wrong
    faults = wrong + [
        document.fault("wrong-value", "must be longer than 0s", name)
        for name in ("scrape_interval", "evaluation_interval", "rollup_interval", "retention")
        if not getattr(found, name)
    ]
    faults += [
        document.fault("wrong-value", "must begin with http:// or https://", name)
        for name in ("console_url", "runbook_url", "webhook_url", "grafana_url", "prometheus_url")
        if (value := getattr(found, name)) and not value.startswith(("http://", "https://"))
    ]
    return found, faults


def metrics(text: str, name: str) -> tuple[tuple[DeclaredMetric, ...], list[Fault]]:
    """``metrics/*.json``: what one producer says it exposes."""
    try:
        data = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        return (), [Fault(file=name, line=getattr(error, "lineno", 0), code="json", message=f"is not JSON: {error}")]
    document = Document(file=name, data=data)
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
        )
        for metric in found.metrics
    )
    return declared, [*wrong, *_twice(document, "metrics", declared)]


def _twice(document: Document, place: str, items: tuple[Any, ...]) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.name in seen:
            yield document.fault("duplicate", f"{item.name} is given twice", f"{place}[{index}].name")
        seen.add(item.name)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"the key {twice[0]} is given twice")
    return dict(pairs)
