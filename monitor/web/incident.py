"""One episode of an alert as a story: what was known, what people did, what happened beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from monitor import clock
from monitor.sources.silences import Silence
from monitor.store import ComponentChange, Record, Store
from monitor.store_actions import Action, Actions
from monitor.store_alerts import AlertEvent, AlertRecord, Alerts
from monitor.web import words

BEFORE = timedelta(minutes=15)
"""How far back the story begins: what led to an alert came before it."""
AFTER = timedelta(minutes=5)
MOST = 300
"""Entries of a story; a longer one leaves out what is least about the alert, and says so."""

MOST_EPISODES = 200
"""Of one alert, the newest."""

MOST_SILENCES = 20
"""Of other tools, in a story: the newest."""

TAKEN = frozenset({"acknowledged", "silenced"})
"""What somebody does who takes care of an alert."""

Kind = Literal["this", "action", "alert", "component", "drill", "job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened. ``href`` leads to its page, where it has one."""

    at: datetime
    kind: Kind
    text: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One episode with everything that belongs to it."""

    alert: AlertRecord
    actions: tuple[Action, ...]
    entries: tuple[Entry, ...]
    related: tuple[AlertRecord, ...]
    """Other alerts that fired meanwhile, those of the same service or SLO first."""
    episodes: tuple[AlertRecord, ...]
    """Of the same alert, the newest first."""
    cut: bool = False

    @property
    def acknowledged(self) -> Action | None:
        """Who took care of it first."""
        return next((one for one in self.actions if one.kind in TAKEN), None)

    @property
    def takers(self) -> str:
        """Who took care of it: the first, and whoever has it now."""
        return words.takers([one.who for one in self.actions if one.kind in TAKEN])


def read(store: Store, fingerprint: str, starts_at: datetime | None, now: datetime) -> Incident | None:
    """Read one episode, the newest one unless another is named; ``None`` where there is none."""
    alert = Alerts(store).episode(fingerprint, starts_at)
    if alert is None:
        return None
    episodes = Alerts(store).episodes(fingerprint, limit=MOST_EPISODES)
    start, end = alert.starts_at - BEFORE, (alert.ends_at or now) + AFTER
    events = Alerts(store).events(alert.fingerprint, alert.starts_at)
    actions = Actions(store).of(alert.fingerprint, alert.starts_at)
    others = tuple(
        one for one in Alerts(store).between(start, end) if one.fingerprint != fingerprint and _is_shown(one)
    )
    related = sorted(others, key=lambda one: (-_kinship(alert, one), one.starts_at))
    # In a storm of alerts this one's own story must not be what is left out.
    told = (
        *_of_itself(alert, events),
        *reversed(tuple(_of_actions(actions, alert, now))),
        *_of_records(store.records("drill", since=start), end),
        *_of_components(store.component_changes(since=start), end),
        *_of_others(related, start, end),
    )
    return Incident(
        alert=alert,
        actions=actions,
        entries=tuple(sorted(told[:MOST], key=lambda entry: entry.at)),
        related=tuple(related[:20]),
        episodes=episodes,
        cut=len(told) > MOST,
    )


def with_silences(incident: Incident, silences: Iterable[Silence], now: datetime) -> Incident:
    """Add to the story what was silenced by other tools: of what was silenced here, more is known already."""
    alert, known = incident.alert, {one.silence for one in incident.actions}
    over = alert.ends_at or now
    others = (one for one in silences if one.id not in known and one.state != "pending" and one.covers(alert.labels))
    meanwhile = [one for one in others if one.starts_at <= over and one.ends_at >= alert.starts_at]
    told = (entry for one in meanwhile[-MOST_SILENCES:] for entry in _of_silence(one, alert, now))
    return replace(incident, entries=tuple(sorted((*incident.entries, *told), key=lambda entry: entry.at)))


def _of_silence(one: Silence, alert: AlertRecord, now: datetime) -> Iterator[Entry]:
    who, why = one.who or "somebody", f": {one.why}" if one.why else ""
    until = clock.to_rfc3339(one.ends_at.replace(microsecond=0))
    yield Entry(
        at=max(one.starts_at, alert.starts_at),
        kind="action",
        text=f"{who} silenced it in Alertmanager until {until}{why}",
    )
    if one.ends_at <= now and (alert.ends_at is None or one.ends_at < alert.ends_at):
        yield Entry(at=one.ends_at, kind="action", text=f"the silence of {who} ended, and the alert still fired")


def _is_shown(alert: AlertRecord) -> bool:
    return alert.labels.get("severity") != "none"


def _kinship(alert: AlertRecord, other: AlertRecord) -> int:
    shared = ("slo", "slo_service", "service", "component", "instance", "team")
    return sum(alert.labels.get(name, "") == other.labels.get(name) for name in shared)


def _of_itself(alert: AlertRecord, events: Iterable[AlertEvent]) -> Iterator[Entry]:
    name = alert.labels.get("alertname", "")
    yield Entry(at=alert.starts_at, kind="this", text=f"{name} began to fire")
    said = {
        "firing": "the console heard of it",
        "resolved": "the console heard that it resolved",
        "forgotten": "closed by the console: Alertmanager no longer knew it, and had told no end",
        "returned": "the console heard that it fires after all: it had been taken for ended",
    }
    for event in events:
        yield Entry(at=event.at, kind="this", text=said.get(event.state, event.state))
    if alert.ends_at is not None:
        lasted = clock.humanize(alert.ends_at - alert.starts_at)
        yield Entry(at=alert.ends_at, kind="this", text=f"{name} resolved after {lasted}")


def _of_actions(actions: Iterable[Action], alert: AlertRecord, now: datetime) -> Iterator[Entry]:
    ended = {one.silence for one in actions if one.kind == "silence ended"}
    for one in actions:
        why = f": {one.why}" if one.why else ""
        until = f" until {clock.to_rfc3339(one.until.replace(microsecond=0))}" if one.until else ""
        said = "ended the silence" if one.kind == "silence ended" else f"{one.kind} it"
        yield Entry(at=one.at, kind="action", text=f"{one.who} {said}{until}{why}")
        over = one.kind == "silenced" and one.silence not in ended and one.until and one.until <= now
        if over and one.until and (alert.ends_at is None or one.until < alert.ends_at):
            text = f"the silence of {one.who} ended by itself, and the alert still fired"
            yield Entry(at=one.until, kind="action", text=text)


def _of_others(others: Iterable[AlertRecord], start: datetime, end: datetime) -> Iterator[Entry]:
    for other in others:
        name, href = _named(other), alert_path(other)
        if start <= other.starts_at <= end:
            yield Entry(at=other.starts_at, kind="alert", text=f"{name} began to fire", href=href)
        if other.ends_at is not None and start <= other.ends_at <= end:
            yield Entry(at=other.ends_at, kind="alert", text=f"{name} resolved", href=href)


def _named(alert: AlertRecord) -> str:
    slo = alert.labels.get("slo") or alert.labels.get("instance") or ""
    return alert.labels.get("alertname", "") + (f" ({slo})" if slo else "")


def _of_components(changes: Iterable[ComponentChange], end: datetime) -> Iterator[Entry]:
    for change in changes:
        if change.at <= end:
            why = f" ({change.reason})" if change.reason else ""
            yield Entry(at=change.at, kind="component", text=f"{change.name} became {change.state}{why}")


def _of_records(records: Iterable[Record], end: datetime) -> Iterator[Entry]:
    for record in records:
        if record.at <= end:
            name, outcome = record.body.get("drill", "drill"), record.body.get("outcome", "")
            yield Entry(at=record.at, kind="drill", text=f"drill {name} {outcome}", href=f"/drills/{record.id}")


def alert_path(alert: AlertRecord) -> str:
    """The page of an episode, as a path that may stand in ``href``."""
    name = re.sub(r"[^0-9A-Za-z_-]", "", alert.fingerprint)
    return f"/alerts/{name}?starts_at={clock.to_rfc3339(alert.starts_at)}" if name == alert.fingerprint else "/alerts"


def took(incident: Incident, zone: str) -> dict[str, str]:
    """The figures that a postmortem begins with, each said for people."""
    alert, first = incident.alert, incident.acknowledged
    return {
        "Began": words.local(alert.starts_at, zone),
        "Console heard of it": f"{_since(alert, alert.received_at)} later",
        "Somebody took it": f"{first.who}, {_since(alert, first.at)} after it began"
        if first
        else "nobody is known to have",
        "Lasted": clock.humanize(alert.ends_at - alert.starts_at) if alert.ends_at else "still firing",
    }


def often(incident: Incident, now: datetime) -> str:
    """How often the alert began to fire within a day and a month; of very many it is known that they are many."""

    def within(span: timedelta) -> str:
        count = sum(now - span < one.starts_at for one in incident.episodes)
        return f"{count} or more" if count >= MOST_EPISODES else str(count)

    return f"{within(timedelta(hours=24))} in 24 hours, {within(timedelta(days=30))} in 30 days"


def _since(alert: AlertRecord, instant: datetime) -> str:
    """How long after its beginning; Prometheus's clock, which tells that, may be ahead of ours."""
    return clock.humanize(max(instant - alert.starts_at, timedelta(0)))
