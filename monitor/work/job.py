"""What a job of ``monitor work`` is, and what it works with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from monitor import clock
from monitor.backup.progress import Progress
from monitor.catalogue.model import Catalogue, Recovery
from monitor.settings import Settings
from monitor.store import Store
from monitor.work.lookout import Lookout
from monitor.work.schedule import Schedule

Outcome = Literal["passed", "failed", "aborted", "unknown"]


class Stopping(Exception):  # noqa: N818  # reads as the sentence it is
    """The process is asked to end, so the job gives up at a place where nothing is half-written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a job works with. ``stop`` is set when the process is asked to end."""

    settings: Settings
    catalogue: Catalogue
    store: Store
    stop: threading.Event = field(default_factory=threading.Event)
    lookout: Lookout = field(default_factory=Lookout)

    @property
    def recovery(self) -> Recovery:
        """The catalogue's recovery promises; jobs that need them are not planned without."""
        assert self.catalogue.recovery is not None, "plan() leaves out what the catalogue does not ask for"
        return self.catalogue.recovery

    def progress(self, _: Progress) -> None:
        """Give long work a place to stop at, as ``pause``."""
        self.pause()

    def pause(self) -> None:
        """Give long work a place to stop at.

        Raises:
            Stopping: the process is asked to end.
        """
        if self.stop.is_set():
            raise Stopping("the process was asked to end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a run of a job went; ``reason`` is one sentence, empty where there is nothing to say."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing to be done again and again.

    ``last_success`` reads when its purpose was last achieved, by whomever. ``possible`` tells whether it makes sense to
    try when the process starts. ``then`` names jobs that may have become due by its success. Without ``history`` only
    the newest run of each outcome is kept.
    """

    name: str
    schedule: Schedule
    run: Callable[[Bench], Done]
    last_success: Callable[[Bench], datetime | None]
    possible: Callable[[Bench], bool] = lambda _: True
    then: tuple[str, ...] = ()
    retry_after: timedelta | None = None
    history: bool = True


def last_passed(bench: Bench, name: str) -> datetime | None:
    """Return when a run of a job last passed, as far as that can be: see ``clock.credible``."""
    found = bench.store.newest_job(name, "passed", clock.now() + clock.SKEW)
    return None if found is None else found.at
