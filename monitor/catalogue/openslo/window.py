"""``timeWindow`` of an SLO, and OpenSLO's shorthand of durations, as values. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, cast

from monitor.catalogue import durations
from monitor.catalogue.model import Calendar, Window
from monitor.catalogue.openslo.refusal import refuse
from monitor.catalogue.openslo.rules.fields import SHORTHAND, parse_start
from monitor.catalogue.strict_yaml import Document

_SHORTEST = timedelta(hours=1)
"""How far back the fastest burn alert looks: a budget that is given for less is gone before it."""

_FIRST_YEAR, _LAST_YEAR = 1900, 2200
"""In which a calendar may begin: what lies far outside is a slip, and times end before the year 1 and after 9999."""

_MAX_DIGITS = 6
"""Of a shorthand's number: more are longer than anything here, and what is longer than ``int`` reads is a traceback."""

_SPANS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "M": timedelta(days=30),
    "Q": timedelta(days=90),
    "Y": timedelta(days=365),
}
"""As go-sdk has it: months of 30 days, quarters of 90, years of 365."""


def window(document: Document) -> Window:
    """The span an SLO is judged over, of an object whose ``timeWindow`` breaks no rule of OpenSLO.

    Raises:
        Refused: nobody could keep a budget for it.
    """
    windows = document.data["spec"].get("timeWindow")
    if windows is None:
        message = "is missing: say what the budget is for, as in [{duration: 30d, isRolling: true}]"
        raise refuse(document, "spec.timeWindow", message)
    place, written = "spec.timeWindow[0].duration", windows[0]["duration"]
    span = duration(written)
    if span is None or not _SHORTEST <= span <= durations.LONGEST:
        limits = f"{durations.text(_SHORTEST)} to {durations.text(durations.LONGEST)}"
        raise refuse(document, place, f"{written[:40]} is no span to give a budget for: {limits} are")
    if windows[0].get("calendar") is None:
        return Window(duration=span)
    count, unit = int(written[:-1]), written[-1]
    if unit in {"m", "h"}:
        raise refuse(
            document, place, f"{written} is no span of a calendar: write days, weeks, months, quarters or years"
        )
    calendar = windows[0]["calendar"]
    start = parse_start(calendar["startTime"])
    assert start is not None  # no rule is broken
    if not _FIRST_YEAR <= start.year <= _LAST_YEAR:
        place = "spec.timeWindow[0].calendar.startTime"
        raise refuse(document, place, f"must be in a year from {_FIRST_YEAR} to {_LAST_YEAR}, not {start.year}")
    unit = cast("Literal['d', 'w', 'M', 'Q', 'Y']", unit)
    return Window(duration=span, calendar=Calendar(unit=unit, count=count, start=start, time_zone=calendar["timeZone"]))


def slice_of(written: Any) -> timedelta | None:
    """How long one slice of time is: a duration, or a number of minutes; ``None`` where nobody could wait for it."""
    if isinstance(written, str):
        return duration(written)
    return timedelta(minutes=written) if written <= durations.LONGEST / timedelta(minutes=1) else None


def duration(written: str) -> timedelta | None:
    """The nominal length of a shorthand; ``None`` where it is longer than anything here may be."""
    found = SHORTHAND.fullmatch(written)
    assert found is not None  # no rule is broken
    if len(found[1]) > _MAX_DIGITS:
        return None
    span = int(found[1]) * _SPANS[found[2]]
    return span if span <= durations.LONGEST else None
