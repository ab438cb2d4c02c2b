"""The catalogue as frozen values: what is promised, what wakes whom, what is backed up, what is rehearsed, and where.

Pure: no I/O. The loader turns YAML into these and reports every fault at once; nobody else builds them, tests apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Literal

from monitor.catalogue import durations


class Severity(StrEnum):
    """What an alert does: ``critical`` wakes a human, ``warning`` makes a ticket, ``info`` and ``none`` do neither."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NONE = "none"


class Attention(StrEnum):
    """When people hear of an alert: at once, in the clinic's working hours, by a ticket, or not at all. Most first."""

    NOW = "now"
    WORKING_HOURS = "working-hours"
    TICKET = "ticket"
    NOBODY = "nobody"

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return list(Attention).index(self)


URGENCY_LABEL = "urgency"
"""Beside ``severity: critical`` it may say ``working-hours``: serious, and no worse by the morning."""

REPEAT_LABEL = "repeat"
"""How long Alertmanager waits before it says again that an alert fires, where that is not the environment's."""


class Budgeting(StrEnum):
    """OpenSLO's budgeting methods: count events, or count good slices of time."""

    OCCURRENCES = "Occurrences"
    TIMESLICES = "Timeslices"
    RATIO_TIMESLICES = "RatioTimeslices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the catalogue something was written, for messages."""

    file: str
    line: int = 0


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
        """The label of what is recorded: ``30d`` as Prometheus writes it, and of a calendar OpenSLO's own ``1M``."""
        return f"{self.calendar.count}{self.calendar.unit}" if self.calendar else durations.text(self.duration)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One alerting rule in Prometheus's own terms, with what a person needs to act on it."""

    name: str
    expr: str
    hold: timedelta = timedelta(0)
    """Prometheus's ``for``."""
    keep_firing_for: timedelta = timedelta(0)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    place: Place

    @property
    def severity(self) -> Severity:
        """The ``severity`` label."""
        return Severity(self.labels["severity"])

    @property
    def attention(self) -> Attention:
        """When people hear of it, by its labels ``severity`` and ``urgency``."""
        match self.severity:
            case Severity.CRITICAL:
                waits = self.labels.get(URGENCY_LABEL) == Attention.WORKING_HOURS
                return Attention.WORKING_HOURS if waits else Attention.NOW
            case Severity.WARNING:
                return Attention.TICKET
            case Severity.INFO | Severity.NONE:
                return Attention.NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """A named group of alerting rules, evaluated together."""

    name: str
    rules: tuple[AlertRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While any alert of ``source`` fires, those of ``target`` with the same ``equal`` labels are not sent."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    equal: tuple[str, ...] = ()
    """Labels that both sides carry. Alertmanager counts a label that is missing on both sides as equal."""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSeries:
    """A made-up series of a test, in promtool's notation."""

    series: str
    values: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAlert:
    """One alert that fires. Annotations that are plain text need not be written: rendering adds them."""

    exp_labels: dict[str, str] = field(default_factory=dict)
    exp_annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCase:
    """Which alerts of a name fire at a time; none is a case as well."""

    alertname: str
    eval_time: timedelta
    exp_alerts: tuple[ExpectedAlert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSample:
    """One sample of a query's answer."""

    labels: str = ""
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCase:
    """What a query answers at a time."""

    expr: str
    eval_time: timedelta
    exp_samples: tuple[ExpectedSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTest:
    """One test of alerts written by hand, under the names of promtool's form."""

    name: str = ""
    interval: timedelta
    input_series: tuple[InputSeries, ...] = ()
    alert_rule_test: tuple[AlertCase, ...] = ()
    promql_expr_test: tuple[QueryCase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What is promised when data is lost: how old the newest recovery point may be, how long a restore may take."""

    rpo: timedelta
    rto: timedelta
    full_backup_every: timedelta
    verify_every: timedelta
    keep_full: int
    """How many full backups are kept at least."""
    time_zone: str
    """The clinic's. Only for display, working hours and calendar months; everything stored is UTC."""
    keep_hourly: int = 0
    """Of each of the last so many hours that have a backup, the newest is kept; the same for the other periods."""
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_yearly: int = 0
    keep_oplog: timedelta = timedelta(0)
    """How far back every second can be restored; zero: from the oldest backup on. Older ones hold one instant each."""
    locked_for: timedelta = timedelta(0)
    """How long a bucket's object lock keeps each backup from being removed by anybody; none where it is zero."""
    application_check: tuple[str, ...] = ()
    """The application's command that says whether a restored database holds what it promises; ``python`` is the
    interpreter that runs the monitor. Its flags and answer: docs/backups.md."""
    application_database: str = ""
    """The database that the check is about: a backup without it is not the application's. Empty: any is."""
    newest_write: tuple[str, ...] = ()
    """``database.collection.field`` of dates that say when something was last written. ObjectIds do by themselves."""
    application_erase: tuple[str, ...] = ()
    """The application's command that erases everything about the subjects of a file."""
    erasure_subjects: str = ""
    """``database.collection`` whose ``_id`` are the subjects that ``application_erase`` understands."""
    erasure_notes: str = ""
    """``database.collection`` in which the application notes, by the same ``_id``, whom it has erased itself."""
    capture_every: timedelta = timedelta(seconds=30)
    """How often what was written since is captured from the oplog: from 1 s to 60 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPlan:
    """A rehearsal: which drill, what it must achieve, and whether it breaks something."""

    name: str
    title: str
    breaking: bool
    schedule: str = ""
    """Crontab form in the clinic's time zone; empty: only when asked."""
    targets: dict[str, Decimal] = field(default_factory=dict)
    """Limits by measurement name, in its unit: ``{"failover_seconds": 5, "acknowledged_lost": 0}``."""
    expect_alert: str = ""
    """The alert by which a person would learn of it: detection is counted until this one is received, and the drill
    does not begin while it fires already. Empty: whichever alert comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somewhere that notifications go. ``settings`` carry Alertmanager's own names; secrets are ``*_file`` paths."""

    name: str
    kind: Literal["webhook", "email", "slack", "pagerduty", "msteams"]
    settings: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamPart:
    """Those of a team's alerts that carry some labels, where others than the whole team hear of them.

    What is ``None`` is heard by whoever hears it of the whole team.
    """

    labels: dict[str, str]
    """``{"component": "mongodb"}``, ``{"slo_service": "appointments"}``."""
    critical: tuple[str, ...] | None = None
    critical_working_hours: tuple[str, ...] | None = None
    warning: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Who owns alerts, and which receivers hear of them by severity and urgency."""

    name: str
    critical: tuple[str, ...]
    warning: tuple[str, ...]
    critical_working_hours: tuple[str, ...] | None = None
    """Who hears, in working hours, of what is critical and can wait for them; ``None``: as ``critical``."""
    services: tuple[TeamPart, ...] = ()

    def hears(self, attention: Attention, part: TeamPart | None = None) -> tuple[str, ...]:
        """The receivers that hear of an alert of the team, or of a part of it."""
        for owner in (part, self) if part else (self,):
            if (said := _said(owner, attention)) is not None:
                return said
        return ()


def _said(owner: Team | TeamPart, attention: Attention) -> tuple[str, ...] | None:
    match attention:
        case Attention.NOW:
            return owner.critical
        case Attention.WORKING_HOURS:
            own = owner.critical_working_hours
            return owner.critical if own is None else own
        case Attention.TICKET:
            return owner.warning
        case Attention.NOBODY:
            return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingHours:
    """Some days of the week and the hours of each, by the clinic's clocks."""

    days: tuple[str, ...]
    """``monday:friday``, ``saturday``."""
    hours: tuple[str, ...]
    """``08:00-18:00``; ``22:00-06:00`` ends on the next day."""


OFFICE_HOURS = (WorkingHours(days=("monday:friday",), hours=("08:00-18:00",)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """Teams and receivers."""

    teams: tuple[Team, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    drills: tuple[str, ...] = ()
    """Receivers that hear of alerts labelled ``drill="true"``, beside the console; nobody else does."""
    working_hours: tuple[WorkingHours, ...] = OFFICE_HOURS
    holidays: tuple[str, ...] = ()
    """Days on which nobody works: ``12-25`` each year, ``2027-03-29`` once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What differs between places. Times of Alertmanager carry its own names."""

    name: str
    console_url: str
    grafana_url: str = ""
    """Empty: no Grafana is known, so dashboard links open the console."""
    prometheus_url: str = ""
    runbook_url: str
    """Base of runbook links; ``<base>/<AlertName>`` is appended."""
    webhook_url: str
    """Where Alertmanager reaches ``monitor serve``."""
    scrape_interval: timedelta
    evaluation_interval: timedelta
    retention: timedelta
    group_wait: timedelta
    group_interval: timedelta
    repeat_interval: timedelta
    keep_firing_for: timedelta
    prometheus_version: str
    alertmanager_version: str
    rollup_interval: timedelta = timedelta(minutes=1)
    """How finely windows longer than an hour are added up, and how often they are recorded anew."""
    sloth_names: bool = False
    """Whether everything is recorded under Sloth's names as well, for dashboards that were made for it."""
    armed: bool = False
    """Whether drills may break things here."""
    targets: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Scrape targets by job, each ``address`` or ``instance=address``: ``{"app": ("app-1=127.0.0.1:8180", ...)}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredMetric:
    """A metric that some producer says it exposes."""

    name: str
    type: Literal["counter", "gauge", "histogram", "summary", "unknown"]
    help: str
    producer: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    source: str = ""
    """Where the number is read: a command and its field, a file."""
    cost: Literal["fast", "slow"] = "fast"
    compatible_with: tuple[str, ...] = ()
    """Tools that have the very same family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything that is promised, in one value."""

    root: Path
    environment: Environment
    slos: tuple[Slo, ...] = ()
    alerts: tuple[AlertGroup, ...] = ()
    alert_tests: dict[str, tuple[AlertTest, ...]] = field(default_factory=dict)
    """The tests that stand beside the alerts, by the name of their file."""
    inhibitions: tuple[Inhibition, ...] = ()
    """In the order of their file; what follows from the SLOs is added when they are rendered."""
    recovery: Recovery | None = None
    drills: tuple[DrillPlan, ...] = ()
    contacts: Contacts = field(default_factory=Contacts)
    metrics: tuple[DeclaredMetric, ...] = ()

    def slo(self, name: str) -> Slo | None:
        """Find an SLO by name."""
        return next((slo for slo in self.slos if slo.name == name), None)
