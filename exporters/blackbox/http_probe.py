"""What the HTTP probes share: ask, check what came, write what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from exporters.blackbox.client import ProbeError, get
from exporters.blackbox.door import Frontdoor
from exporters.blackbox.families import (
    DURATION,
    FAILURE,
    FAILURES,
    HTTP_DURATION,
    PHASES,
    REDIRECTS,
    STATUS,
    SUCCESS,
)
from exporters.blackbox.timeline import Timeline
from exporters.collector import Deadline
from exporters.readings import Readings

LIMIT = 2.0
"""Seconds; pages are promised to load in less."""
SPARE = 0.1
"""Seconds of the scrape's budget that are left for writing down what failed."""


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """One address that is asked for at each scrape; ``good`` tells whether its body says what it should."""

    name: str
    path: str
    good: Callable[[bytes], bool]

    async def run(
        self, session: aiohttp.ClientSession, door: Frontdoor, readings: Readings, deadline: Deadline
    ) -> None:
        """Ask, and write what came of it, whatever that is."""
        timeline, started, failure, body = Timeline(), time.monotonic(), None, b""
        try:
            async with deadline.guard(spare=SPARE, limit=LIMIT):
                body = await get(session, door.base + self.path, timeline)
            failure = None if self.good(body) else "content"
        except TimeoutError:
            failure = "dns" if timeline.phase == "resolve" else "timeout"
        except ProbeError as error:
            failure = error.reason
        seconds = time.monotonic() - started
        door.bill.note(self.name, seconds, received=len(body))
        self.write(readings, failure, seconds, timeline)

    def write(self, readings: Readings, failure: str | None, seconds: float, timeline: Timeline) -> None:
        """Write every series of this probe, the same ones whatever happened."""
        outcome(readings, self.name, failure, seconds)
        readings.add(STATUS, timeline.status, self.name)
        readings.add(REDIRECTS, timeline.redirects, self.name)
        for phase in PHASES:
            readings.add(HTTP_DURATION, timeline.seconds[phase], self.name, phase)


def outcome(readings: Readings, name: str, failure: str | None, seconds: float) -> None:
    """Write what probes of every kind have."""
    readings.add(SUCCESS, int(failure is None), name)
    readings.add(DURATION, seconds, name)
    readings.states(FAILURE, failure, FAILURES, name)
