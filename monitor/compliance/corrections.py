"""Corrections: time that two people agreed does not count, with what was counted in it.

What a correction takes away is counted when it is recorded, from raw counters, for each day by itself: days are what
months and calendar windows are made of, and its cells are those that are sealed. A part that a period cuts through, or
that nobody could count any more, is unknown; nothing is ever taken in proportion.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor import clock
from monitor.catalogue.model import Catalogue, Slo
from monitor.compliance.days import Span, day_begun, days, holes
from monitor.compliance.sealing import TRAIL, cell_width, cells, reader_over, zone_of
from monitor.compliance.tally import Tally
from monitor.errors import InputError
from monitor.sources.prometheus import Prometheus
from monitor.store_history import Correction, Part, SloHistory, refuse, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """What the corrections that hold take away from a period; ``unknown``: those whose part in it nobody can tell."""

    corrections: tuple[Correction, ...] = ()
    bad: float = 0.0
    total: float = 0.0
    unknown: tuple[Correction, ...] = ()

    def from_(self, tally: Tally) -> Tally:
        """A tally without them. The time itself stays measured: nothing happened in it that counts."""
        return Tally(total=tally.total - self.total, bad=tally.bad - self.bad, covered=tally.covered)


NOTHING = Excluded()

LONGEST = timedelta(days=31)
"""A month without a promise is no maintenance."""

MOST_REASON, MOST_NAME = 500, 100
"""Characters, as of an override of the gate."""


def excluded(history: SloHistory, slo: str, start: datetime, end: datetime) -> Excluded:
    """What is taken away from an SLO between two instants."""
    return taken_off(standing(history.corrections(slo)), start, end)


def taken_off(holding: Iterable[Correction], start: datetime, end: datetime) -> Excluded:
    """What corrections that hold take away between two instants. Pure."""
    bad = total = 0.0
    touched = [one for one in holding if one.start < end and one.end > start]
    unknown = []
    for correction in touched:
        parts = parts_in(correction, start, end)
        if parts is None:
            unknown.append(correction)
            continue
        bad += sum(part.bad or 0.0 for part in parts)
        total += sum(part.total or 0.0 for part in parts)
    return Excluded(corrections=tuple(touched), bad=bad, total=total, unknown=tuple(unknown))


def parts_in(correction: Correction, start: datetime, end: datetime) -> tuple[Part, ...] | None:
    """The parts of a correction between two instants; ``None`` where one is cut through, or was not counted."""
    parts = tuple(part for part in correction.parts if part.start < end and part.end > start)
    whole = all(part.start >= start and part.end <= end and part.bad is not None for part in parts)
    return parts if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Who asks for something, why, and who else stands for it."""

    reason: str
    by: str
    approved_by: str

    def check(self) -> None:
        """Refuse what nobody could be asked about later.

        Raises:
            InputError: something is empty, or both are the same person.
        """
        for flag, value, most in (
            ("--reason", self.reason, MOST_REASON),
            ("--by", self.by, MOST_NAME),
            ("--approved-by", self.approved_by, MOST_NAME),
        ):
            if not on_one_line(value):
                raise InputError(f"{flag} is empty: a correction says who wants it, who approved it, and why")
            if len(value) > most:
                raise InputError(f"{flag} is longer than {most} characters")
        if _person(self.by) == _person(self.approved_by):
            raise InputError(f"{self.by!r} cannot approve his own correction: a second person has to, by --approved-by")


def correct(
    prometheus: Prometheus, history: SloHistory, catalogue: Catalogue, slos: Iterable[Slo], span: Span, signed: Signed
) -> tuple[Correction, ...]:
    """Take a span out of what is counted for SLOs, for good: for all of them or for none.

    Raises:
        InputError: the span is not over, lies on no cells, or is taken out already; or the signatures do not do.
        Unavailable: Prometheus cannot be reached.
    """
    signed.check()
    now = clock.now().replace(microsecond=0)
    _check_span(catalogue, span, now)
    known = history.corrections()
    taken = {one.id for one in known}
    asked = []
    for slo in slos:
        correction = Correction(
            id=_fresh_id("correction", now, taken),
            slo=slo.name,
            at=now,
            start=span.start,
            end=span.end,
            reason=on_one_line(signed.reason),
            by=on_one_line(signed.by),
            approved_by=on_one_line(signed.approved_by),
        )
        # Before anything is counted; and again when it is written, for two people may correct at once.
        refuse(correction, standing(one for one in known if one.slo == slo.name))
        asked.append((slo, correction))
    days = tuple(_by_day(span, zone_of(catalogue)))
    counted = tuple(
        replace(correction, parts=tuple(_part(prometheus, catalogue, slo, day) for day in days))
        for slo, correction in asked
    )
    history.correct(*counted)
    return counted


def _fresh_id(kind: str, now: datetime, taken: set[str]) -> str:
    """An id that no other record has; of many in one second two may be given the same digits."""
    while (found := clock.new_id(kind, now)) in taken:
        pass
    taken.add(found)
    return found


def withdraw(history: SloHistory, correction_id: str, signed: Signed) -> Correction:
    """Let a correction count no more, by a record of its own.

    Raises:
        InputError: there is none of that id that holds, or the signatures do not do.
    """
    signed.check()
    found = next((one for one in standing(history.corrections()) if one.id == correction_id), None)
    if found is None:
        raise InputError(f"no correction {correction_id!r} holds: see `monitor slo corrections`")
    now = clock.now().replace(microsecond=0)
    withdrawal = Correction(
        id=_fresh_id("withdrawal", now, {one.id for one in history.corrections()}),
        slo=found.slo,
        at=now,
        start=found.start,
        end=found.end,
        reason=on_one_line(signed.reason),
        by=on_one_line(signed.by),
        approved_by=on_one_line(signed.approved_by),
        withdraws=found.id,
    )
    history.correct(withdrawal)
    return withdrawal


def _check_span(catalogue: Catalogue, span: Span, now: datetime) -> None:
    width = cell_width(catalogue.environment)
    if span.start >= span.end:
        raise InputError("a correction ends after it begins: --from is not before --to")
    if span.length > LONGEST:
        raise InputError(
            f"a correction takes out {LONGEST.days} days at most: what is longer is another promise, to be made as one"
        )
    if any(at.timestamp() % width.total_seconds() for at in (span.start, span.end)):
        raise InputError(
            f"time is counted in steps of {clock.humanize(width)}: let the correction begin and end on one of them"
        )
    if (after := span.end + TRAIL) > now:
        raise InputError(f"a correction is counted once its time is over: record it after {clock.to_rfc3339(after)}")


def _by_day(span: Span, zone: str) -> Iterator[Span]:
    """Cut a span at the clinic's midnights."""
    whole = [day for _, day in days(day_begun(span.start, zone), span.end, zone)]
    for day in whole:
        yield Span(start=max(day.start, span.start), end=day.end)
    yield from holes([Span(start=span.start, end=whole[-1].end)] if whole else [], span)


def _part(prometheus: Prometheus, catalogue: Catalogue, slo: Slo, span: Span) -> Part:
    """Count what is to be taken away; it is known where the counters were read at both ends."""
    reader = reader_over(prometheus, catalogue.environment, span)
    measured, part = reader.slo(slo), cells(reader.grid, span)
    if not (measured.covered[part.start] and measured.covered[part.stop - 1]):
        return Part(start=span.start, end=span.end, total=None, bad=None)
    counted = Tally.of(measured, reader.grid.width, part)
    return Part(start=span.start, end=span.end, total=counted.total, bad=counted.bad)


def _person(name: str) -> str:
    """A name as it is compared: nobody becomes a second person by a capital letter, a space or a full stop."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())


def on_one_line(text: str) -> str:
    """A text as it is kept: on one line, with nothing in it that cannot be seen."""
    kept = (letter if letter.isprintable() else " " for letter in text)
    return " ".join("".join(kept).split())
