"""Reads the list of incidents that are known to have happened, as strictly as the catalogue is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor import clock
from monitor.catalogue import strict_yaml
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import keep, parts
from monitor.errors import CatalogueError, Fault
from monitor.slo.judging import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One entry as it is written."""

    start: str
    end: str
    name: str = ""


def read_incidents(path: Path) -> tuple[Incident, ...]:
    """Read ``[{start, end, name}]`` from a YAML or JSON file, times in RFC 3339 and quoted; oldest first.

    Raises:
        CatalogueError: with everything that is wrong in it, by file and line.
    """
    documents, faults = strict_yaml.read(path, str(path))
    if faults:
        raise CatalogueError(faults)
    (document, *others) = documents
    if others or not isinstance(document.data, list):
        message = "must be one list of incidents: - {start: '2026-11-22T17:15:00Z', end: '...', name: text}"
        raise CatalogueError((document.fault("wrong-type", message),))
    found: list[Incident] = []
    wrong: list[Fault] = []
    for number, data in enumerate(document.data):
        incident, faulty = _incident(document, number, data)
        found += [incident] if incident else []
        wrong += faulty
    if wrong:
        raise CatalogueError(tuple(wrong))
    return tuple(sorted(found, key=lambda incident: incident.start))


def _incident(document: Document, number: int, data: Any) -> tuple[Incident | None, list[Fault]]:
    place = f"[{number}]"
    fields, faults = parts(document, _Row, keep, path=place, data=data)
    times = dict(_times(document, place, fields, faults))
    if faults:
        return None, faults
    if times["end"] <= times["start"]:
        return None, [document.fault("wrong-value", "ends before it begins: exchange start and end", f"{place}.end")]
    name = fields["name"] or f"incident {number + 1}"
    return Incident(name=name, start=times["start"], end=times["end"]), []


def _times(
    document: Document, place: str, fields: dict[str, Any], faults: list[Fault]
) -> Iterator[tuple[str, datetime]]:
    """The two instants of an entry; one that cannot be read is added to ``faults``."""
    for name in ("start", "end"):
        if name in fields:
            try:
                yield name, clock.from_rfc3339(fields[name])
            except (ValueError, OverflowError):
                message = "is no time with an offset: write it like '2026-11-22T17:15:00Z'"
                faults.append(document.fault("wrong-value", message, f"{place}.{name}"))
