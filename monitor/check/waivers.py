"""Findings that are waived, and waivers that have had their day. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import PurePosixPath

from monitor.catalogue.model import Catalogue, Waiver
from monitor.check.finding import Finding, finding
from monitor.check.live import LIVE, UNASKED

UNWAIVABLE = frozenset({UNASKED, "unused-waiver", "expired-waiver"})
"""That something is not known, or that a waiver is of no use, no waiver hides."""

_BESIDE = frozenset({".json", ".md"})
"""Dashboards and runbooks: they lie beside the catalogue, and not every check looks at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """A finding that is not told, and by what."""

    finding: Finding
    waiver: Waiver

    def to_json(self) -> dict[str, object]:
        """The fields, for programs."""
        until = self.waiver.until
        return asdict(self.finding) | {"reason": self.waiver.reason, "until": until and until.isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a check has looked at besides the catalogue."""

    files: Collection[str] = ()
    """Dashboards and runbooks."""
    live: bool = False
    """Whether a live Prometheus answered."""

    def at(self, waiver: Waiver) -> bool:
        """Whether a finding that the waiver is for would have been found."""
        place = PurePosixPath(waiver.where)
        beside = place.suffix in _BESIDE and not any(PurePosixPath(one).parent == place.parent for one in self.files)
        return not beside and (self.live or waiver.finding not in LIVE)


def without_waived(
    found: Iterable[Finding], catalogue: Catalogue, today: date
) -> tuple[tuple[Finding, ...], tuple[Waived, ...]]:
    """The findings to tell, and those that somebody lives with."""
    holding = [one for one in _here(catalogue) if not _is_past(one, today)]
    told: list[Finding] = []
    waived: list[Waived] = []
    for one in found:
        waiver = next((waiver for waiver in holding if _covers(waiver, one)), None)
        if waiver is None:
            told.append(one)
        else:
            waived.append(Waived(finding=one, waiver=waiver))
    return tuple(told), tuple(waived)


def stale(catalogue: Catalogue, waived: Sequence[Waived], today: date, looked: Looked) -> Iterator[Finding]:
    """Waivers whose last day is past, and those that nothing was found for."""
    used = {one.waiver for one in waived}
    for waiver in _here(catalogue):
        name = f"{waiver.finding} in {waiver.where}" + (f" about {waiver.about}" if waiver.about else "")
        if _is_past(waiver, today):
            message = f"{name} was waived until {waiver.until}"
            yield finding(waiver.place, "expired-waiver", message, "mend it and remove this, or set a later day")
        elif waiver not in used and looked.at(waiver):
            remedy = "remove this, correct it, or name the environment that it is for"
            yield finding(waiver.place, "unused-waiver", f"{name} is waived, and not found", remedy)


def _here(catalogue: Catalogue) -> Iterator[Waiver]:
    return (one for one in catalogue.waivers if one.environment in {"", catalogue.environment.name})


def _is_past(waiver: Waiver, today: date) -> bool:
    return waiver.until is not None and waiver.until < today


def _covers(waiver: Waiver, one: Finding) -> bool:
    if (one.code, one.file) != (waiver.finding, waiver.where) or one.code in UNWAIVABLE:
        return False
    return not waiver.about or re.search(rf"(?<!\w){re.escape(waiver.about)}(?!\w)", one.message) is not None
