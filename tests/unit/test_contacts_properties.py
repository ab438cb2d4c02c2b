"""Whatever contacts.yaml says, each alert is heard by whom it names: held against a second, plain reading of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from monitor.catalogue import working_hours
from monitor.catalogue.load import load
from monitor.catalogue.model import Contacts, Receiver, Team, TeamPart, WorkingHours
from monitor.check import routes
from monitor.render.alertmanager import people
from monitor.routing.walk import deliveries

ZONES = ("UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Auckland")
RECEIVERS = ("pager", "chat", "tickets", "rehearsals")
START = datetime(2026, 11, 23, tzinfo=UTC)


def made(random: Random, names: Sequence[str] = RECEIVERS) -> Contacts:
    """Teams, their parts, hours and holidays as they fall."""

    def some() -> tuple[str, ...]:
        return tuple(random.sample(names, random.randint(0, 2)))

    def said() -> tuple[str, ...] | None:
        return some() if random.random() < 0.5 else None

    def parts() -> Iterator[TeamPart]:
        for labels in ({"component": "mongodb"}, {"slo_service": "shop"}, {"component": "mongodb", "job": "x"}):
            if random.random() < 0.5:
                heard = {name: said() for name in ("critical", "critical_working_hours", "warning")}
                yield TeamPart(labels=labels, **heard)

    def hours() -> Iterator[WorkingHours]:
        for _ in range(random.randint(1, 2)):
            days = ":".join(random.choices(working_hours.DAYS, k=2))
            yield WorkingHours(days=(days,), hours=(f"{random.randrange(24):02}:30-{random.randrange(24):02}:00",))

    teams = (
        Team(
            name=name,
            critical=some(),
            critical_working_hours=said(),
            warning=some(),
            services=tuple(parts()),
        )
        for name in ("sre", "dba")
    )
    receivers = (Receiver(name=name, kind="webhook", settings={"url": "http://x"}) for name in names)
    return Contacts(
        teams=tuple(teams),
        receivers=tuple(receivers),
        drills=tuple(names[-1:]),
        working_hours=tuple(hours()),
        holidays=random.choice([(), ("11-30", "2027-01-01"), ("12-21:01-06", "2026-11-27:2026-12-05")]),
    )


def alert(random: Random) -> dict[str, str]:
    labels = {
        "team": random.choice(["sre", "dba", "nobody"]),
        "severity": random.choice(["critical", "warning", "info"]),
    }
    more = {"component": "mongodb", "slo_service": "shop", "job": "x", "urgency": "working-hours", "repeat": "1d"}
    more |= {"alertname": "ErrorBudgetBurnFast"}
    labels |= {name: value for name, value in more.items() if random.random() < 0.5}
    if labels["severity"] != "info" and "urgency" not in labels and random.random() < 0.5:
        labels["holidays"] = {"critical": "warning", "warning": "none"}[labels["severity"]]
    return labels | ({"drill": "true"} if random.random() < 0.1 else {})


def is_holiday(contacts: Contacts, at: datetime) -> bool:
    day = at.strftime("%Y-%m-%d")
    for text in contacts.holidays:
        first, _, last = text.partition(":")
        today = day if len(first) == len(day) else day[5:]
        if first <= today <= (last or first) or (last and last < first and not last < today < first):
            return True
    return False


def at_work(contacts: Contacts, at: datetime) -> bool:
    today, minute = at.weekday(), at.hour * 60 + at.minute
    if is_holiday(contacts, at):
        return False
    for entry in contacts.working_hours:
        days = {day for text in entry.days for day in working_hours.days(text)}
        for start, end in map(working_hours.span, entry.hours):
            if start < end and today in days and start <= minute < end:
                return True
            if end < start and ((today in days and minute >= start) or ((today - 1) % 7 in days and minute < end)):
                return True
    return False


def meant(contacts: Contacts, labels: Mapping[str, str], at: datetime) -> set[str]:
    """Who is to hear, as docs/alerting.md has it: of a team's parts, the first that fits and says something."""
    if "drill" in labels:
        return set(contacts.drills)
    if "holidays" in labels and is_holiday(contacts, at):
        labels = {**labels, "severity": labels["holidays"]}
    team = next((team for team in contacts.teams if team.name == labels["team"]), None)
    if team is None or labels["severity"] in {"info", "none"}:
        return set()
    parts = [part for part in team.services if part.labels.items() <= labels.items()]
    if labels["severity"] == "warning":
        return set(next((part.warning for part in parts if part.warning is not None), team.warning))
    if "urgency" not in labels:
        return set(next((part.critical for part in parts if part.critical is not None), team.critical))
    saying = [part for part in parts if (part.critical, part.critical_working_hours, part.warning) != (None,) * 3]
    owners: list[Team | TeamPart] = [*saying[:1], team]
    called = [
        owner.critical if owner.critical_working_hours is None else owner.critical_working_hours for owner in owners
    ]
    tickets = next(owner.warning for owner in owners if owner.warning is not None)
    return set(tickets) | (set(next(who for who in called if who is not None)) if at_work(contacts, at) else set())


@pytest.mark.parametrize("seed", [2, 3])
def test_everybody_hears_what_contacts_yaml_says_at_any_time(seed: int) -> None:
    random, bundled = Random(seed), load(None, "compose")
    assert bundled.recovery is not None
    for _ in range(15):
        contacts, zone = made(random), random.choice(ZONES)
        catalogue = replace(bundled, contacts=contacts, recovery=replace(bundled.recovery, time_zone=zone))
        config, told = routes.rendered(catalogue), people(catalogue)
        for _ in range(30):
            labels, at = alert(random), START + timedelta(minutes=random.randrange(60 * 24 * 60))
            sent = (one.route.receiver for one in deliveries(config, labels, at) if not one.muted)
            heard = {name for receiver in sent for name in told[receiver]}
            assert heard == meant(contacts, labels, at.astimezone(ZoneInfo(zone))), (labels, at, contacts)
