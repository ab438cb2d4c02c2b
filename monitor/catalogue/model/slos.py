"""What is promised: SLOs, how their SLIs are measured, over which window. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from monitor.catalogue import durations
from monitor.catalogue.model.places import Place


class Budgeting(StrEnum):
    """OpenSLO's budgeting methods: count events, or count good slices of time."""

    OCCURRENCES = "Occurrences"
    TIMESLICES = "Timeslices"
    RATIO_TIMESLICES = "RatioTimeslices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Units of the calendar that follow one another from a first one on: months, quarters, weeks."""

    unit: Literal["d", "w", "M", "Q", "Y"]
    count: int
    """Of how many units one window consists."""
    start: datetime
    """When the first one begins, by the clocks of the time zone (naive)."""
    time_zone: str
    """An IANA name: days begin at its midnight, also when its clocks are changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The span an SLO is judged over: the last ``duration``, or the current window of a ``calendar``."""

    duration: timedelta
    """Of a calendar the nominal length (a month has 30 days): what burn rates are counted for."""
    calendar: Calendar | None = None

    @property
    def text(self) -> str:
        """The label of what is recorded: ``30d`` as Prometheus writes it, and of a calendar OpenSLO's own ``1M``.

        Days of a calendar are called so: ``1d`` is what is recorded of the last 24 hours.
        """
        if self.calendar is None:
            return durations.text(self.duration)
        written = f"{self.calendar.count}{self.calendar.unit}"
        return f"{written}-calendar" if self.calendar.unit == "d" else written


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioSli:
    """Good (or bad) events over total events. Each is a sum of counters: ``sum(a{...}) + sum(b{...})``.

    Exactly one of ``good`` and ``bad`` is set. ``probe`` is a 0/1 gauge seen from outside: while it fails and no
    traffic is seen at all, time counts as bad instead of missing.

    With ``slice``, time is judged and not events: at each evaluation, the last ``slice`` of it. Where ``slice_target``
    is given, such a slice is good or bad as a whole (Timeslices); else it is as bad as its ratio (RatioTimeslices).
    """

    good: str = ""
    bad: str = ""
    total: str
    probe: str = ""
    slice: timedelta | None = None
    """Set where slices of time are counted instead of events (Timeslices, RatioTimeslices): how long each is."""
    slice_target: Decimal | None = None
    """Which share of a slice's events must be good for the slice to be good, in (0, 1]. ``None`` beside a ``slice``:
    each slice counts by its own share of good events (OpenSLO's RatioTimeslices), however much traffic it had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdSli:
    """A gauge that must stay on one side of a value; each evaluation of the rules is one slice, good or bad."""

    query: str
    op: Literal["lt", "lte", "gt", "gte"]
    value: Decimal


Sli = RatioSli | ThresholdSli


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """One service level objective. ``target`` is a ratio in [0, 1)."""

    name: str
    service: str
    display_name: str
    description: str
    budgeting: Budgeting
    window: Window
    target: Decimal
    sli: Sli
    team: str = "sre"
    events: str = "requests"
    """What is counted, in the plural, as people say it: ``requests``, ``bookings``, ``minutes``."""
    impact: str = ""
    """What users notice when it is missed, as one sentence."""
    pages: bool = True
    """Whether its fast burn alerts wake someone; else they are tickets, as where users notice nothing yet."""
    expected_requests_per_hour: Decimal | None = None
    """How much traffic it has, as its author says, for what must be known before anything is measured."""
    place: Place

    @property
    def compared(self) -> bool:
        """Whether good and total are counted by two producers: what they say of the same moment may differ."""
        return isinstance(self.sli, RatioSli) and bool(self.sli.good)

    @property
    def counted(self) -> bool:
        """Whether counters tell of it, which are there from the start; a gauge may have nothing to tell of yet."""
        return isinstance(self.sli, RatioSli)
