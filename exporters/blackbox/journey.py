"""Tries, once a minute, what a patient does: a synthetic one registers, books far ahead, cancels, and is gone again.

The whole takes some hundred milliseconds and has its own deadline, of which the end is kept for cleaning up. What a
killed exporter or a failed erasure leaves behind is removed by its next journey, which the app knows by the same
prober, or by the app itself some minutes later.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar, Self

from exporters.blackbox.answers import StepError
from exporters.blackbox.client import reason_of
from exporters.blackbox.door import Frontdoor
from exporters.blackbox.families import (
    FAILED_STEP,
    FAILURES,
    JOURNEY_DURATION,
    JOURNEY_FAILURE,
    JOURNEY_LEFTOVER,
    JOURNEY_METRICS,
    JOURNEY_RUNS,
    JOURNEY_STATUS,
    JOURNEY_SUCCESS,
    LAST_SUCCESS,
    OUTCOMES,
    STEP_DURATION,
    STEP_FAILURES,
    STEP_SUCCESS,
    STEPS,
)
from exporters.blackbox.patient import Patient
from exporters.collector import Deadline
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings, SettingsError, host_port, read_password
from exporters.slow import SlowCollector
from exporters.sources import Sources
from telemetry.metric import Metric

LIMIT = 20.0
"""Seconds for one journey; a booking may wait some of them for a new primary, and still be a good one."""
CLEANING = 4.0
"""Seconds at the end of them for the erasure after a failure."""
SPARE = 0.5
_AT_THE_END = 2.0
"""Seconds for the erasure when the process is told to end in the middle of a journey."""


@dataclass(slots=True)
class Course:
    """How one journey went."""

    seconds: dict[str, float] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    failed: str | None = None
    reason: str | None = None
    status: int = 0
    leftover: bool = False
    whole: float = 0.0


class JourneyCollector(SlowCollector):
    """Makes the journeys, and shows how the last one went."""

    name: ClassVar[str] = "journey"
    metrics: ClassVar[tuple[Metric, ...]] = JOURNEY_METRICS

    def __init__(self, settings: Settings, secret: bytes, door: Frontdoor) -> None:
        super().__init__(interval=settings.journey_interval, limit=LIMIT)
        self._days = settings.journey_days_ahead
        self._secret = secret
        self._door = door
        self._prober = prober(settings)
        self._runs = Counter(dict.fromkeys(OUTCOMES, 0))
        self._failures = Counter(dict.fromkeys(STEPS, 0))
        self._last_success = 0.0

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """There must be a door, and the right to bring a patient that is none."""
        if not settings.probe_url:
            return "--probe"
        return None if settings.synthetic_secret_file else "EXPORTERS_SYNTHETIC_SECRET_FILE"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Prepare; the secret is read once.

        Raises:
            SettingsError: the secret's or the authorities' file cannot be used.
        """
        settings = sources.settings
        secret = read_password(settings.synthetic_secret_file)
        if secret is None:
            raise SettingsError("synthetic_secret_file is not set: the app lets nobody register a synthetic patient")
        return cls(settings, secret.encode(), sources.use(Frontdoor))

    async def read(self, readings: Readings, deadline: Deadline) -> None:
        """Make one journey, and write how it went: a failure is a result like any other."""
        course = await self._travel(deadline)
        self._runs["ok" if course.failed is None else "failed"] += 1
        if course.failed is None:
            self._last_success = time.time()
        else:
            self._failures[course.failed] += 1
        for step, seconds in course.seconds.items():
            self._door.bill.note(step, seconds)
        self._write(readings, course)

    def lost(self, readings: Readings, reason: Reason) -> None:
        """Once a journey was tried, one that is not known any more has failed; before that nothing is known.

        Which step is to blame is not known either, so nothing is said of single steps: neither how they went nor which
        one failed. What was counted stays true.
        """
        if self._tried.is_set():
            readings.add(JOURNEY_SUCCESS, 0)
            readings.states(JOURNEY_FAILURE, "timeout" if reason is Reason.TIMEOUT else "error", FAILURES)
            self._write_counts(readings)

    async def _travel(self, deadline: Deadline) -> Course:
        course, started = Course(), time.monotonic()
        async with self._door.session(keep=True) as session:
            patient = Patient(session, self._door.base, secret=self._secret, prober=self._prober, days=self._days)
            try:
                await _all_steps(patient, course, deadline, spare=min(CLEANING, self._limit / 4))
                course.whole = time.monotonic() - started
                if course.failed is not None:
                    await _clean_up(patient, course, deadline, spare=min(SPARE, self._limit / 20))
            except asyncio.CancelledError:
                # Told to end: one last chance to leave nothing behind.
                with contextlib.suppress(StepError, TimeoutError):
                    async with asyncio.timeout(_AT_THE_END):
                        await patient.leave()
                raise
            course.leftover = patient.known
            self._door.bill.received += patient.received
        return course

    def _write(self, readings: Readings, course: Course) -> None:
        readings.add(JOURNEY_SUCCESS, int(course.failed is None))
        readings.add(JOURNEY_DURATION, course.whole)
        readings.add(JOURNEY_STATUS, course.status)
        readings.add(JOURNEY_LEFTOVER, int(course.leftover))
        readings.states(FAILED_STEP, course.failed, STEPS)
        readings.states(JOURNEY_FAILURE, course.reason, FAILURES)
        for step in STEPS:
            readings.add(STEP_SUCCESS, int(step in course.done), step)
            if step in course.seconds:
                readings.add(STEP_DURATION, course.seconds[step], step)
        self._write_counts(readings)

    def _write_counts(self, readings: Readings) -> None:
        readings.add(LAST_SUCCESS, self._last_success)
        for step in STEPS:
            readings.add(STEP_FAILURES, self._failures[step], step)
        for outcome in OUTCOMES:
            readings.add(JOURNEY_RUNS, self._runs[outcome], outcome)


def prober(settings: Settings) -> str:
    """Return the opaque id under which the app keeps this exporter's patients apart from those of others.

    The same after a restart, so that the first journey removes what the last one left; at random where the port is.
    """
    own = settings.journey_prober or f"{socket.gethostname()} {settings.listen}"
    if not settings.journey_prober and host_port(settings.listen)[1] == 0:
        own = secrets.token_hex(16)
    return hashlib.sha256(f"{own} {settings.probe_url}".encode()).hexdigest()[:16]


async def _all_steps(patient: Patient, course: Course, deadline: Deadline, *, spare: float) -> None:
    for step, take in patient.steps().items():
        started = time.monotonic()
        try:
            async with deadline.guard(spare=spare):
                await take()
        except StepError as error:
            course.failed, course.reason, course.status = step, error.reason, error.status
        except Exception as error:  # noqa: BLE001  # a fault of ours is a failed journey too, never the last good one's figures
            course.failed, course.reason = step, reason_of(error)
        course.seconds[step] = time.monotonic() - started
        if course.failed is not None:
            return
        course.done.add(step)


async def _clean_up(patient: Patient, course: Course, deadline: Deadline, *, spare: float) -> None:
    """Erase after a failure; a try that fails too is told by ``leftover``."""
    if not patient.known:
        return
    started = time.monotonic()
    with contextlib.suppress(StepError, TimeoutError):
        async with deadline.guard(spare=spare):
            await patient.leave()
            course.done.add("erase")
    course.seconds.setdefault("erase", time.monotonic() - started)
