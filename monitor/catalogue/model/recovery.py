"""What is promised when data is lost, and how it is rehearsed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal


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
