"""Which alerts go to which people, in which hours: the routes below the root of alertmanager.yml. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from monitor.catalogue.model import (
    HOLIDAYS_LABEL,
    URGENCY_LABEL,
    Attention,
    Catalogue,
    Severity,
    Team,
    TeamPart,
    attention_of,
)
from monitor.catalogue.receivers import CONSOLE
from monitor.render.rules import DEFAULT_TEAM
from monitor.routing import matcher_texts


class When(Enum):
    """The hours in which a route notifies."""

    ALWAYS = "always"
    WORKING_HOURS = "working hours"
    NO_HOLIDAYS = "no holidays"
    HOLIDAYS = "holidays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One route that notifies people: what it takes, and whom it tells."""

    receiver: str
    heard_by: tuple[str, ...]
    matchers: tuple[str, ...]
    when: When = When.ALWAYS
    """In other hours it is silent; unless these are holidays alone, the next route takes the same alerts."""
    at_once: bool = False
    """What it takes wakes people."""


def leaves(catalogue: Catalogue) -> tuple[Leaf, ...]:
    """Every route to people, in order: parts of a team before the team, what is narrower before what is wider."""
    teams = sorted(catalogue.contacts.teams, key=lambda team: team.name)
    milder = _milder_on_holidays(catalogue)
    return tuple(leaf for team in teams for part in (*team.services, None) for leaf in _leaves(team, part, milder))


def _milder_on_holidays(catalogue: Catalogue) -> list[tuple[Severity, Severity]]:
    """How bad alerts are that the holidays of ``contacts.yaml`` make milder, and how bad they are then."""
    if not catalogue.contacts.holidays:
        return []
    rules = (rule for group in catalogue.alerts for rule in group.rules if HOLIDAYS_LABEL in rule.labels)
    return sorted({(rule.severity, Severity(rule.labels[HOLIDAYS_LABEL])) for rule in rules})


def _leaves(team: Team, part: TeamPart | None, milder: Sequence[tuple[Severity, Severity]]) -> Iterator[Leaf]:
    labels = part.labels if part else {}
    taken = (_owned(team), *(matcher(name, value) for name, value in labels.items()))
    critical, warning = (matcher("severity", one.value) for one in (Severity.CRITICAL, Severity.WARNING))
    yield from _waiting(team, part, (*taken, critical, matcher(URGENCY_LABEL, Attention.WORKING_HOURS.value)))
    for severities in milder:
        yield from _on_holidays(team, part, taken, severities)
    for attention, severity in ((Attention.NOW, critical), (Attention.TICKET, warning)):
        heard_by = team.hears(attention, part)
        if _says(part, attention) if part else heard_by:
            name = receiver_name(team, attention, part) if heard_by else CONSOLE
            at_once = attention is Attention.NOW
            yield Leaf(receiver=name, heard_by=heard_by, matchers=(*taken, severity), at_once=at_once)


def _owned(team: Team) -> str:
    """A matcher of a team's alerts. Those of nobody, as others' rules make them, are the default team's: not lost."""
    return f'team=~"{team.name}|"' if team.name == DEFAULT_TEAM else matcher("team", team.name)


def _waiting(team: Team, part: TeamPart | None, taken: tuple[str, ...]) -> Iterator[Leaf]:
    """Critical, and no worse by the morning: a ticket at any time, and in working hours people are called as well.

    The ticket is there from the start, and hears of the end: Alertmanager drops what would be sent in muted times, so
    a ticket that were left to the night alone would stay open for ever.
    """
    if part is not None and part.critical is None and part.critical_working_hours is None and part.warning is None:
        return
    ticket = team.hears(Attention.TICKET, part)
    called = tuple(name for name in team.hears(Attention.WORKING_HOURS, part) if name not in ticket)
    if called:
        name = receiver_name(team, Attention.WORKING_HOURS, part)
        yield Leaf(receiver=name, heard_by=called, matchers=taken, when=When.WORKING_HOURS)
    owner = part if part is not None and part.warning is not None else None
    name = receiver_name(team, Attention.TICKET, owner) if ticket else CONSOLE
    # Where nobody hears, a wider route would take it, or that of what cannot wait.
    if called or ticket or team.critical or part is not None:
        yield Leaf(receiver=name, heard_by=ticket, matchers=taken)


def _on_holidays(
    team: Team, part: TeamPart | None, taken: tuple[str, ...], severities: tuple[Severity, Severity]
) -> Iterator[Leaf]:
    """What is milder on holidays: two routes to the same alerts, of which one is silent whenever the other is not."""
    asked = (*taken, *map(matcher, ("severity", HOLIDAYS_LABEL), severities))
    both = [attention_of(severity) for severity in severities]
    if part is not None and not any(_says(part, attention) for attention in both):
        return
    for attention, when in zip(both, (When.NO_HOLIDAYS, When.HOLIDAYS), strict=True):
        heard_by, owner = team.hears(attention, part), part if part and _says(part, attention) else None
        name = receiver_name(team, attention, owner) if heard_by else CONSOLE
        yield Leaf(
            receiver=name,
            heard_by=heard_by,
            matchers=asked,
            when=when,
            at_once=bool(heard_by) and attention is Attention.NOW,
        )


def _says(part: TeamPart, attention: Attention) -> bool:
    """Whether a part of a team says itself who hears."""
    return {Attention.NOW: part.critical, Attention.TICKET: part.warning}.get(attention) is not None


def told(found: Sequence[Leaf]) -> dict[str, tuple[str, ...]]:
    """Whom each receiver of these routes tells."""
    return {leaf.receiver: leaf.heard_by for leaf in found if leaf.receiver != CONSOLE}


def receiver_name(team: Team, attention: Attention, part: TeamPart | None = None) -> str:
    """The receiver that a team's alerts go to: ``sre-critical``, and of a part ``sre/mongodb-critical``."""
    owner = f"{team.name}/{'-'.join(part.labels.values())}" if part else team.name
    kind = {Attention.NOW: "critical", Attention.WORKING_HOURS: "working-hours", Attention.TICKET: "warning"}
    return f"{owner}-{kind[attention]}"


def matcher(label: str, value: str) -> str:
    """A matcher of one value, with whatever a name may hold."""
    return f"{label}={matcher_texts.quoted(value)}"
