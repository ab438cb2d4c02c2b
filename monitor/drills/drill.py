"""What a drill is, and the field it plays on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from monitor import clock
from monitor.catalogue.model import Catalogue, DrillPlan
from monitor.drills.journal import Kind, Measurements, Step
from monitor.settings import Settings
from monitor.stack.client import StackClient
from monitor.store import Store

T = TypeVar("T")
Show = Callable[[Step], None]
"""Called with each step as it happens."""


class Interrupted(Exception):  # noqa: N818  # reads as the sentence it is
    """Somebody asked the drill to stop; the rollback follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a drill works with. ``stop`` is set when it should end: every wait looks at it."""

    settings: Settings
    catalogue: Catalogue
    plan: DrillPlan
    store: Store
    stack: StackClient
    show: Show
    stop: threading.Event
    steps: list[Step] = field(default_factory=list)

    def note(self, kind: Kind, what: str, *, ok: bool = True) -> datetime:
        """Write a step into the journal; returns when that was."""
        step = Step(at=clock.now(), kind=kind, what=what, ok=ok)
        self.steps.append(step)
        self.show(step)
        return step.at

    def wait(self, look: Callable[[], T | None], *, within_s: float, every_s: float = 0.5) -> T | None:
        """Look again and again until there is something; ``None`` after ``within_s``.

        Raises:
            Interrupted: somebody asked the drill to stop.
        """
        deadline = time.monotonic() + within_s
        while True:
            if self.stop.is_set():
                raise Interrupted("it was asked to stop")
            found = look()
            if found is not None:
                return found
            if time.monotonic() >= deadline:
                return None
            self.stop.wait(min(every_s, max(0.0, deadline - time.monotonic())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a drill measured, and which alerts were heard because of it."""

    measurements: Measurements
    alerts: tuple[str, ...] = ()


class Drill(Protocol):
    """One rehearsal. The runner guards it, calls it, puts everything right again, and judges."""

    name: str

    def touches(self, field: Field) -> tuple[str, ...]:
        """Name the components that will be harmed: the undo list is written from them before anything is.

        Raises:
            Unavailable: it cannot be found out.
        """
        ...

    def play(self, field: Field) -> Findings:
        """Harm, watch, wait for recovery, verify.

        Raises:
            Interrupted: somebody asked it to stop.
            MonitorError: it cannot go on; nothing is known about what was promised.
        """
        ...
