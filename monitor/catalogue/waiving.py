"""``waivers.yaml``: a list of findings that are known, each with the reason why it may stay. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from monitor.catalogue.model import Waiver
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import entries
from monitor.errors import Fault

TEXTS = frozenset({"until"})
"""Fields whose dates need no quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    finding: str
    where: str
    reason: str
    about: str = ""
    until: str = ""
    environment: str = ""


def read(document: Document, environments: Collection[str]) -> tuple[tuple[Waiver, ...], list[Fault]]:
    """Read every entry, in the order of the file, with everything that is wrong with any.

    ``environments`` are those that there are.
    """
    example = "{finding: no-test, where: alerts/redis.yaml, reason: ...}"
    found, faults = entries(document, _Entry, example, lambda here, entry: _faults(document, here, entry, environments))
    return tuple(
        Waiver(place=place, **entry | {"until": date.fromisoformat(entry["until"]) if entry["until"] else None})
        for place, entry in found
    ), faults


def _faults(document: Document, here: str, entry: Mapping[str, Any], environments: Collection[str]) -> Iterator[Fault]:
    """Say what is wrong with the fields that could be read."""
    for name in ("finding", "where", "reason"):
        if name in entry and not entry[name].strip():
            yield document.fault("wrong-value", "must not be empty", f"{here}.{name}")
    if entry.get("until"):
        try:
            date.fromisoformat(entry["until"])
        except ValueError:
            yield document.fault("wrong-value", "must be a day such as 2027-03-01", f"{here}.until")
    if entry.get("environment") and entry["environment"] not in environments:
        message = f"environment {entry['environment']} does not exist (known: {', '.join(sorted(environments))})"
        yield document.fault("reference", message, f"{here}.environment")
