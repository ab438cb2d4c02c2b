"""Reads a policy of burn alerts to be replayed: one that is known by name, or a file, as strictly as the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from monitor.catalogue import strict_yaml
from monitor.catalogue.model import Severity
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import keep, parts
from monitor.errors import CatalogueError, Fault, InputError
from monitor.slo.other_policies import KNOWN, OtherPolicy, Rule

LONGEST = timedelta(days=30)
"""A burn window that is longer alerts of what is long over; each day of it is read before the replayed span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One burn alert as it is written, under Prometheus's names where it has some."""

    severity: Literal["critical", "warning"]
    long: timedelta
    short: timedelta
    factor: Decimal
    for_: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    minimum_bad_events: int = 0


def read_policy(text: str) -> OtherPolicy:
    """Find a policy: ``workbook``, ``pyrra``, ``one-window``, or a YAML or JSON file with a list of burn alerts.

    Raises:
        CatalogueError: with everything that is wrong in the file, by line.
        InputError: there is neither.
    """
    known = next((policy for policy in KNOWN if policy.name == text), None)
    if known is not None:
        return known
    path = Path(text)
    if not path.exists():
        names = ", ".join(policy.name for policy in KNOWN)
        raise InputError(f"--policy {text[:60]!r} is neither a file nor one of {names}")
    documents, faults = strict_yaml.read(path, str(path))
    if faults:
        raise CatalogueError(faults)
    (document, *others) = documents
    if others or not isinstance(document.data, list) or not document.data:
        message = "must be one list of burn alerts: - {severity: critical, long: 1h, short: 5m, factor: 14.4}"
        raise CatalogueError((document.fault("wrong-type", message),))
    rows = [_rule(document, f"[{number}]", data) for number, data in enumerate(document.data)]
    if wrong := tuple(fault for _, found in rows for fault in found):
        raise CatalogueError(wrong)
    return OtherPolicy(name=path.stem, rules=tuple(rule for rule, _ in rows if rule))


def _rule(document: Document, place: str, data: Any) -> tuple[Rule | None, list[Fault]]:
    fields, faults = parts(document, _Row, keep, path=place, data=data)
    if faults:
        return None, faults
    row = _Row(**fields)
    wrong = {
        "short": "" if timedelta(0) < row.short <= row.long else "must be longer than 0 and no longer than long",
        "long": "" if row.long <= LONGEST else f"must be {LONGEST.days}d at most",
        "factor": "" if row.factor > 0 else "must be above 0",
        "minimum_bad_events": "" if row.minimum_bad_events >= 0 else "must not be below 0",
    }
    faults += [document.fault("wrong-value", why, f"{place}.{name}") for name, why in wrong.items() if why]
    rule = Rule(
        severity=Severity(row.severity),
        long=row.long,
        short=row.short,
        factor=row.factor,
        hold=row.for_,
        keep=row.keep_firing_for,
        least=row.minimum_bad_events,
    )
    return rule, faults
