"""When a job is due. Pure: the past and the present are handed in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from monitor.clock import credible

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIELDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """At a steady interval, counted from the last run."""

    span: timedelta

    @property
    def grace(self) -> timedelta:
        """How late a success may be before somebody is told: half an interval, and time for one more try."""
        return max(self.span / 2, timedelta(minutes=2))

    def after(self, instant: datetime) -> datetime:
        """When it is due next, if it was done at ``instant``."""
        return instant + self.span

    def trigger(self) -> BaseTrigger:
        """The same for the scheduler."""
        return IntervalTrigger(seconds=self.span.total_seconds(), timezone="UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crontab:
    """At times of the calendar, in crontab's form, in a time zone."""

    text: str
    time_zone: str = "UTC"
    grace: timedelta = timedelta(hours=2)

    def after(self, instant: datetime) -> datetime:
        """When it is due next, if it was done at ``instant``.

        Raises:
            ValueError: the text is no crontab, or names a day that no year has.
        """
        due = self.trigger().get_next_fire_time(instant, instant)
        if not isinstance(due, datetime):
            raise ValueError(f"{self.text!r} never comes round")  # noqa: TRY004  # the value is wrong, not its type
        return due

    def trigger(self) -> BaseTrigger:
        """The same for the scheduler.

        Raises:
            ValueError: the text is no crontab.
        """
        parts = self.text.split()
        if len(parts) != _FIELDS:
            raise ValueError(
                f"{self.text!r} has {len(parts)} fields; a crontab has {_FIELDS}: minute hour day month weekday"
            )
        minute, hour, day, month, weekday = parts
        return CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            # APScheduler counts from Monday, crontab from Sunday; names mean the same to both.
            day_of_week=re.sub(r"(?<![/\d])[0-7](?!\d)", lambda number: _WEEKDAYS[int(number[0])], weekday),
            timezone=ZoneInfo(self.time_zone),
        )


Schedule = Every | Crontab


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What to do with a job when the process starts. ``missed_at`` is when it was due while nobody was there."""

    at: datetime | None
    missed_at: datetime | None = None


def start(schedule: Schedule, last_success: datetime | None, now: datetime, *, at_first: bool) -> Start:
    """Decide when a job runs first; ``None`` leaves it to its trigger.

    1. Never done: now if ``at_first``, else when its trigger says.
    2. Due while nobody was there: once, now.
    3. Done lately: when it is due.
    """
    last_success = credible(last_success, now)
    if last_success is None:
        return Start(at=now if at_first else None)
    due = schedule.after(last_success)
    return Start(at=now, missed_at=due) if due <= now else Start(at=due)


def overdue(schedule: Schedule, last_success: datetime | None, watched_since: datetime, now: datetime) -> bool:
    """Whether the job should have succeeded by now; what never succeeded is counted from when we began to watch."""
    return now > schedule.after(credible(last_success, now) or watched_since) + schedule.grace
