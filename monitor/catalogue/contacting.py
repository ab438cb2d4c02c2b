"""``contacts.yaml``: teams, receivers, who hears of what, and when people work. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitor.catalogue import holidays, naming, plain, receivers, working_hours
from monitor.catalogue.model import OFFICE_HOURS, Contacts, Receiver, Team, WorkingHours
from monitor.catalogue.strict_yaml import Document
from monitor.catalogue.structure import keep, parts
from monitor.errors import Fault

_HEARD = ("critical", "critical_working_hours", "warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contacts:
    teams: list[object] = field(default_factory=list)
    receivers: list[object] = field(default_factory=list)
    drills: tuple[str, ...] = ()
    working_hours: tuple[WorkingHours, ...] = OFFICE_HOURS
    holidays: tuple[str, ...] = ()


def read(document: Document) -> tuple[Contacts, list[Fault]]:
    """Read everything that can be read, and say what is wrong with the rest."""
    found, faults = parts(document, _Contacts, keep)
    teams = plain.items(document, "teams", found, Team, faults)
    named = plain.items(document, "receivers", found, Receiver, faults)
    for place, items in (("teams", teams), ("receivers", named)):
        faults += [*plain.twice(document, place, items), *_nameless(document, place, items)]
    faults += [*_settings(document, named), *_hours(document, found), *_holidays(document, found)]
    known = {receiver["name"] for receiver in named if "name" in receiver}
    # Where the list of receivers, or a name in it, cannot be read, nobody can say which receivers there are.
    if "receivers" in found and all("name" in receiver for receiver in named):
        faults += _strangers(document, "drills", found.get("drills"), known)
        for index, team in enumerate(teams):
            faults += _strangers_of(document, f"teams[{index}]", team, known)
    seen = {team["name"] for team in teams if "name" in team}
    for index, team in enumerate(teams):
        faults += _parts(document, f"teams[{index}].services", team, seen)
    whole = Contacts(
        teams=tuple(team for team in (plain.whole(Team, team) for team in teams) if team is not None),
        receivers=tuple(item for item in (plain.whole(Receiver, item) for item in named) if item is not None),
        drills=found.get("drills", ()),
        working_hours=found.get("working_hours", OFFICE_HOURS),
        holidays=found.get("holidays", ()),
    )
    return whole, faults


def _nameless(document: Document, place: str, items: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    for index, item in enumerate(items):
        if "name" in item and not item["name"].strip():
            yield document.fault("wrong-name", "must not be empty", f"{place}[{index}].name")


def _settings(document: Document, named: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    for index, receiver in enumerate(named):
        if {"name", "kind", "settings"} <= receiver.keys():
            for setting, message in receivers.problems(receiver["name"], receiver["kind"], receiver["settings"]):
                path = f"receivers[{index}].settings" + (f".{setting}" if setting else "")
                yield document.fault("wrong-setting", message, path)


def _strangers_of(document: Document, here: str, team: Mapping[str, Any], known: Collection[str]) -> Iterator[Fault]:
    for heard in _HEARD:
        yield from _strangers(document, f"{here}.{heard}", team.get(heard), known)
    for number, part in enumerate(team.get("services", ())):
        for heard in _HEARD:
            yield from _strangers(document, f"{here}.services[{number}].{heard}", getattr(part, heard), known)


def _strangers(document: Document, here: str, listed: Sequence[str] | None, known: Collection[str]) -> Iterator[Fault]:
    for number, name in enumerate(listed or ()):
        if name not in known:
            yield document.fault("reference", f"receiver {name} does not exist", f"{here}[{number}]")
        elif name in (listed or ())[:number]:
            yield document.fault("duplicate", f"receiver {name} would hear everything twice", f"{here}[{number}]")


def _parts(document: Document, here: str, team: Mapping[str, Any], seen: set[str]) -> Iterator[Fault]:
    """Say what is wrong with the parts of a team: each is known by its labels' values, ``team/mongodb``.

    ``seen`` are the names of teams, and of parts before; it grows.
    """
    for number, part in enumerate(team.get("services", ())):
        place = f"{here}[{number}].labels"
        if not part.labels:
            yield document.fault("wrong-value", "must say by which labels its alerts are known", place)
        for label, value in part.labels.items():
            if not naming.is_label(label):
                yield document.fault("wrong-name", naming.LABEL_RULE, f"{place}.{label}")
            if not value or label in {"team", "severity", "urgency"}:
                message = "must be a label that tells alerts of one team apart, with a value"
                yield document.fault("wrong-value", message, f"{place}.{label}")
        name = f"{team.get('name')}/{'-'.join(part.labels.values())}"
        if name in seen:
            yield document.fault("duplicate", f"{name} is given twice", place)
        seen.add(name)


def _hours(document: Document, found: Mapping[str, Any]) -> Iterator[Fault]:
    for index, entry in enumerate(found.get("working_hours", ())):
        for text, place in [
            *((text, f"days[{number}]") for number, text in enumerate(entry.days)),
            *((text, f"hours[{number}]") for number, text in enumerate(entry.hours)),
        ]:
            try:
                working_hours.days(text) if place.startswith("days") else working_hours.span(text)
            except ValueError as error:
                yield document.fault("wrong-value", str(error), f"working_hours[{index}].{place}")


def _holidays(document: Document, found: Mapping[str, Any]) -> Iterator[Fault]:
    for index, text in enumerate(found.get("holidays", ())):
        try:
            holidays.parse(text)
        except ValueError as error:
            yield document.fault("wrong-value", str(error), f"holidays[{index}]")
