"""The front door's name: has it an address? Over the system's resolver, as for everything else on this machine."""

from __future__ import annotations

import time

from exporters.blackbox.families import DNS_SECONDS
from exporters.blackbox.http_probe import LIMIT, SPARE, outcome
from exporters.blackbox.lookup import Lookup
from exporters.collector import Deadline
from exporters.readings import Readings

NAME = "dns"


async def run(lookup: Lookup, host: str, port: int, readings: Readings, deadline: Deadline) -> None:
    """Look the name up, and write what came of it."""
    started, failure = time.monotonic(), None
    try:
        async with deadline.guard(spare=SPARE, limit=LIMIT):
            await lookup.resolve(host, port)
    except (TimeoutError, OSError):
        failure = "dns"
    write(readings, failure, time.monotonic() - started)


def write(readings: Readings, failure: str | None, seconds: float) -> None:
    """Write every series of this probe."""
    outcome(readings, NAME, failure, seconds)
    readings.add(DNS_SECONDS, seconds)
