"""Measures how late the event loop is: what every request waits before its own clock starts."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import Histogram

_EACH = 0.25


async def measure(lag: Histogram) -> None:
    """Sleep and see how late the waking is, until cancelled."""
    while True:
        started = time.perf_counter()
        await asyncio.sleep(_EACH)
        lag.observe(max(0.0, time.perf_counter() - started - _EACH))
