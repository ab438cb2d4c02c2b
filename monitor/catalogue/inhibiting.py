"""``inhibitions.yaml``: a list of which alerts, while they fire, mute which others. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.catalogue import naming
from monitor.catalogue.model import Inhibition
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import entries
from monitor.errors import Fault

SLO_ALERTS = (
    "ErrorBudgetBurnFast",
    "ErrorBudgetBurnMedium",
    "ErrorBudgetBurnSlow",
    "ErrorBudgetBurnVerySlow",
    "ErrorBudgetExhausted",
    "ErrorBudgetLow",
    "ErrorBudgetHalfSpent",
    "SLONoData",
)
"""What every SLO brings, by name: an entry may name these beside those of ``alerts/``. ``monitor.slo``, which makes
them, stands above this package; a test holds the two together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    source: tuple[str, ...]
    target: tuple[str, ...]
    equal: tuple[str, ...] = ()
    slos: tuple[str, ...] = ()


def read(document: Document, alerts: Collection[str] | None) -> tuple[tuple[Inhibition, ...], list[Fault]]:
    """Read every entry, in the order of the file, with everything that is wrong with any.

    ``alerts`` are the names in ``alerts/``; ``None`` where they are not all known.
    """
    example = "{source: [MongoNoPrimary], target: [MongoRedundancyLost]}"
    found, faults = entries(document, _Entry, example, lambda here, entry: _faults(document, here, entry, alerts))
    return tuple(Inhibition(place=place, **entry) for place, entry in found), faults


def _faults(document: Document, here: str, entry: Mapping[str, Any], alerts: Collection[str] | None) -> Iterator[Fault]:
    """Say what is wrong with the fields that could be read."""
    for side in ("source", "target"):
        yield from _unknown(document, f"{here}.{side}", entry.get(side), alerts)
    for number, name in enumerate(entry.get("target", ())):
        if name in entry.get("source", ()):
            message = f"{name} would mute itself: it stands in source as well"
            yield document.fault("self-inhibition", message, f"{here}.target[{number}]")
    for number, label in enumerate(entry.get("equal", ())):
        if not naming.is_label(label):
            yield document.fault("wrong-name", naming.LABEL_RULE, f"{here}.equal[{number}]")
    yield from _slos(document, here, entry)
    for field in ("source", "target", "equal", "slos"):
        names = entry.get(field, ())
        for number in (number for number, name in enumerate(names) if name in names[:number]):
            yield document.fault("duplicate", f"{names[number]} is given twice", f"{here}.{field}[{number}]")


def _slos(document: Document, here: str, entry: Mapping[str, Any]) -> Iterator[Fault]:
    for number, name in enumerate(entry.get("slos", ())):
        if not naming.fits_a_file_name(name):
            yield document.fault("wrong-name", naming.FILE_NAME_RULE, f"{here}.slos[{number}]")
    named = {*entry.get("source", SLO_ALERTS), *entry.get("target", SLO_ALERTS)}
    if entry.get("slos") and named.isdisjoint(SLO_ALERTS):
        message = f"is of no use: neither side names an alert that SLOs bring, such as {SLO_ALERTS[0]}"
        yield document.fault("wrong-value", message, f"{here}.slos")


def _unknown(
    document: Document, here: str, named: tuple[str, ...] | None, alerts: Collection[str] | None
) -> Iterator[Fault]:
    if named == ():
        yield document.fault("wrong-value", "must name an alert", here)
    for number, name in enumerate(named or ()):
        if alerts is not None and name not in alerts and name not in SLO_ALERTS:
            message = f"alert {name} does not exist: name one of alerts/, or one that every SLO brings"
            yield document.fault("reference", message, f"{here}[{number}]")
