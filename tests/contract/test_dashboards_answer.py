"""Every query of every dashboard, asked of the running stack's Prometheus as Grafana would ask it."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from typing import Any

import pytest

from monitor import clock
from monitor.sources.prometheus import Prometheus
from tests.dashboard_files import FILES, Asked, load, queries, replaced

WITHIN_S = 180
"""From `up` to every panel showing data."""

EMPTY_UNTIL = {"first_drill", "first_verification", "first_backup"}
"""Events before which a panel may have nothing to show; each is caused by a command, and tested there."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def has_data(prometheus: Prometheus, asked: Asked) -> bool:
    if asked.instant:
        return any(not math.isnan(sample.value) for sample in prometheus.instant(asked.expr))
    now = clock.now()
    found = prometheus.range(asked.expr, now - timedelta(minutes=5), now, timedelta(seconds=15))
    return any(not math.isnan(value) for series in found for _, value in series.points)


def test_every_query_has_data_within_three_minutes_of_up(stack: Any) -> None:
    asked = [query for file in FILES for query in queries(load(file))]
    assert {query.empty_until for query in asked} - {""} <= EMPTY_UNTIL
    waiting = [query for query in asked if not query.empty_until]
    deadline = time.monotonic() + WITHIN_S
    with Prometheus(stack.layout.url("prometheus")) as prometheus:
        while True:
            waiting = [query for query in waiting if not has_data(prometheus, query)]
            if not waiting or time.monotonic() > deadline:
                break
            time.sleep(3)
        assert [str(query) for query in waiting] == []
        for query in asked:
            has_data(prometheus, query)  # the empty ones too must at least be understood


def test_every_annotation_and_variable_is_understood(stack: Any) -> None:
    with Prometheus(stack.layout.url("prometheus")) as prometheus:
        for file in FILES:
            board = load(file)
            for annotation in board["annotations"]["list"]:
                prometheus.instant(replaced(annotation["expr"]))
        assert prometheus.instant("slo:objective:ratio"), "the variable `slo` has no values"
