"""The front door's name: has it an address? Over the system's resolver, as for everything else on this machine."""

from __future__ import annotations

import time

from exporters.blackbox.door import Frontdoor
from exporters.blackbox.families import DNS_SECONDS
from exporters.blackbox.http_probe import LIMIT, SPARE, outcome
from exporters.collector import Deadline
from exporters.readings import Readings

NAME = "dns"


async def run(door: Frontdoor, readings: Readings, deadline: Deadline) -> None:
    """Look the name up, and write what came of it."""
    started, failure = time.monotonic(), None
    try:
        async with deadline.guard(spare=SPARE, limit=LIMIT):
            await door.lookup.resolve(door.host, door.port)
    except (TimeoutError, OSError):
        failure = "dns"
    seconds = time.monotonic() - started
    door.bill.note(NAME, seconds)
    write(readings, failure, seconds)


def write(readings: Readings, failure: str | None, seconds: float) -> None:
    """Write every series of this probe."""
    outcome(readings, NAME, failure, seconds)
    readings.add(DNS_SECONDS, seconds)
