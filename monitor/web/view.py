"""What the overview says, computed from what the store and Prometheus hold. Pure; the templates only print.

Unknown is never shown as good: every tile has a tone, and ``unknown`` is one of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from monitor import clock
from monitor.catalogue.model import Recovery, Severity
from monitor.compliance import SloStatus, Verdict
from monitor.store import ComponentChange, Record, Store
from monitor.store_alerts import AlertEvent, AlertRecord, Alerts
from monitor.web import words
from monitor.web.api import backups_with_verification
from monitor.web.listing import Episode, Mark, marks

Tone = Literal["good", "warning", "bad", "unknown"]

WATCHDOG_LIMIT = timedelta(minutes=3)
"""The Watchdog arrives each minute; three missed ones mean that no alert could have arrived either."""

FAST_BURN = 6.0
"""A burn rate of the last hour that nobody should call good: the factor of the second fastest alert (SRE workbook)."""

SHOWN_SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
"""``none`` is for the machinery (Watchdog), not for people."""


_EVENTS = {
    "firing": "first seen",
    "resolved": "resolved",
    "forgotten": "closed: Alertmanager no longer knew it",
    "returned": "fires after all",
}

_OUTCOME_TONES: dict[str, Tone] = {"passed": "good", "failed": "bad", "aborted": "warning", "missed": "warning"}
_COMPONENT_TONES: dict[str, Tone] = {
    "healthy": "good",
    "starting": "warning",
    "held": "warning",
    "unhealthy": "bad",
    "stopped": "bad",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the store holds, read at one instant."""

    at: datetime
    firing: tuple[AlertRecord, ...]
    resolved: tuple[AlertRecord, ...]
    backups: list[dict[str, Any]]
    captured: tuple[Record, ...] = ()
    """How far the oplog was captured."""
    drills: tuple[Record, ...]
    jobs: tuple[Record, ...]
    components: tuple[ComponentChange, ...]
    watchdog: Record | None
    marks: Mapping[Episode, Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A sentence and how it is meant."""

    tone: Tone
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SloCard:
    """One SLO's card. ``bar`` is the part of the budget left, 0-100, ``None`` where it is not known."""

    status: SloStatus
    verdict: Said
    measured: str
    bar: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One figure about recovery: its name, the figure, what it is held against."""

    title: str
    value: str
    tone: Tone
    note: str


def read(store: Store) -> Snapshot:
    """Read everything that the overview needs, in the store's thread."""
    return Snapshot(
        at=clock.now(),
        firing=shown(Alerts(store).firing()),
        resolved=shown(Alerts(store).newest(state="resolved", limit=20))[:5],
        backups=backups_with_verification(store),
        captured=store.records("anchor"),
        drills=store.records("drill", limit=5),
        jobs=store.newest_jobs(),
        components=store.components(),
        watchdog=store.get("watchdog", "latest"),
        marks=marks(store, clock.now()),
    )


def shown(alerts: Iterable[AlertRecord]) -> tuple[AlertRecord, ...]:
    """Keep the alerts that are meant for people: the gravest first, then the newest.

    A severity that we do not know is somebody else's word for something: it is shown, and ranked as a warning.
    """
    order = {severity.value: rank for rank, severity in enumerate(SHOWN_SEVERITIES)}
    unknown = order[Severity.WARNING]
    kept = [alert for alert in alerts if alert.labels.get("severity") != Severity.NONE]
    return tuple(
        sorted(kept, key=lambda a: (order.get(a.labels.get("severity", ""), unknown), -a.starts_at.timestamp()))
    )


def watchdog(seen: Record | None, now: datetime) -> Said:
    """Judge whether an alert could reach us at all."""
    if seen is None:
        return Said(tone="unknown", text="The Watchdog was never seen: alerts may not reach this console.")
    age = now - seen.at
    if clock.credible(seen.at, now) is None:
        return Said(tone="unknown", text="A clock was set back: nothing came yet by the Watchdog since.")
    if age > WATCHDOG_LIMIT:
        return Said(tone="bad", text=f"The Watchdog is silent for {clock.humanize(age)}: alerts do not arrive here.")
    return Said(tone="good", text=f"Alert path alive, Watchdog seen {words.ago(seen.at, now)}.")


def headline(snapshot: Snapshot, cards: Sequence[SloCard] | None, path: Said) -> Said:
    """Say in one sentence how things stand: what is worst first, and nothing is fine that is not known."""
    critical = sum(_is_critical(alert) for alert in snapshot.firing)
    if critical:
        return Said(tone="bad", text=f"{words.plural(critical, 'critical alert')} firing.")
    if path.tone != "good":
        return path
    if cards is None:
        return Said(tone="unknown", text="Prometheus does not answer: where the SLOs stand is unknown.")
    missed = [card.status.display_name for card in cards if card.verdict.tone == "bad"]
    if missed:
        return Said(tone="bad", text=f"Objective missed: {', '.join(missed)}.")
    if snapshot.firing:
        return Said(tone="warning", text=f"{words.plural(len(snapshot.firing), 'alert')} firing; nobody is woken.")
    return _quiet(cards)


def _is_critical(alert: AlertRecord) -> bool:
    """A rehearsal is as grave as it is labelled for those who rehearse, and calls nobody else."""
    return alert.labels.get("severity") == Severity.CRITICAL and alert.labels.get("drill") != "true"


def _quiet(cards: Sequence[SloCard]) -> Said:
    burning = [card.status.display_name for card in cards if (card.status.burn_rate or 0) >= FAST_BURN]
    if burning:
        return Said(tone="warning", text=f"No alert is firing yet, but the budget burns fast: {', '.join(burning)}.")
    undecided = sum(card.verdict.tone == "unknown" for card in cards)
    if not undecided:
        return Said(tone="good", text="No alert is firing and every objective is met.")
    if undecided == len(cards):
        return Said(tone="good", text="No alert is firing. Too little was measured yet to judge the objectives.")
    return Said(tone="good", text=f"No alert is firing; {words.plural(undecided, 'objective')} cannot be judged yet.")


def slo_card(status: SloStatus) -> SloCard:
    """Judge one SLO; its budget bar is empty when overspent."""
    left = status.error_budget_remaining
    tones: dict[Verdict, Tone] = {Verdict.MET: "good", Verdict.MISSED: "bad", Verdict.INSUFFICIENT: "unknown"}
    nothing = status.coverage is None or status.sli is None
    measured = "nothing measured yet" if nothing else f"{words.whole_percent(status.coverage)} measured"
    return SloCard(
        status=status,
        verdict=Said(tone=tones[status.verdict], text=status.verdict.value),
        measured=measured,
        bar=None if left is None else math.floor(100 * min(max(left, 0), 1)),
    )


def recovery_facts(
    backups: Sequence[dict[str, Any]], recovery: Recovery | None, now: datetime, captured: Sequence[Record] = ()
) -> tuple[Fact, ...]:
    """Say how much would be lost, when it was last backed up, and whether that was ever restored."""
    passed = [backup for backup in backups if backup.get("outcome") == "passed"]
    return (_point_age(passed, recovery, now, captured), _last_backup(passed, now), _last_verification(backups, now))


def _reached(points: Sequence[datetime], captured: Sequence[Record]) -> datetime:
    """The newest of the points of backups, and of what was captured of the oplog from one of them on."""
    best = max(points)
    for record in captured:
        # <seconds>.<increment>, as MongoDB's oplog has it.
        since, end = (
            datetime.fromtimestamp(int(record.body[name].partition(".")[0]), UTC) for name in ("since", "end")
        )
        if any(since <= point <= end for point in points):
            best = max(best, end)
    return best


def _point_age(
    passed: Sequence[dict[str, Any]], recovery: Recovery | None, now: datetime, captured: Sequence[Record]
) -> Fact:
    sound = [b for b in passed if (b["verification"] or {}).get("outcome") != "failed" and b.get("recovery_point")]
    limit = f"RPO {clock.humanize(recovery.rpo)}" if recovery else "no RPO is promised"
    if not sound:
        return Fact(title="Recovery point", value="none", tone="bad", note=f"nothing can be restored; {limit}")
    age = now - _reached([clock.from_rfc3339(backup["recovery_point"]) for backup in sound], captured)
    late = recovery is not None and age > recovery.rpo
    return Fact(
        title="Recovery point",
        value=f"{clock.humanize(age)} old",
        tone="bad" if late else "good",
        note=f"{'older than' if late else 'within'} {limit}",
    )


def _last_backup(passed: Sequence[dict[str, Any]], now: datetime) -> Fact:
    if not passed:
        return Fact(title="Last backup", value="none", tone="bad", note="no backup has succeeded yet")
    newest = max(passed, key=lambda backup: str(backup["finished_at"]))
    figures = (
        f"{newest.get('type', '')}, {words.size(newest.get('bytes'))} in {words.span(newest.get('duration_seconds'))}"
    )
    return Fact(
        title="Last backup",
        value=words.ago(clock.from_rfc3339(newest["finished_at"]), now),
        tone="good",
        note=figures,
    )


def _last_verification(backups: Sequence[dict[str, Any]], now: datetime) -> Fact:
    done = [backup["verification"] for backup in backups if backup["verification"]]
    title = "Verified restore"
    if not done:
        return Fact(title=title, value="never", tone="unknown", note="a backup that was never restored is not a backup")
    newest = max(done, key=lambda verification: str(verification["at"]))
    when = words.ago(clock.from_rfc3339(newest["at"]), now)
    match newest.get("outcome"):
        case "passed":
            note = f"data restored and equal in {words.span(newest.get('restore_seconds'))}"
            return Fact(title=title, value=when, tone="good", note=note)
        case "failed":
            faults = newest.get("faults") or ["no reason was recorded"]
            return Fact(title=title, value=f"failed {when}", tone="bad", note=str(faults[0]))
        case _:
            return Fact(title=title, value=f"unknown, {when}", tone="unknown", note="it could not be tried")


def newest_jobs(jobs: Sequence[Record]) -> tuple[dict[str, Any], ...]:
    """Keep the newest run of each job, sorted by name."""
    newest: dict[str, dict[str, Any]] = {}
    for record in jobs:
        newest.setdefault(str(record.body["job"]), record.body)
    return tuple(newest[name] for name in sorted(newest))


def happened(event: AlertEvent) -> str:
    """Say what an entry in an alert's timeline means; its time follows."""
    return _EVENTS.get(event.state, event.state)


def outcome_tone(outcome: str) -> Tone:
    """How the outcome of a job, drill or verification is meant."""
    return _OUTCOME_TONES.get(outcome, "unknown")


def component_tone(state: str) -> Tone:
    """How a component's state is meant."""
    return _COMPONENT_TONES.get(state, "unknown")
