"""``waivers.yaml``: a list of findings that are known, each with the reason why it may stay. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from monitor.catalogue.model import Place, Waiver
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import keep, parts
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
    if not isinstance(document.data, list):
        message = "must be a list of entries such as {finding: no-test, where: alerts/redis.yaml, reason: ...}"
        return (), [document.fault("wrong-type", message)]
    faults: list[Fault] = []
    found: list[Waiver] = []
    for index, data in enumerate(document.data):
        here = f"[{index}]"
        entry, wrong = parts(document, _Entry, keep, path=here, data=data)
        wrong += _faults(document, here, entry, environments)
        faults += wrong
        if not wrong:
            last = entry.pop("until")
            until = date.fromisoformat(last) if last else None
            found.append(Waiver(place=Place(file=document.file, line=document.line(here)), until=until, **entry))
    return tuple(found), faults


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
