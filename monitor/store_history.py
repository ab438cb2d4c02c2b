"""What is known of each SLO's past, for six years: sealed days and corrections. Both are only ever added to.

Prometheus keeps weeks, managers ask for a year, auditors for six. So each day is sealed once it is over: what was
counted, and how much of it. A day that has to be told anew gets a further version that says why; the first one stays.
The store's upkeep does not touch either, and triggers of the database refuse to change or delete a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from monitor import clock
from monitor.errors import InputError
from monitor.store import Store

State = Literal["measured", "failing", "dark", "unknown"]
"""``failing`` was bad enough to belong to an incident; ``dark`` is time in which the probe failed and nothing came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Part of a day that was of one kind, with what was counted in it. Stretches follow one another without a gap.

    ``failed`` is total less good where good is counted, so it may be below zero for a moment; over a day that evens
    out. ``missed`` are the events that dark time would have had: all of them failed, and none was counted.
    """

    start: datetime
    end: datetime
    state: State
    total: float = 0.0
    failed: float = 0.0
    missed: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedDay:
    """One SLO on one day of the clinic, as it was told by one ``version``. Bounds are UTC.

    ``objective`` and ``sli`` are what was promised and counted then: the catalogue may say something else by now.
    """

    slo: str
    day: str
    start: datetime
    end: datetime
    stretches: tuple[Stretch, ...] = field(repr=False)
    objective: float
    sli: str
    sealed_at: datetime
    reason: str
    version: int = 1

    @property
    def total_events(self) -> float:
        """All events, with those that dark time would have had."""
        return sum(stretch.total + stretch.missed for stretch in self.stretches)

    @property
    def bad_events(self) -> float:
        """Failed events, with those that dark time would have had."""
        return sum(stretch.failed + stretch.missed for stretch in self.stretches)

    @property
    def good_events(self) -> float:
        """Events that were good."""
        return self.total_events - self.bad_events

    @property
    def covered(self) -> timedelta:
        """For how much of the day anything is known."""
        known = (stretch.end - stretch.start for stretch in self.stretches if stretch.state != "unknown")
        return sum(known, timedelta(0))

    def tells_the_same(self, other: SealedDay) -> bool:
        """Whether another version has the same figures."""
        return self.stretches == other.stretches and self.end == other.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A correction's share of one day: what it takes away. ``None`` where nobody can tell any more."""

    start: datetime
    end: datetime
    total: float | None
    bad: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Time that does not count, for a reason that two people stand for; or, with ``withdraws``, one that does again."""

    id: str
    slo: str
    at: datetime
    start: datetime
    end: datetime
    reason: str
    by: str
    approved_by: str
    parts: tuple[Part, ...] = ()
    withdraws: str = ""


class SloHistory:
    """The SLOs' past in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def seal(self, days: Iterable[SealedDay], *, again: bool = False) -> int:
        """Add days in one transaction, so that a process which is killed leaves a whole day or none.

        A day that is sealed already is left out; with ``again`` it becomes a further version, where its figures differ.

        Returns:
            How many were added.
        """
        with self._store.transaction() as connection:
            added = 0
            for day in days:
                newest = self._newest(day.slo, day.start)
                if newest is not None and (not again or newest.tells_the_same(day)):
                    continue
                if newest is None and self._overlaps(day):
                    continue  # the zone was changed: its days are others, and nothing is told twice
                version = 1 if newest is None else newest.version + 1
                connection.execute("INSERT INTO slo_days VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _row(day, version))
                added += 1
        return added

    def days(self, slo: str, start: datetime, end: datetime) -> tuple[SealedDay, ...]:
        """The newest version of each day that lies wholly in a span, oldest first."""
        newest = (
            "(SELECT max(version) FROM slo_days AS v WHERE v.slo = slo_days.slo AND v.start_at = slo_days.start_at)"
        )
        query = f"{_SELECT} WHERE slo = ? AND start_at >= ? AND end_at <= ? AND version = {newest} ORDER BY start_at"
        values = (slo, clock.to_rfc3339(start), clock.to_rfc3339(end))
        return tuple(_day(row) for row in self._store.rows(query, values))

    def versions(self, slo: str, start: datetime) -> tuple[SealedDay, ...]:
        """Every version of the day that begins at an instant, the first one first."""
        query = f"{_SELECT} WHERE slo = ? AND start_at = ? ORDER BY version"
        return tuple(_day(row) for row in self._store.rows(query, (slo, clock.to_rfc3339(start))))

    def every_version(self, slo: str) -> tuple[SealedDay, ...]:
        """All that was ever told of an SLO's days: oldest day first, its first version first."""
        query = f"{_SELECT} WHERE slo = ? ORDER BY start_at, version"
        return tuple(_day(row) for row in self._store.rows(query, (slo,)))

    def sealed_until(self, slo: str) -> datetime | None:
        """When the newest sealed day ends; ``None`` where none is sealed."""
        ((newest,),) = self._store.rows("SELECT max(end_at) FROM slo_days WHERE slo = ?", (slo,))
        return clock.from_rfc3339(newest) if newest else None

    def correct(self, *corrections: Correction) -> None:
        """Add corrections, or the withdrawal of one: all or none.

        Raises:
            InputError: another one takes some of that time out already, or there is none of that id to withdraw; asked
                where nobody else can write, for two people may correct at once.
        """
        with self._store.transaction() as connection:
            for correction in corrections:
                refuse(correction, standing(self.corrections(correction.slo)))
                connection.execute("INSERT INTO slo_corrections VALUES (?, ?, ?, ?)", _correction_row(correction))

    def corrections(self, slo: str = "") -> tuple[Correction, ...]:
        """All records of corrections, of one SLO or of all, oldest first; withdrawals are records among them."""
        query = "SELECT id, slo, at, body FROM slo_corrections WHERE ? IN ('', slo) ORDER BY at, id"
        return tuple(_correction(row) for row in self._store.rows(query, (slo,)))

    def _overlaps(self, day: SealedDay) -> bool:
        query = "SELECT 1 FROM slo_days WHERE slo = ? AND start_at < ? AND end_at > ? LIMIT 1"
        return bool(self._store.rows(query, (day.slo, clock.to_rfc3339(day.end), clock.to_rfc3339(day.start))))

    def _newest(self, slo: str, start: datetime) -> SealedDay | None:
        versions = self.versions(slo, start)
        return versions[-1] if versions else None


def refuse(correction: Correction, holding: Iterable[Correction]) -> None:
    """Refuse a correction of time that is taken out already, and the withdrawal of one that does not hold.

    Raises:
        InputError: it is such a one.
    """
    known = tuple(holding)
    if correction.withdraws:
        if all(one.id != correction.withdraws for one in known):
            raise InputError(f"no correction {correction.withdraws!r} holds: see `monitor slo corrections`")
        return
    for other in known:
        if other.start < correction.end and other.end > correction.start:
            raise InputError(
                f"correction {other.id} takes some of that time out already: withdraw it first, or name other times"
            )


def standing(corrections: Iterable[Correction]) -> tuple[Correction, ...]:
    """The corrections that hold: neither withdrawn nor withdrawals themselves."""
    known = tuple(corrections)
    withdrawn = {correction.withdraws for correction in known}
    return tuple(one for one in known if not one.withdraws and one.id not in withdrawn)


_SELECT = "SELECT slo, day, start_at, end_at, version, sealed_at, reason, body FROM slo_days"


def _row(day: SealedDay, version: int) -> tuple[object, ...]:
    start, end = clock.to_rfc3339(day.start), clock.to_rfc3339(day.end)
    body = {
        "good_events": day.good_events,
        "bad_events": day.bad_events,
        "total_events": day.total_events,
        "covered_seconds": day.covered.total_seconds(),
        "objective": day.objective,
        "sli": day.sli,
        "stretches": [
            [clock.to_rfc3339(one.start), clock.to_rfc3339(one.end), one.state, one.total, one.failed, one.missed]
            for one in day.stretches
        ],
    }
    written = json.dumps(body, sort_keys=True)
    return (day.slo, start, end, version, day.day, clock.to_rfc3339(day.sealed_at), day.reason, written)


def _day(row: tuple[Any, ...]) -> SealedDay:
    slo, day, start, end, version, sealed_at, reason, text = row
    body = json.loads(text)
    return SealedDay(
        slo=slo,
        day=day,
        start=clock.from_rfc3339(start),
        end=clock.from_rfc3339(end),
        version=version,
        sealed_at=clock.from_rfc3339(sealed_at),
        reason=reason,
        objective=body["objective"],
        sli=body["sli"],
        stretches=tuple(_stretch(*stretch) for stretch in body["stretches"]),
    )


def _stretch(start: str, end: str, state: State, total: float, failed: float, missed: float) -> Stretch:
    return Stretch(
        start=clock.from_rfc3339(start),
        end=clock.from_rfc3339(end),
        state=state,
        total=total,
        failed=failed,
        missed=missed,
    )


def _correction_row(correction: Correction) -> tuple[str, str, str, str]:
    body = {
        "start": clock.to_rfc3339(correction.start),
        "end": clock.to_rfc3339(correction.end),
        "reason": correction.reason,
        "by": correction.by,
        "approved_by": correction.approved_by,
        "withdraws": correction.withdraws,
        "parts": [
            [clock.to_rfc3339(part.start), clock.to_rfc3339(part.end), part.total, part.bad]
            for part in correction.parts
        ],
    }
    return (correction.id, correction.slo, clock.to_rfc3339(correction.at), json.dumps(body, sort_keys=True))


def _correction(row: tuple[Any, ...]) -> Correction:
    record_id, slo, at, text = row
    body = json.loads(text)
    return Correction(
        id=record_id,
        slo=slo,
        at=clock.from_rfc3339(at),
        start=clock.from_rfc3339(body["start"]),
        end=clock.from_rfc3339(body["end"]),
        reason=body["reason"],
        by=body["by"],
        approved_by=body["approved_by"],
        withdraws=body["withdraws"],
        parts=tuple(
            Part(start=clock.from_rfc3339(start), end=clock.from_rfc3339(end), total=total, bad=bad)
            for start, end, total, bad in body["parts"]
        ),
    )
