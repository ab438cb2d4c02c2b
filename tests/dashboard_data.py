"""Asking a running Prometheus for a dashboard's panels, as Grafana would."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from monitor import clock
from monitor.sources.prometheus import Prometheus
from tests.dashboard_files import FILES, Asked, load, queries


def asked(*, empty_until: Iterable[str]) -> list[Asked]:
    """All queries of all dashboards whose panels may be empty until one of these events; "" is never."""
    wanted = set(empty_until)
    return [query for file in FILES for query in queries(load(file)) if query.empty_until in wanted]


def without_data(stack: Any, waiting: list[Asked], *, within_s: float) -> list[str]:
    """The queries that still have nothing to show after this time."""
    deadline = time.monotonic() + within_s
    with Prometheus(stack.layout.url("prometheus")) as prometheus:
        while True:
            waiting = [query for query in waiting if not has_data(prometheus, query)]
            if not waiting or time.monotonic() > deadline:
                return [str(query) for query in waiting]
            time.sleep(3)


def has_data(prometheus: Prometheus, query: Asked) -> bool:
    if query.instant:
        return any(not math.isnan(sample.value) for sample in prometheus.instant(query.expr))
    now = clock.now()
    found = prometheus.range(query.expr, now - timedelta(minutes=5), now, timedelta(seconds=15))
    return any(not math.isnan(value) for series in found for _, value in series.points)
